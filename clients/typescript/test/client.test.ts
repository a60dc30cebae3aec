import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { FakeServer } from '../src/fake/index.js';
import * as messages from '../src/gen/wxident/v1/identity_service.js';
import {
  AccessTokenKind,
  Client,
  LoginCodeInvalidError,
  StoreUnavailableError,
  UserNotFoundError,
  version,
  WechatBusyError,
  type ErrorReason,
} from '../src/index.js';
import { appId, deadAddress, failureOf, startFake, until } from './support.js';

test('the version is that of package.json', () => {
  const text = fs.readFileSync(
    new URL('../../package.json', import.meta.url),
    'utf8',
  );
  assert.equal((JSON.parse(text) as { version: string }).version, version);
});

test('a login, and what follows', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  const miniProgramCode = alice.loginCode();

  const login = await client.login({
    appId,
    miniProgramCode,
    sessionTtl: { seconds: 60 },
  });
  assert.equal(login.user.userId, alice.userId);
  assert.equal(login.identity.openid, alice.openid);
  assert.equal(login.newUser, true);
  const lifeMs = login.expireTime.getTime() - Date.now();
  assert.ok(lifeMs > 50_000 && lifeMs <= 60_000);
  const again = await client.login({ appId, miniProgramCode });
  assert.equal(again.sessionToken, login.sessionToken);

  const { sessionToken } = login;
  const valid = await client.validateSession({ sessionToken });
  assert.ok(valid.active);
  assert.equal(valid.session.user.userId, alice.userId);
  const refreshed = await client.refreshSession({ sessionToken });
  assert.notEqual(refreshed.sessionToken, sessionToken);
  assert.deepEqual(await client.checkSessionKey({ sessionToken }), {
    valid: true,
  });

  assert.deepEqual(await client.revokeSession({ sessionToken }), {
    revokedCount: 1,
  });
  assert.deepEqual(await client.revokeSession({ sessionToken }), {
    revokedCount: 0,
  });
  assert.deepEqual(await client.validateSession({ sessionToken }), {
    active: false,
  });
});

test('phones, data and profiles', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  const sessionToken = alice.session();

  const { phone } = await client.decryptPhone({
    sessionToken,
    phoneCode: alice.phoneCode(),
  });
  assert.match(phone.phoneNumber, /^138\d{8}$/);
  const old = await client.decryptPhone({
    sessionToken,
    encrypted: alice.encryptedPhone(),
  });
  assert.deepEqual(old.phone, phone);
  const data = await client.decryptUserData({
    sessionToken,
    ...alice.encrypt({ steps: 7 }),
  });
  assert.deepEqual(JSON.parse(data.json), { steps: 7 });

  // Beyond 2 to the 53rd a number would be another one.
  const numbers = {
    qrScene: 9007199254740993n,
    groupId: 9223372036854775807n,
    tagIds: [2n, -9223372036854775808n],
  };
  alice.setProfile({ nickname: 'Alice', ...numbers });
  const { userInfo, user } = await client.getUserInfo({
    sessionToken,
    stored: {},
  });
  assert.equal(userInfo.nickname, 'Alice');
  const { qrScene, groupId, tagIds } = userInfo;
  assert.deepEqual({ qrScene, groupId, tagIds }, numbers);
  assert.equal(user.phoneLinked, true);
});

test('users across apps', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const elsewhere = fake.addUser('wx0a1b2c3d4e5f6071', 'alice');
  assert.equal(alice.userId, elsewhere.userId);
  const client = fake.client();
  const found = await client.getUser({ userId: alice.userId });
  assert.deepEqual(
    found.identities.map(({ openid }) => openid),
    [alice.openid, elsewhere.openid],
  );
  const { unionid } = found.identities[0] as { unionid: string };
  const byUnion = await client.getUser({ unionRef: { appId, unionid } });
  assert.equal(byUnion.user.userId, alice.userId);

  const { users } = await client.batchGetUsers({
    identityRefs: [
      { appId, openid: 'nobody' },
      { appId, openid: alice.openid },
    ],
  });
  assert.deepEqual(
    users.map(({ found: known }) => known),
    [false, true],
  );
  const error = await failureOf(
    client.getUser({ identityRef: { appId, openid: 'nobody' } }),
  );
  assert.ok(error instanceof UserNotFoundError);
});

