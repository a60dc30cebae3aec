// A small site with a "Log in with WeChat" button. README.md tells how to run
// it; this file reads from top to bottom.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { page, text } from './pages.js';
import { connect, explain } from './wxident.js';

const env = process.env;
const appId = env.APP_ID;
if (!appId) throw new Error('APP_ID: set it to the app id of your website app');
const scope = env.SCOPE || 'snsapi_login';
const call = connect(env.WXIDENT_CLIENT_ADDR || '127.0.0.1:8443');

// The two cookies. The prefix __Host- has the browser insist on HTTPS and on
// this very host. No script can read them. SameSite=Lax: they come along when
// WeChat sends the browser back here, and not with a form that some other site
// posts.
const stateCookie = '__Host-login-state';
const sessionCookie = '__Host-session';
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax';
const remove = (cookie) => `${cookie}=; ${attributes}; Max-Age=0`;

const routes = {
  'GET /': home,
  'GET /login': login,
  'GET /callback': callback,
  'POST /logout': logout,
};

// Who is here? wxident knows whether the session is active, and the profile
// that was stored when the person logged in.
async function home(request) {
  const token = cookie(request, sessionCookie);
  const { active, session } = token
    ? await call('ValidateSession', { session_token: token })
    : { active: false };
  if (!active) {
    return page(200, '<p><a href="/login">Log in with WeChat</a></p>');
  }
  const profile = await call('GetUserInfo', {
    session_token: token,
    stored: {},
  }).catch(() => null);
  return page(
    200,
    `<p>You are <b id="name">${text(profile?.user_info.nickname || 'here')}</b>,
     user <code id="user">${text(session.user.user_id)}</code>.</p>
     <form method="post" action="/logout"><button>Log out</button></form>`,
  );
}

// The button: off to WeChat. The state goes there and comes back; only the
// browser that we sent has its twin in a cookie.
async function login() {
  const state = randomBytes(16).toString('hex');
  const { url } = await call('GetAuthorizeUrl', {
    app_id: appId,
    redirect_uri: `${siteUrl}/callback`,
    scope,
    state,
  });
  return redirect(atWechat(url), `${stateCookie}=${state}; ${attributes}; Max-Age=600`);
}

// WeChat's answer: code and state, or the state alone when the person refused.
async function callback(request, query) {
  if (!same(query.get('state'), cookie(request, stateCookie))) {
    // Somebody may have sent this link to log the person in as somebody else.
    return page(400, '<p>This login did not begin in this browser.</p>');
  }
  const code = query.get('code');
  if (!code) {
    return page(
      200,
      '<p>You did not agree, so nobody is logged in.</p><p><a href="/">Back</a></p>',
      remove(stateCookie),
    );
  }
  const { session_token: token, expire_time: end } = await call('Login', {
    app_id: appId,
    oauth_code: code,
  });
  // Has WeChat tell the name once, and wxident store it. A person who is logged
  // in without a name is still logged in.
  await call('GetUserInfo', { session_token: token, oauth: {} }).catch((error) =>
    console.error(`no profile: ${error.message}`),
  );
  const expires = new Date(Number(end.seconds) * 1000).toUTCString();
  return redirect(
    '/',
    `${sessionCookie}=${token}; ${attributes}; Expires=${expires}`,
    remove(stateCookie),
  );
}

// The session ends at wxident, for a copy of the cookie too.
async function logout(request) {
  const token = cookie(request, sessionCookie);
  if (token) await call('RevokeSession', { session_token: token });
  return redirect('/', remove(sessionCookie));
}

// wxident names WeChat's own page, https://open.weixin.qq.com/...; with
// WECHAT_PAGE_ORIGIN it is the simulator's.
function atWechat(url) {
  if (!env.WECHAT_PAGE_ORIGIN) return url;
  return url.replace('https://open.weixin.qq.com', env.WECHAT_PAGE_ORIGIN);
}

function redirect(location, ...cookies) {
  return { status: 303, headers: { Location: location }, cookies };
}

function cookie(request, name) {
  const pairs = (request.headers.cookie || '').split('; ');
  const found = pairs.find((pair) => pair.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

function same(a, b) {
  if (!a || !b) return false;
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  // Bytes, not characters: timingSafeEqual throws when lengths differ.
  return left.length === right.length && timingSafeEqual(left, right);
}

// What a request asks for may be anything, not only what a browser sends. Path
// and query are cut apart by hand, for `new URL` throws at what is no URL, and
// takes //host/path for a path of another host.
async function answerTo(request) {
  const [path, query] = request.url.split(/\?(.*)/s);
  const route = routes[`${request.method} ${path}`];
  if (!route) return page(404, '<p>There is no such page.</p>');
  try {
    return await route(request, new URLSearchParams(query));
  } catch (error) {
    console.error(`${path}: ${error.message}`);
    const [status, sentence] = explain(error);
    return page(status, `<p>${sentence}</p><p><a href="/">Back</a></p>`);
  }
}

function send(response, answer) {
  response.writeHead(answer.status, {
    ...answer.headers,
    'Set-Cookie': answer.cookies,
    'Cache-Control': 'no-store',
    // The address of /callback holds a code; no other site shall see it.
    'Referrer-Policy': 'no-referrer',
  });
  response.end(answer.body);
}

// A promise that nobody waits for would end the process when it is rejected:
// whatever goes wrong with one request ends that request alone.
function handle(request, response) {
  answerTo(request)
    .then((answer) => send(response, answer))
    .catch((error) => {
      console.error(`no answer: ${error.message}`);
      response.destroy();
    });
}

// WeChat sends people back to https only. Without a certificate, something that
// speaks TLS has to stand before this site.
const server = env.TLS_CERT_FILE
  ? https.createServer(
      {
        cert: readFileSync(env.TLS_CERT_FILE),
        key: readFileSync(env.TLS_KEY_FILE),
      },
      handle,
    )
  : http.createServer(handle);
server.listen(Number(env.PORT || 8080), env.HOST || '127.0.0.1');
await once(server, 'listening');
server.on('error', (error) => console.error(`server: ${error.message}`));
const siteUrl = env.SITE_URL || `https://localhost:${server.address().port}`;
console.log(`listening: ${siteUrl}`);
