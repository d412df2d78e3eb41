/**
 * The agent's certificate and key in one file of its state folder, so that a crash never leaves the one without the other. Written by
 * `join`, and again with each renewal.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../service/files.ts';
import type { Logger } from '../../service/logger.ts';
import type { Renewal } from './renewals.ts';

/** The files that joining writes into a state folder. */
export const identityFiles = (stateFolder: string) => ({
  /** Certificate and key. */
  identity: join(stateFolder, 'identity.pem'),
  /** The authority's certificate. */
  ca: join(stateFolder, 'ca.pem'),
});

/** Returns why a certificate that the server sent is of no use with this key; null where they belong together. */
function misfitOf(certificate: string, key: string): string | null {
  let read: X509Certificate;
  try {
    read = new X509Certificate(certificate);
  } catch {
    return 'the server sent a certificate that cannot be read';
  }
  return read.checkPrivateKey(createPrivateKey(key)) ? null : 'the server sent a certificate for another key';
}

/** Writes a certificate and its key. Throws an Error where they do not belong together. */
export function writeIdentity(file: string, certificate: string, key: string): void {
  const misfit = misfitOf(certificate, key);
  if (misfit !== null) throw new Error(misfit);
  replaceFile(file, certificate + key);
}

/** Renews the certificate of a file in the second half of its life. */
export class IdentityRenewal implements Renewal {
  readonly #file: string;
  readonly #log: Pick<Logger, 'info'>;
  /** The key of the last request. */
  #key: string | null = null;

  constructor(file: string, log: Pick<Logger, 'info'>) {
    this.#file = file;
    this.#log = log;
  }

  async request(nowMs: number): Promise<string | null> {
    const { validFrom, validTo, subject } = new X509Certificate(readFileSync(this.#file));
    const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
    if (nowMs - fromMs < (toMs - fromMs) / 2) return null;
    // Only now: the library takes memory that the agent needs twice a year.
    const { makeRequest } = await import('../../service/certificates.ts');
    const { request, key } = await makeRequest(subject.replace(/^CN=/, ''));
    this.#key = key;
    return request;
  }

  take(certificate: string): string | null {
    const key = this.#key;
    if (key === null) return 'the server sent a certificate that nobody asked for';
    const misfit = misfitOf(certificate, key);
    if (misfit !== null) return misfit;
    replaceFile(this.#file, certificate + key);
    this.#key = null;
    this.#log.info(
      `The certificate is renewed until ${new Date(Date.parse(new X509Certificate(certificate).validTo)).toISOString()}`,
    );
    return null;
  }
}
