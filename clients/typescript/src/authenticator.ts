import {
  ServerInterceptingCall,
  status,
  type Metadata,
  type ServerInterceptor,
} from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Client } from './client.js';
import { WxidentError } from './errors.js';
import type { Session } from './types.js';

const cacheMs = 1_000;
const cacheSize = 10_000;
// A longer text is no token, and the server refuses to look at it.
const maxTokenLength = 512;
const defaultRetryAfterMs = 1_000;

/** How an authenticator works. */
export interface AuthenticatorOptions {
  /**
   * Asks the database at each request, so that a session that has just been
   * revoked anywhere is not let in. Nothing is cached then.
   */
  strong?: boolean | undefined;
  /** The name of a cookie that holds the token where there is no header. */
  cookie?: string | undefined;
  /** Lets requests without a token pass, without a session. */
  anonymous?: boolean | undefined;
}

/** Middleware of Express, and of anything that calls (req, res, next). */
export type HttpMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** An interceptor for `new Server({ interceptors: [...] })` of grpc-js. */
export type GrpcServerInterceptor = ServerInterceptor;

declare global {
  namespace Express {
    interface Request {
      /** The session of the request, put there by the middleware of wxident. */
      wxident?: Session;
    }
  }
}

// Sessions by the request, or by the metadata of the call: out of reach of what
// a caller sends.
const sessions = new WeakMap<object, Session>();

/**
 * The session that an authenticator found for an HTTP request or a gRPC call;
 * undefined for an anonymous one, or where no authenticator stands before.
 */
export function sessionOf(
  request: IncomingMessage | { metadata: Metadata },
): Session | undefined {
  return sessions.get('metadata' in request ? request.metadata : request);
}

type Verdict =
  | { kind: 'in'; session: Session | undefined }
  | { kind: 'no'; hadToken: boolean }
  | { kind: 'unknown'; retryAfterMs: number };

interface Cached {
  session: Session;
  until: number;
}

/**
 * Finds out whose session an incoming request carries, in
 * `Authorization: Bearer <session token>`. Who has none is refused; and when
 * wxident cannot be asked, nobody is let in or called a stranger. Answers are
 * kept for at most 1 s, and each token is asked for once at a time.
 */
export class SessionAuthenticator {
  readonly #client: Pick<Client, 'validateSession'>;
  readonly #options: AuthenticatorOptions;
  readonly #now: () => number;
  // By the SHA-256 of the token; the oldest entry stands first.
  readonly #cache = new Map<string, Cached>();
  readonly #asking = new Map<string, Promise<Session | undefined>>();

  constructor(
    client: Pick<Client, 'validateSession'>,
    options: AuthenticatorOptions = {},
    now: () => number = Date.now,
  ) {
    this.#client = client;
    this.#options = { ...options };
    this.#now = now;
  }

  /**
   * Whose session a token is; undefined when it is not active. Fails when that
   * cannot be found out.
   */
  async authenticate(token: string): Promise<Session | undefined> {
    if (token === '' || token.length > maxTokenLength) return undefined;
    if (this.#options.strong) return this.#ask(token);
    const key = createHash('sha256').update(token).digest('base64');
    const cached = this.#cache.get(key);
    if (cached && this.#now() < cached.until) return cached.session;
    let asked = this.#asking.get(key);
    if (!asked) {
      // From before the question: what is found out later is older than that.
      const since = this.#now();
      asked = this.#ask(token)
        .then((session) => {
          this.#keep(key, session, since);
          return session;
        })
        .finally(() => this.#asking.delete(key));
      this.#asking.set(key, asked);
    }
    return asked;
  }

  /**
   * HTTP middleware. It puts the session into `req.wxident`; `sessionOf(req)`
   * finds it too. A request without an active session is answered with 401, and
   * with 503 when wxident cannot be asked.
   */
  http(): HttpMiddleware {
    return (req, res, next) => {
      void this.#judge(
        bearer(req.headers.authorization) ?? this.#cookie(req),
      ).then((verdict) => {
        if (verdict.kind === 'in') {
          if (verdict.session) {
            sessions.set(req, verdict.session);
            (req as IncomingMessage & { wxident?: Session }).wxident =
              verdict.session;
          }
          next();
        } else if (verdict.kind === 'no') {
          const error = verdict.hadToken ? ' error="invalid_token"' : '';
          res.setHeader('WWW-Authenticate', `Bearer${error}`);
          answer(res, 401, 'log in first');
        } else {
          res.setHeader(
            'Retry-After',
            String(Math.ceil(verdict.retryAfterMs / 1000)),
          );
          answer(res, 503, 'logins cannot be checked just now; try again');
        }
      });
    };
  }

  /**
   * Interceptor for a grpc-js server. Handlers find the session with
   * `sessionOf(call)`. A call without an active session fails with
   * UNAUTHENTICATED, and with UNAVAILABLE when wxident cannot be asked.
   */
  grpc(): GrpcServerInterceptor {
    return (_method, call) =>
      new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, accept) => {
              const [header] = metadata.get('authorization');
              const token = bearer(
                typeof header === 'string' ? header : undefined,
              );
              void this.#judge(token).then((verdict) => {
                if (verdict.kind === 'in') {
                  if (verdict.session) sessions.set(metadata, verdict.session);
                  accept(metadata);
                } else if (verdict.kind === 'no') {
                  call.sendStatus({
                    code: status.UNAUTHENTICATED,
                    details:
                      'no active session; send authorization: Bearer <session token>',
                  });
                } else {
                  call.sendStatus({
                    code: status.UNAVAILABLE,
                    details: 'sessions cannot be checked just now; try again',
                  });
                }
              });
            },
          }),
      });
  }

  async #judge(token: string | undefined): Promise<Verdict> {
    if (token === undefined) {
      return this.#options.anonymous
        ? { kind: 'in', session: undefined }
        : { kind: 'no', hadToken: false };
    }
    try {
      const session = await this.authenticate(token);
      return session ? { kind: 'in', session } : { kind: 'no', hadToken: true };
    } catch (error) {
      const wait =
        error instanceof WxidentError ? error.retryAfterMs : undefined;
      return { kind: 'unknown', retryAfterMs: wait ?? defaultRetryAfterMs };
    }
  }

  async #ask(sessionToken: string): Promise<Session | undefined> {
    const { strong } = this.#options;
    const { session } = await this.#client.validateSession({
      sessionToken,
      strong,
    });
    return session;
  }

  // A session that is not active is asked for each time: it costs little, and a
  // login may come any moment.
  #keep(key: string, session: Session | undefined, since: number): void {
    this.#cache.delete(key);
    if (!session) return;
    for (const [old, { until }] of this.#cache) {
      if (until > this.#now() && this.#cache.size < cacheSize) break;
      this.#cache.delete(old);
    }
    const until = Math.min(since + cacheMs, session.expireTime.getTime());
    this.#cache.set(key, { session, until });
  }

  #cookie(req: IncomingMessage): string | undefined {
    const { cookie } = this.#options;
    if (cookie === undefined) return undefined;
    for (const pair of (req.headers.cookie ?? '').split(';')) {
      const [name, ...value] = pair.trim().split('=');
      if (name === cookie)
        return value.join('=').replace(/^"(.*)"$/, '$1') || undefined;
    }
    return undefined;
  }
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1];
}

function answer(res: ServerResponse, code: number, text: string): void {
  res.statusCode = code;
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  res.end(`${text}\n`);
}
