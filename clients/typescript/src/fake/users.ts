// How the fake answers calls about people.
import type {
  FoundUser,
  GetUserInfoResponse,
  IdentityServiceServer,
} from '../gen/wxident/v1/identity_service.js';
import { UserInfoSource } from '../types.js';
import type { ItemError } from '../gen/wxident/v1/types.js';
import { defaultMessage, type Failure } from './failures.js';
import { fail, Refusal, required } from './refusal.js';
import type { Traffic } from './traffic.js';
import { emptyProfile, never, same, type Person, type World } from './world.js';

/** GetUserInfo, GetUser and BatchGetUsers. */
export function userCalls(
  world: World,
  traffic: Traffic,
): Pick<IdentityServiceServer, 'getUserInfo' | 'getUser' | 'batchGetUsers'> {
  return {
    getUserInfo: traffic.unary(
      'GetUserInfo',
      (request): GetUserInfoResponse => {
        const {
          sessionToken,
          identityRef,
          encryptedProfile,
          stored,
          oauth,
          follower,
        } = request;
        required(sessionToken ?? identityRef?.openid, 'subject');
        let source: UserInfoSource = UserInfoSource.ENCRYPTED_PROFILE;
        if (oauth) source = UserInfoSource.OAUTH;
        if (follower) source = UserInfoSource.FOLLOWER;
        required(encryptedProfile ?? stored ?? oauth ?? follower, 'source');
        const { person, identity } = identityRef
          ? world.mustExist(identityRef)
          : world.mustBeActive(sessionToken ?? '');
        if (encryptedProfile) world.opened(encryptedProfile);
        const profile = person.profiles.get(identity.appId);
        if (!profile && stored) throw fail('PROFILE_NOT_FOUND');
        return {
          userInfo: profile ?? emptyProfile(),
          identity,
          user: person.user,
          source,
          fetchTime: new Date(),
        };
      },
    ),
    getUser: traffic.unary('GetUser', ({ userId, identityRef, unionRef }) => {
      required(userId ?? identityRef?.openid ?? unionRef?.unionid, 'subject');
      const person = world.find(
        (one) => one.user.userId === userId,
        (identity) =>
          identityRef
            ? same(identity, identityRef)
            : identity.unionid === unionRef?.unionid,
      );
      if (!person) throw fail('USER_NOT_FOUND');
      return { user: person.user, identities: person.identities };
    }),
    batchGetUsers: traffic.unary(
      'BatchGetUsers',
      ({ identityRefs, userIds }) => {
        // What is wrong with one of several is its own error.
        const alone = (look: () => Person | undefined): FoundUser => {
          try {
            return found(look());
          } catch (error) {
            if (!(error instanceof Refusal)) throw error;
            return { ...found(undefined), error: itemError(error.failure) };
          }
        };
        return {
          users: [
            ...identityRefs.map((ref) =>
              alone(() => {
                world.known(ref.appId);
                return world.find(never, (one) => same(one, ref));
              }),
            ),
            ...userIds.map((id) =>
              alone(() => world.find((one) => one.user.userId === id, never)),
            ),
          ],
        };
      },
    ),
  };
}

function found(person: Person | undefined): FoundUser {
  return {
    found: person !== undefined,
    user: person?.user,
    identities: person?.identities ?? [],
    error: undefined,
  };
}

function itemError({ reason, message, errcode }: Failure): ItemError {
  return {
    reason,
    message: message ?? defaultMessage(reason),
    errcode: errcode ?? '',
  };
}