test('tokens, signatures and addresses', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  const first = await client.getAccessToken({ appId });
  assert.equal(first.generation, 1n);
  assert.equal(first.kind, AccessTokenKind.APP);
  const { accessToken: rejectedAccessToken } = first;
  const second = await client.getAccessToken({ appId, rejectedAccessToken });
  assert.equal(second.generation, 2n);
  assert.deepEqual(
    await client.getAccessToken({ appId, rejectedAccessToken }),
    second,
  );
  const web = await client.getAccessToken({
    appId,
    web: { identityRef: { appId, openid: alice.openid } },
  });
  assert.equal(web.kind, AccessTokenKind.WEB);

  const signature = await client.getJsapiSignature({
    appId,
    url: 'https://a.example/#x',
  });
  assert.match(signature.signature, /^[0-9a-f]{40}$/);
  const age = Date.now() / 1000 - Number(signature.timestamp);
  assert.ok(age >= 0 && age < 60, `${age}`);
  const { url } = await client.getAuthorizeUrl({
    appId,
    redirectUri: 'https://localhost/callback',
    scope: 'snsapi_login',
    state: '4f1b',
  });
  assert.match(
    url,
    /^https:\/\/open\.weixin\.qq\.com\/connect\/qrconnect\?appid=/,
  );
});

test('watching a token, to the end of the stream', async (t) => {
  const fake = await startFake(t);
  fake.addApp(appId);
  const one = fake.rotateToken(appId, { generation: 9007199254740992n });
  const seen: bigint[] = [];
  for await (const token of fake.client().watchAccessToken({ appId })) {
    seen.push(token.generation);
    if (seen.length === 1) fake.rotateToken(appId);
    else fake.endStreams();
  }
  assert.deepEqual(seen, [one.generation, 9007199254740993n]);
});

test('watching a token, given up by the caller', async (t) => {
  const fake = await startFake(t);
  fake.addApp(appId);
  const client = fake.client();
  for await (const _ of client.watchAccessToken({ appId })) break;
  const controller = new AbortController();
  const reason = new Error('enough');
  const error = await failureOf(
    (async () => {
      for await (const _ of client.watchAccessToken(
        { appId },
        { signal: controller.signal },
      )) {
        controller.abort(reason);
      }
    })(),
  );
  assert.equal(error as Error, reason);
  fake.hangNext('WatchAccessToken');
  const late = await failureOf(
    (async () => {
      for await (const _ of client.watchAccessToken(
        { appId },
        { timeoutMs: 30 },
      ));
    })(),
  );
  assert.equal(late.codeName, 'DEADLINE_EXCEEDED');
});

test('each RPC goes with its own deadline', async (t) => {
  const fake = await startFake(t);
  const client = fake.client();
  const ids = { appId, sessionToken: 'x', userId: 'x', iv: 'x' };
  const expected: [string, number, () => Promise<unknown>][] = [
    ['ValidateSession', 2, () => client.validateSession({ ...ids })],
    ['RevokeSession', 2, () => client.revokeSession({ userId: 'x' })],
    ['RefreshSession', 2, () => client.refreshSession(ids)],
    ['GetUser', 2, () => client.getUser({ userId: 'x' })],
    [
      'GetAuthorizeUrl',
      2,
      () =>
        client.getAuthorizeUrl({
          appId,
          redirectUri: 'x',
          scope: 'snsapi_base',
          state: 'x',
        }),
    ],
    ['BatchGetUsers', 3, () => client.batchGetUsers({ userIds: [] })],
    [
      'BatchGetUsers',
      10,
      () => client.batchGetUsers({ userIds: [], refreshFollowers: true }),
    ],
    ['Login', 5, () => client.login({ appId, oauthCode: 'x' })],
    [
      'DecryptPhone',
      5,
      () => client.decryptPhone({ sessionToken: 'x', phoneCode: 'x' }),
    ],
    [
      'DecryptUserData',
      5,
      () => client.decryptUserData({ ...ids, encryptedData: 'x' }),
    ],
    [
      'GetUserInfo',
      5,
      () => client.getUserInfo({ sessionToken: 'x', stored: {} }),
    ],
    ['CheckSessionKey', 5, () => client.checkSessionKey(ids)],
    ['GetAccessToken', 5, () => client.getAccessToken({ appId })],
    [
      'GetJsapiSignature',
      5,
      () => client.getJsapiSignature({ appId, url: 'x' }),
    ],
  ];
  assert.equal(
    new Set(expected.map(([rpc]) => rpc)).size + 1,
    Object.keys(messages.IdentityServiceService).length,
  );
  for (const [rpc, seconds, call] of expected) {
    await call().catch(() => {});
    const last = fake.calls.at(-1);
    assert.equal(last?.rpc, rpc);
    const left = last.timeoutMs ?? 0;
    assert.ok(
      left > seconds * 1000 - 900 && left <= seconds * 1000 + 50,
      `${rpc}: ${left}`,
    );
  }
  await client.getUser({ userId: 'x' }, { timeoutMs: 700 }).catch(() => {});
  assert.ok((fake.calls.at(-1)?.timeoutMs ?? 9999) <= 750);
  const hasty = fake.client({ timeoutMs: 600 });
  await hasty.batchGetUsers({ userIds: [], refreshFollowers: true });
  assert.ok((fake.calls.at(-1)?.timeoutMs ?? 9999) <= 650);
});

