// How the fake answers calls about apps' tokens.
import { createHash, randomBytes } from 'node:crypto';
import type { IdentityServiceServer } from '../gen/wxident/v1/identity_service.js';
import { AccessTokenKind } from '../types.js';
import { required } from './refusal.js';
import type { Traffic } from './traffic.js';
import { tokenLifeMs, type World } from './world.js';

/** GetAccessToken to GetAuthorizeUrl. */
export function tokenCalls(
  world: World,
  traffic: Traffic,
): Pick<
  IdentityServiceServer,
  | 'getAccessToken'
  | 'watchAccessToken'
  | 'getJsapiSignature'
  | 'getAuthorizeUrl'
> {
  return {
    getAccessToken: traffic.unary('GetAccessToken', (request) => {
      const { appId, rejectedAccessToken, web } = request;
      const app = world.known(appId);
      if (web) {
        const { identity } = world.mustExist(
          web.identityRef ?? { appId, openid: '' },
        );
        return {
          accessToken: `fake_web_${identity.openid}`,
          expireTime: new Date(Date.now() + tokenLifeMs),
          generation: 0n,
          kind: AccessTokenKind.WEB,
        };
      }
      const current = app.token;
      return current && current.accessToken !== rejectedAccessToken
        ? current
        : world.rotateToken(appId);
    }),
    watchAccessToken: traffic.watch((call) => {
      const app = world.known(call.request.appId);
      call.write(app.token ?? world.rotateToken(app.appId));
      app.watchers.add(call);
      call.on('cancelled', () => app.watchers.delete(call));
    }),
    getJsapiSignature: traffic.unary('GetJsapiSignature', ({ appId, url }) => {
      world.known(appId);
      required(url, 'url');
      const nonce = randomBytes(8).toString('hex');
      const timestamp = BigInt(Math.floor(Date.now() / 1000));
      const text =
        `jsapi_ticket=fake_ticket_${appId}&noncestr=${nonce}&timestamp=${timestamp}` +
        `&url=${url.split('#')[0]}`;
      const signature = createHash('sha1').update(text).digest('hex');
      return { appId, nonce, timestamp, signature };
    }),
    getAuthorizeUrl: traffic.unary('GetAuthorizeUrl', (request) => {
      const { appId, redirectUri, scope, state } = request;
      world.known(appId);
      required(redirectUri, 'redirect_uri');
      required(scope, 'scope');
      required(state, 'state');
      const page =
        scope === 'snsapi_login' ? 'qrconnect' : 'oauth2/authorize';
      return {
        url:
          `https://open.weixin.qq.com/connect/${page}?appid=${appId}` +
          `&redirect_uri=${encodeURIComponent(redirectUri)}&response_type=code` +
          `&scope=${scope}&state=${state}#wechat_redirect`,
      };
    }),
  };
}
