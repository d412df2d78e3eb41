/**
 * Hosts that joined and hold a certificate: what the server knows of them beyond the certificate itself. The server alone writes
 * `joined/`, and `alphaserver certs revoke` alone writes `revoked.json`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChangingFiles, type FileContent } from '../../service/changing-files.ts';
import { makeInnerFolder, replaceFile } from '../../service/files.ts';
import { UserError } from '../../service/user-error.ts';
import { whileLocked } from '../store/file-lock.ts';
import type { CodeUse } from './join-codes.ts';

const FILE_VERSION = 1;

/** Describes one host that joined. */
export interface JoinedHost {
  readonly name: string;
  /** Patterns of the hosts that its agent may report besides its own, or null. */
  readonly hosts: string | null;
  /** Unix milliseconds, whole seconds: certificates of the name that are older belong to a host that is no more. */
  readonly joinedMs: number;
}

/** Describes a host as lists show it. */
export interface ListedHost extends Omit<JoinedHost, 'joinedMs'> {
  /** Null where it is not known to have joined. */
  readonly joinedMs: number | null;
  readonly revokedMs: number | null;
}

/** Describes a client's certificate, as far as it matters here. */
export interface AgentCertificate {
  readonly name: string;
  /** The time from which it is valid, Unix milliseconds. */
  readonly fromMs: number;
}

/** Names that a certificate can have: a file is named by it, and X.509 bounds it. */
const CERTIFICATE_NAME = /^(?!-)(?!\.)[A-Za-z0-9._-]{1,64}$/;

/** Certificates count whole seconds. */
const wholeSecond = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

/** True where a host of this name can have a certificate. */
export const isCertificateName = (name: string): boolean => CERTIFICATE_NAME.test(name);

/** Keeps the hosts that joined, and whose certificates were revoked. */
export class JoinedHosts {
  readonly #folder: string;
  readonly #revokedFile: string;
  readonly #faulty: ((message: string) => void) | null;
  readonly #hosts: Map<string, JoinedHost>;
  #revoked: ReadonlyMap<string, number> = new Map();
  readonly #content: ChangingFiles<ReadonlyMap<string, number>>;
  #hasChanged = false;

  /**
   * Throws a UserError where a file cannot be read: to go on without it could let somebody in. `faulty` hears once where that happens
   * later, and what was read before stays in force; without it that throws too.
   */
  constructor(dataFolder: string, faulty: ((message: string) => void) | null = null) {
    this.#folder = join(dataFolder, 'joined');
    this.#revokedFile = join(dataFolder, 'revoked.json');
    this.#content = new ChangingFiles({ paths: [this.#revokedFile], mayBeMissing: true, parse: revokedIn });
    this.#hosts = new Map(this.#stored().map((host) => [host.name, host]));
    this.#faulty = null;
    this.changed();
    this.#faulty = faulty;
  }