test('a call that its caller cancels', async (t) => {
  const fake = await startFake(t);
  const client = fake.client();
  fake.hangNext('GetUser');
  const controller = new AbortController();
  const call = client.getUser({ userId: 'x' }, { signal: controller.signal });
  await until(() => fake.count('GetUser') === 1);
  controller.abort();
  assert.equal((await failureOf(call)).name, 'AbortError');
  const never = client.getUser({ userId: 'x' }, { signal: controller.signal });
  assert.equal((await failureOf(never)).name, 'AbortError');
  assert.equal(fake.count('GetUser'), 1);
});

test('trace context and user agent', async (t) => {
  const fake = await startFake(t);
  let traceparent: string | undefined =
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const client = fake.client({
    traceContext: () =>
      traceparent ? { traceparent, tracestate: 'a=b' } : undefined,
  });
  await client.batchGetUsers({ userIds: [] });
  assert.equal(fake.calls[0]?.metadata['traceparent'], traceparent);
  assert.equal(fake.calls[0]?.metadata['tracestate'], 'a=b');
  assert.match(
    fake.calls[0]?.metadata['user-agent'] ?? '',
    new RegExp(`^wxident-typescript/${version} grpc-node-js/`),
  );
  traceparent = undefined;
  await client.batchGetUsers({ userIds: [] });
  assert.equal(fake.calls[1]?.metadata['traceparent'], undefined);
});

test('UNAVAILABLE is tried three times', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  const own = { pushbackMs: null };
  fake.failNext('GetUser', 'STORE_UNAVAILABLE', { times: 2, ...own });
  const found = await client.getUser({ userId: alice.userId });
  assert.equal(found.user.userId, alice.userId);
  assert.equal(fake.count('GetUser'), 3);
  fake.failNext('GetUser', 'STORE_UNAVAILABLE', { times: 3, ...own });
  const error = await failureOf(client.getUser({ userId: alice.userId }));
  assert.ok(error instanceof StoreUnavailableError);
  assert.equal(fake.count('GetUser'), 6);
});

test('an audit log that is away for a moment', async (t) => {
  const fake = await startFake(t);
  fake.addApp(appId);
  fake.failNext('GetAccessToken', 'AUDIT_UNAVAILABLE', {
    times: 2,
    pushbackMs: null,
  });
  await fake.client().getAccessToken({ appId });
  assert.equal(fake.count('GetAccessToken'), 3);
});

test('nothing else is repeated', async (t) => {
  const fake = await startFake(t);
  fake.addApp(appId);
  const client = fake.client();
  const reasons: ErrorReason[] = [
    'WECHAT_RATE_LIMITED',
    'CALLER_NOT_ALLOWED',
    'CALLER_RATE_LIMITED',
    'CALLER_UNAUTHENTICATED',
    'SESSION_RATE_LIMITED',
  ];
  for (const [before, reason] of reasons.entries()) {
    fake.failNext('GetAccessToken', reason, { pushbackMs: null });
    const refused = await failureOf(client.getAccessToken({ appId }));
    assert.equal(refused.reason, reason);
    assert.equal(fake.count('GetAccessToken'), before + 1);
  }
  const error = await failureOf(
    client.login({ appId, miniProgramCode: 'invented' }),
  );
  assert.ok(error instanceof LoginCodeInvalidError);
  assert.equal(fake.count('Login'), 1);
});

