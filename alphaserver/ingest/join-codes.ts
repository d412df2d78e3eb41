/**
 * Codes with which hosts join: one file each, named by the SHA-256 of its secret. `alphaserver enroll` makes the files, the server alone
 * changes them, so that neither loses what the other wrote.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SECRET_BYTES } from '../../protocol/join-code.ts';
import { makeFolder, replaceFile } from '../../service/files.ts';

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

/** Makes and checks the codes of one data folder. */
export class JoinCodes {
  readonly #folder: string;

  constructor(dataFolder: string) {
    this.#folder = join(dataFolder, 'codes');
  }

  /** Makes a code and gives its secret, which stands nowhere else. Removes codes that ended long ago. */
  make(terms: CodeTerms, nowMs: number): Buffer {
    makeFolder(this.#folder);
    for (const file of readdirSync(this.#folder)) {
      const code = this.#read(file);
      if (code !== null && code.endsMs + KEPT_AFTER_MS < nowMs) rmSync(join(this.#folder, file), { force: true });
    }
    const secret = randomBytes(SECRET_BYTES);
    this.#write(fileOf(secret), { version: FILE_VERSION, ...terms, used: [] });
    return secret;
  }

  /** Checks a code for a host as `use` does, and uses nothing. */
  look(secret: Buffer, host: string, request: string, isTaken: (name: string) => boolean, nowMs: number): Taken {
    const code = this.#read(fileOf(secret));
    const refused = (message: string, isGuess = false): Taken => ({ ok: false, isGuess, message });
    if (code === null) return refused('the code is wrong', true);
    if (nowMs >= code.endsMs) return refused(`the code was good until ${new Date(code.endsMs).toISOString()}`);
    const name = code.name ?? host;
    const asked = digest(request);
    const answer = { ok: true, name, hosts: code.hosts } as const;
    if (code.used.some((use) => use.request === asked && use.name === name)) return { ...answer, isRepeat: true };
    if (code.used.length >= code.count)
      return refused(code.count === 1 ? 'the code was used already' : `the code was used ${code.count} times already`);
    if (code.name === null && isTaken(name))
      return refused(`a host ${name} has joined already: alphaserver enroll ${name} lets it join again`);
    return { ...answer, isRepeat: false };
  }

  /**
   * Uses the code of a name for a host. `isTaken` says whether somebody has joined by a name: a code for several hosts gives no name
   * twice. False where it is used up; true also where this use was noted before. The use is on disk before this returns.
   */
  use(name: string, use: CodeUse, isTaken: (name: string) => boolean): boolean {
    const code = this.#read(`${name}.json`);
    if (code === null) return false;
    if (code.used.some((one) => one.request === use.request && one.name === use.name)) return true;
    if (code.used.length >= code.count || (code.name === null && isTaken(use.name))) return false;
    this.#write(`${name}.json`, { ...code, used: [...code.used, { name: use.name, request: use.request }] });
    return true;
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
    makeFolder(this.#folder);
    this.#write(`${name}.json`, content as Code);
  }

  #read(file: string): Code | null {
    try {
      const code: unknown = JSON.parse(readFileSync(join(this.#folder, file), 'utf8'));
      return isCode(code) ? code : null;
    } catch {
      // There is none of this name, or it is damaged: it lets nobody in.
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
    typeof one?.name === 'string' && typeof one.request === 'string';
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
