/** Keeps the certificate authority of a data folder: `alphaserver certs init` makes it, and the server signs with it what agents ask for. */
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FINGERPRINT_BYTES } from '../../protocol/join-code.ts';
import { makeInnerFolder, mustBeOpen, replaceFile } from '../../service/files.ts';
import { isLoopback } from '../../service/ip-network.ts';
import type { Logger } from '../../service/logger.ts';
import { UserError } from '../../service/user-error.ts';

/** The server's own certificate is valid for this long; a running server makes the next one itself. */
const SERVER_DAYS = 397;
/** An agent's certificate is valid for this long, and is renewed in the second half of that time. */
export const AGENT_DAYS = 365;
/** The server replaces its own certificate when less than this is left of it. */
const REPLACED_BEFORE_MS = 30 * 86_400_000;

/** The files of an authority's folder. */
export interface AuthorityFiles {
  readonly ca: string;
  readonly caKey: string;
  readonly server: string;
  readonly serverKey: string;
}

/** Gives the folder of the authority that `certs init` makes where no other is named. */
export const authorityFolder = (dataFolder: string): string => join(dataFolder, 'certs');

/** Gives the paths of an authority's files. */
export const authorityFiles = (folder: string): AuthorityFiles => ({
  ca: join(folder, 'ca.pem'),
  caKey: join(folder, 'ca-key.pem'),
  server: join(folder, 'server.pem'),
  serverKey: join(folder, 'server-key.pem'),
});

/** Describes what `certs init` made, or found. */
export interface Initialized {
  readonly isNewAuthority: boolean;
  /** The names and addresses that the server's certificate has, in no order. */
  readonly names: readonly string[];
  readonly endsMs: number;
}

/** Signs certificates by the authority of one folder. Its key is read for each signature, and not kept. */
export class Authority {
  readonly files: AuthorityFiles;

  constructor(folder: string) {
    this.files = authorityFiles(folder);
  }

  /** True where `certs init` was run. */
  get exists(): boolean {
    return existsSync(this.files.ca) && existsSync(this.files.caKey);
  }

  /** Gives the authority's certificate in PEM. Throws where it cannot be read. */
  certificate(): string {
    return readFileSync(this.files.ca, 'utf8');
  }

  /** Gives the authority's key in PEM. Throws where it cannot be read. */
  key(): string {
    return readFileSync(this.files.caKey, 'utf8');
  }

  /** Takes over an authority that was made elsewhere. */
  adopt(certificate: string, key: string): void {
    makeInnerFolder(join(this.files.ca, '..'));
    // The certificate last: with it the authority is there.
    replaceFile(this.files.caKey, key);
    replaceFile(this.files.ca, certificate);
  }

  /** Gives the first FINGERPRINT_BYTES of the SHA-256 of the authority's certificate. */
  fingerprint(): Buffer {
    return createHash('sha256')
      .update(new X509Certificate(this.certificate()).raw)
      .digest()
      .subarray(0, FINGERPRINT_BYTES);
  }

  /**
   * Makes the authority where there is none, and a certificate for a server of these names and addresses, those of the one before
   * among them. A crash in between leaves an authority without a server's certificate, and the next call makes it.
   */
  async init(label: string, names: readonly string[], nowMs: number): Promise<Initialized> {
    const { COMMON_NAME_LIMIT_CHARS, makeAuthority } = await import('../../service/certificates.ts');
    const isNewAuthority = !this.exists;
    if (isNewAuthority) {
      const made = await makeAuthority(`Asgard authority of ${label}`.slice(0, COMMON_NAME_LIMIT_CHARS), nowMs);
      this.adopt(made.certificate, made.key);
    }
    const all = [...new Set([...names, ...this.serverNames()])];
    await this.#certifyServer(label, all, nowMs);
    return { isNewAuthority, names: all, endsMs: this.serverEndsMs() };
  }