test("the server's pushback is obeyed", async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  fake.failNext('Login', 'WECHAT_BUSY', { pushbackMs: -1 });
  const code = { appId, miniProgramCode: alice.loginCode() };
  assert.ok((await failureOf(client.login(code))) instanceof WechatBusyError);
  assert.equal(fake.count('Login'), 1);
  fake.failNext('GetUser', 'STORE_UNAVAILABLE', { pushbackMs: 400 });
  const begun = process.hrtime.bigint();
  await client.getUser({ userId: alice.userId });
  assert.ok(process.hrtime.bigint() - begun >= 390_000_000n);
  assert.equal(fake.count('GetUser'), 2);
});

test('calls go to all addresses in turn', async (t) => {
  const fakes = [await startFake(t), await startFake(t)] as const;
  const address = `${fakes[0].address},${fakes[1].address}`;
  const client = new Client(address, { insecure: true });
  t.after(() => client.close());
  const counts = () => fakes.map((fake) => fake.count('BatchGetUsers'));
  // Until both connections stand.
  while (counts().includes(0)) await client.batchGetUsers({ userIds: [] });
  const before = counts();
  for (let i = 0; i < 10; i++) await client.batchGetUsers({ userIds: [] });
  assert.deepEqual(
    counts(),
    before.map((count) => count + 5),
  );
});

test('one of two addresses is dead', async (t) => {
  const fake = await startFake(t);
  const { port } = new URL(`http://${fake.address}`);
  const client = new Client(`${await deadAddress()},localhost:${port}`, {
    insecure: true,
  });
  t.after(() => client.close());
  for (let i = 0; i < 5; i++) await client.batchGetUsers({ userIds: [] });
  assert.equal(fake.count('BatchGetUsers'), 5);
});

test('a server that comes back', async (t) => {
  const first = await FakeServer.start();
  const client = new Client(first.address, { insecure: true });
  t.after(() => client.close());
  await client.batchGetUsers({ userIds: [] });
  first.stop();
  const port = Number(first.address.split(':')[1]);
  const second = await startFake(t, { port });
  while (second.count('BatchGetUsers') === 0) {
    await client.batchGetUsers({ userIds: [] }).catch(() => {});
  }
  await client.batchGetUsers({ userIds: [] });
});

test('a closed client', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  const release = fake.hangNext('GetUser');
  const underway = client.getUser({ userId: alice.userId });
  await until(() => fake.count('GetUser') === 1);
  const watching = client.watchAccessToken({ appId });
  await watching.next();
  const watched = failureOf(watching.next());
  client.close();
  client.close();
  const ended = await watched;
  assert.equal(ended.codeName, 'CANCELLED');
  assert.match(ended.message, /^WatchAccessToken: this client is closed/);
  const error = await failureOf(client.getUser({ userId: 'x' }));
  assert.equal(error.codeName, 'CANCELLED');
  assert.match(error.message, /^GetUser: this client is closed/);
  const stream = await failureOf(client.watchAccessToken({ appId }).next());
  assert.equal(stream.codeName, 'CANCELLED');
  assert.throws(() => client.accessTokenSource(appId), /closed/);
  release();
  assert.equal((await underway).user.userId, alice.userId);
});

test('from the environment', async (t) => {
  const fake = await startFake(t);
  const saved = { ...process.env };
  t.after(() => {
    process.env = saved;
  });
  process.env['WXIDENT_CLIENT_ADDR'] = fake.address;
  process.env['WXIDENT_CLIENT_INSECURE'] = 'true';
  const client = Client.fromEnv({ timeoutMs: 800 });
  t.after(() => client.close());
  await client.batchGetUsers({ userIds: [] });
  assert.equal(fake.count('BatchGetUsers'), 1);
  assert.ok((fake.calls[0]?.timeoutMs ?? 9999) <= 850);
});
