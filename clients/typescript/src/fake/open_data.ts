// How the fake answers calls about what WeChat encrypted.
import type { IdentityServiceServer } from '../gen/wxident/v1/identity_service.js';
import { fail, required } from './refusal.js';
import type { Traffic } from './traffic.js';
import type { World } from './world.js';

/** DecryptPhone and DecryptUserData. */
export function openDataCalls(
  world: World,
  traffic: Traffic,
): Pick<IdentityServiceServer, 'decryptPhone' | 'decryptUserData'> {
  return {
    decryptPhone: traffic.unary(
      'DecryptPhone',
      ({ sessionToken, encrypted, phoneCode }) => {
        const { person, identity } = world.mustBeActive(sessionToken);
        required(phoneCode ?? encrypted?.encryptedData, 'source');
        let phone: string;
        if (encrypted) {
          phone =
            (JSON.parse(world.opened(encrypted)) as { phone?: string })
              .phone ?? '';
          if (!phone) throw fail('DECRYPT_REJECTED');
        } else {
          const entry = world.codes.get(phoneCode ?? '');
          if (entry?.kind !== 'phoneCode' || entry.appId !== identity.appId) {
            throw fail('LOGIN_CODE_INVALID', { errcode: '40029' });
          }
          if (entry.used)
            throw fail('LOGIN_CODE_CONSUMED', { errcode: '40163' });
          entry.used = true;
          phone = world.personOf(entry.name).phone;
        }
        person.user.phoneLinked = true;
        return {
          phone: {
            phoneNumber: phone,
            purePhoneNumber: phone,
            countryCode: '86',
          },
          watermarkTime: new Date(),
        };
      },
    ),
    decryptUserData: traffic.unary(
      'DecryptUserData',
      ({ sessionToken, encryptedData, iv }) => {
        world.mustBeActive(sessionToken);
        required(encryptedData, 'encrypted_data');
        required(iv, 'iv');
        return {
          json: world.opened({ encryptedData, iv }),
          watermarkTime: new Date(),
        };
      },
    ),
  };
}
