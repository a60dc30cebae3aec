// An in-process wxident for callers' unit tests.
import {
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Client } from '../client.js';
import type { ErrorReason, FieldViolation } from '../errors.js';
import {
  IdentityServiceService,
  type FoundUser,
  type GetUserInfoResponse,
  type IdentityServiceServer,
  type WatchAccessTokenRequest,
  type WatchAccessTokenResponse,
} from '../gen/wxident/v1/identity_service.js';
import type { ClientOptions } from '../options.js';
import {
  AccessTokenKind,
  UserInfoSource,
  type AccessToken,
  type EncryptedData,
  type Identity,
  type IdentityRef,
  type User,
  type UserInfo,
} from '../types.js';
import {
  defaultMessage,
  defaultPushbackMs,
  statusOf,
  type Failure,
} from './failures.js';

export type { Failure };

/** The unary RPCs, and the stream, as the .proto files name them. */
export type RpcName =
  | 'Login'
  | 'ValidateSession'
  | 'RefreshSession'
  | 'RevokeSession'
  | 'CheckSessionKey'
  | 'DecryptPhone'
  | 'DecryptUserData'
  | 'GetUserInfo'
  | 'GetAccessToken'
  | 'WatchAccessToken'
  | 'GetJsapiSignature'
  | 'GetAuthorizeUrl'
  | 'GetUser'
  | 'BatchGetUsers';

/** How a `FakeServer` listens. */
export interface FakeOptions {
  /** To start again where another one was; else any free port. */
  port?: number;
  /** TLS of grpc-js; plain text when left out. */
  credentials?: ServerCredentials;
}

/** A call that came in. */
export interface FakeCall {
  rpc: RpcName;
  /** The request, members named as the client names them. */
  request: unknown;
  /** Its headers, such as `traceparent`. */
  metadata: Record<string, string>;
  /** How long the caller is ready to wait; undefined without a deadline. */
  timeoutMs: number | undefined;
}

/** How `failNext` fails a call. */
export interface FailOptions {
  /** How many calls in a row; 1 when left out. */
  times?: number;
  message?: string;
  /** WeChat's errcode. */
  errcode?: string;
  violations?: FieldViolation[];
  retryAfterMs?: number;
  /**
   * What the server tells a client that could try again: -1, never (so it is
   * when this is left out, and the caller sees the failure); else after so many
   * ms. null says nothing, and the client's own policy decides.
   */
  pushbackMs?: number | null;
}

/** How `rotateToken` makes the new token. */
export interface RotateOptions {
  /** How long it lives, in ms; 2 hours when left out. */
  lifeMs?: number;
  /** Its generation; the next one when left out. */
  generation?: bigint;
}

interface App {
  appId: string;
  token: AccessToken | undefined;
  watchers: Set<Watcher>;
}

type Watcher = ServerWritableStream<
  WatchAccessTokenRequest,
  WatchAccessTokenResponse
>;

interface Person {
  user: User;
  identities: Identity[];
  profiles: Map<string, UserInfo>;
  phone: string;
  loggedIn: boolean;
}

interface FakeSession {
  person: Person;
  identity: Identity;
  createTime: Date;
  expireTime: Date;
}

interface Code {
  appId: string;
  name: string;
  kind: 'miniProgramCode' | 'oauthCode' | 'phoneCode';
  used: boolean;
  // What it was exchanged for; the same code gives the same session.
  sessionToken?: string;
}

const sessionLifeMs = 7 * 24 * 3600 * 1000;
const tokenLifeMs = 2 * 3600 * 1000;

/** A person in the fake, who uses one app. */
export class FakeUser {
  readonly #fake: FakeServer;
  /** The app. */
  readonly appId: string;
  /** What the person was called in `addUser`. */
  readonly name: string;

  /** `FakeServer.addUser` makes them. */
  constructor(fake: FakeServer, appId: string, name: string) {
    this.#fake = fake;
    this.appId = appId;
    this.name = name;
  }

