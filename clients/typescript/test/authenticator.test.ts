import assert from 'node:assert/strict';
import express from 'express';
import grpc from '@grpc/grpc-js';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { SessionAuthenticator } from '../src/authenticator.js';
import type { FakeServer, FakeUser } from '../src/fake/index.js';
import {
  sessionOf,
  StoreUnavailableError,
  type AuthenticatorOptions,
} from '../src/index.js';
import { appId, failureOf, startFake, until } from './support.js';

async function start(
  t: TestContext,
  options: AuthenticatorOptions = {},
): Promise<{
  fake: FakeServer;
  alice: FakeUser;
  authenticator: SessionAuthenticator;
  clock: { ms: number };
}> {
  const fake = await startFake(t);
  const alice = fake.addUser(appId, 'alice');
  const clock = { ms: Date.now() };
  const authenticator = new SessionAuthenticator(
    fake.client(),
    options,
    () => clock.ms,
  );
  return { fake, alice, authenticator, clock };
}

async function listen(
  t: TestContext,
  handler: http.RequestListener,
): Promise<string> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('an answer is kept for a second', async (t) => {
  const { fake, alice, authenticator, clock } = await start(t);
  const token = alice.session();
  assert.equal(
    (await authenticator.authenticate(token))?.user.userId,
    alice.userId,
  );
  fake.revokeSession(token);
  clock.ms += 999;
  assert.equal(
    (await authenticator.authenticate(token))?.user.userId,
    alice.userId,
  );
  assert.equal(fake.count('ValidateSession'), 1);
  clock.ms += 1;
  assert.equal(await authenticator.authenticate(token), undefined);
  assert.equal(fake.count('ValidateSession'), 2);
});

test('"not active" is not kept', async (t) => {
  const { fake, authenticator } = await start(t);
  assert.equal(await authenticator.authenticate('wxs1_x'), undefined);
  assert.equal(await authenticator.authenticate('wxs1_x'), undefined);
  assert.equal(fake.count('ValidateSession'), 2);
});

test('an answer is not kept beyond the end of the session', async (t) => {
  const { fake, alice, authenticator, clock } = await start(t);
  const { sessionToken, expireTime } = await fake.client().login({
    appId,
    miniProgramCode: alice.loginCode(),
    sessionTtl: { seconds: 100 },
  });
  clock.ms = expireTime.getTime() - 10;
  await authenticator.authenticate(sessionToken);
  clock.ms += 10;
  await authenticator.authenticate(sessionToken);
  assert.equal(fake.count('ValidateSession'), 2);
});

test('one call at a time for each token', async (t) => {
  const { fake, alice, authenticator } = await start(t);
  const release = fake.hangNext('ValidateSession');
  const token = alice.session();
  const all = Promise.all(
    [1, 2, 3].map(() => authenticator.authenticate(token)),
  );
  await until(() => fake.count('ValidateSession') === 1);
  release();
  assert.deepEqual(
    new Set((await all).map((session) => session?.user.userId)),
    new Set([alice.userId]),
  );
  assert.equal(fake.count('ValidateSession'), 1);
});

test('strong asks each time', async (t) => {
  const { fake, alice, authenticator } = await start(t, { strong: true });
  const token = alice.session();
  assert.ok(await authenticator.authenticate(token));
  fake.revokeSession(token);
  assert.equal(await authenticator.authenticate(token), undefined);
  const flags = fake.calls.map(
    ({ request }) => (request as { strong: boolean }).strong,
  );
  assert.deepEqual(flags, [true, true]);
});

test('at most 10,000 answers are kept', async (t) => {
  const { alice } = await start(t);
  const expireTime = new Date(Date.now() + 1e6);
  const user = {
    userId: alice.userId,
    createTime: undefined,
    phoneLinked: false,
  };
  const identity = { appId, openid: alice.openid, unionid: '' };
  let asked = 0;
  const client = {
    validateSession: async () => {
      asked += 1;
      return {
        active: true as const,
        session: { user, identity, createTime: expireTime, expireTime },
      };
    },
  };
  const authenticator = new SessionAuthenticator(client, {}, () => 0);
  for (let i = 0; i <= 10_000; i++)
    await authenticator.authenticate(`token${i}`);
  assert.equal(asked, 10_001);
  await authenticator.authenticate('token10000');
  await authenticator.authenticate('token1');
  assert.equal(asked, 10_001);
  await authenticator.authenticate('token0');
  assert.equal(asked, 10_002);
});

