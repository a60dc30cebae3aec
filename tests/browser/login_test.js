// The example site in headless Chromium, as a person meets it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import nodeTest, { after, afterEach, before, beforeEach } from 'node:test';
import { officialAccount, Stack, websiteApp } from './stack.js';

const require = createRequire(
  path.join(process.env.WXIDENT_TOOLS_DIR, 'browser/package.json'),
);
const { chromium } = require('playwright-core');

let stack, browser, site, context, page;

before(async () => {
  stack = await Stack.start();
  site = await stack.startSite({ APP_ID: websiteApp });
  // The browser trusts the simulator's key, and checks everything else.
  const key = stack
    .certificate()
    .publicKey.export({ type: 'spki', format: 'der' });
  const pin = createHash('sha256').update(key).digest('base64');
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update',
      '--disable-sync', `--ignore-certificate-errors-spki-list=${pin}`,
    ],
    env: { ...process.env, HOME: stack.dir },
  });
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

// Each test is a browser of its own, without cookies.
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
});
afterEach(() => context.close());

// A test that fails tells what the programs wrote.
function test(name, body) {
  nodeTest(name, async () => {
    try {
      await body();
    } catch (error) {
      console.error(stack.logs());
      throw error;
    }
  });
}

// From the site's button to its page after WeChat's.
async function logIn(who, answer = 'allow', from = site) {
  await page.goto(from);
  await page.click('text=Log in with WeChat');
  assert.equal(new URL(page.url()).origin, stack.weChat);
  await page.fill('#another', who);
  await page.click(`#${answer}`);
  await page.waitForURL(`${from}/**`);
}

async function cookies() {
  const all = await context.cookies(site);
  return Object.fromEntries(all.map((cookie) => [cookie.name, cookie]));
}

// Without the fragment of WeChat's page, which browsers carry along.
const address = () => page.url().replace(/#wechat_redirect$/, '');
const body = () => page.textContent('body');
const isLoggedOut = async () => (await body()).includes('Log in with WeChat');

test('who consents is logged in, and stays so', async () => {
  await stack.control('users', {
    app_id: websiteApp,
    user: 'ann',
    profile: { nickName: '<img src=x> 安' },
  });
  await logIn('ann');
  // No code is left in the address.
  assert.equal(address(), `${site}/`);
  // A nickname is text, whatever it looks like.
  assert.equal(await page.textContent('#name'), '<img src=x> 安');
  const user = await page.textContent('#user');
  assert.match(user, /^[0-9a-f-]{36}$/);
  await page.reload();
  assert.equal(await page.textContent('#user'), user);

  const { '__Host-session': session, ...others } = await cookies();
  assert.deepEqual(Object.keys(others), []);
  assert.match(session.value, /^wxs1_/);
  assert.equal(session.httpOnly, true);
  assert.equal(session.secure, true);
  assert.equal(session.sameSite, 'Lax');
  assert.ok(session.expires > Date.now() / 1000 + 3600);
  assert.equal(await page.evaluate('document.cookie'), '');
});

test('who refuses is not logged in', async () => {
  await logIn('bob', 'refuse');
  assert.match(await body(), /You did not agree/);
  assert.deepEqual(await cookies(), {});
  await page.click('text=Back');
  assert.ok(await isLoggedOut());
});

test('a link of somebody else logs nobody in', async () => {
  const exchanges = async () =>
    (await stack.control('journal?limit=0&path=/sns/oauth2/access_token'))
      .count;
  const before = await exchanges();
  const { code } = await stack.control('oauth_code', {
    app_id: websiteApp,
    user: 'mallory',
  });
  const state = '0123456789abcdef0123456789abcdef';
  const link = `${site}/callback?code=${code}&state=${state}`;
  // A browser that began no login, then one that began its own.
  for (const begins of [false, true]) {
    await page.goto(site);
    if (begins) {
      await page.click('text=Log in with WeChat');
      await page.waitForSelector('#allow');
    }
    const response = await page.goto(link);
    assert.equal(response.status(), 400);
    assert.match(await body(), /did not begin in this browser/);
    assert.equal((await cookies())['__Host-session'], undefined);
  }
  assert.equal(await exchanges(), before);
});

test('logging out ends the session itself', async () => {
  await logIn('cy');
  const { '__Host-session': session } = await cookies();
  await page.click('text=Log out');
  assert.ok(await isLoggedOut());
  assert.deepEqual(await cookies(), {});
  // A copy of the cookie opens nothing.
  await context.addCookies([session]);
  await page.goto(site);
  assert.ok(await isLoggedOut());
});

test('one person is one user on every site', async () => {
  const other = await stack.startSite({
    APP_ID: officialAccount,
    SCOPE: 'snsapi_userinfo',
  });
  await logIn('dot');
  const user = await page.textContent('#user');
  await context.clearCookies();
  await logIn('dot', 'allow', other);
  assert.equal(await page.textContent('#user'), user);
});

test('a login that WeChat cannot finish says so', async () => {
  await stack.control('faults', {
    path: '/sns/oauth2/access_token',
    errcode: -1,
    count: 1,
  });
  await logIn('eve');
  assert.match(await body(), /Please try again later/);
  assert.equal((await cookies())['__Host-session'], undefined);
  await logIn('eve');
  assert.equal(address(), `${site}/`);
});
