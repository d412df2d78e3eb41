/**
 * Codes with which hosts join: one file each, named by the SHA-256 of its secret. `alphaserver enroll` makes the files, the server alone
 * changes them, so that neither loses what the other wrote.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SECRET_BYTES } from '../../protocol/join-code.ts';
import { makeInnerFolder, replaceFile } from '../../service/files.ts';

/** The most hosts that one code lets in. */
export const HOSTS_LIMIT = 10_000;
/** The longest time that a code is good. */
export const GOOD_LIMIT_MS = 30 * 86_400_000;
/** A code is kept so long after its end, so that who comes late learns that he is. */
const KEPT_AFTER_MS = 7 * 86_400_000;
const FILE_VERSION = 1;

/** Describes whom a code lets in, and until when. */
export interface CodeTerms {
  /** The name that the host gets; null: its own. */
  readonly name: string | null;
  /** Patterns of the hosts that its agent may report besides, or null. */
  readonly hosts: string | null;
  /** The number of hosts that may join. */
  readonly count: number;
  /** The time until which they may, Unix milliseconds. */
  readonly endsMs: number;
}

/** Describes one host that joined. */
export interface CodeUse {
  readonly name: string;
  /** The SHA-256 of its request: the same one may come again, when its answer was lost on the way. */
  readonly request: string;
  /** The time at which it joined, Unix milliseconds; not there in what an earlier version noted. */
  readonly joinedMs?: number | undefined;
}

/** Knows who has joined, and whose certificates have ended. */
export interface KnownHosts {
  /** True where a host of this name has joined and was not revoked since. */
  isTaken(name: string): boolean;
  /** Gives why a use's host is not the host of its name any more, or null. */
  endOf(use: CodeUse): string | null;
}

interface Code extends CodeTerms {
  readonly version: number;
  readonly used: readonly CodeUse[];
}

/** Says whether the secret that somebody shows lets a host in. */
export type Taken =
  | { readonly ok: true; readonly name: string; readonly hosts: string | null; readonly isRepeat: boolean }
  | { readonly ok: false; readonly isGuess: boolean; readonly message: string };

const CODE_NAME = /^[0-9a-f]{64}$/;
const digest = (value: Buffer | string): string => createHash('sha256').update(value).digest('hex');

/** Gives the name of a code by its secret. */
export const codeName = (secret: Buffer): string => digest(secret);
/** Gives what is kept of a request. */
export const requestDigest = (request: string): string => digest(request);

/** Makes and checks the codes of one data folder. Throws the system's Error where a file of them cannot be read or written. */
export class JoinCodes {
  readonly #folder: string;

  constructor(dataFolder: string) {
    this.#folder = join(dataFolder, 'codes');
  }

