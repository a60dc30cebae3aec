// An in-process wxident for callers' unit tests.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Client } from '../client.js';
import { IdentityServiceService } from '../gen/wxident/v1/identity_service.js';
import type { ClientOptions } from '../options.js';
import type { AccessToken } from '../types.js';
import type { Failure } from './failures.js';
import { openDataCalls } from './open_data.js';
import { sessionCalls } from './sessions.js';
import { tokenCalls } from './tokens.js';
import {
  Traffic,
  type FailOptions,
  type FakeCall,
  type RpcName,
} from './traffic.js';
import { FakeUser } from './user.js';
import { userCalls } from './users.js';
import { World, type RotateOptions } from './world.js';

/** How a `FakeServer` listens. */
export interface FakeOptions {
  /** To start again where another one was; else any free port. */
  port?: number;
  /** TLS of grpc-js; plain text when left out. */
  credentials?: ServerCredentials;
}

/**
 * A wxident in this process, on a free port of loopback, for callers' unit
 * tests. It speaks the real protocol and answers as the server does, with the
 * same reasons; what it holds is lost when it stops.
 */
export class FakeServer {
  /** Where it listens: "127.0.0.1:" and the port. */
  readonly address: string;
  /** Each call that came in, oldest first. */
  readonly calls: FakeCall[];

  readonly #server: Server;
  readonly #clients: Client[] = [];
  readonly #world = new World();
  readonly #traffic = new Traffic();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
    this.calls = this.#traffic.calls;
  }

  /** Starts one. */
  static async start(options: FakeOptions = {}): Promise<FakeServer> {
    const { port = 0, credentials = ServerCredentials.createInsecure() } =
      options;
    const server = new Server();
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, free) =>
        error ? reject(error) : resolve(free),
      );
    });
    const fake = new FakeServer(server, bound);
    const parts = [fake.#world, fake.#traffic] as const;
    server.addService(IdentityServiceService, {
      ...sessionCalls(...parts),
      ...openDataCalls(...parts),
      ...userCalls(...parts),
      ...tokenCalls(...parts),
    });
    return fake;
  }

  /** A client of this server; `stop` closes it. */
  client(options: ClientOptions = {}): Client {
    const client = new Client(this.address, { insecure: true, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Configures an app. */
  addApp(appId: string): void {
    this.#world.addApp(appId);
  }

  /**
   * Makes a person known in an app. One name is one person: added to a second
   * app it has one user_id and one unionid in both.
   */
  addUser(appId: string, name: string): FakeUser {
    this.#world.addPerson(appId, name);
    return new FakeUser(this.#world, appId, name);
  }

  /** A fresh code of wx.login for a person who was added. */
  loginCode(appId: string, name: string): string {
    return this.#world.newCode(appId, name, 'miniProgramCode');
  }

  /** Ends one session, and tells how many there were. */
  revokeSession(sessionToken: string): number {
    return this.#world.revokeSession(sessionToken);
  }

  /** Gives the app a new access_token, and tells all who watch. */
  rotateToken(appId: string, options: RotateOptions = {}): AccessToken {
    return this.#world.rotateToken(appId, options);
  }

  /** Ends all WatchAccessToken streams with OK, as a server that stops does. */
  endStreams(): void {
    this.#world.endStreams();
  }

  /**
   * Fails the next call of an RPC with a reason, or with the bare status code
   * UNAVAILABLE, UNAUTHENTICATED or PERMISSION_DENIED.
   */
  failNext(
    rpc: RpcName,
    reason: Failure['reason'],
    options: FailOptions = {},
  ): void {
    this.#traffic.failNext(rpc, reason, options);
  }

  /**
   * Leaves the next call of an RPC without an answer, until what it gives back
   * is called.
   */
  hangNext(rpc: RpcName): () => void {
    return this.#traffic.hangNext(rpc);
  }

  /** How many calls of an RPC came in. */
  count(rpc: RpcName): number {
    return this.calls.filter((call) => call.rpc === rpc).length;
  }

  /** Stops at once, and closes the clients that it made. */
  stop(): void {
    for (const client of this.#clients) client.close();
    this.#server.forceShutdown();
  }
}