  /** Signs an agent's request. Rejects with a RequestError where it is none. */
  async certifyAgent(request: string, name: string, nowMs: number): Promise<string> {
    const { sign } = await import('../../service/certificates.ts');
    return sign(this.#authority(), request, { name, usage: 'agent', alternativeNames: [], days: AGENT_DAYS }, nowMs);
  }

  /** Makes the server's certificate anew where it ends soon; true where it did. Whoever reads the file sees it there. */
  async renewServer(label: string, nowMs: number): Promise<boolean> {
    if (this.serverEndsMs() - nowMs > REPLACED_BEFORE_MS) return false;
    await this.#certifyServer(label, this.serverNames(), nowMs);
    return true;
  }

  /** Returns when the authority's own certificate expires, Unix milliseconds. Throws where it cannot be read. */
  endsMs(): number {
    return Date.parse(new X509Certificate(this.certificate()).validTo);
  }

  /** Returns when the server's certificate expires, Unix milliseconds. Throws where it cannot be read. */
  serverEndsMs(): number {
    return Date.parse(new X509Certificate(readFileSync(this.files.server)).validTo);
  }

  /** True where a file is that of the certificate that this authority makes for the server. */
  certifies(certificateFile: string | undefined): boolean {
    return certificateFile !== undefined && resolve(certificateFile) === resolve(this.files.server);
  }

  /** True where a file's first certificate was signed by this authority: agents can check it by a code. */
  hasSigned(certificateFile: string): boolean {
    return new X509Certificate(readFileSync(certificateFile)).verify(new X509Certificate(this.certificate()).publicKey);
  }

  async #certifyServer(label: string, alternativeNames: readonly string[], nowMs: number): Promise<void> {
    const { COMMON_NAME_LIMIT_CHARS, makeRequest, sign } = await import('../../service/certificates.ts');
    const { request, key } = await makeRequest(label);
    const wanted = {
      name: label.slice(0, COMMON_NAME_LIMIT_CHARS),
      usage: 'server',
      alternativeNames,
      days: SERVER_DAYS,
    } as const;
    const certificate = await sign(this.#authority(), request, wanted, nowMs);
    // Between the two a reader finds a key that is not the certificate's: it goes on with what it had, and looks again.
    replaceFile(this.files.serverKey, key);
    // With the authority's: an agent that joins compares it with its code.
    replaceFile(this.files.server, certificate + this.certificate());
  }

  #authority(): { certificate: string; key: string } {
    return { certificate: this.certificate(), key: this.key() };
  }

  /** Returns the names and addresses in the server's certificate; none where there is no certificate. */
  serverNames(): readonly string[] {
    if (!existsSync(this.files.server)) return [];
    const names = new X509Certificate(readFileSync(this.files.server)).subjectAltName ?? '';
    return names.split(', ').map((one) => canonical(one.replace(/^(?:DNS|IP Address):/, '')));
  }

  /**
   * Returns the name to type for the server: the first in its certificate that is no wildcard and leads to it from another host, or
   * else the first that is no wildcard, or null.
   */
  serverName(): string | null {
    const names = this.serverNames().filter((name) => !name.includes('*'));
    return names.find((name) => !isOfEachHost(name)) ?? names[0] ?? null;
  }
}

/** True for a name that leads each host to itself. The resolver gives it for the full one where `/etc/hosts` has the host's own behind it. */
const isOfEachHost = (name: string): boolean => isLoopback(name) || name.startsWith('localhost.');

/** Gives an IPv6 address in its short form, as OpenSSL does not; a name as it is. */
function canonical(name: string): string {
  return name.includes(':') && URL.canParse(`http://[${name}]`)
    ? new URL(`http://[${name}]`).hostname.slice(1, -1)
    : name;
}

/** Gives the authority of a data folder or of the folder where its client CA is. Throws a UserError where there is none, or this user may not look. */
export function authorityOf(dataFolder: string, clientCaFile: string | null): Authority {
  const authority = findAuthority(dataFolder, clientCaFile);
  if (authority !== null) return authority;
  mustBeOpen(folderOf(dataFolder, clientCaFile));
  throw new UserError('there is no certificate authority yet: alphaserver certs init makes one');
}

const folderOf = (dataFolder: string, clientCaFile: string | null): string =>
  clientCaFile === null ? authorityFolder(dataFolder) : join(clientCaFile, '..');

/** Gives the authority whose certificate is the client CA, or the data folder's where none is named; null where its key is not there. */
export function findAuthority(dataFolder: string, clientCaFile: string | null): Authority | null {
  const authority = new Authority(folderOf(dataFolder, clientCaFile));
  return authority.exists && (clientCaFile === null || authority.files.ca === join(clientCaFile)) ? authority : null;
}

/**
 * Gives the authority that signs for agents, where there is one, and the data folder's, which the page's certificate is of where
 * agents see another or none.
 */
export function ownAuthorities(dataFolder: string, ofAgents: Authority | null): readonly Authority[] {
  const ofPage = findAuthority(dataFolder, null);
  return [
    ...(ofAgents === null ? [] : [ofAgents]),
    ...(ofPage === null || ofAgents?.certifies(ofPage.files.server) ? [] : [ofPage]),
  ];
}

/** The end of the server's own certificate is checked at this interval. */
const LOOKED_AT_EVERY_MS = 12 * 3_600_000;

/** Keeps the server's own certificate from ending, from now on, where the authority made it. Returns what stops it. */
export function keepServerCertificate(
  authority: Authority,
  label: string,
  log: Pick<Logger, 'info' | 'warn'>,
  now: () => number,
): () => void {
  const look = (): void => {
    authority.renewServer(label, now()).then(
      (isNew) => {
        if (isNew) log.info(`The server's certificate in ${authority.files.server} is renewed`);
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn(`The server's certificate in ${authority.files.server} cannot be renewed: ${reason}`);
      },
    );
  };
  look();
  const timer = setInterval(look, LOOKED_AT_EVERY_MS);
  return () => clearInterval(timer);
}