test('what cannot be a token is not asked about', async (t) => {
  const { fake, authenticator } = await start(t);
  assert.equal(await authenticator.authenticate(''), undefined);
  assert.equal(await authenticator.authenticate('x'.repeat(513)), undefined);
  assert.equal(fake.count('ValidateSession'), 0);
});

test('who cannot ask does not say no', async (t) => {
  const { fake, alice, authenticator } = await start(t);
  fake.failNext('ValidateSession', 'STORE_UNAVAILABLE');
  const token = alice.session();
  const error = await failureOf(authenticator.authenticate(token));
  assert.ok(error instanceof StoreUnavailableError);
  assert.ok(await authenticator.authenticate(token));
});

test('http: in, out, and not known', async (t) => {
  const { fake, alice, authenticator } = await start(t);
  const middleware = authenticator.http();
  const url = await listen(t, (req, res) =>
    middleware(req, res, () => res.end(sessionOf(req)?.user.userId)),
  );
  const token = alice.session();
  const ask = (authorization?: string) =>
    fetch(url, {
      headers: authorization === undefined ? {} : { authorization },
    });

  const good = await ask(`Bearer ${token}`);
  assert.equal(good.status, 200);
  assert.equal(await good.text(), alice.userId);
  assert.equal((await ask(`bearer  ${token}`)).status, 200);

  const without = await ask();
  assert.equal(without.status, 401);
  assert.equal(without.headers.get('www-authenticate'), 'Bearer');
  const unknown = await ask('Bearer wxs1_unknown');
  assert.equal(unknown.status, 401);
  assert.equal(
    unknown.headers.get('www-authenticate'),
    'Bearer error="invalid_token"',
  );
  for (const wrong of ['Basic YTpi', 'Bearer', token, `Bearer ${token} x`]) {
    assert.equal((await ask(wrong)).status, 401, wrong);
  }

  fake.failNext('ValidateSession', 'STORE_UNAVAILABLE', { retryAfterMs: 2400 });
  const other = await ask(`Bearer ${alice.session()}`);
  assert.equal(other.status, 503);
  assert.equal(other.headers.get('retry-after'), '3');
  fake.failNext('ValidateSession', 'INTERNAL_FAULT');
  const fault = await ask(`Bearer ${alice.session()}`);
  assert.equal(fault.status, 503);
  assert.equal(fault.headers.get('retry-after'), '1');
});

test('http: a cookie, where there is no header', async (t) => {
  const { alice, authenticator } = await start(t, { cookie: 'sid' });
  const middleware = authenticator.http();
  const url = await listen(t, (req, res) =>
    middleware(req, res, () => res.end('in')),
  );
  const status = async (headers: Record<string, string>) =>
    (await fetch(url, { headers })).status;
  const token = alice.session();
  assert.equal(await status({ cookie: `a=b; sid=${token}; xsid=c` }), 200);
  assert.equal(await status({ cookie: `sid="${token}"` }), 200);
  assert.equal(await status({ cookie: `xsid=${token}` }), 401);
  assert.equal(await status({ cookie: 'sid=' }), 401);
  assert.equal(
    await status({ cookie: `sid=${token}`, authorization: 'Bearer no' }),
    401,
  );
});

test('http: anonymous requests pass, wrong tokens do not', async (t) => {
  const { alice, authenticator } = await start(t, { anonymous: true });
  const middleware = authenticator.http();
  const url = await listen(t, (req, res) =>
    middleware(req, res, () =>
      res.end(sessionOf(req)?.user.userId ?? 'anonymous'),
    ),
  );
  const text = async (headers: Record<string, string>) =>
    (await fetch(url, { headers })).text();
  assert.equal(await text({}), 'anonymous');
  assert.equal(
    await text({ authorization: `Bearer ${alice.session()}` }),
    alice.userId,
  );
  const wrong = await fetch(url, { headers: { authorization: 'Bearer no' } });
  assert.equal(wrong.status, 401);
});

