import {
  Metadata,
  status,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  SessionAuthenticator,
  type AuthenticatorOptions,
} from './authenticator.js';
import { openChannels } from './channel.js';
import type { ChannelPool } from './channel_pool.js';
import { defaultTimeouts, longestTimeouts } from './contract.js';
import { WxidentError } from './errors.js';
import { toWxidentError, type CallFacts } from './failure.js';
import {
  BatchGetUsersRequest,
  CheckSessionKeyRequest,
  DecryptPhoneRequest,
  DecryptUserDataRequest,
  GetAccessTokenRequest,
  GetAuthorizeUrlRequest,
  GetJsapiSignatureRequest,
  GetUserInfoRequest,
  GetUserRequest,
  IdentityServiceService as service,
  LoginRequest,
  RefreshSessionRequest,
  RevokeSessionRequest,
  ValidateSessionRequest,
  WatchAccessTokenRequest,
} from './gen/wxident/v1/identity_service.js';
import {
  settingsFromEnv,
  type CallOptions,
  type ClientOptions,
  type TraceContext,
} from './options.js';
import { AccessTokenSource } from './token_source.js';
import type {
  AccessToken,
  BatchGetUsersInput,
  BatchGetUsersResult,
  CheckSessionKeyInput,
  CheckSessionKeyResult,
  DecryptPhoneInput,
  DecryptPhoneResult,
  DecryptUserDataInput,
  DecryptUserDataResult,
  GetAccessTokenInput,
  GetAuthorizeUrlInput,
  GetAuthorizeUrlResult,
  GetJsapiSignatureInput,
  GetUserInfoInput,
  GetUserInfoResult,
  GetUserInput,
  GetUserResult,
  JsapiSignature,
  LoginInput,
  LoginResult,
  RefreshSessionInput,
  RefreshSessionResult,
  RevokeSessionInput,
  RevokeSessionResult,
  ValidateSessionInput,
  ValidateSessionResult,
  WatchAccessTokenInput,
} from './types.js';

type UnaryMethod = {
  [
    Name in keyof typeof service
  ]: (typeof service)[Name]['responseStream'] extends false ? Name : never;
}[keyof typeof service];

/**
 * A client of wxident: one for the life of a program, safe to share. It
 * connects when it is first used, balances calls over all addresses, and
 * repeats a call up to twice while the server cannot be reached. Calls fail
 * with a `WxidentError`.
 */
export class Client {
  readonly #address: string;
  readonly #options: ClientOptions;
  readonly #channels: ChannelPool;
  readonly #sources = new Set<AccessTokenSource>();
  readonly #streams = new Set<{ cancel(): void }>();
  #closed = false;

  /**
   * @param address `host:port`, several of them by comma, or `dns:///host:port`
   * @throws ConfigError when the options do not work
   */
  constructor(address: string, options: ClientOptions = {}) {
    this.#channels = openChannels(address, options);
    this.#address = address;
    this.#options = { ...options };
  }

  /**
   * A client as the environment says: `WXIDENT_CLIENT_ADDR`,
   * `WXIDENT_CLIENT_TLS_CA_FILE`, `WXIDENT_CLIENT_TLS_CERT_FILE`,
   * `WXIDENT_CLIENT_TLS_KEY_FILE`, `WXIDENT_CLIENT_TLS_SERVER_NAME`,
   * `WXIDENT_CLIENT_INSECURE`. Options given here win.
   */
  static fromEnv(options: ClientOptions = {}): Client {
    const env = settingsFromEnv(process.env);
    return new Client(env.address, { ...env.options, ...options });
  }

