/** Reads the certificate that agents see, again when its files change, and warns before it expires. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { ChangingFiles, type FileContent } from '../../service/changing-files.ts';
import { keyFault } from '../../service/files.ts';
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
  readonly #content: ChangingFiles<Read>;
  #warnedMs = Number.NEGATIVE_INFINITY;

  /** Throws when a file cannot be read. */
  constructor(files: CertificateFiles, log: Pick<Logger, 'info' | 'warn' | 'error'>) {
    this.#files = files;
    this.#log = log;
    const { certFile, keyFile, clientCaFile } = files;
    this.#content = new ChangingFiles({
      paths: [certFile, keyFile, clientCaFile],
      mayBeMissing: false,
      parse: credentialsIn,
    });
    this.#credentials = this.#content.start().credentials;
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
    const renewed = this.#renewed();
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
    const look = this.#content.look();
    const fault = look.kind === 'fault' ? look.message : look.kind === 'value' ? faultOf(look.value) : null;
    if (fault !== null)
      this.#log.error(`Certificate stays as it was: ${this.#files.certFile} or its key cannot be used: ${fault}`);
    if (look.kind !== 'value' || fault !== null) return null;
    this.#credentials = look.value.credentials;
    this.#warnedMs = Number.NEGATIVE_INFINITY;
    this.#log.info(`Certificate read again from ${this.#files.certFile}`);
    return this.#credentials;
  }
}

/** The credentials, and the mode of the key's file. */
interface Read {
  readonly credentials: Credentials;
  readonly keyMode: number;
}

function credentialsIn([cert, key, ca = null]: readonly (FileContent | null)[]): Read {
  // Only a file that is not set has no content.
  const [certFile, keyFile] = [cert as FileContent, key as FileContent];
  return {
    credentials: { cert: certFile.bytes, key: keyFile.bytes, ...(ca === null ? {} : { ca: ca.bytes }) },
    keyMode: keyFile.mode,
  };
}

function faultOf({ credentials, keyMode }: Read): string | null {
  const fault = keyFault(credentials.key, keyMode);
  if (fault !== null) return fault;
  try {
    createSecureContext(credentials);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
