/**
 * The sessions that somebody logged out of. A session is a signed cookie, which stays good by itself until its end: what was
 * copied from a browser before the logout must not log anybody in after it, nor after a restart of the server. Several servers
 * share the file: what stands in it is added to what is known, so that no server takes back a logout at another one.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ChangingFiles, type FileContent } from '../../service/changing-files.ts';
import { replaceFile } from '../../service/files.ts';

/** Sessions of one user that are remembered as ended; with one more, all that the user began before that moment are over. */
export const ENDED_LIMIT = 100;

/** A session by what its cookie says, and by the cookie itself. */
export interface EndingSession {
  readonly name: string;
  readonly beganMs: number;
  /** The time at which it ends by itself: from then on nothing has to be remembered of it. */
  readonly endsMs: number;
  readonly cookie: string;
}

interface EndedOfUser {
  /** Digests of cookies, and when their sessions would have ended. */
  readonly cookies: Readonly<Record<string, number>>;
  /** All sessions that began up to this moment are over, Unix milliseconds. */
  readonly upToMs: number;
  /** The time at which the last session that `upToMs` ends would have ended by itself. */
  readonly upToEndsMs: number;
}

const FILE = 'ended-sessions.json';
const FILE_VERSION = 1;
const DIGEST_CHARS = 32;
const NONE: EndedOfUser = { cookies: {}, upToMs: 0, upToEndsMs: 0 };

/** The ended sessions of one data folder. */
export class EndedSessions {
  readonly #file: string;
  readonly #faulty: (message: string) => void;
  readonly #content: ChangingFiles<ReadonlyMap<string, EndedOfUser> | null>;
  #users: ReadonlyMap<string, EndedOfUser> = new Map();
  /** The time of a start at which the file could not be read: whatever began before that moment may be one that was ended. */
  readonly #unknownUpToMs: number;

  /** `faulty` hears of a file that cannot be read: all sessions are over then, or, while the server runs, what is known stays. */
  constructor(dataFolder: string, nowMs: number, faulty: (message: string) => void) {
    this.#file = join(dataFolder, FILE);
    this.#faulty = faulty;
    this.#content = new ChangingFiles({ paths: [this.#file], mayBeMissing: true, parse: usersIn });
    let unknownUpToMs = 0;
    try {
      this.#users = this.#content.start() ?? new Map();
    } catch (error) {
      unknownUpToMs = nowMs;
      faulty(`everybody has to log in again, since ${this.#file} cannot be read: ${(error as Error).message}`);
    }
    this.#unknownUpToMs = unknownUpToMs;
  }

  /** Ends a session for good. Throws the system's Error where that cannot be written; in memory it is ended then as well. */
  end({ name, beganMs, endsMs, cookie }: EndingSession, nowMs: number): void {
    const standing = [...this.#current()].map(([user, ended]) => [user, withoutPast(ended, nowMs)] as const);
    const users = new Map(standing.filter(([, { cookies, upToMs }]) => upToMs > 0 || Object.keys(cookies).length > 0));
    const before = users.get(name) ?? NONE;
    const cookies = { ...before.cookies, [digestOf(cookie)]: endsMs };
    const isTooMany = Object.keys(cookies).length > ENDED_LIMIT;
    const lastMs = Math.max(nowMs, beganMs);
    users.set(
      name,
      isTooMany ? { cookies: {}, upToMs: lastMs, upToEndsMs: lastMs + endsMs - beganMs } : { ...before, cookies },
    );
    this.#users = users;
    this.#write();
  }

  /** Returns true for a session that somebody logged out of. */
  has({ name, beganMs, cookie }: Omit<EndingSession, 'endsMs'>): boolean {
    const { cookies, upToMs } = this.#current().get(name) ?? NONE;
    return beganMs <= Math.max(upToMs, this.#unknownUpToMs) || Object.hasOwn(cookies, digestOf(cookie));
  }

  /** Adds what another server wrote. Where the file lacks something that is known here, writes it again with all. */
  #current(): ReadonlyMap<string, EndedOfUser> {
    const look = this.#content.look();
    const heard = (message: string): void =>
      this.#faulty(`Logouts at other servers may not be known: ${this.#file}: ${message}`);
    if (look.kind === 'fault') heard(look.message);
    if (look.kind !== 'value' || look.value === null) return this.#users;
    try {
      const inFile = look.value;
      const users = new Map(inFile);
      for (const [name, known] of this.#users) users.set(name, bothOf(known, inFile.get(name) ?? NONE));
      this.#users = users;
      if ([...users].some(([name, ended]) => !isDeepStrictEqual(ended, inFile.get(name)))) this.#write();
    } catch (error) {
      heard((error as Error).message);
    }
    return this.#users;
  }

  #write(): void {
    const users = Object.fromEntries(this.#users);
    replaceFile(this.#file, `${JSON.stringify({ version: FILE_VERSION, users })}\n`);
  }
}

const bothOf = (one: EndedOfUser, other: EndedOfUser): EndedOfUser => ({
  cookies: { ...one.cookies, ...other.cookies },
  upToMs: Math.max(one.upToMs, other.upToMs),
  upToEndsMs: Math.max(one.upToEndsMs, other.upToEndsMs),
});

const digestOf = (cookie: string): string => createHash('sha256').update(cookie).digest('hex').slice(0, DIGEST_CHARS);

/** Leaves out what has ended by itself. */
function withoutPast({ cookies, upToMs, upToEndsMs }: EndedOfUser, nowMs: number): EndedOfUser {
  const standing = Object.entries(cookies).filter(([, endsMs]) => endsMs > nowMs);
  return {
    cookies: Object.fromEntries(standing),
    ...(upToEndsMs > nowMs ? { upToMs, upToEndsMs } : { upToMs: 0, upToEndsMs: 0 }),
  };
}

function usersIn([content = null]: readonly (FileContent | null)[]): ReadonlyMap<string, EndedOfUser> | null {
  if (content === null) return null;
  const { version, users } = JSON.parse(content.bytes.toString()) as {
    version: number;
    users: Record<string, EndedOfUser>;
  };
  if (version !== FILE_VERSION) throw new Error(`not a file of ended sessions of version ${FILE_VERSION}`);
  const read = Object.entries(users);
  for (const [, { cookies, upToMs, upToEndsMs }] of read)
    if (!Number.isFinite(upToMs) || !Number.isFinite(upToEndsMs) || typeof cookies !== 'object' || cookies === null)
      throw new Error('what ended is missing for a user');
  return new Map(read);
}
