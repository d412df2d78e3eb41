/** Reads the certificate that agents see, again when its files change, and warns before it expires. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { FileStamp } from '../../service/file-stamp.ts';
import { privateKeyFault } from '../../service/files.ts';
import type { Logger } from '../../service/logger.ts';

/** The log warns of a certificate from this long before it expires on, once a day. */
export const WARNED_BEFORE_MS = 30 * 86_400_000;
/** The files of a certificate are checked for a change at this interval. */
export const CERTIFICATE_CHECKED_EVERY_MS = 10_000;
const WARNED_EVERY_MS = 86_400_000;

/** Names the files of the certificate, its key and the CA of agents' certificates. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string | null;
}

/** Holds the content of the files, as Node's TLS server takes it. */
export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Holds one server's certificate. */
export class ServerCertificate {
  readonly #files: CertificateFiles;
  readonly #log: Pick<Logger, 'info' | 'warn' | 'error'>;
  #credentials: Credentials;
  readonly #stamp = new FileStamp();
  #warnedMs = Number.NEGATIVE_INFINITY;

  /** Throws when a file cannot be read. */
  constructor(files: CertificateFiles, log: Pick<Logger, 'info' | 'warn' | 'error'>) {
    this.#files = files;
    this.#log = log;
    this.#stamp.hasChanged(this.#paths);
    this.#credentials = this.#read();
  }

  get credentials(): Credentials {
    return this.#credentials;
  }

  /** Returns when the certificate expires, Unix milliseconds. */
  get endsMs(): number {
    return Date.parse(new X509Certificate(this.#credentials.cert).validTo);
  }

  /**
   * Reads the files again where they have changed, and warns of a certificate that ends soon. Gives the new credentials, or null where
   * there are none: files that cannot be used together change nothing, and the log says why, once.
   */
  refresh(nowMs: number): Credentials | null {
    const renewed = this.#stamp.hasChanged(this.#paths) ? this.#renewed() : null;
    if (nowMs - this.#warnedMs >= WARNED_EVERY_MS && this.endsMs - nowMs < WARNED_BEFORE_MS) {
      this.#warnedMs = nowMs;
      const ends = new Date(this.endsMs).toISOString();
      const { certFile } = this.#files;
      if (this.endsMs <= nowMs)
        this.#log.error(`The certificate in ${certFile} expired at ${ends}: agents refuse this server`);
      else this.#log.warn(`The certificate in ${certFile} expires at ${ends}`);
    }
    return renewed;
  }

  #renewed(): Credentials | null {
    try {
      const fault = privateKeyFault(this.#files.keyFile);
      if (fault !== null) throw new Error(fault);
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

  get #paths(): readonly (string | null)[] {
    const { certFile, keyFile, clientCaFile } = this.#files;
    return [certFile, keyFile, clientCaFile];
  }
}
