// Certificates from files, read again when the files change.
import { experimental, type ChannelCredentials } from '@grpc/grpc-js';
import fs from 'node:fs';
import tls from 'node:tls';
import { ConfigError } from './errors.js';

const checkIntervalMs = 10_000;

// Where systems keep the CAs that they trust: Debian, Red Hat, Alpine.
const systemCaFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

/** The files; without a CA file, the system's CAs are trusted. */
export interface CertificateFileNames {
  ca?: string | undefined;
  certificate?: string | undefined;
  key?: string | undefined;
}

interface Loaded {
  // What tells whether the files have changed since.
  stamp: string;
  ca: Buffer;
  identity: { certificate: Buffer; privateKey: Buffer } | undefined;
}

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/**
 * Gives gRPC the certificates for its next handshake. The files are looked at
 * every 10 s while a channel uses them. What cannot be used, like a new
 * certificate beside the old key, changes nothing until it can. Connections
 * that stand are left alone.
 */
export class CertificateFiles implements experimental.CertificateProvider {
  readonly #names: CertificateFileNames;
  #loaded: Loaded;
  #timer: NodeJS.Timeout | undefined;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();

  constructor(names: CertificateFileNames) {
    this.#names = { ...names };
    this.#names.ca ??= [process.env['SSL_CERT_FILE'], ...systemCaFiles].find(
      (file) => file !== undefined && fs.existsSync(file),
    );
    this.#loaded = this.#load();
  }

  /** Reads the files again if they have changed. */
  check(): void {
    let loaded: Loaded;
    try {
      if (this.#stamp() === this.#loaded.stamp) return;
      loaded = this.#load();
    } catch {
      return;
    }
    this.#loaded = loaded;
    for (const listener of this.#caListeners) this.#tellCa(listener);
    for (const listener of this.#identityListeners)
      this.#tellIdentity(listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    this.#watch();
    process.nextTick(
      () => this.#caListeners.has(listener) && this.#tellCa(listener),
    );
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
    this.#watch();
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    this.#watch();
    process.nextTick(
      () =>
        this.#identityListeners.has(listener) && this.#tellIdentity(listener),
    );
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
    this.#watch();
  }

  /**
   * The channel's credentials. The server's certificate must be for one of
   * these names.
   */
  credentials(serverNames: string[]): ChannelCredentials {
    return experimental.createCertificateProviderChannelCredentials(
      this,
      this.#loaded.identity ? this : null,
      {
        checkServerIdentity: (_, certificate) => {
          let refusal: Error | undefined;
          for (const name of serverNames) {
            const wrong = tls.checkServerIdentity(name, certificate);
            if (!wrong) return undefined;
            refusal ??= wrong;
          }
          return refusal;
        },
      },
    );
  }

  #tellCa(listener: CaListener): void {
    listener({ caCertificate: this.#loaded.ca });
  }

  #tellIdentity(listener: IdentityListener): void {
    listener(this.#loaded.identity ?? null);
  }

  // Looks at the files for as long as anybody listens.
  #watch(): void {
    const wanted = this.#caListeners.size + this.#identityListeners.size > 0;
    if (wanted && !this.#timer) {
      this.check();
      this.#timer = setInterval(() => this.check(), checkIntervalMs).unref();
    } else if (!wanted && this.#timer) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #stamp(): string {
    const { ca, certificate, key } = this.#names;
    return [ca, certificate, key]
      .map((file) => {
        const stat = file && fs.statSync(file, { throwIfNoEntry: false });
        return stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : '';
      })
      .join('\n');
  }

  #load(): Loaded {
    const { ca, certificate, key } = this.#names;
    // Taken first, so that a change while the files are read is noticed.
    const stamp = this.#stamp();
    const caBytes =
      ca === undefined
        ? Buffer.from(tls.rootCertificates.join('\n'))
        : read(ca, 'caFile (WXIDENT_CLIENT_TLS_CA_FILE)');
    const identity =
      certificate === undefined || key === undefined
        ? undefined
        : {
            certificate: read(certificate, 'certFile (WXIDENT_CLIENT_TLS_CERT_FILE)'),
            privateKey: read(key, 'keyFile (WXIDENT_CLIENT_TLS_KEY_FILE)'),
          };
    usable('caFile (WXIDENT_CLIENT_TLS_CA_FILE) holds no PEM certificates', {
      ca: caBytes,
    });
    if (
      !/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/.test(
        caBytes.toString('latin1'),
      )
    ) {
      throw new ConfigError(
        'caFile (WXIDENT_CLIENT_TLS_CA_FILE) holds no PEM certificates',
      );
    }
    if (identity) {
      usable(
        'certFile (WXIDENT_CLIENT_TLS_CERT_FILE) and keyFile (WXIDENT_CLIENT_TLS_KEY_FILE) are not a' +
          ' PEM certificate and its key',
        { cert: identity.certificate, key: identity.privateKey },
      );
    }
    return { stamp, ca: caBytes, identity };
  }
}

function read(file: string, option: string): Buffer {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new ConfigError(
      `${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

function usable(complaint: string, options: tls.SecureContextOptions): void {
  try {
    tls.createSecureContext(options);
  } catch {
    throw new ConfigError(complaint);
  }
}
