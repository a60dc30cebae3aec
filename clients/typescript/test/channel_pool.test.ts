import {
  Server,
  ServerCredentials,
  type Client as GrpcClient,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { ChannelPool, fullChannel, maxChannels } from '../src/channel_pool.js';
import {
  GetUserResponse,
  IdentityServiceService,
} from '../src/gen/wxident/v1/identity_service.js';
import { Client } from '../src/index.js';

// More than a connection takes.
const many = 300;

/**
 * A server that takes 100 streams on a connection, fewer than wxident and as many
 * as proxies often do, and answers no call before it is told to.
 */
class HoldingServer {
  readonly connections = new Set<string>();
  readonly #server = new Server({ 'grpc.max_concurrent_streams': 100 });
  #answers: (() => void)[] = [];
  #arrived = () => {};

  static async start(t: TestContext): Promise<[HoldingServer, string]> {
    const holding = new HoldingServer();
    const server = holding.#server;
    server.addService(IdentityServiceService, {
      getUser: (
        call: ServerUnaryCall<unknown, GetUserResponse>,
        done: sendUnaryData<GetUserResponse>,
      ) =>
        holding.#hold(call, () =>
          done(null, GetUserResponse.fromPartial({ user: { userId: 'u' } })),
        ),
      watchAccessToken: (call: ServerWritableStream<unknown, unknown>) =>
        holding.#hold(call, () => call.end()),
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(
        '127.0.0.1:0',
        ServerCredentials.createInsecure(),
        (error, bound) => (error ? reject(error) : resolve(bound)),
      ),
    );
    t.after(() => server.forceShutdown());
    return [holding, `127.0.0.1:${port}`];
  }

  #hold(call: { getPeer(): string }, answer: () => void): void {
    this.connections.add(call.getPeer());
    this.#answers.push(answer);
    this.#arrived();
  }

  /** Waits until so many calls are there. */
  async holds(count: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(`only ${this.#answers.length} of ${count} calls came`),
          ),
        60_000,
      );
      this.#arrived = () => {
        if (this.#answers.length < count) return;
        clearTimeout(timer);
        resolve();
      };
      this.#arrived();
    });
  }

  /** Answers all calls that are there. */
  answerAll(): void {
    for (const answer of this.#answers) answer();
    this.#answers = [];
  }
}

function open(t: TestContext, address: string): Client {
  const client = new Client(address, { insecure: true, timeoutMs: 90_000 });
  t.after(() => client.close());
  return client;
}

// No call waits for another one to end; and connections are used again.
test('more unary calls at once than a connection takes', async (t) => {
  const [server, address] = await HoldingServer.start(t);
  const client = open(t, address);
  for (let round = 0; round < 3; round++) {
    const calls = Array.from({ length: many }, () =>
      client.getUser({ userId: 'u' }),
    );
    await server.holds(many);
    server.answerAll();
    await Promise.all(calls);
  }
  assert.equal(server.connections.size, 4);
});

test('more streams at once than a connection takes', async (t) => {
  const [server, address] = await HoldingServer.start(t);
  const client = open(t, address);
  for (let round = 0; round < 3; round++) {
    // Half of them is left, the others end.
    const leave = Array.from({ length: many / 2 }, () => new AbortController());
    const streams = Array.from({ length: many }, async (_, i) => {
      const options = { signal: leave[i]?.signal };
      for await (const _ of client.watchAccessToken({ appId: 'a' }, options)) {
        assert.fail('nothing was sent');
      }
    });
    await server.holds(many);
    for (const each of leave) each.abort();
    const ends = Promise.allSettled(streams);
    server.answerAll();
    for (const [i, end] of (await ends).entries()) {
      assert.equal(end.status, i < many / 2 ? 'rejected' : 'fulfilled');
    }
  }
  assert.equal(server.connections.size, 4);
});

test('a client that closes lets unary calls on each connection end', async (t) => {
  const [server, address] = await HoldingServer.start(t);
  const client = open(t, address);
  const calls = Array.from({ length: many }, () =>
    client.getUser({ userId: 'u' }),
  );
  await server.holds(many);
  client.close();
  server.answerAll();
  await Promise.all(calls);
});

test('one channel is filled after the other', () => {
  const made: { closed: number; close(): void }[] = [];
  const pool = new ChannelPool(() => {
    const channel = { closed: 0, close: () => void channel.closed++ };
    made.push(channel);
    return channel as unknown as GrpcClient;
  });
  const used = Array.from({ length: fullChannel * maxChannels }, () => {
    const channel = pool.pick();
    channel.begin();
    return channel;
  });
  used.forEach((channel, i) =>
    assert.equal(channel.grpc, made[Math.floor(i / fullChannel)]),
  );
  // All are full: calls are spread, and there are no more channels.
  for (let i = 0; i < maxChannels; i++) {
    const channel = pool.pick();
    channel.begin();
    used.push(channel);
    assert.equal(channel.grpc, made[i]);
  }
  assert.equal(made.length, maxChannels);
  pool.close();
  assert.ok(made.every(({ closed }) => closed === 0));
  for (const channel of used) channel.end();
  assert.ok(made.every(({ closed }) => closed === 1));
  assert.equal(pool.pick().grpc, made[0]);
});
