// Does with this client what tests/conformance orders: one request a line on
// stdin, one answer a line on stdout.
import grpc from '@grpc/grpc-js';
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import readline from 'node:readline';
import {
  Client,
  ConfigError,
  sessionOf,
  version,
  WxidentError,
  type AccessTokenSource,
  type CallOptions,
  type ClientOptions,
  type Session,
  type SessionAuthenticator,
} from '../src/index.js';
import * as messages from '../src/gen/wxident/v1/identity_service.js';

type Json = Record<string, unknown>;
type Args = Record<string, string | undefined> & {
  request?: Json;
  env?: Record<string, string>;
  headers?: Record<string, string>;
  insecure?: boolean;
  strong?: boolean;
  deadline_ms?: number;
};

const traceparent = new AsyncLocalStorage<string | undefined>();
const traceContext = () => {
  const text = traceparent.getStore();
  return text === undefined ? undefined : { traceparent: text };
};

// Each method: a request out of JSON, the client's own call, its answer as JSON.
interface Codec<T> {
  fromJSON(json: unknown): T;
  toJSON(message: T): unknown;
}
type Call = (
  client: Client,
  request: Json,
  options: CallOptions,
) => Promise<unknown>;

function method<Req, Input, Result, Res>(
  request: Codec<Req>,
  response: Codec<Res>,
  call: (
    client: Client,
  ) => (input: Input, options: CallOptions) => Promise<Result>,
): Call {
  return async (client, json, options) => {
    // A scenario may ask for what the types forbid.
    const input = request.fromJSON(json) as unknown as Input;
    const result = await call(client).call(client, input, options);
    return response.toJSON(result as unknown as Res);
  };
}

const m = messages;
const methods: Record<string, Call> = {
  Login: method(m.LoginRequest, m.LoginResponse, (c) => c.login),
  ValidateSession: method(
    m.ValidateSessionRequest,
    m.ValidateSessionResponse,
    (c) => c.validateSession,
  ),
  RefreshSession: method(
    m.RefreshSessionRequest,
    m.RefreshSessionResponse,
    (c) => c.refreshSession,
  ),
  RevokeSession: method(
    m.RevokeSessionRequest,
    m.RevokeSessionResponse,
    (c) => c.revokeSession,
  ),
  CheckSessionKey: method(
    m.CheckSessionKeyRequest,
    m.CheckSessionKeyResponse,
    (c) => c.checkSessionKey,
  ),
  DecryptPhone: method(
    m.DecryptPhoneRequest,
    m.DecryptPhoneResponse,
    (c) => c.decryptPhone,
  ),
  DecryptUserData: method(
    m.DecryptUserDataRequest,
    m.DecryptUserDataResponse,
    (c) => c.decryptUserData,
  ),
  GetUserInfo: method(
    m.GetUserInfoRequest,
    m.GetUserInfoResponse,
    (c) => c.getUserInfo,
  ),
  GetAccessToken: method(
    m.GetAccessTokenRequest,
    m.GetAccessTokenResponse,
    (c) => c.getAccessToken,
  ),
  GetJsapiSignature: method(
    m.GetJsapiSignatureRequest,
    m.GetJsapiSignatureResponse,
    (c) => c.getJsapiSignature,
  ),
  GetAuthorizeUrl: method(
    m.GetAuthorizeUrlRequest,
    m.GetAuthorizeUrlResponse,
    (c) => c.getAuthorizeUrl,
  ),
  GetUser: method(m.GetUserRequest, m.GetUserResponse, (c) => c.getUser),
  BatchGetUsers: method(
    m.BatchGetUsersRequest,
    m.BatchGetUsersResponse,
    (c) => c.batchGetUsers,
  ),
};

// The names of JSON of protobuf, as the .proto files write them.
function toProtoJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toProtoJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const name = key.replace(
        /[A-Z]/g,
        (letter) => `_${letter.toLowerCase()}`,
      );
      return [name, toProtoJson(member)];
    }),
  );
}

