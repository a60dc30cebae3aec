import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import test from 'node:test';
import { inspect } from 'node:util';
import * as wxident from '../src/index.js';
import { ErrorReason } from '../src/gen/wxident/v1/error_reason.js';
import { appId, deadAddress, failureOf, startFake } from './support.js';

const reasons = Object.keys(ErrorReason).filter(
  (name) => name !== 'UNSPECIFIED' && name !== 'UNRECOGNIZED',
) as wxident.ErrorReason[];

test('each reason of the .proto file has its class, and no other', () => {
  assert.deepEqual(
    Object.keys(wxident.errorClasses).sort(),
    [...reasons].sort(),
  );
  assert.ok(reasons.length >= 34);
});

for (const reason of reasons) {
  test(`${reason} arrives as its class`, async (t) => {
    const fake = await startFake(t);
    fake.addApp(appId);
    const sent = {
      message: 'do this next',
      errcode: '40029',
      retryAfterMs: 1500,
    };
    fake.failNext('GetAccessToken', reason, sent);
    const error = await failureOf(fake.client().getAccessToken({ appId }));
    const name = `${reason.toLowerCase().replace(/(^|_)(.)/g, (_, __, c: string) => c.toUpperCase())}Error`;
    const expected = wxident[
      name as keyof typeof wxident
    ] as typeof wxident.WxidentError;
    assert.equal(wxident.errorClasses[reason], expected);
    assert.ok(error instanceof expected);
    assert.ok(error instanceof wxident.WxidentError);
    assert.equal(error.name, name);
    assert.equal(error.reason, reason);
    assert.match(error.requestId ?? '', /^[0-9a-f]{16}$/);
    assert.equal(error.message, `do this next (request ${error.requestId})`);
    assert.equal(error.errcode, '40029');
    assert.equal(error.rid, undefined);
    assert.equal(error.retryAfterMs, 1500);
    assert.equal(status[error.code], error.codeName);
    assert.equal(fake.count('GetAccessToken'), 1);
  });
}

test("a stream's failure tells its request", async (t) => {
  const fake = await startFake(t);
  fake.failNext('WatchAccessToken', 'CALLER_NOT_ALLOWED');
  const watch = fake.client().watchAccessToken({ appId });
  const error = await failureOf(
    watch[Symbol.asyncIterator]().next() as Promise<unknown>,
  );
  assert.ok(error instanceof wxident.CallerNotAllowedError);
  assert.match(error.message, new RegExp(`request ${error.requestId}\\)$`));
  assert.match(error.requestId ?? '', /^[0-9a-f]{16}$/);
});

test('field violations', async (t) => {
  const fake = await startFake(t);
  const error = await failureOf(
    fake.client().getAccessToken({ appId: 'wxnobody' }),
  );
  assert.ok(error instanceof wxident.AppUnknownError);
  assert.equal(error.codeName, 'INVALID_ARGUMENT');
  assert.deepEqual(error.violations, [
    { field: 'app_id', description: 'is not configured' },
  ]);
});

test('a server that cannot be reached', async () => {
  const address = await deadAddress();
  const client = new wxident.Client(address, { insecure: true });
  const error = await failureOf(client.getUser({ userId: 'x' }));
  client.close();
  assert.equal(error.constructor, wxident.WxidentError);
  assert.equal(error.reason, '');
  assert.equal(error.requestId, undefined);
  assert.equal(error.codeName, 'UNAVAILABLE');
  assert.match(
    error.message,
    new RegExp(`^GetUser: wxident at ${address} cannot be reached`),
  );
});

test('a deadline that passes here', async (t) => {
  const fake = await startFake(t);
  fake.hangNext('GetUser');
  const error = await failureOf(
    fake.client().getUser({ userId: 'x' }, { timeoutMs: 50 }),
  );
  assert.equal(error.reason, '');
  assert.equal(error.codeName, 'DEADLINE_EXCEEDED');
  assert.match(error.message, /^GetUser: no answer within 50 ms; .*timeoutMs/);
});

test('a service that is not let in', async (t) => {
  const fake = await startFake(t);
  fake.failNext('GetUser', 'UNAUTHENTICATED', { message: 'no certificate' });
  const error = await failureOf(fake.client().getUser({ userId: 'x' }));
  assert.equal(error.codeName, 'UNAUTHENTICATED');
  assert.match(
    error.message,
    /does not let this service in \(no certificate\)/,
  );
});

test('an error shows nothing of the request', async (t) => {
  const fake = await startFake(t);
  fake.addApp(appId);
  const secrets = ['s3cret-code', 's3cret-token'];
  const client = fake.client();
  const errors = [
    await failureOf(client.login({ appId, miniProgramCode: 's3cret-code' })),
    await failureOf(client.refreshSession({ sessionToken: 's3cret-token' })),
  ];
  for (const error of errors) {
    const text =
      inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
    for (const secret of secrets) assert.ok(!text.includes(secret));
  }
});
