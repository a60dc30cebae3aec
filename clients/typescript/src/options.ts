import { ConfigError } from './errors.js';

/** W3C trace context of the work that a call is part of. */
export interface TraceContext {
  traceparent: string;
  tracestate?: string | undefined;
}

/** How a `Client` reaches the server. */
export interface ClientOptions {
  /** PEM file of the CAs to trust; the system's CAs when left out. */
  caFile?: string | undefined;
  /** PEM file of this service's certificate; with `keyFile`. */
  certFile?: string | undefined;
  /** PEM file of its key; with `certFile`. */
  keyFile?: string | undefined;
  /**
   * The name that the server's certificate must be for. When left out: the
   * host of the address, and with several addresses the host of any of them.
   */
  serverName?: string | undefined;
  /** Plain text instead of TLS, to loopback addresses only. */
  insecure?: boolean | undefined;
  /**
   * The deadline of every unary call, in ms; when left out each RPC has its
   * own. A call's own `timeoutMs` wins.
   */
  timeoutMs?: number | undefined;
  /** Called at each call; what it gives goes along as trace context. */
  traceContext?: (() => TraceContext | undefined) | undefined;
}

/** What a single call may be given. */
export interface CallOptions {
  /** The call's deadline, in ms from now. */
  timeoutMs?: number | undefined;
  /** Cancels the call, which then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** The settings that `Client.fromEnv` reads. */
export interface EnvSettings {
  address: string;
  options: ClientOptions;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads `WXIDENT_...`; an empty variable counts as unset. */
export function settingsFromEnv(env: Env): EnvSettings {
  const of = (name: string) => env[name] || undefined;
  const insecure = of('WXIDENT_CLIENT_INSECURE');
  if (insecure !== undefined && insecure !== 'true' && insecure !== 'false') {
    throw new ConfigError(
      `insecure (WXIDENT_CLIENT_INSECURE) is ${JSON.stringify(insecure)}; it must be true or false`,
    );
  }
  return {
    address: of('WXIDENT_CLIENT_ADDR') ?? '',
    options: {
      caFile: of('WXIDENT_CLIENT_TLS_CA_FILE'),
      certFile: of('WXIDENT_CLIENT_TLS_CERT_FILE'),
      keyFile: of('WXIDENT_CLIENT_TLS_KEY_FILE'),
      serverName: of('WXIDENT_CLIENT_TLS_SERVER_NAME'),
      insecure: insecure === 'true',
    },
  };
}

/** Refuses options that contradict each other or the address. */
export function checkOptions(
  address: string,
  loopback: boolean,
  options: ClientOptions,
): void {
  const { caFile, certFile, keyFile, serverName, insecure, timeoutMs } =
    options;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ConfigError(
      'certFile (WXIDENT_CLIENT_TLS_CERT_FILE) and keyFile (WXIDENT_CLIENT_TLS_KEY_FILE) go together;' +
        ` ${certFile === undefined ? 'certFile' : 'keyFile'} is missing`,
    );
  }
  if (insecure && (caFile ?? certFile ?? serverName) !== undefined) {
    throw new ConfigError(
      'insecure (WXIDENT_CLIENT_INSECURE) does not go with caFile, certFile, keyFile or' +
        ' serverName (WXIDENT_CLIENT_TLS_...); leave one side out',
    );
  }
  if (insecure && !loopback) {
    throw new ConfigError(
      `insecure (WXIDENT_CLIENT_INSECURE) is for loopback addresses only, and ${address} is not` +
        ' one; use TLS (caFile, WXIDENT_CLIENT_TLS_CA_FILE)',
    );
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0)) {
    throw new ConfigError(`timeoutMs is ${timeoutMs}; it must be more than 0`);
  }
}
