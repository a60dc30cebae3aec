// The calls that come in, and those that shall wait or fail.
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { FieldViolation } from '../errors.js';
import type {
  WatchAccessTokenRequest,
  WatchAccessTokenResponse,
} from '../gen/wxident/v1/identity_service.js';
import { defaultPushbackMs, statusOf, type Failure } from './failures.js';
import { internalFault, Refusal } from './refusal.js';

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

/** A WatchAccessToken stream. */
export type Watcher = ServerWritableStream<
  WatchAccessTokenRequest,
  WatchAccessTokenResponse
>;

/** Every call goes through here. */
export class Traffic {
  readonly calls: FakeCall[] = [];
  readonly #failures = new Map<RpcName, Failure[]>();
  readonly #hanging = new Map<RpcName, Promise<void>[]>();

  failNext(
    rpc: RpcName,
    reason: Failure['reason'],
    options: FailOptions,
  ): void {
    const { times = 1, ...rest } = options;
    const queue = this.#failures.get(rpc) ?? [];
    for (let i = 0; i < times; i++) queue.push({ reason, ...rest });
    this.#failures.set(rpc, queue);
  }

  hangNext(rpc: RpcName): () => void {
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#hanging.set(rpc, [...(this.#hanging.get(rpc) ?? []), released]);
    return release;
  }

  /**
   * The handler of one RPC: counts the call, fails or hangs it if that was
   * ordered, and turns what `work` throws into a status.
   */
  unary<Req, Res>(
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
        done(statusOf(failureOf(error)));
      }
    };
  }

  /** The same for WatchAccessToken, whose stream `begin` begins. */
  watch(
    begin: (call: Watcher) => void,
  ): handleServerStreamingCall<
    WatchAccessTokenRequest,
    WatchAccessTokenResponse
  > {
    const rpc = 'WatchAccessToken';
    return async (call) => {
      this.#note(rpc, call);
      await this.#hanging.get(rpc)?.shift();
      if (call.cancelled) return;
      try {
        const ordered = this.#failures.get(rpc)?.shift();
        if (ordered) throw new Refusal(ordered);
        begin(call);
      } catch (error) {
        call.emit('error', statusOf(failureOf(error)));
      }
    };
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
}

function failureOf(error: unknown): Failure {
  return error instanceof Refusal ? error.failure : internalFault;
}