  /** Gives all that joined or were revoked, by name. */
  list(): readonly ListedHost[] {
    const revoked = [...this.#revoked.keys()].filter((name) => !this.#hosts.has(name));
    const all = [...this.#hosts.values(), ...revoked.map((name) => ({ name, hosts: null, joinedMs: null }))];
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
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

  /**
   * Notes that a host joined: certificates of its name that are older are not let in from now on. Changes nothing where it, or another
   * host of this name, is known to have joined as late.
   */
  joined(name: string, hosts: string | null, nowMs: number): void {
    const host = { name, hosts, joinedMs: wholeSecond(nowMs) };
    if ((this.#joinedMs(name) ?? Number.NEGATIVE_INFINITY) >= host.joinedMs) return;
    makeInnerFolder(this.#folder);
    replaceFile(join(this.#folder, `${name}.json`), `${JSON.stringify({ version: FILE_VERSION, ...host })}\n`);
    this.#hosts.set(name, host);
    this.#hasChanged = true;
  }

  /**
   * Gives why this certificate of the authority is not let in, or null. A name that was revoked is let in again only once a host has
   * joined by it: a server that did not know of the revocation yet may have made a certificate since. Else one whose host the server
   * does not know is let in: the store may be a restored backup.
   */
  fault({ name, fromMs }: AgentCertificate): string | null {
    return this.#end(name, fromMs, Math.min(fromMs, this.#joinedMs(name) ?? Number.NEGATIVE_INFINITY));
  }

  /** Gives why a use's host is not the host of its name any more, or null. */
  endOf({ name, joinedMs }: CodeUse): string | null {
    const fromMs = joinedMs === undefined ? this.#joinedMs(name) : wholeSecond(joinedMs);
    return this.#end(name, fromMs ?? Number.NEGATIVE_INFINITY, fromMs ?? Number.NEGATIVE_INFINITY);
  }

  /** Says what ended a certificate that is valid from a time, of a host that joined at another one, or null. */
  #end(name: string, fromMs: number, joinedMs: number): string | null {
    if (joinedMs < (this.#revokedMs(name) ?? Number.NEGATIVE_INFINITY)) return 'its certificate was revoked';
    if (fromMs < (this.#joinedMs(name) ?? Number.NEGATIVE_INFINITY)) return `another host has joined as ${name} since`;
    return null;
  }

  /**
   * Ends all certificates of a name that were made up to now. False where no host of this name is known to have joined: after a restore
   * it may hold a certificate all the same. Throws a UserError where no certificate can have the name.
   */
  revoke(name: string, nowMs: number): boolean {
    if (!isCertificateName(name))
      throw new UserError(`no certificate can have the name ${JSON.stringify(name.slice(0, 80))}`);
    whileLocked(this.#revokedFile, () => {
      // Another command may have written it since it was read.
      this.refresh();
      const revoked = Object.fromEntries([...this.#revoked, [name, nowMs]]);
      replaceFile(this.#revokedFile, `${JSON.stringify({ version: FILE_VERSION, revoked })}\n`);
    });
    this.changed();
    return this.#hosts.has(name);
  }

  /** Reads again what the command wrote, where it changed. True where a certificate may not be let in any more since the last call. */
  changed(): boolean {
    this.refresh();
    const hasChanged = this.#hasChanged;
    this.#hasChanged = false;
    return hasChanged;
  }

  /** Reads again who was revoked, where that changed. Where the file cannot be read, what was read before stays. */
  refresh(): void {
    const look = this.#content.look();
    if (look.kind === 'fault') {
      const cause = look.error;
      if (this.#faulty === null) throw unreadable(this.#revokedFile, cause);
      this.#faulty(`${this.#revokedFile} cannot be read: ${look.message}`);
    }
    if (look.kind !== 'value') return;
    this.#revoked = look.value;
    this.#hasChanged = true;
  }

  #joinedMs(name: string): number | null {
    return this.#hosts.get(name)?.joinedMs ?? null;
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

const unreadable = (file: string, cause: unknown): UserError =>
  new UserError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, 1, { cause });

/** Reads one of the files. Throws a UserError that names it. */
function contentOf<T>(file: string): T {
  try {
    return objectIn<T>(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function objectIn<T>(text: string): T {
  const content = JSON.parse(text) as T;
  if (typeof content !== 'object' || content === null) throw new Error('it holds no object');
  return content;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json'));
  } catch (cause) {
    // Nobody has joined yet.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unreadable(folder, cause);
  }
}

function revokedIn([content = null]: readonly (FileContent | null)[]): ReadonlyMap<string, number> {
  if (content === null) return new Map();
  const { revoked } = objectIn<{ readonly revoked?: unknown }>(content.bytes.toString());
  const times = Object.entries(revoked ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  if (typeof revoked !== 'object' || times.length < Object.keys(revoked ?? {}).length)
    throw new Error('it does not say when each certificate was revoked');
  return new Map(times);
}