// The generated code has Duration as an object; JSON of protobuf as "3600s".
function fromProtoJson(request: Json): Json {
  for (const name of ['session_ttl', 'sessionTtl']) {
    const text = request[name];
    if (typeof text !== 'string') continue;
    const parts = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text);
    if (!parts) throw new Error(`${name} is no duration: ${text}`);
    const [, sign = '', seconds = '', fraction = ''] = parts;
    const nanos = Number(sign + fraction.padEnd(9, '0'));
    request = { ...request, [name]: { seconds: sign + seconds, nanos } };
  }
  return request;
}

// An HTTP and a gRPC server behind one authenticator, each with a handler that
// says who called.
class Guarded {
  readonly #authenticator: SessionAuthenticator;
  #http: http.Server | undefined;
  #grpc: grpc.Server | undefined;
  #channel: grpc.Client | undefined;

  constructor(client: Client, strong: boolean) {
    this.#authenticator = client.authenticator({ strong });
  }

  async http(headers: Record<string, string>): Promise<Json> {
    if (!this.#http) {
      const middleware = this.#authenticator.http();
      const server = http.createServer((req, res) =>
        middleware(req, res, () =>
          res.end(JSON.stringify(identityOf(sessionOf(req)))),
        ),
      );
      await new Promise<void>((resolve) =>
        server.listen(0, '127.0.0.1', resolve),
      );
      this.#http = server;
    }
    const { port } = this.#http.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers });
    const text = await answer.text();
    return {
      status: answer.status,
      ...(answer.ok ? (JSON.parse(text) as Json) : {}),
    };
  }

  async grpc(headers: Record<string, string>): Promise<Json> {
    const whoAmI: grpc.MethodDefinition<Buffer, Buffer> = {
      path: '/conformance.Guarded/WhoAmI',
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes) => bytes,
      requestDeserialize: (bytes) => bytes,
      responseSerialize: (bytes) => bytes,
      responseDeserialize: (bytes) => bytes,
    };
    if (!this.#grpc || !this.#channel) {
      const server = new grpc.Server({
        interceptors: [this.#authenticator.grpc()],
      });
      const handler: grpc.handleUnaryCall<Buffer, Buffer> = (call, done) =>
        done(null, Buffer.from(JSON.stringify(identityOf(sessionOf(call)))));
      server.addService({ whoAmI }, { whoAmI: handler });
      const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync(
          '127.0.0.1:0',
          grpc.ServerCredentials.createInsecure(),
          (error, free) => (error ? reject(error) : resolve(free)),
        ),
      );
      this.#grpc = server;
      this.#channel = new grpc.Client(
        `127.0.0.1:${port}`,
        grpc.credentials.createInsecure(),
        {
          'grpc.enable_http_proxy': 0,
        },
      );
    }
    const channel = this.#channel;
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers))
      metadata.set(name, value);
    return new Promise((resolve) => {
      channel.makeUnaryRequest(
        whoAmI.path,
        whoAmI.requestSerialize,
        whoAmI.responseDeserialize,
        Buffer.alloc(0),
        metadata,
        (error, answer) =>
          error || !answer
            ? resolve({
                status: grpc.status[error?.code ?? grpc.status.INTERNAL],
              })
            : resolve({
                status: 'OK',
                ...(JSON.parse(answer.toString()) as Json),
              }),
      );
    });
  }

  stop(): void {
    this.#http?.close();
    this.#http?.closeAllConnections();
    this.#channel?.close();
    this.#grpc?.forceShutdown();
  }
}

function identityOf(session: Session | undefined): Json {
  return { user_id: session?.user.userId, openid: session?.identity.openid };
}

const clients = new Map<string, Client>();
const sources = new Map<string, AccessTokenSource>();
const guards = new Map<string, Guarded>();

function named<T>(
  map: Map<string, T>,
  name: string | undefined,
  what: string,
): T {
  const found = map.get(name ?? '');
  if (!found) throw new Error(`there is no ${what} ${name}`);
  return found;
}

function optionsOf({ deadline_ms: timeoutMs }: Args): CallOptions {
  return timeoutMs === undefined ? {} : { timeoutMs };
}

function keep(name: string | undefined, client: Client): Json {
  clients.get(name ?? '')?.close();
  clients.set(name ?? '', client);
  return {};
}

function closeClient(name: string): void {
  clients.get(name)?.close();
  clients.delete(name);
  for (const [key, guarded] of guards) {
    if (!key.startsWith(`${name} `)) continue;
    guarded.stop();
    guards.delete(key);
  }
}

