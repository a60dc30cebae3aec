import { status } from '@grpc/grpc-js';
import type { Client } from './client.js';
import { WxidentError } from './errors.js';
import type { CallOptions } from './options.js';
import type { AccessToken } from './types.js';

// Less life than this, and without a stream to bring the next one, a token is
// asked for.
const spareMs = 60_000;
const firstBackoffMs = 100;
const maxBackoffMs = 5_000;
const defaultTimeoutMs = 5_000;

/** What a source needs of a client. */
type TokenClient = Pick<Client, 'getAccessToken' | 'watchAccessToken'>;

/** What tests replace, and how the client learns of the end. */
export interface TokenSourceHooks {
  onClose?: () => void;
  now?: () => number;
  random?: () => number;
  /** Waits, or ends early when the signal says so. */
  pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How long `get` and `reportRejected` may take, 5 s when nothing is said. */
export type GetTokenOptions = CallOptions;

/**
 * The current access_token of one app, from memory. It keeps a WatchAccessToken
 * stream open, which brings each new token as it appears, and asks
 * GetAccessToken while there is none. An open source keeps the program running
 * until `close`.
 */
export class AccessTokenSource {
  readonly #client: TokenClient;
  readonly #appId: string;
  readonly #hooks: TokenSourceHooks;
  readonly #now: () => number;
  readonly #ended = new AbortController();

  #held: AccessToken | undefined;
  // The highest generation that was ever held.
  #generation = 0;
  // The token that WeChat was said to refuse, until another one is held.
  #rejected: string | undefined;
  // A stream is live from its first message to its end.
  #stream: 'opening' | 'live' | 'none' = 'opening';
  #waiters = new Set<() => void>();
  // GetAccessToken calls on their way, by the token they report.
  readonly #asking = new Map<string, Promise<AccessToken>>();

  constructor(client: TokenClient, appId: string, hooks: TokenSourceHooks = {}) {
    this.#client = client;
    this.#appId = appId;
    this.#hooks = hooks;
    this.#now = hooks.now ?? Date.now;
    void this.#watch();
  }

  /**
   * The current token: from memory where there is one, else as soon as there
   * is. Fails as GetAccessToken does.
   */
  async get(options: GetTokenOptions = {}): Promise<AccessToken> {
    return this.#within(options, async () => {
      // Until the stream has told, or has failed to.
      while (!this.#held && this.#stream === 'opening') await this.#change();
      this.#mustBeOpen();
      const held = this.#held;
      if (held && held.accessToken === this.#rejected) return this.#ask(held.accessToken);
      if (held && (this.#stream === 'live' || !this.#fades(held))) return held;
      return this.#ask('');
    });
  }

  /**
   * Says that WeChat refused a token (40001, 40014, 42001), and gives the one to
   * use instead. Callers that report the same one share the call.
   */
  async reportRejected(
    accessToken: string,
    options: GetTokenOptions = {},
  ): Promise<AccessToken> {
    this.#mustBeOpen();
    if (this.#held?.accessToken === accessToken) this.#rejected = accessToken;
    return this.#within(options, () => this.#ask(accessToken));
  }

  /** Ends the stream. Whoever waits for a token hears that the source is closed. */
  close(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#changed();
    this.#hooks.onClose?.();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ended;
    const random = this.#hooks.random ?? Math.random;
    const pause = this.#hooks.pause ?? pauseFor;
    let failures = 0;
    while (!signal.aborted) {
      this.#stream = 'opening';
      try {
        for await (const token of this.#client.watchAccessToken(
          { appId: this.#appId },
          { signal },
        )) {
          failures = 0;
          this.#stream = 'live';
          this.#take(token);
          this.#changed();
        }
      } catch {
        // get asks for itself, and hears why.
      }
      this.#stream = 'none';
      this.#changed();
      const limit = Math.min(maxBackoffMs, firstBackoffMs * 2 ** failures);
      failures += 1;
      if (!signal.aborted) await pause(random() * limit, signal);
    }
  }

  // A call of GetAccessToken, shared by all who report the same token, or none.
  #ask(rejectedAccessToken: string): Promise<AccessToken> {
    let asked = this.#asking.get(rejectedAccessToken);
    if (!asked) {
      asked = this.#client
        .getAccessToken(
          { appId: this.#appId, rejectedAccessToken },
          { signal: this.#ended.signal },
        )
        .then((token) => {
          // The server insists.
          if (token.accessToken === this.#rejected) this.#rejected = undefined;
          this.#take(token);
          this.#changed();
          return token;
        })
        .finally(() => this.#asking.delete(rejectedAccessToken));
      this.#asking.set(rejectedAccessToken, asked);
    }
    return asked;
  }

  #take(token: AccessToken): void {
    const held = this.#held;
    if (held && token.accessToken === held.accessToken) {
      if (token.expireTime > held.expireTime) this.#held = token;
      return;
    }
    if (token.accessToken === this.#rejected) return;
    if (held) {
      const dying = this.#fades(held) || held.accessToken === this.#rejected;
      // Generation 0: a replica that cannot ask the database got it for itself.
      if (token.generation === 0 && held.generation !== 0 && !dying) return;
      if (token.generation !== 0 && token.generation < this.#generation) return;
      if (token.generation !== 0 && token.generation === this.#generation && !dying) return;
    }
    // A rejected token stays known until the next one of a higher generation,
    // for a late message may still bring it.
    if (token.generation > this.#generation) this.#rejected = undefined;
    this.#generation = Math.max(this.#generation, token.generation);
    this.#held = token;
  }

  #fades(token: AccessToken): boolean {
    return token.expireTime.getTime() - this.#now() < spareMs;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }

  #changed(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const resolve of waiters) resolve();
  }

  // What one caller waits for may be shared; the deadline is the caller's own.
  async #within(
    { timeoutMs = defaultTimeoutMs, signal }: GetTokenOptions,
    work: () => Promise<AccessToken>,
  ): Promise<AccessToken> {
    this.#mustBeOpen();
    signal?.throwIfAborted();
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const message =
          `AccessTokenSource: no access_token within ${timeoutMs} ms; try again, or give the` +
          ' call more time (timeoutMs)';
        reject(new WxidentError(message, { code: status.DEADLINE_EXCEEDED }));
      }, timeoutMs);
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work(), limit]);
    } catch (error) {
      this.#mustBeOpen();
      throw error;
    } finally {
      clearTimeout(timer);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
    }
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) {
      throw new WxidentError('AccessTokenSource: it is closed; make a new one', {
        code: status.CANCELLED,
      });
    }
  }
}

function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
