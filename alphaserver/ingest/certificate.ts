/** The certificate that agents see: read from its files again when they change, and watched for its end. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../../service/logger.ts';

/** A certificate is warned of so long before its end, once a day. */
const WARNED_BEFORE_MS = 30 * 86_400_000;
const WARNED_EVERY_MS = 86_400_000;

/** Where the certificate, its key and the CA of agents' certificates are. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string | null;
}

/** What a TLS server is given. */
export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** One server's certificate. */
export class ServerCertificate {
  readonly #files: CertificateFiles;
  readonly #log: Pick<Logger, 'info' | 'warn' | 'error'>;
  #credentials: Credentials;
  #stamp: string;
  #warnedMs = Number.NEGATIVE_INFINITY;

  /** Throws when a file cannot be read. */
  constructor(files: CertificateFiles, log: Pick<Logger, 'info' | 'warn' | 'error'>) {
    this.#files = files;
    this.#log = log;
    this.#stamp = this.#stampOfFiles();
    this.#credentials = this.#read();
  }

  get credentials(): Credentials {
    return this.#credentials;
  }

  /** Gives when the certificate ends, Unix milliseconds. */
  get endsMs(): number {
    return Date.parse(new X509Certificate(this.#credentials.cert).validTo);
  }

  /**
   * Reads the files again where they have changed, and warns of a certificate that ends soon. Gives the new credentials, or null where
   * there are none: files that cannot be used together change nothing, and the log says why, once.
   */
  refresh(nowMs: number): Credentials | null {
    const stamp = this.#stampOfFiles();
    const changed = stamp !== this.#stamp;
    this.#stamp = stamp;
    const renewed = changed ? this.#renewed() : null;
    if (nowMs - this.#warnedMs >= WARNED_EVERY_MS && this.endsMs - nowMs < WARNED_BEFORE_MS) {
      this.#warnedMs = nowMs;
      const ends = new Date(this.endsMs).toISOString();
      const { certFile } = this.#files;
      this.#log.warn(`The certificate in ${certFile} ${this.endsMs <= nowMs ? 'has ended at' : 'ends at'} ${ends}`);
    }
    return renewed;
  }

  #renewed(): Credentials | null {
    try {
      const credentials = this.#read();
      createSecureContext(credentials);
      this.#credentials = credentials;
      this.#warnedMs = Number.NEGATIVE_INFINITY;
      this.#log.info(`Certificate read again from ${this.#files.certFile}`);
      return credentials;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error(`Certificate stays as it was: ${this.#files.certFile} or its key cannot be used: ${reason}`);
      return null;
    }
  }

  #read(): Credentials {
    const { certFile, keyFile, clientCaFile } = this.#files;
    const ca = clientCaFile === null ? {} : { ca: readFileSync(clientCaFile) };
    return { cert: readFileSync(certFile), key: readFileSync(keyFile), ...ca };
  }

  #stampOfFiles(): string {
    const { certFile, keyFile, clientCaFile } = this.#files;
    return [certFile, keyFile, clientCaFile]
      .map((file) => (file === null ? undefined : statSync(file, { throwIfNoEntry: false, bigint: true })))
      .map((stat) => (stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}:${stat.size}`))
      .join();
  }
}
