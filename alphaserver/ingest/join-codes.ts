/**
 * Codes with which hosts join: one file each, named by the SHA-256 of its secret. `alphaserver enroll` makes the files, the server alone
 * changes them, so that neither loses what the other wrote.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
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

/** What a code is good for. */
export interface CodeTerms {
  /** The name that the host gets; null: its own. */
  readonly name: string | null;
  /** Patterns of the hosts that its agent may report besides, or null. */
  readonly hosts: string | null;
  /** How many hosts may join. */
  readonly count: number;
  /** Until when, Unix milliseconds. */
  readonly endsMs: number;
}

/** One host that joined. */
interface Use {
  readonly name: string;
  /** The SHA-256 of its request: the same one may come again, when its answer was lost on the way. */
  readonly request: string;
}

interface Code extends CodeTerms {
  readonly version: number;
  readonly used: readonly Use[];
}

/** The answer to somebody who shows a secret. */
export type Taken =
  | { readonly ok: true; readonly name: string; readonly hosts: string | null; readonly isRepeat: boolean }
  | { readonly ok: false; readonly isGuess: boolean; readonly message: string };

const digest = (value: Buffer | string): string => createHash('sha256').update(value).digest('hex');

/** The codes of one data folder. */
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

  /** Checks a code for a host as `take` does, and uses nothing. */
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
   * Uses a code for a host. `isTaken` says whether somebody has joined by a name: a code for several hosts gives no name twice. The use
   * is on disk before this returns.
   */
  take(secret: Buffer, host: string, request: string, isTaken: (name: string) => boolean, nowMs: number): Taken {
    const found = this.look(secret, host, request, isTaken, nowMs);
    if (!found.ok || found.isRepeat) return found;
    const file = fileOf(secret);
    const code = this.#read(file) as Code;
    this.#write(file, { ...code, used: [...code.used, { name: found.name, request: digest(request) }] });
    return found;
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
  const isUse = (one: Partial<Use> | null): boolean => typeof one?.name === 'string' && typeof one.request === 'string';
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
