/**
 * Hosts that joined and hold a certificate: what the server knows of them beyond the certificate itself. The server alone writes
 * `joined/`, and `alphaserver certs revoke` alone writes `revoked.json`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileStamp } from '../../service/file-stamp.ts';
import { makeFolder, replaceFile } from '../../service/files.ts';
import { UserError } from '../../service/user-error.ts';

const FILE_VERSION = 1;

/** Describes one host that joined. */
export interface JoinedHost {
  readonly name: string;
  /** Patterns of the hosts that its agent may report besides its own, or null. */
  readonly hosts: string | null;
  /** Unix milliseconds, whole seconds: certificates of the name that are older belong to a host that is no more. */
  readonly joinedMs: number;
}

/** Describes a client's certificate, as far as it matters here. */
export interface AgentCertificate {
  readonly name: string;
  /** The time from which it is valid, Unix milliseconds. */
  readonly fromMs: number;
}

/** Names that a certificate can have: a file is named by it, and X.509 bounds it. */
const CERTIFICATE_NAME = /^(?!-)(?!\.)[A-Za-z0-9._-]{1,64}$/;

/** True where a host of this name can have a certificate. */
export const isCertificateName = (name: string): boolean => CERTIFICATE_NAME.test(name);

/** Keeps the hosts that joined, and whose certificates were revoked. */
export class JoinedHosts {
  readonly #folder: string;
  readonly #revokedFile: string;
  readonly #faulty: ((message: string) => void) | null;
  readonly #hosts: Map<string, JoinedHost>;
  #revoked: ReadonlyMap<string, number> = new Map();
  readonly #stamp = new FileStamp();
  #hasChanged = false;

  /**
   * Throws a UserError where a file cannot be read: to go on without it could let somebody in. `faulty` hears once where that happens
   * later, and what was read before stays in force; without it that throws too.
   */
  constructor(dataFolder: string, faulty: ((message: string) => void) | null = null) {
    this.#folder = join(dataFolder, 'joined');
    this.#revokedFile = join(dataFolder, 'revoked.json');
    this.#hosts = new Map(this.#stored().map((host) => [host.name, host]));
    this.#faulty = null;
    this.changed();
    this.#faulty = faulty;
  }

  /** Gives all that joined, by name. */
  list(): readonly (JoinedHost & { readonly revokedMs: number | null })[] {
    const all = [...this.#hosts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return all.map((host) => ({ ...host, revokedMs: this.#revokedMs(host.name) }));
  }

  /** Gives the names of all that joined. */
  names(): readonly string[] {
    return [...this.#hosts.keys()];
  }

  /** Gives what is kept of a host; null where none of this name has joined. */
  content(name: string): JoinedHost | null {
    return this.#hosts.get(name) ?? null;
  }

  /** True where a host of this name has joined and was not revoked since. */
  isTaken(name: string): boolean {
    const host = this.#hosts.get(name);
    return host !== undefined && host.joinedMs >= (this.#revokedMs(name) ?? 0);
  }

  /** Gives the patterns of the hosts that an agent of this name may report, or null. */
  hostsOf(name: string): string | null {
    return this.#hosts.get(name)?.hosts ?? null;
  }

  /** Notes that a host joined: certificates of its name that are older are not let in from now on. */
  joined(name: string, hosts: string | null, nowMs: number): void {
    const host = { name, hosts, joinedMs: Math.floor(nowMs / 1_000) * 1_000 };
    makeFolder(this.#folder);
    replaceFile(join(this.#folder, `${name}.json`), `${JSON.stringify({ version: FILE_VERSION, ...host })}\n`);
    this.#hosts.set(name, host);
    this.#hasChanged = true;
  }

  /**
   * Gives why this certificate of the authority is not let in, or null. One whose host the server does not know is let in: the store
   * may be a restored backup.
   */
  fault({ name, fromMs }: AgentCertificate): string | null {
    if (fromMs < (this.#revokedMs(name) ?? Number.NEGATIVE_INFINITY)) return 'its certificate was revoked';
    if (fromMs < (this.#hosts.get(name)?.joinedMs ?? Number.NEGATIVE_INFINITY))
      return `another host has joined as ${name} since`;
    return null;
  }

  /** Ends all certificates of a name that were made up to now. False where no host of this name has joined. */
  revoke(name: string, nowMs: number): boolean {
    if (!this.#hosts.has(name)) return false;
    const revoked = Object.fromEntries([...this.#revoked, [name, nowMs]]);
    replaceFile(this.#revokedFile, `${JSON.stringify({ version: FILE_VERSION, revoked })}\n`);
    this.changed();
    return true;
  }

  /** Reads again what the command wrote, where it changed. True where a certificate may not be let in any more since the last call. */
  changed(): boolean {
    const isNew = this.#stamp.hasChanged([this.#revokedFile]) && this.#readRevoked();
    const hasChanged = this.#hasChanged || isNew;
    this.#hasChanged = false;
    return hasChanged;
  }

  /** Reads who was revoked; false where the file cannot be read and what was read before stays. */
  #readRevoked(): boolean {
    try {
      this.#revoked = revokedIn(this.#revokedFile);
      return true;
    } catch (error) {
      if (this.#faulty === null || !(error instanceof UserError)) throw error;
      this.#faulty(error.message);
      return false;
    }
  }

  #revokedMs(name: string): number | null {
    return this.#revoked.get(name) ?? null;
  }

  #stored(): JoinedHost[] {
    return filesOf(this.#folder).flatMap((file) => {
      const { version, name, hosts = null, joinedMs } = contentOf<JoinedHost & Versioned>(join(this.#folder, file));
      return version === FILE_VERSION && file === `${name}.json` ? [{ name, hosts, joinedMs }] : [];
    });
  }
}

interface Versioned {
  readonly version: number;
}

/** Reads one of the files, an object. Throws a UserError that names it. */
function contentOf<T>(file: string): T {
  try {
    const content = JSON.parse(readFileSync(file, 'utf8')) as T;
    if (typeof content !== 'object' || content === null) throw new Error('it holds no object');
    return content;
  } catch (cause) {
    throw new UserError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, 1, { cause });
  }
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json'));
  } catch {
    // Nobody has joined yet.
    return [];
  }
}

function revokedIn(file: string): ReadonlyMap<string, number> {
  if (!existsSync(file)) return new Map();
  const { revoked } = contentOf<{ readonly revoked?: unknown }>(file);
  const times = Object.entries(revoked ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  if (typeof revoked !== 'object' || times.length < Object.keys(revoked ?? {}).length)
    throw new UserError(`${file} cannot be read: it does not say when each certificate was revoked`);
  return new Map(times);
}
