// Where the servers are: what the address option says, and a gRPC resolver for
// a list of addresses, which gRPC itself knows for IP addresses only.
import { experimental, type ChannelOptions } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { ConfigError } from './errors.js';

const listScheme = 'wxident-list';

/** An address option, understood. */
export interface Address {
  /** What gRPC is to connect to. */
  target: string;
  hosts: string[];
  /** Whether each host is this very machine. */
  loopback: boolean;
}

/** Reads `host:port`, several of them by comma, or `dns:///host:port`. */
export function parseAddress(text: string): Address {
  const entries = text
    .replace(/^dns:\/\/\//, '')
    .split(',')
    .map((entry) => entry.trim());
  const hosts = entries.map((entry) => {
    const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:/\s[\]]+)):(\d{1,5})$/.exec(
      entry,
    );
    const host = parts?.[1] ?? parts?.[2];
    const port = Number(parts?.[3]);
    if (!host || port < 1 || port > 65535 || (parts?.[1] && isIP(host) !== 6)) {
      throw new ConfigError(
        `address (WXIDENT_CLIENT_ADDR) is ${JSON.stringify(text)}; it must be host:port,` +
          ' several of them separated by commas, or dns:///host:port',
      );
    }
    return host;
  });
  return {
    target:
      entries.length === 1
        ? `dns:///${entries[0]}`
        : `${listScheme}:${entries}`,
    hosts,
    loopback: hosts.every(
      (host) =>
        host === 'localhost' ||
        host === '::1' ||
        (isIP(host) === 4 && host.startsWith('127.')),
    ),
  };
}

type Endpoints = Parameters<experimental.ResolverListener>[0];
type Uri = experimental.GrpcUri;

// Resolves each entry as gRPC does one alone, and hands on all that was found.
class ListResolver implements experimental.Resolver {
  readonly #children: experimental.Resolver[];
  readonly #found: (Endpoints | undefined)[];

  constructor(
    target: Uri,
    listener: experimental.ResolverListener,
    options: ChannelOptions,
  ) {
    const entries = target.path.split(',');
    this.#found = entries.map(() => undefined);
    this.#children = entries.map((path, index) =>
      experimental.createResolver(
        { scheme: 'dns', path },
        (endpoints) => {
          this.#found[index] = endpoints;
          return this.#tell(listener, endpoints);
        },
        options,
      ),
    );
  }

  #tell(listener: experimental.ResolverListener, latest: Endpoints): boolean {
    const good = this.#found.flatMap((one) => (one?.ok ? one.value : []));
    if (good.length > 0) {
      return listener(experimental.statusOrFromValue(good), {}, null, '');
    }
    // A failure counts when there is nothing left to hope for.
    if (this.#found.every((one) => one !== undefined)) {
      return listener(latest, {}, null, '');
    }
    return true;
  }

  updateResolution(): void {
    for (const child of this.#children) child.updateResolution();
  }

  destroy(): void {
    for (const child of this.#children) child.destroy();
  }

  static getDefaultAuthority(target: Uri): string {
    return target.path.split(',')[0] as string;
  }
}

experimental.registerResolver(listScheme, ListResolver);
