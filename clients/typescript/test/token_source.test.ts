import { status } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { FakeServer } from '../src/fake/index.js';
import {
  AppUnknownError,
  StoreUnavailableError,
  TokenBudgetExhaustedError,
  type AccessToken,
} from '../src/index.js';
import {
  AccessTokenSource,
  type TokenSourceHooks,
} from '../src/token_source.js';
import { appId, failureOf, startFake, until } from './support.js';

// A source whose pauses end when the test says so.
function open(t: TestContext, fake: FakeServer, hooks: TokenSourceHooks = {}) {
  const pauses: { ms: number; end: () => void }[] = [];
  const source = new AccessTokenSource(fake.client(), appId, {
    random: () => 1,
    pause: (ms, signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        pauses.push({ ms, end: resolve });
      }),
    ...hooks,
  });
  t.after(() => source.close());
  return { source, pauses };
}

async function startWithApp(t: TestContext): Promise<FakeServer> {
  const fake = await startFake(t);
  fake.addApp(appId);
  return fake;
}

// Until the source has heard of a token.
async function hold(
  source: AccessTokenSource,
  token: AccessToken,
): Promise<void> {
  while ((await source.get()).accessToken !== token.accessToken) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('from the stream, then from memory', async (t) => {
  const fake = await startWithApp(t);
  const { source } = open(t, fake);
  const all = await Promise.all([source.get(), source.get(), source.get()]);
  assert.equal(new Set(all.map(({ accessToken }) => accessToken)).size, 1);
  await source.get();
  const next = fake.rotateToken(appId);
  await hold(source, next);
  assert.equal(fake.count('WatchAccessToken'), 1);
  assert.equal(fake.count('GetAccessToken'), 0);
});

test('the first token is waited for, as long as the caller likes', async (t) => {
  const fake = await startWithApp(t);
  const release = fake.hangNext('WatchAccessToken');
  const { source } = open(t, fake);
  const late = await failureOf(source.get({ timeoutMs: 30 }));
  assert.equal(late.codeName, 'DEADLINE_EXCEEDED');
  assert.match(
    late.message,
    /^AccessTokenSource: no access_token within 30 ms/,
  );
  const controller = new AbortController();
  const given = source.get({ signal: controller.signal });
  controller.abort();
  assert.equal((await failureOf(given)).name, 'AbortError');
  const waiting = source.get();
  release();
  assert.equal((await waiting).generation, 1n);
});

test('without a stream, what is in memory still serves', async (t) => {
  const fake = await startWithApp(t);
  const { source, pauses } = open(t, fake);
  const first = await source.get();
  fake.endStreams();
  await until(() => pauses.length === 1);
  assert.deepEqual(await source.get(), first);
  assert.equal(fake.count('GetAccessToken'), 0);
  const missed = fake.rotateToken(appId);
  pauses[0]?.end();
  await hold(source, missed);
});

test('without a stream, a token about to expire is asked for, once for all', async (t) => {
  const fake = await startWithApp(t);
  const short = fake.rotateToken(appId, { lifeMs: 59_000 });
  const { source, pauses } = open(t, fake);
  assert.deepEqual(await source.get(), short);
  const next = fake.rotateToken(appId, { lifeMs: 61_000 });
  await hold(source, next);
  fake.rotateToken(appId, { lifeMs: 59_000 });
  await until(() => fake.count('WatchAccessToken') === 1);
  fake.endStreams();
  await until(() => pauses.length === 1);
  const release = fake.hangNext('GetAccessToken');
  const calls = [source.get(), source.get(), source.get()];
  await until(() => fake.count('GetAccessToken') === 1);
  const fresh = fake.rotateToken(appId);
  release();
  for (const token of await Promise.all(calls)) assert.deepEqual(token, fresh);
  assert.deepEqual(await source.get(), fresh);
  assert.equal(fake.count('GetAccessToken'), 1);
});

test('with no token at all, get hears why', async (t) => {
  const fake = await startFake(t);
  const { source } = open(t, fake);
  assert.ok((await failureOf(source.get())) instanceof AppUnknownError);
  fake.addApp(appId);
  assert.equal((await source.get()).generation, 1n);
});

test('while the server is away, get waits for the stream', async (t) => {
  const token: AccessToken = {
    accessToken: 'token',
    expireTime: new Date(Date.now() + 7_200_000),
    generation: 1n,
    kind: 'ACCESS_TOKEN_KIND_APP',
  };
  const away = new StoreUnavailableError('away', { code: status.UNAVAILABLE });
  let asked = 0;
  let back = false;
  let end = () => {};
  const client = {
    getAccessToken: async () => {
      asked += 1;
      throw away;
    },
    async *watchAccessToken() {
      if (!back) throw away;
      yield token;
    },
  };
  const source = new AccessTokenSource(client, appId, {
    pause: () => new Promise<void>((resolve) => (end = resolve)),
  });
  t.after(() => source.close());
  assert.equal(await failureOf(source.get({ timeoutMs: 20 })), away);
  const waiting = source.get();
  await until(() => asked === 2);
  back = true;
  end();
  assert.equal(await waiting, token);
  assert.equal(asked, 2);
});

test('a stream that does not come gets a head start of half a second', async (t) => {
  const fake = await startWithApp(t);
  fake.hangNext('WatchAccessToken');
  const { source } = open(t, fake);
  const begun = Date.now();
  assert.equal((await source.get()).generation, 1n);
  assert.ok(Date.now() - begun >= 490);
  assert.equal(fake.count('GetAccessToken'), 1);
});

test('a token that nobody can replace is used to its end', async (t) => {
  const fake = await startWithApp(t);
  const short = fake.rotateToken(appId, { lifeMs: 59_000 });
  const clock = { ms: Date.now() };
  const { source, pauses } = open(t, fake, { now: () => clock.ms });
  await hold(source, short);
  fake.endStreams();
  await until(() => pauses.length === 1);
  fake.failNext('GetAccessToken', 'TOKEN_BUDGET_EXHAUSTED', { times: 2 });
  assert.deepEqual(await source.get(), short);
  clock.ms = short.expireTime.getTime();
  assert.ok(
    (await failureOf(source.get())) instanceof TokenBudgetExhaustedError,
  );
});

test('once what is held has expired, any token will do', async (t) => {
  const fake = await startWithApp(t);
  const held = fake.rotateToken(appId, { generation: 7n });
  const clock = { ms: Date.now() };
  const { source } = open(t, fake, { now: () => clock.ms });
  await hold(source, held);
  clock.ms = held.expireTime.getTime();
  const lower = fake.rotateToken(appId, { generation: 3n, lifeMs: 7_300_000 });
  await hold(source, lower);
});

test('the stream is opened again, later and later', async (t) => {
  const fake = await startWithApp(t);
  fake.failNext('WatchAccessToken', 'STORE_UNAVAILABLE', { times: 8 });
  const { source, pauses } = open(t, fake);
  for (let i = 0; i < 8; i++) {
    await until(() => pauses.length === i + 1);
    pauses[i]?.end();
  }
  await source.get();
  assert.deepEqual(
    pauses.map(({ ms }) => ms),
    [100, 200, 400, 800, 1600, 3200, 5000, 5000],
  );
  fake.endStreams();
  await until(() => pauses.length === 9);
  assert.equal(pauses[8]?.ms, 100);
});

test('the pauses are random', async (t) => {
  const fake = await startWithApp(t);
  fake.failNext('WatchAccessToken', 'STORE_UNAVAILABLE');
  const { pauses } = open(t, fake, { random: () => 0.25 });
  await until(() => pauses.length === 1);
  assert.equal(pauses[0]?.ms, 25);
});

test('a rejected token is replaced, once for all who report it', async (t) => {
  const fake = await startWithApp(t);
  const { source } = open(t, fake);
  const { accessToken: dead } = await source.get();
  const release = fake.hangNext('GetAccessToken');
  const reports = [source.reportRejected(dead), source.reportRejected(dead)];
  await until(() => fake.count('GetAccessToken') === 1);
  release();
  const tokens = await Promise.all(reports);
  for (const token of tokens) assert.deepEqual(token, tokens[0]);
  assert.notEqual(tokens[0]?.accessToken, dead);
  assert.equal(tokens[0]?.generation, 2n);
  assert.deepEqual(await source.reportRejected(dead), tokens[0]);
  assert.deepEqual(await source.get(), tokens[0]);
});

test('a report that fails, and one of nothing', async (t) => {
  const fake = await startWithApp(t);
  const { source } = open(t, fake);
  const held = await source.get();
  fake.failNext('GetAccessToken', 'STORE_UNAVAILABLE');
  const error = await failureOf(source.reportRejected(held.accessToken));
  assert.ok(error instanceof StoreUnavailableError);
  // The server may be right, and WeChat wrong: it is not withheld.
  assert.deepEqual(await source.get(), held);
  const empty = await failureOf(source.reportRejected(''));
  assert.equal(empty.codeName, 'INVALID_ARGUMENT');
  assert.equal(fake.count('GetAccessToken'), 1);
});

test('a lower generation replaces nothing', async (t) => {
  const fake = await startWithApp(t);
  const held = fake.rotateToken(appId, { generation: 7n });
  const { source } = open(t, fake);
  await hold(source, held);
  fake.rotateToken(appId, { generation: 6n });
  // The server answers with what it has, which is older.
  assert.deepEqual(await source.reportRejected('another'), held);
  assert.deepEqual(await source.get(), held);
  const next = fake.rotateToken(appId, { generation: 8n });
  await hold(source, next);
});

test('generation 0 is taken when what is held is no good', async (t) => {
  const fake = await startWithApp(t);
  const held = fake.rotateToken(appId, { generation: 7n });
  const { source } = open(t, fake);
  await hold(source, held);
  const own = fake.rotateToken(appId, { generation: 0n });
  assert.deepEqual(await source.reportRejected('another'), held);
  assert.deepEqual(await source.get(), held);
  assert.deepEqual(await source.reportRejected(held.accessToken), own);
  assert.deepEqual(await source.get(), own);
  const next = fake.rotateToken(appId, { generation: 8n });
  await hold(source, next);
});

test('a late message does not bring back the refused token', async (t) => {
  const expireTime = new Date(Date.now() + 7_200_000);
  const kind = 'ACCESS_TOKEN_KIND_APP' as const;
  const refused = { accessToken: 'refused', expireTime, generation: 7n, kind };
  const own = { accessToken: 'own', expireTime, generation: 0n, kind };
  const next = { accessToken: 'next', expireTime, generation: 8n, kind };
  const steps = [refused, refused, next].map((token) => {
    let go = () => {};
    const reached = new Promise<void>((resolve) => (go = resolve));
    return { token, reached, go };
  });
  let taken = 0;
  const client = {
    getAccessToken: async () => own,
    async *watchAccessToken() {
      for (const { token, reached } of steps) {
        await reached;
        yield token;
        taken += 1;
      }
    },
  };
  const source = new AccessTokenSource(client, appId);
  t.after(() => source.close());
  const step = async (index: number) => {
    steps[index]?.go();
    await until(() => taken === index + 1);
  };
  await step(0);
  assert.deepEqual(await source.get(), refused);
  assert.deepEqual(await source.reportRejected('refused'), own);
  await step(1);
  assert.deepEqual(await source.get(), own);
  await step(2);
  assert.deepEqual(await source.get(), next);
});

test('generation 0 is taken when what is held is about to expire', async (t) => {
  const fake = await startWithApp(t);
  const held = fake.rotateToken(appId, { generation: 7n, lifeMs: 59_000 });
  const { source } = open(t, fake);
  await hold(source, held);
  await hold(source, fake.rotateToken(appId, { generation: 0n }));
});

test('a closed source', async (t) => {
  const fake = await startWithApp(t);
  fake.hangNext('WatchAccessToken');
  const { source } = open(t, fake);
  const waiting = failureOf(source.get());
  source.close();
  source.close();
  for (const error of [
    await waiting,
    await failureOf(source.get()),
    await failureOf(source.reportRejected('x')),
  ]) {
    assert.equal(error.codeName, 'CANCELLED');
    assert.match(error.message, /^AccessTokenSource: it is closed/);
  }
});

test('a client that closes takes its sources along', async (t) => {
  const fake = await startWithApp(t);
  const client = fake.client();
  const source = client.accessTokenSource(appId);
  await source.get();
  client.close();
  assert.equal((await failureOf(source.get())).codeName, 'CANCELLED');
});