test('Express', async (t) => {
  const { alice, authenticator } = await start(t);
  const app = express();
  app.use(authenticator.http());
  app.get('/', (req, res) => {
    res.json({ userId: req.wxident?.user.userId });
  });
  const url = await listen(t, app);
  const headers = { authorization: `Bearer ${alice.session()}` };
  assert.deepEqual(await (await fetch(url, { headers })).json(), {
    userId: alice.userId,
  });
  assert.equal((await fetch(url)).status, 401);
});

const bytes = (buffer: Buffer) => buffer;
const method = {
  requestStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
} as const;
const definition = {
  whoAmI: { ...method, path: '/test.Service/WhoAmI', responseStream: false },
  whoAmIAgain: {
    ...method,
    path: '/test.Service/WhoAmIAgain',
    responseStream: true,
  },
} as const;

async function startGrpc(t: TestContext, authenticator: SessionAuthenticator) {
  const server = new grpc.Server({ interceptors: [authenticator.grpc()] });
  const name = (call: { metadata: grpc.Metadata }) =>
    Buffer.from(sessionOf(call)?.user.userId ?? 'anonymous');
  server.addService(definition, {
    whoAmI: (
      call: grpc.ServerUnaryCall<Buffer, Buffer>,
      done: grpc.sendUnaryData<Buffer>,
    ) => done(null, name(call)),
    whoAmIAgain: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      call.write(name(call));
      call.write(name(call));
      call.end();
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      '127.0.0.1:0',
      grpc.ServerCredentials.createInsecure(),
      (error, free) => (error ? reject(error) : resolve(free)),
    ),
  );
  const client = new grpc.Client(
    `127.0.0.1:${port}`,
    grpc.credentials.createInsecure(),
  );
  t.after(() => {
    client.close();
    server.forceShutdown();
  });
  const metadata = (authorization?: string) => {
    const all = new grpc.Metadata();
    if (authorization !== undefined) all.set('authorization', authorization);
    return all;
  };
  const unary = (authorization?: string) =>
    new Promise<string>((resolve) =>
      client.makeUnaryRequest(
        definition.whoAmI.path,
        bytes,
        bytes,
        Buffer.alloc(0),
        metadata(authorization),
        (error, answer) =>
          resolve(error ? (grpc.status[error.code] as string) : String(answer)),
      ),
    );
  const stream = async (authorization?: string) => {
    const answers: string[] = [];
    try {
      for await (const answer of client.makeServerStreamRequest(
        definition.whoAmIAgain.path,
        bytes,
        bytes,
        Buffer.alloc(0),
        metadata(authorization),
      ))
        answers.push(String(answer));
    } catch (error) {
      answers.push(grpc.status[(error as grpc.ServiceError).code] as string);
    }
    return answers;
  };
  return { unary, stream };
}

test('grpc: in, out, and not known', async (t) => {
  const { fake, alice, authenticator } = await start(t);
  const { unary, stream } = await startGrpc(t, authenticator);
  const good = `Bearer ${alice.session()}`;
  assert.equal(await unary(good), alice.userId);
  assert.deepEqual(await stream(good), [alice.userId, alice.userId]);
  for (const wrong of [undefined, 'Bearer no', 'Basic x']) {
    assert.equal(await unary(wrong), 'UNAUTHENTICATED');
    assert.deepEqual(await stream(wrong), ['UNAUTHENTICATED']);
  }
  fake.failNext('ValidateSession', 'STORE_UNAVAILABLE');
  assert.equal(await unary(`Bearer ${alice.session()}`), 'UNAVAILABLE');
});

test('grpc: anonymous calls pass, wrong tokens do not', async (t) => {
  const { alice, authenticator } = await start(t, { anonymous: true });
  const { unary } = await startGrpc(t, authenticator);
  assert.equal(await unary(), 'anonymous');
  assert.equal(await unary(`Bearer ${alice.session()}`), alice.userId);
  assert.equal(await unary('Bearer no'), 'UNAUTHENTICATED');
});