  /** The person's user_id. */
  get userId(): string {
    return this.#fake.personOf(this.name).user.userId;
  }

  /** The person's openid in the app. */
  get openid(): string {
    return this.#fake.identityOf(this.appId, this.name).openid;
  }

  /** A fresh code, as wx.login gives it. */
  loginCode(): string {
    return this.#fake.loginCode(this.appId, this.name);
  }

  /** A fresh code, as a page of WeChat hands it to redirectUri. */
  oauthCode(): string {
    return this.#fake.newCode(this.appId, this.name, 'oauthCode');
  }

  /** A fresh code, as a getPhoneNumber event gives it. */
  phoneCode(): string {
    return this.#fake.newCode(this.appId, this.name, 'phoneCode');
  }

  /** Open data as a mini program receives it; `decryptUserData` gives it back. */
  encrypt(data: object): EncryptedData {
    return this.#fake.seal(JSON.stringify(data));
  }

  /** The phone number as a getPhoneNumber event of old gives it. */
  encryptedPhone(): EncryptedData {
    return this.#fake.seal(
      JSON.stringify({ phone: this.#fake.personOf(this.name).phone }),
    );
  }

  /** What getUserInfo says of the person from now on. */
  setProfile(profile: Partial<UserInfo>): void {
    this.#fake
      .personOf(this.name)
      .profiles.set(this.appId, { ...emptyProfile(), ...profile });
  }

  /** Logs the person in without a call, and gives the session token. */
  session(): string {
    return this.#fake.newSession(this.appId, this.name);
  }

  /** Ends all sessions of the person. */
  revoke(): void {
    this.#fake.revokeUser(this.userId);
  }
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
  readonly calls: FakeCall[] = [];

  readonly #server: Server;
  readonly #clients: Client[] = [];
  readonly #apps = new Map<string, App>();
  readonly #people = new Map<string, Person>();
  readonly #sessions = new Map<string, FakeSession>();
  readonly #codes = new Map<string, Code>();
  readonly #sealed = new Map<string, string>();
  readonly #failures = new Map<RpcName, Failure[]>();
  readonly #hanging = new Map<RpcName, Promise<void>[]>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
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
    server.addService(IdentityServiceService, fake.#service());
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
    if (!this.#apps.has(appId)) {
      this.#apps.set(appId, { appId, token: undefined, watchers: new Set() });
    }
  }

  /**
   * Makes a person known in an app. One name is one person: added to a second
   * app it has one user_id and one unionid in both.
   */
  addUser(appId: string, name: string): FakeUser {
    this.addApp(appId);
    let person = this.#people.get(name);
    if (!person) {
      person = {
        user: {
          userId: randomUUID(),
          createTime: new Date(),
          phoneLinked: false,
        },
        identities: [],
        profiles: new Map(),
        phone: `138${String(this.#people.size).padStart(8, '0')}`,
        loggedIn: false,
      };
      this.#people.set(name, person);
    }
    if (!person.identities.some((identity) => identity.appId === appId)) {
      person.identities.push({
        appId,
        openid: `o${digest(`${appId} ${name}`)}`,
        unionid: `u${digest(name)}`,
      });
    }
    return new FakeUser(this, appId, name);
  }

  /** A fresh code of wx.login for a person who was added. */
  loginCode(appId: string, name: string): string {
    return this.newCode(appId, name, 'miniProgramCode');
  }

  /** Ends one session, and tells how many there were. */
  revokeSession(sessionToken: string): number {
    const session = this.#sessions.get(sessionToken);
    return this.#revoke((one) => one === session);
  }

  /** Gives the app a new access_token, and tells all who watch. */
  rotateToken(appId: string, options: RotateOptions = {}): AccessToken {
    const app = this.#appOf(appId);
    const token: AccessToken = {
      accessToken: `fake_${randomBytes(24).toString('base64url')}`,
      expireTime: new Date(Date.now() + (options.lifeMs ?? tokenLifeMs)),
      generation: options.generation ?? (app.token?.generation ?? 0n) + 1n,
      kind: AccessTokenKind.APP,
    };
    app.token = token;
    for (const watcher of app.watchers) watcher.write(token);
    return token;
  }

  /** Ends all WatchAccessToken streams with OK, as a server that stops does. */
  endStreams(): void {
    for (const app of this.#apps.values()) {
      for (const watcher of app.watchers) watcher.end();
      app.watchers.clear();
    }
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
    const { times = 1, ...rest } = options;
    const queue = this.#failures.get(rpc) ?? [];
    for (let i = 0; i < times; i++) queue.push({ reason, ...rest });
    this.#failures.set(rpc, queue);
  }

  /**
   * Leaves the next call of an RPC without an answer, until what it gives back
   * is called.
   */
  hangNext(rpc: RpcName): () => void {
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#hanging.set(rpc, [...(this.#hanging.get(rpc) ?? []), released]);
    return release;
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

  /** @internal */
  personOf(name: string): Person {
    const person = this.#people.get(name);
    if (!person)
      throw new Error(`FakeServer: nobody is called ${name}; addUser first`);
    return person;
  }

  /** @internal */
  identityOf(appId: string, name: string): Identity {
    const found = this.personOf(name).identities.find(
      (one) => one.appId === appId,
    );
    if (!found)
      throw new Error(
        `FakeServer: ${name} does not use ${appId}; addUser first`,
      );
    return found;
  }

  /** @internal */
  newCode(appId: string, name: string, kind: Code['kind']): string {
    this.identityOf(appId, name);
    const code = randomBytes(24).toString('base64url');
    this.#codes.set(code, { appId, name, kind, used: false });
    return code;
  }

  /** @internal */
  newSession(appId: string, name: string, lifeMs = sessionLifeMs): string {
    const token = newSessionToken();
    const createTime = new Date();
    this.#sessions.set(token, {
      person: this.personOf(name),
      identity: this.identityOf(appId, name),
      createTime,
      expireTime: new Date(createTime.getTime() + lifeMs),
    });
    return token;
  }