  /** Makes a code and gives its secret, which stands nowhere else. Removes codes that ended long ago. */
  make(terms: CodeTerms, nowMs: number): Buffer {
    makeInnerFolder(this.#folder);
    for (const name of this.names()) {
      const file = `${name}.json`;
      if (this.#endedLongAgo(file, nowMs)) rmSync(join(this.#folder, file), { force: true });
    }
    const secret = randomBytes(SECRET_BYTES);
    this.#write(fileOf(secret), { version: FILE_VERSION, ...terms, used: [] });
    return secret;
  }

  /** False also for a code that cannot be read: it stays. */
  #endedLongAgo(file: string, nowMs: number): boolean {
    try {
      const code = this.#read(file);
      return code !== null && code.endsMs + KEPT_AFTER_MS < nowMs;
    } catch {
      return false;
    }
  }

  /**
   * Checks a code for a host as `use` does, and uses nothing. A repeat of a request is let in again while its host is still the host
   * of its name: neither revoked, nor followed by another one that joined by the name.
   */
  look(secret: Buffer, host: string, request: string, hosts: KnownHosts, nowMs: number): Taken {
    const code = this.#read(fileOf(secret));
    const refused = (message: string, isGuess = false): Taken => ({ ok: false, isGuess, message });
    if (code === null) return refused('the code is wrong', true);
    if (nowMs >= code.endsMs) return refused(`the code was good until ${new Date(code.endsMs).toISOString()}`);
    const name = code.name ?? host;
    const asked = digest(request);
    const answer = { ok: true, name, hosts: code.hosts } as const;
    const again = `alphaserver enroll ${name} lets it join again`;
    const before = code.used.find((use) => use.name === name);
    const repeated = code.used.find((use) => use.name === name && use.request === asked);
    if (repeated !== undefined) {
      const end = hosts.endOf(repeated);
      return end === null ? { ...answer, isRepeat: true } : refused(`${end}: ${again}`);
    }
    if (code.used.length >= code.count)
      return refused(code.count === 1 ? 'the code was used already' : `the code was used ${code.count} times already`);
    if (code.name === null && (before !== undefined || hosts.isTaken(name)))
      return refused(`${(before && hosts.endOf(before)) ?? `a host ${name} has joined already`}: ${again}`);
    return { ...answer, isRepeat: false };
  }

  /**
   * Uses the code of a name for a host, and gives the use as it was noted first; null where the code is used up. A code for several
   * hosts gives no name that somebody has joined by, nor one twice. The use is on disk before this returns.
   */
  use(name: string, { name: host, request, joinedMs }: CodeUse, hosts: KnownHosts): CodeUse | null {
    const code = this.#read(`${name}.json`);
    if (code === null) return null;
    const noted = code.used.find((one) => one.request === request && one.name === host);
    if (noted !== undefined) return noted;
    const isGiven = code.used.some((one) => one.name === host) || hosts.isTaken(host);
    if (code.used.length >= code.count || (code.name === null && isGiven)) return null;
    const use = { name: host, request, joinedMs };
    this.#write(`${name}.json`, { ...code, used: [...code.used, use] });
    return use;
  }

  /** Gives the names of all codes. */
  names(): readonly string[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder).flatMap((file) =>
      file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : [],
    );
  }

  /** Gives what is kept of a code; null where there is none of this name. */
  content(name: string): object | null {
    return this.#read(`${name}.json`);
  }

  /** Takes over a code of another server, unless it is here. */
  add(name: string, content: object): void {
    if (!CODE_NAME.test(name) || this.#read(`${name}.json`) !== null) return;
    makeInnerFolder(this.#folder);
    this.#write(`${name}.json`, content as Code);
  }

  /**
   * Reads a code; null where there is none of this name, or it is damaged: it lets nobody in. Throws the system's Error where it cannot
   * be read, as without a free descriptor: to take it for none would lose what is to be noted in it.
   */
  #read(file: string): Code | null {
    let text: string;
    try {
      text = readFileSync(join(this.#folder, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      const code: unknown = JSON.parse(text);
      return isCode(code) ? code : null;
    } catch {
      return null;
    }
  }

  #write(file: string, code: Code): void {
    replaceFile(join(this.#folder, file), `${JSON.stringify(code)}\n`);
  }
}

function isCode(value: unknown): value is Code {
  const { version, name, hosts, count, endsMs, used } = (value ?? {}) as Partial<Record<keyof Code, unknown>>;
  const isText = (one: unknown): boolean => one === null || typeof one === 'string';
  const isUse = (one: Partial<CodeUse> | null): boolean =>
    typeof one?.name === 'string' &&
    typeof one.request === 'string' &&
    (one.joinedMs === undefined || Number.isFinite(one.joinedMs));
  return (
    version === FILE_VERSION &&
    [name, hosts].every(isText) &&
    Number.isSafeInteger(count) &&
    !Number.isNaN(new Date(endsMs as number).getTime()) &&
    Array.isArray(used) &&
    used.every(isUse)
  );
}

const fileOf = (secret: Buffer): string => `${digest(secret)}.json`;
