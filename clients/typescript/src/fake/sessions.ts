// How the fake answers calls about sessions.
import type { IdentityServiceServer } from '../gen/wxident/v1/identity_service.js';
import { fail, required } from './refusal.js';
import type { Traffic } from './traffic.js';
import { newSessionToken, sessionLifeMs, type World } from './world.js';

/** Login to CheckSessionKey. */
export function sessionCalls(
  world: World,
  traffic: Traffic,
): Pick<
  IdentityServiceServer,
  | 'login'
  | 'validateSession'
  | 'refreshSession'
  | 'revokeSession'
  | 'checkSessionKey'
> {
  return {
    login: traffic.unary('Login', (request) => {
      const { appId, miniProgramCode, oauthCode, sessionTtl } = request;
      world.known(appId);
      const code = miniProgramCode ?? oauthCode;
      required(code, 'credential');
      const kind =
        miniProgramCode === undefined ? 'oauthCode' : 'miniProgramCode';
      const entry = world.codes.get(code);
      if (!entry || entry.appId !== appId || entry.kind !== kind) {
        throw fail('LOGIN_CODE_INVALID', { errcode: '40029' });
      }
      const person = world.personOf(entry.name);
      const newUser = !person.loggedIn;
      person.loggedIn = true;
      const lifeMs = sessionTtl
        ? Number(sessionTtl.seconds) * 1000 + sessionTtl.nanos / 1e6
        : undefined;
      entry.sessionToken ??= world.newSession(appId, entry.name, lifeMs);
      const session = world.sessions.get(entry.sessionToken);
      if (!session) throw fail('LOGIN_CODE_CONSUMED');
      return {
        sessionToken: entry.sessionToken,
        expireTime: session.expireTime,
        user: person.user,
        identity: session.identity,
        newUser,
      };
    }),
    validateSession: traffic.unary('ValidateSession', ({ sessionToken }) => {
      required(sessionToken, 'session_token');
      const session = world.active(sessionToken);
      if (!session) return { active: false, session: undefined };
      const { person, identity, createTime, expireTime } = session;
      return {
        active: true,
        session: { user: person.user, identity, createTime, expireTime },
      };
    }),
    refreshSession: traffic.unary('RefreshSession', ({ sessionToken }) => {
      // The old token goes on working, as it does for a while on the server.
      const session = world.mustBeActive(sessionToken);
      session.expireTime = new Date(Date.now() + sessionLifeMs);
      const next = newSessionToken();
      world.sessions.set(next, session);
      return { sessionToken: next, expireTime: session.expireTime };
    }),
    revokeSession: traffic.unary(
      'RevokeSession',
      ({ sessionToken, userId }) => {
        required(sessionToken ?? userId, 'target');
        if (sessionToken === undefined)
          return { revokedCount: world.revokeUser(userId ?? '') };
        return { revokedCount: world.revokeSession(sessionToken) };
      },
    ),
    checkSessionKey: traffic.unary('CheckSessionKey', ({ sessionToken }) => {
      world.mustBeActive(sessionToken);
      return { valid: true };
    }),
  };
}