  /** @internal */
  seal(text: string): EncryptedData {
    const sealed = {
      encryptedData: randomBytes(48).toString('base64'),
      iv: randomBytes(16).toString('base64'),
    };
    this.#sealed.set(`${sealed.encryptedData} ${sealed.iv}`, text);
    return sealed;
  }

  /** @internal */
  revokeUser(userId: string): number {
    return this.#revoke((session) => session.person.user.userId === userId);
  }

  // A session may have several tokens.
  #revoke(ends: (session: FakeSession) => boolean): number {
    const ended = new Set<FakeSession>();
    for (const [token, session] of this.#sessions) {
      if (!ends(session)) continue;
      this.#sessions.delete(token);
      ended.add(session);
    }
    return ended.size;
  }

  #appOf(appId: string): App {
    const app = this.#apps.get(appId);
    if (!app)
      throw new Error(`FakeServer: there is no app ${appId}; addApp first`);
    return app;
  }

  #service(): IdentityServiceServer {
    return {
      login: this.#unary('Login', (request) => {
        const { appId, miniProgramCode, oauthCode, sessionTtl } = request;
        this.#known(appId);
        const code = miniProgramCode ?? oauthCode;
        required(code, 'credential');
        const kind =
          miniProgramCode === undefined ? 'oauthCode' : 'miniProgramCode';
        const entry = this.#codes.get(code);
        if (!entry || entry.appId !== appId || entry.kind !== kind) {
          throw fail('LOGIN_CODE_INVALID', { errcode: '40029' });
        }
        const person = this.personOf(entry.name);
        const newUser = !person.loggedIn;
        person.loggedIn = true;
        const lifeMs = sessionTtl
          ? Number(sessionTtl.seconds) * 1000 + sessionTtl.nanos / 1e6
          : undefined;
        entry.sessionToken ??= this.newSession(appId, entry.name, lifeMs);
        const session = this.#sessions.get(entry.sessionToken);
        if (!session) throw fail('LOGIN_CODE_CONSUMED');
        return {
          sessionToken: entry.sessionToken,
          expireTime: session.expireTime,
          user: person.user,
          identity: session.identity,
          newUser,
        };
      }),
      validateSession: this.#unary('ValidateSession', ({ sessionToken }) => {
        required(sessionToken, 'session_token');
        const session = this.#active(sessionToken);
        if (!session) return { active: false, session: undefined };
        const { person, identity, createTime, expireTime } = session;
        return {
          active: true,
          session: { user: person.user, identity, createTime, expireTime },
        };
      }),
      refreshSession: this.#unary('RefreshSession', ({ sessionToken }) => {
        // The old token goes on working, as it does for a while on the server.
        const session = this.#mustBeActive(sessionToken);
        session.expireTime = new Date(Date.now() + sessionLifeMs);
        const next = newSessionToken();
        this.#sessions.set(next, session);
        return { sessionToken: next, expireTime: session.expireTime };
      }),
      revokeSession: this.#unary(
        'RevokeSession',
        ({ sessionToken, userId }) => {
          required(sessionToken ?? userId, 'target');
          if (sessionToken === undefined)
            return { revokedCount: this.revokeUser(userId ?? '') };
          return { revokedCount: this.revokeSession(sessionToken) };
        },
      ),
      checkSessionKey: this.#unary('CheckSessionKey', ({ sessionToken }) => {
        this.#mustBeActive(sessionToken);
        return { valid: true };
      }),
      decryptPhone: this.#unary(
        'DecryptPhone',
        ({ sessionToken, encrypted, phoneCode }) => {
          const { person, identity } = this.#mustBeActive(sessionToken);
          required(phoneCode ?? encrypted?.encryptedData, 'source');
          let phone: string;
          if (encrypted) {
            phone =
              (JSON.parse(this.#opened(encrypted)) as { phone?: string })
                .phone ?? '';
            if (!phone) throw fail('DECRYPT_REJECTED');
          } else {
            const entry = this.#codes.get(phoneCode ?? '');
            if (entry?.kind !== 'phoneCode' || entry.appId !== identity.appId) {
              throw fail('LOGIN_CODE_INVALID', { errcode: '40029' });
            }
            if (entry.used)
              throw fail('LOGIN_CODE_CONSUMED', { errcode: '40163' });
            entry.used = true;
            phone = this.personOf(entry.name).phone;
          }
          person.user.phoneLinked = true;
          return {
            phone: {
              phoneNumber: phone,
              purePhoneNumber: phone,
              countryCode: '86',
            },
            watermarkTime: new Date(),
          };
        },
      ),
      decryptUserData: this.#unary(
        'DecryptUserData',
        ({ sessionToken, encryptedData, iv }) => {
          this.#mustBeActive(sessionToken);
          required(encryptedData, 'encrypted_data');
          required(iv, 'iv');
          return {
            json: this.#opened({ encryptedData, iv }),
            watermarkTime: new Date(),
          };
        },
      ),
      getUserInfo: this.#unary(
        'GetUserInfo',
        (request): GetUserInfoResponse => {
          const {
            sessionToken,
            identityRef,
            encryptedProfile,
            stored,
            oauth,
            follower,
          } = request;
          required(sessionToken ?? identityRef?.openid, 'subject');
          let source: UserInfoSource = UserInfoSource.ENCRYPTED_PROFILE;
          if (oauth) source = UserInfoSource.OAUTH;
          if (follower) source = UserInfoSource.FOLLOWER;
          required(encryptedProfile ?? stored ?? oauth ?? follower, 'source');
          const { person, identity } = identityRef
            ? this.#mustExist(identityRef)
            : this.#mustBeActive(sessionToken ?? '');
          if (encryptedProfile) this.#opened(encryptedProfile);
          const profile = person.profiles.get(identity.appId);
          if (!profile && stored) throw fail('PROFILE_NOT_FOUND');
          return {
            userInfo: profile ?? emptyProfile(),
            identity,
            user: person.user,
            source,
            fetchTime: new Date(),
          };
        },
      ),
      getAccessToken: this.#unary('GetAccessToken', (request) => {
        const { appId, rejectedAccessToken, web } = request;
        const app = this.#known(appId);
        if (web) {
          const { identity } = this.#mustExist(
            web.identityRef ?? { appId, openid: '' },
          );
          return {
            accessToken: `fake_web_${identity.openid}`,
            expireTime: new Date(Date.now() + tokenLifeMs),
            generation: 0n,
            kind: AccessTokenKind.WEB,
          };
        }
        const current = app.token;
        return current && current.accessToken !== rejectedAccessToken
          ? current
          : this.rotateToken(appId);
      }),
      watchAccessToken: (call) => this.#watch(call),
      getJsapiSignature: this.#unary('GetJsapiSignature', ({ appId, url }) => {
        this.#known(appId);
        required(url, 'url');
        const nonce = randomBytes(8).toString('hex');
        const timestamp = BigInt(Math.floor(Date.now() / 1000));
        const text =
          `jsapi_ticket=fake_ticket_${appId}&noncestr=${nonce}&timestamp=${timestamp}` +
          `&url=${url.split('#')[0]}`;
        const signature = createHash('sha1').update(text).digest('hex');
        return { appId, nonce, timestamp, signature };
      }),
      getAuthorizeUrl: this.#unary('GetAuthorizeUrl', (request) => {
        const { appId, redirectUri, scope, state } = request;
        this.#known(appId);
        required(redirectUri, 'redirect_uri');
        required(scope, 'scope');
        required(state, 'state');
        const page =
          scope === 'snsapi_login' ? 'qrconnect' : 'oauth2/authorize';
        return {
          url:
            `https://open.weixin.qq.com/connect/${page}?appid=${appId}` +
            `&redirect_uri=${encodeURIComponent(redirectUri)}&response_type=code` +
            `&scope=${scope}&state=${state}#wechat_redirect`,
        };
      }),
      getUser: this.#unary('GetUser', ({ userId, identityRef, unionRef }) => {
        required(userId ?? identityRef?.openid ?? unionRef?.unionid, 'subject');
        const person = this.#find(
          (one) => one.user.userId === userId,
          (identity) =>
            identityRef
              ? same(identity, identityRef)
              : identity.unionid === unionRef?.unionid,
        );
        if (!person) throw fail('USER_NOT_FOUND');
        return { user: person.user, identities: person.identities };
      }),
      batchGetUsers: this.#unary(
        'BatchGetUsers',
        ({ identityRefs, userIds }) => {
          const answer = (person: Person | undefined): FoundUser =>
            person
              ? {
                  found: true,
                  user: person.user,
                  identities: person.identities,
                }
              : { found: false, user: undefined, identities: [] };
          return {
            users: [
              ...identityRefs.map((ref) =>
                answer(this.#find(never, (one) => same(one, ref))),
              ),
              ...userIds.map((id) =>
                answer(this.#find((one) => one.user.userId === id, never)),
              ),
            ],
          };
        },
      ),
    };
  }

  // The handler of one RPC: counts the call, fails or hangs it if that was
  // ordered, and turns what it throws into a status.
  #unary<Req, Res>(
    rpc: RpcName,
    work: (request: Req) => Res,
  ): handleUnaryCall<Req, Res> {
    return async (call: ServerUnaryCall<Req, Res>, done) => {
      this.#note(rpc, call);
      await this.#hanging.get(rpc)?.shift();
      if (call.cancelled) return;
      try {
        const ordered = this.#failures.get(rpc)?.shift();
        if (ordered)
          throw new Refusal({ pushbackMs: defaultPushbackMs, ...ordered });
        done(null, work(call.request));
      } catch (error) {
        done(
          statusOf(error instanceof Refusal ? error.failure : internalFault),
        );
      }
    };
  }

  async #watch(call: Watcher): Promise<void> {
    const rpc = 'WatchAccessToken';
    this.#note(rpc, call);
    await this.#hanging.get(rpc)?.shift();
    if (call.cancelled) return;
    try {
      const ordered = this.#failures.get(rpc)?.shift();
      if (ordered) throw new Refusal(ordered);
      const app = this.#known(call.request.appId);
      call.write(app.token ?? this.rotateToken(app.appId));
      app.watchers.add(call);
      call.on('cancelled', () => app.watchers.delete(call));
    } catch (error) {
      const failure = error instanceof Refusal ? error.failure : internalFault;
      call.emit('error', statusOf(failure));
    }
  }

  #note(
    rpc: RpcName,
    call: Pick<Watcher, 'metadata' | 'getDeadline'> & { request: unknown },
  ): void {
    const metadata: Record<string, string> = {};
    for (const [name, value] of Object.entries(call.metadata.getMap())) {
      metadata[name] = String(value);
    }
    const left = Number(call.getDeadline()) - Date.now();
    const timeoutMs = Number.isFinite(left) ? left : undefined;
    this.calls.push({ rpc, request: call.request, metadata, timeoutMs });
  }

  #known(appId: string): App {
    required(appId, 'app_id');
    const app = this.#apps.get(appId);
    if (!app) {
      throw fail('APP_UNKNOWN', {
        violations: [{ field: 'app_id', description: 'is not configured' }],
      });
    }
    return app;
  }

  #active(sessionToken: string): FakeSession | undefined {
    const session = this.#sessions.get(sessionToken);
    return session && session.expireTime.getTime() > Date.now()
      ? session
      : undefined;
  }

  #mustBeActive(sessionToken: string): FakeSession {
    required(sessionToken, 'session_token');
    const session = this.#active(sessionToken);
    if (!session) throw fail('SESSION_NOT_ACTIVE');
    return session;
  }

  #mustExist(ref: IdentityRef): { person: Person; identity: Identity } {
    this.#known(ref.appId);
    const person = this.#find(never, (identity) => same(identity, ref));
    const identity = person?.identities.find((one) => same(one, ref));
    if (!person || !identity) throw fail('USER_NOT_FOUND');
    return { person, identity };
  }

  #find(
    isPerson: (person: Person) => boolean,
    isIdentity: (identity: Identity) => boolean,
  ): Person | undefined {
    return [...this.#people.values()].find(
      (person) => isPerson(person) || person.identities.some(isIdentity),
    );
  }

  #opened({ encryptedData, iv }: EncryptedData): string {
    const text = this.#sealed.get(`${encryptedData} ${iv}`);
    if (text === undefined) throw fail('DECRYPT_REJECTED');
    return text;
  }
}

class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super(defaultMessage(failure.reason));
  }
}

const internalFault: Failure = { reason: 'INTERNAL_FAULT' };

const never = () => false;

function fail(
  reason: ErrorReason,
  more: Omit<Failure, 'reason'> = {},
): Refusal {
  return new Refusal({ reason, ...more });
}

function required(value: unknown, field: string): asserts value {
  if (value === undefined || value === '') {
    const description = 'must be set';
    throw fail('REQUEST_INVALID', {
      message: `${field} ${description}`,
      violations: [{ field, description }],
    });
  }
}

function same(identity: Identity, ref: IdentityRef): boolean {
  return identity.appId === ref.appId && identity.openid === ref.openid;
}

function newSessionToken(): string {
  return `wxs1_${randomBytes(32).toString('base64url')}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27);
}

function emptyProfile(): UserInfo {
  return {
    nickname: '',
    avatarUrl: '',
    gender: 'GENDER_UNSPECIFIED',
    language: '',
    country: '',
    province: '',
    city: '',
    privileges: [],
    subscribe: false,
    subscribeTime: undefined,
    subscribeScene: '',
    qrScene: 0n,
    qrSceneStr: '',
    remark: '',
    groupId: 0n,
    tagIds: [],
  };
}
