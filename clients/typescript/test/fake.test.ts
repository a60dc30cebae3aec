import assert from 'node:assert/strict';
import test from 'node:test';
import {
  AppUnknownError,
  DecryptRejectedError,
  LoginCodeConsumedError,
  LoginCodeInvalidError,
  ProfileNotFoundError,
  RequestInvalidError,
  SessionNotActiveError,
} from '../src/index.js';
import { appId, failureOf, startFake } from './support.js';

test('codes are of one app and one kind', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const other = 'wx0a1b2c3d4e5f6071';
  fake.addApp(other);
  const client = fake.client();
  const miniProgramCode = fake.loginCode(appId, 'alice');
  const wrong = [
    client.login({ appId: other, miniProgramCode }),
    client.login({ appId, oauthCode: miniProgramCode }),
    client.login({ appId, miniProgramCode: alice.oauthCode() }),
    client.login({ appId, miniProgramCode: alice.phoneCode() }),
  ];
  for (const login of wrong) {
    const error = await failureOf(login);
    assert.ok(error instanceof LoginCodeInvalidError);
    assert.equal(error.errcode, '40029');
  }
  assert.equal(
    (await client.login({ appId, oauthCode: alice.oauthCode() })).newUser,
    true,
  );
  const login = await client.login({ appId, miniProgramCode });
  assert.equal(login.newUser, false);
  alice.revoke();
  const gone = await failureOf(client.login({ appId, miniProgramCode }));
  assert.ok(gone instanceof LoginCodeConsumedError);
});

test('what is missing is named', async (t) => {
  const fake = await startFake(t);
  const client = fake.client();
  const error = await failureOf(client.validateSession({ sessionToken: '' }));
  assert.ok(error instanceof RequestInvalidError);
  assert.equal(error.violations[0]?.field, 'session_token');
  const unknown = await failureOf(
    client.getJsapiSignature({ appId, url: 'https://a/' }),
  );
  assert.ok(unknown instanceof AppUnknownError);
});

test('without a session', async (t) => {
  const fake = await startFake(t);
  fake.addApp(appId);
  const client = fake.client();
  const sessionToken = 'wxs1_unknown';
  const calls = [
    client.refreshSession({ sessionToken }),
    client.checkSessionKey({ sessionToken }),
    client.decryptPhone({ sessionToken, phoneCode: 'x' }),
    client.getUserInfo({ sessionToken, stored: {} }),
  ];
  for (const call of calls)
    assert.ok((await failureOf(call)) instanceof SessionNotActiveError);
});

test('what does not open, and what was not stored', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const client = fake.client();
  const sessionToken = alice.session();
  const { iv } = alice.encrypt({});
  const data = client.decryptUserData({
    sessionToken,
    encryptedData: 'AAAA',
    iv,
  });
  assert.ok((await failureOf(data)) instanceof DecryptRejectedError);
  const profile = client.getUserInfo({ sessionToken, stored: {} });
  assert.ok((await failureOf(profile)) instanceof ProfileNotFoundError);
});

test('what is wrong with one of several is its own error', async (t) => {
  const fake = await startFake(t);
  const { openid } = fake.addUser(appId, 'alice');
  const { users } = await fake.client().batchGetUsers({
    identityRefs: [
      { appId: 'wx0', openid },
      { appId, openid },
    ],
  });
  assert.equal(users[0]?.error?.reason, 'APP_UNKNOWN');
  assert.equal(users[0]?.found, false);
  assert.equal(users[1]?.error, undefined);
});

test('failures come in order, and are used up', async (t) => {
  const fake = await startFake(t);
  const client = fake.client();
  fake.failNext('BatchGetUsers', 'STORE_UNAVAILABLE', { times: 2 });
  fake.failNext('BatchGetUsers', 'PERMISSION_DENIED');
  const reasons: string[] = [];
  for (let i = 0; i < 3; i++) {
    const error = await failureOf(client.batchGetUsers({ userIds: [] }));
    reasons.push(error.reason || error.codeName);
  }
  assert.deepEqual(reasons, [
    'STORE_UNAVAILABLE',
    'STORE_UNAVAILABLE',
    'PERMISSION_DENIED',
  ]);
  assert.deepEqual(await client.batchGetUsers({ userIds: [] }), { users: [] });
});

test('a mistake of the test itself', async (t) => {
  const fake = await startFake(t);
  assert.throws(
    () => fake.loginCode(appId, 'bob'),
    /nobody is called bob; addUser first/,
  );
  assert.throws(
    () => fake.rotateToken(appId),
    /there is no app .*; addApp first/,
  );
});