const operations: Record<string, (args: Args) => unknown> = {
  hello: () => ({
    language: 'typescript',
    client_version: version,
    grpc_version: (
      createRequire(import.meta.url)('@grpc/grpc-js/package.json') as Json
    )['version'],
  }),
  open: (args) => {
    const options: ClientOptions = {
      caFile: args['ca_file'],
      certFile: args['cert_file'],
      keyFile: args['key_file'],
      serverName: args['server_name'],
      insecure: args.insecure,
      traceContext,
    };
    return keep(args['name'], new Client(args['address'] ?? '', options));
  },
  open_env: (args) => {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith('WXIDENT_') && name !== 'WXIDENT_TOOLS_DIR')
        delete process.env[name];
    }
    Object.assign(process.env, args.env);
    return keep(args['name'], Client.fromEnv({ traceContext }));
  },
  close: (args) => {
    named(clients, args['name'], 'client');
    closeClient(args['name'] ?? '');
    return {};
  },
  call: async (args) => {
    const client = named(clients, args['client'], 'client');
    const call = methods[args['method'] ?? ''];
    if (!call) throw new Error(`there is no method ${args['method']}`);
    const response = await traceparent.run(args['traceparent'], () =>
      call(client, fromProtoJson(args.request ?? {}), optionsOf(args)),
    );
    return { response: toProtoJson(response) };
  },
  token_source: (args) => {
    const client = named(clients, args['client'], 'client');
    sources.set(
      args['name'] ?? '',
      client.accessTokenSource(args['app_id'] ?? ''),
    );
    return {};
  },
  token_get: async (args) => {
    const { accessToken, generation } = await named(
      sources,
      args['source'],
      'source',
    ).get(optionsOf(args));
    return { access_token: accessToken, generation: String(generation) };
  },
  token_reject: async (args) => {
    const source = named(sources, args['source'], 'source');
    const { accessToken, generation } = await source.reportRejected(
      args['access_token'] ?? '',
      optionsOf(args),
    );
    return { access_token: accessToken, generation: String(generation) };
  },
  token_close: (args) => {
    named(sources, args['source'] ?? args['name'], 'source').close();
    sources.delete(args['source'] ?? args['name'] ?? '');
    return {};
  },
  authenticate: async (args) => {
    const client = named(clients, args['client'], 'client');
    const key = `${args['client']} ${args.strong === true}`;
    let guarded = guards.get(key);
    if (!guarded) {
      guarded = new Guarded(client, args.strong === true);
      guards.set(key, guarded);
    }
    const headers = args.headers ?? {};
    return args['kind'] === 'grpc'
      ? guarded.grpc(headers)
      : guarded.http(headers);
  },
};

function errorOf(error: unknown): Json {
  if (error instanceof WxidentError) {
    const {
      reason,
      codeName,
      errcode,
      retryAfterMs,
      violations,
      requestId,
      message,
      name,
    } = error;
    return {
      reason,
      code: codeName,
      ...(errcode === undefined ? {} : { errcode }),
      ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
      ...(violations.length
        ? { violations: violations.map(({ field }) => field) }
        : {}),
      ...(requestId === undefined ? {} : { request_id: requestId }),
      message,
      kind: name,
    };
  }
  const { name, message } = error as Error;
  const code = error instanceof ConfigError ? 'INVALID_ARGUMENT' : 'UNKNOWN';
  return { reason: '', code, message, kind: name };
}

function answer(line: Json): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function finish(): void {
  for (const source of sources.values()) source.close();
  for (const name of [...clients.keys()]) closeClient(name);
}

const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  void (async () => {
    const {
      id,
      op,
      args = {},
    } = JSON.parse(line) as { id: number; op: string; args?: Args };
    if (op === 'exit') {
      finish();
      process.stdout.write(`${JSON.stringify({ id, ok: {} })}\n`, () =>
        process.exit(0),
      );
      return;
    }
    try {
      const operation = operations[op];
      if (!operation) throw new Error(`there is no operation ${op}`);
      answer({ id, ok: await operation(args) });
    } catch (error) {
      answer({ id, error: errorOf(error) });
    }
  })();
});
lines.on('close', finish);
