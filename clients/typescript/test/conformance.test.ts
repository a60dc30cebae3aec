// The runner that tests/conformance drives, against the fake.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { version } from '../src/index.js';
import { appId, startFake, until } from './support.js';

type Json = Record<string, unknown>;

function startRunner(t: TestContext) {
  const file = fileURLToPath(
    new URL('../conformance/runner.js', import.meta.url),
  );
  const child = spawn(process.execPath, [file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  t.after(() => child.kill());
  const waiting = new Map<number, (answer: Json) => void>();
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Json;
    waiting.get(answer['id'] as number)?.(answer);
  });
  let id = 0;
  const send = (op: string, args: Json = {}) =>
    new Promise<Json>((resolve) => {
      waiting.set(++id, resolve);
      child.stdin.write(`${JSON.stringify({ id, op, args })}\n`);
    });
  const ok = async (op: string, args: Json = {}) => {
    const answer = await send(op, args);
    assert.ok(answer['ok'], JSON.stringify(answer));
    return answer['ok'] as Json;
  };
  const error = async (op: string, args: Json = {}) => {
    const answer = await send(op, args);
    assert.ok(answer['error'], JSON.stringify(answer));
    return answer['error'] as Json;
  };
  return { ok, error, ended };
}

test('calls, tokens and errors', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const { ok, error, ended } = startRunner(t);
  const hello = await ok('hello');
  assert.equal(hello['language'], 'typescript');
  assert.equal(hello['client_version'], version);
  assert.match(String(hello['grpc_version']), /^\d+\.\d+\.\d+$/);

  await ok('open', { name: 'c1', address: fake.address, insecure: true });
  const env = { WXIDENT_CLIENT_ADDR: fake.address, WXIDENT_CLIENT_INSECURE: 'true' };
  await ok('open_env', { name: 'c2', env });
  const refused = await error('open', {
    name: 'c3',
    address: 'a.example:1',
    insecure: true,
  });
  assert.equal(refused['code'], 'INVALID_ARGUMENT');
  assert.equal(refused['reason'], '');
  assert.equal(refused['kind'], 'ConfigError');

  const call = (method: string, request: Json, more: Json = {}) => ({
    client: 'c1',
    method,
    request,
    ...more,
  });
  const login = await ok(
    'call',
    call(
      'Login',
      {
        app_id: appId,
        mini_program_code: alice.loginCode(),
        session_ttl: '90.5s',
      },
      { traceparent: '00-aa-bb-01' },
    ),
  );
  const response = login['response'] as Json & {
    session_token: string;
    user: Json;
  };
  assert.equal(response.user['user_id'], alice.userId);
  assert.equal(response['new_user'], true);
  assert.equal(fake.calls[0]?.metadata['traceparent'], '00-aa-bb-01');
  assert.deepEqual((fake.calls[0]?.request as Json)['sessionTtl'], {
    seconds: 90n,
    nanos: 5e8,
  });

  const { session_token } = response;
  alice.setProfile({ qrScene: 9007199254740993n, tagIds: [2n] });
  const info = await ok(
    'call',
    call('GetUserInfo', { sessionToken: session_token, stored: {} }),
  );
  const userInfo = (info['response'] as Json)['user_info'] as Json;
  assert.equal(userInfo['qr_scene'], '9007199254740993');
  assert.deepEqual(userInfo['tag_ids'], ['2']);

  const failure = await error(
    'call',
    call('Login', { appId, miniProgramCode: 'invented' }),
  );
  assert.deepEqual(
    [failure['reason'], failure['code'], failure['errcode'], failure['kind']],
    [
      'LOGIN_CODE_INVALID',
      'FAILED_PRECONDITION',
      '40029',
      'LoginCodeInvalidError',
    ],
  );
  fake.failNext('GetUser', 'OVERLOADED', { retryAfterMs: 1000 });
  assert.equal(
    (await error('call', call('GetUser', { user_id: 'x' })))['retry_after_ms'],
    1000,
  );
  const unknown = await error(
    'call',
    call('GetAccessToken', { app_id: 'wxnobody' }),
  );
  assert.deepEqual(unknown['violations'], ['app_id']);
  fake.hangNext('GetUser');
  const late = await error(
    'call',
    call('GetUser', { user_id: 'x' }, { deadline_ms: 50 }),
  );
  assert.equal(late['code'], 'DEADLINE_EXCEEDED');

  await ok('token_source', { client: 'c2', name: 't1', app_id: appId });
  const first = await ok('token_get', { source: 't1', deadline_ms: 3000 });
  assert.equal(first['generation'], '1');
  const next = await ok('token_reject', {
    source: 't1',
    access_token: first['access_token'],
  });
  assert.notEqual(next['access_token'], first['access_token']);
  await ok('token_close', { source: 't1' });
  await ok('close', { name: 'c2' });
  assert.equal(
    (await error('close', { name: 'c2' }))['message'],
    'there is no client c2',
  );

  await ok('exit');
  assert.deepEqual(await ended, [0, null]);
});

test('authenticators', async (t) => {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const { ok } = startRunner(t);
  await ok('open', { name: 'c1', address: fake.address, insecure: true });
  const token = alice.session();
  const headers = { authorization: `Bearer ${token}` };
  const who = { user_id: alice.userId, openid: alice.openid };
  const ask = (kind: string, more: Json = {}) =>
    ok('authenticate', { client: 'c1', kind, headers, ...more });
  assert.deepEqual(await ask('http'), { status: 200, ...who });
  assert.deepEqual(await ask('grpc', { strong: true }), {
    status: 'OK',
    ...who,
  });
  fake.revokeSession(token);
  assert.deepEqual(await ask('http', { headers: {} }), { status: 401 });
  assert.deepEqual(await ask('grpc', { strong: true }), {
    status: 'UNAUTHENTICATED',
  });
  fake.failNext('ValidateSession', 'STORE_UNAVAILABLE', { times: 2 });
  assert.deepEqual(await ask('http', { strong: true }), { status: 503 });
  assert.deepEqual(await ask('grpc', { strong: true }), {
    status: 'UNAVAILABLE',
  });
  await ok('exit');
});

test('requests are worked on at once, and the end of stdin is the end', async (t) => {
  const fake = await startFake(t);
  const { ok } = startRunner(t);
  await ok('open', { name: 'c1', address: fake.address, insecure: true });
  const release = fake.hangNext('BatchGetUsers');
  const request = {
    client: 'c1',
    method: 'BatchGetUsers',
    request: { user_ids: [] },
  };
  const slow = ok('call', request);
  await until(() => fake.count('BatchGetUsers') === 1);
  await ok('call', request);
  release();
  await slow;
});
