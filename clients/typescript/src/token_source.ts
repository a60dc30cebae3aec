import { status } from '@grpc/grpc-js';
import type { Client } from './client.js';
import { defaultTimeouts } from './contract.js';
import { WxidentError } from './errors.js';
import type { CallOptions } from './options.js';
import type { AccessToken } from './types.js';

// Less life than this, and without a stream to bring the next one, a token is
// asked for.
const spareMs = 60_000;
const firstBackoffMs = 100;
const maxBackoffMs = 5_000;
const defaultTimeoutMs = defaultTimeouts.getAccessToken;
// How long a stream that is being opened may take before get asks by itself.
const headStartMs = 500;

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

/** How long `get` and `reportRejected` may take; else as long as `getAccessToken`. */
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
  #generation = 0n;
  // The token that WeChat was said to refuse, until another one is held.
  #rejected: string | undefined;
  // A stream is live from its first message to its end.
  #stream: 'opening' | 'live' | 'none' = 'opening';
  readonly #waiters = new Set<() => void>();
  // GetAccessToken calls on their way, by the token they report.
  readonly #asking = new Map<string, Promise<AccessToken>>();

  constructor(
    client: TokenClient,
    appId: string,
    hooks: TokenSourceHooks = {},
  ) {
    this.#client = client;
    this.#appId = appId;
    this.#hooks = hooks;
    this.#now = hooks.now ?? Date.now;
    void this.#watch();
  }

  /**
   * The current token: from memory where there is one that lives long enough,
   * else as soon as the stream or GetAccessToken gives one. Fails as
   * GetAccessToken does.
   */
  async get(options: GetTokenOptions = {}): Promise<AccessToken> {
    this.#mustBeOpen();
    const atHand = this.#usable();
    if (atHand) return atHand;
    return this.#within(options, async (wait) => {
      const headStart = Date.now() + headStartMs;
      let asked = false;
      let answer: AccessToken | undefined;
      for (;;) {
        this.#mustBeOpen();
        const token = this.#usable() ?? answer;
        if (token) return token;
        if (wait.failure) {
          // Not much time is left, but it is not over.
          if (this.#held && this.#left(this.#held) > 0) return this.#held;
          // Else the stream may still bring one in time.
          if (wait.failure.code !== status.UNAVAILABLE) throw wait.failure;
        }
        const left = headStart - Date.now();
        if (!asked && (this.#stream !== 'opening' || left <= 0)) {
          asked = true;
          void this.#ask('')
            .then(
              (given) => (answer = given),
              (error) => (wait.failure = error as WxidentError),
            )
            .then(() => wait.wake());
        }
        await wait.change(asked ? undefined : left);
      }
    });
  }

  /**
   * Says that WeChat refused a token (40001, 40014, 42001), and gives the one to
   * use instead. The server replaces it only if it is still the current one.
   * Callers that report the same one share the call.
   */
  async reportRejected(
    accessToken: string,
    options: GetTokenOptions = {},
  ): Promise<AccessToken> {
    this.#mustBeOpen();
    if (accessToken === '') {
      throw new WxidentError(
        'AccessTokenSource: the rejected token is empty; give the one that WeChat refused',
        { code: status.INVALID_ARGUMENT },
      );
    }
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
          this.#take(token);
          this.#changed();
          const held = this.#held;
          return held && held.accessToken !== rejectedAccessToken
            ? held
            : token;
        })
        .finally(() => this.#asking.delete(rejectedAccessToken));
      this.#asking.set(rejectedAccessToken, asked);
    }
    return asked;
  }

  #take(token: AccessToken): void {
    const held = this.#held;
    if (held && this.#left(held) > 0) {
      const same = token.accessToken === held.accessToken;
      const dying =
        held.accessToken === this.#rejected || this.#left(held) < spareMs;
      // Generation 0: a replica that cannot ask the database got it for itself.
      const better =
        token.generation === 0n
          ? held.generation === 0n || dying
          : token.generation >= this.#generation;
      // A late message may still bring the one that was refused.
      if (same ? token.expireTime < held.expireTime : !better) return;
      if (!same && token.accessToken === this.#rejected) return;
    }
    if (token.generation > this.#generation) {
      this.#generation = token.generation;
      this.#rejected = undefined;
    }
    this.#held = token;
  }

  // What may be handed out without asking: a stream brings the next in time.
  #usable(): AccessToken | undefined {
    const held = this.#held;
    const needed = this.#stream === 'live' ? 1 : spareMs;
    return held && this.#left(held) >= needed ? held : undefined;
  }

  #left(token: AccessToken): number {
    return token.expireTime.getTime() - this.#now();
  }

  #changed(): void {
    for (const resolve of [...this.#waiters]) resolve();
  }

  // What one caller waits for may be shared; the deadline is the caller's own.
  async #within(
    { timeoutMs = defaultTimeoutMs, signal }: GetTokenOptions,
    work: (wait: Wait) => Promise<AccessToken>,
  ): Promise<AccessToken> {
    this.#mustBeOpen();
    signal?.throwIfAborted();
    const wait = new Wait(this.#waiters);
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const message =
          `AccessTokenSource: no access_token within ${timeoutMs} ms; try again, or give the` +
          ' call more time (timeoutMs)';
        reject(
          wait.failure ??
            new WxidentError(message, { code: status.DEADLINE_EXCEEDED }),
        );
      }, timeoutMs);
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work(wait), limit]);
    } catch (error) {
      this.#mustBeOpen();
      throw error;
    } finally {
      wait.end();
      clearTimeout(timer);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
    }
  }

  #mustBeOpen(): void {
    if (this.#ended.signal.aborted) {
      throw new WxidentError(
        'AccessTokenSource: it is closed; make a new one',
        {
          code: status.CANCELLED,
        },
      );
    }
  }
}

// One caller's waiting for the source to change.
class Wait {
  /** Why the caller has nothing, should time run out. */
  failure: WxidentError | undefined;
  readonly #waiters: Set<() => void>;
  #ended = false;

  constructor(waiters: Set<() => void>) {
    this.#waiters = waiters;
  }

  /** Ends what `change` waits for. Set by it. */
  wake = (): void => {};

  /** Resolves at the next change, or after some ms; never once `end` was called. */
  change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return;
      const wake = () => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = ms === undefined ? undefined : setTimeout(wake, ms);
      this.#waiters.add(wake);
      this.wake = wake;
    });
  }

  end(): void {
    this.#ended = true;
    this.wake();
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