  /**
   * Exchanges a login code for a session. For 5 minutes the same code gives the
   * same one again, as long as that is active.
   */
  async login(input: LoginInput, options?: CallOptions): Promise<LoginResult> {
    return this.#unary('login', LoginRequest.fromPartial(input), options, [
      'expireTime',
      'user',
      'identity',
    ]) as Promise<LoginResult>;
  }

  /** Tells whether a session is active, and whose. An unknown one is no error. */
  async validateSession(
    input: ValidateSessionInput,
    options?: CallOptions,
  ): Promise<ValidateSessionResult> {
    const answer = await this.#unary(
      'validateSession',
      ValidateSessionRequest.fromPartial(input),
      options,
    );
    if (!answer.active) return { active: false };
    const { user, identity, createTime, expireTime } = answer.session ?? {};
    if (!user || !identity || !createTime || !expireTime) {
      throw incomplete('ValidateSession', 'session');
    }
    return {
      active: true,
      session: { user, identity, createTime, expireTime },
    };
  }

  /** Exchanges a session token for a new one of the same session. */
  async refreshSession(
    input: RefreshSessionInput,
    options?: CallOptions,
  ): Promise<RefreshSessionResult> {
    return this.#unary(
      'refreshSession',
      RefreshSessionRequest.fromPartial(input),
      options,
      ['expireTime'],
    ) as Promise<RefreshSessionResult>;
  }

  /** Ends one session, or all sessions of a user. */
  async revokeSession(
    input: RevokeSessionInput,
    options?: CallOptions,
  ): Promise<RevokeSessionResult> {
    return this.#unary(
      'revokeSession',
      RevokeSessionRequest.fromPartial(input),
      options,
    );
  }

  /** Asks WeChat whether the session_key kept for a session is still good. */
  async checkSessionKey(
    input: CheckSessionKeyInput,
    options?: CallOptions,
  ): Promise<CheckSessionKeyResult> {
    return this.#unary(
      'checkSessionKey',
      CheckSessionKeyRequest.fromPartial(input),
      options,
    );
  }

  /** Gets a phone number out of encrypted data, or for a phone code. */
  async decryptPhone(
    input: DecryptPhoneInput,
    options?: CallOptions,
  ): Promise<DecryptPhoneResult> {
    return this.#unary(
      'decryptPhone',
      DecryptPhoneRequest.fromPartial(input),
      options,
      ['phone'],
    ) as Promise<DecryptPhoneResult>;
  }

  /** Opens any other open data of a mini program. */
  async decryptUserData(
    input: DecryptUserDataInput,
    options?: CallOptions,
  ): Promise<DecryptUserDataResult> {
    return this.#unary(
      'decryptUserData',
      DecryptUserDataRequest.fromPartial(input),
      options,
    );
  }

  /** Gets a profile from one of its sources. */
  async getUserInfo(
    input: GetUserInfoInput,
    options?: CallOptions,
  ): Promise<GetUserInfoResult> {
    return this.#unary(
      'getUserInfo',
      GetUserInfoRequest.fromPartial(input),
      options,
      ['userInfo', 'identity', 'user'],
    ) as Promise<GetUserInfoResult>;
  }

  /**
   * The one valid access_token of an app, or of a person's web grant. Who needs
   * an app's token often takes `accessTokenSource`.
   */
  async getAccessToken(
    input: GetAccessTokenInput,
    options?: CallOptions,
  ): Promise<AccessToken> {
    return this.#unary(
      'getAccessToken',
      GetAccessTokenRequest.fromPartial(input),
      options,
      ['expireTime'],
    ) as Promise<AccessToken>;
  }

  /**
   * The app's access_token at once, then each new one as it appears. The stream
   * ends when the server is about to stop; `accessTokenSource` watches again by
   * itself. It has no deadline unless one is given.
   */
  async *watchAccessToken(
    input: WatchAccessTokenInput,
    options: CallOptions = {},
  ): AsyncGenerator<AccessToken, void, undefined> {
    const { signal, timeoutMs } = options;
    const facts: CallFacts = {
      rpc: 'WatchAccessToken',
      address: this.#address,
      timeoutMs,
    };
    this.#mustBeOpen(facts);
    signal?.throwIfAborted();
    const method = service.watchAccessToken;
    const metadata = this.#metadata();
    const channel = this.#channels.pick();
    const call = channel.grpc.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      WatchAccessTokenRequest.fromPartial(input),
      metadata,
      timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
    );
    channel.begin();
    call.once('status', () => channel.end());
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    this.#streams.add(call);
    try {
      for await (const answer of call) {
        const { expireTime } = answer as AccessToken;
        if (!expireTime) throw incomplete(facts.rpc, 'expireTime');
        yield answer as AccessToken;
      }
    } catch (error) {
      if (!signal?.aborted) this.#mustBeOpen(facts);
      throw this.#failure(error, facts, signal);
    } finally {
      this.#streams.delete(call);
      signal?.removeEventListener('abort', cancel);
      call.on('error', () => {});
      call.cancel();
    }
  }

  /** Signs a page's URL for wx.config of WeChat's JS-SDK. */
  async getJsapiSignature(
    input: GetJsapiSignatureInput,
    options?: CallOptions,
  ): Promise<JsapiSignature> {
    return this.#unary(
      'getJsapiSignature',
      GetJsapiSignatureRequest.fromPartial(input),
      options,
    );
  }

  /** Makes the address of the page of WeChat that yields an `oauthCode`. */
  async getAuthorizeUrl(
    input: GetAuthorizeUrlInput,
    options?: CallOptions,
  ): Promise<GetAuthorizeUrlResult> {
    return this.#unary(
      'getAuthorizeUrl',
      GetAuthorizeUrlRequest.fromPartial(input),
      options,
    );
  }

  /** Finds a user by id, by identity or by unionid. */
  async getUser(
    input: GetUserInput,
    options?: CallOptions,
  ): Promise<GetUserResult> {
    return this.#unary('getUser', GetUserRequest.fromPartial(input), options, [
      'user',
    ]) as Promise<GetUserResult>;
  }

  /**
   * Finds many users at once; the answers stand in the order of the question.
   * What is wrong with one is its own `error`, and does not throw.
   */
  async batchGetUsers(
    input: BatchGetUsersInput,
    options: CallOptions = {},
  ): Promise<BatchGetUsersResult> {
    const timeoutMs = this.#options.timeoutMs ?? longestTimeouts.batchGetUsers;
    return this.#unary(
      'batchGetUsers',
      BatchGetUsersRequest.fromPartial(input),
      input.refreshFollowers
        ? { ...options, timeoutMs: options.timeoutMs ?? timeoutMs }
        : options,
    ) as Promise<BatchGetUsersResult>;
  }

  /**
   * Keeps the access_token of an app at hand: see `AccessTokenSource`. Each call
   * makes a new source; one for each app is enough. `close` of the client closes
   * it too.
   */
  accessTokenSource(appId: string): AccessTokenSource {
    this.#mustBeOpen({ rpc: 'accessTokenSource', address: this.#address });
    const source = new AccessTokenSource(this, appId, {
      onClose: () => this.#sources.delete(source),
    });
    this.#sources.add(source);
    return source;
  }

  /** Checks the session tokens of incoming requests: see `SessionAuthenticator`. */
  authenticator(options: AuthenticatorOptions = {}): SessionAuthenticator {
    return new SessionAuthenticator(this, options);
  }

  /**
   * Closes the client, its token sources and streams. Unary calls that are on
   * their way end as they would have; later ones fail.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const source of this.#sources) source.close();
    for (const stream of this.#streams) stream.cancel();
    this.#channels.close();
  }

  #unary<Name extends UnaryMethod>(
    name: Name,
    request: Request<Name>,
    options: CallOptions = {},
    // Members that the contract always sets.
    needed: readonly (keyof Response<Name> & string)[] = [],
  ): Promise<Response<Name>> {
    const method = service[name] as unknown as MethodDefinition<
      Request<Name>,
      Response<Name>
    >;
    const timeoutMs =
      options.timeoutMs ?? this.#options.timeoutMs ?? defaultTimeouts[name];
    const rpc = method.path.slice(method.path.lastIndexOf('/') + 1);
    const facts: CallFacts = { rpc, address: this.#address, timeoutMs };
    const { signal } = options;
    return new Promise((resolve, reject) => {
      this.#mustBeOpen(facts);
      signal?.throwIfAborted();
      const metadata = this.#metadata();
      const channel = this.#channels.pick();
      const call = channel.grpc.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          channel.end();
          signal?.removeEventListener('abort', cancel);
          if (error) return reject(this.#failure(error, facts, signal));
          const answer = response as Response<Name>;
          for (const member of needed) {
            if (answer[member] === undefined)
              return reject(incomplete(rpc, member));
          }
          resolve(answer);
        },
      );
      channel.begin();
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    const trace: TraceContext | undefined = this.#options.traceContext?.();
    if (trace) {
      metadata.set('traceparent', trace.traceparent);
      if (trace.tracestate) metadata.set('tracestate', trace.tracestate);
    }
    return metadata;
  }

  #failure(
    error: unknown,
    facts: CallFacts,
    signal: AbortSignal | undefined,
  ): unknown {
    const { code } = error as Partial<ServiceError>;
    if (error instanceof WxidentError || typeof code !== 'number') return error;
    if (signal?.aborted && code === status.CANCELLED) return signal.reason;
    return toWxidentError(error as ServiceError, facts);
  }

  #mustBeOpen({ rpc }: CallFacts): void {
    if (this.#closed) {
      throw new WxidentError(`${rpc}: this client is closed; make a new one`, {
        code: status.CANCELLED,
      });
    }
  }
}

type Request<Name extends UnaryMethod> = Parameters<
  (typeof service)[Name]['requestSerialize']
>[0];
type Response<Name extends UnaryMethod> = ReturnType<
  (typeof service)[Name]['responseDeserialize']
>;

function incomplete(rpc: string, member: string): WxidentError {
  return new WxidentError(
    `${rpc}: the server's answer has no ${member}; is it a server of wxident?`,
    { code: status.INTERNAL },
  );
}
