/** The users of the page: who may see it, and who may act on it. The file keeps passwords as scrypt (RFC 7914) makes them, each with a salt of its own. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { dirname, join } from 'node:path';
import { ChangingFiles, type FileContent } from '../../service/changing-files.ts';
import { makeFolder, replaceFile } from '../../service/files.ts';
import { UserError } from '../../service/user-error.ts';
import { whileLocked } from '../store/file-lock.ts';

/** A viewer sees everything; an operator changes what the server does as well. */
export const ROLES = ['viewer', 'operator'] as const;
export type Role = (typeof ROLES)[number];

/** One user as the file keeps it. */
export interface UserRecord {
  readonly name: string;
  readonly role: Role;
  /** The time at which the password was set, Unix milliseconds: sessions that began before it are over. */
  readonly changedMs: number;
  readonly salt: string;
  readonly scrypt: string;
}

/** The longest password that is taken, in characters: a longer one would only cost time. */
export const PASSWORD_LIMIT_CHARS = 256;
/** The shortest password that somebody may choose, in characters. */
export const PASSWORD_LEAST_CHARS = 8;
/** Most users of one server. */
export const USERS_LIMIT = 1_000;
const NAME = /^(?!-)(?!\.+$)[A-Za-z0-9._@-]{1,64}$/;
const FILE_VERSION = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 32 MiB and some 0.3 s for each password, which is what OWASP advises for scrypt. */
const COST = { N: 32_768, r: 8, p: 3, maxmem: 67_108_864 };
/** A made password has 120 bits. */
const MADE_BYTES = 15;

/** The users of one data folder. Commands of another process are noticed: the file is read again when it has changed. */
export class Users {
  readonly #file: string;
  readonly #faulty: ((message: string) => void) | null;
  readonly #content: ChangingFiles<ReadonlyMap<string, UserRecord>>;
  #records: ReadonlyMap<string, UserRecord> = new Map();

  /**
   * Throws a UserError where the file is there and cannot be read: without users everybody could act. `faulty` hears once where that
   * happens later, and what was read before stays in force; without it that throws too.
   */
  constructor(dataFolder: string, faulty: ((message: string) => void) | null = null) {
    this.#file = join(dataFolder, 'users.json');
    this.#content = new ChangingFiles({ paths: [this.#file], mayBeMissing: true, parse: usersIn });
    this.#faulty = null;
    this.#current();
    this.#faulty = faulty;
  }

  /** Returns all users, by name. */
  list(): readonly UserRecord[] {
    return [...this.#current().values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Returns a user, or null. */
  find(name: string): UserRecord | null {
    return this.#current().get(name) ?? null;
  }

  /** Returns the user of this name and password, or null. An unknown name takes as long as a wrong password. */
  async verify(name: string, password: string): Promise<UserRecord | null> {
    const user = this.find(name);
    const salt = Buffer.from(user?.salt ?? '', 'base64');
    const made = await hash(password.slice(0, PASSWORD_LIMIT_CHARS), salt);
    const wanted = Buffer.from(user?.scrypt ?? '', 'base64');
    return wanted.length === made.length && timingSafeEqual(made, wanted) ? user : null;
  }

  /** Adds a user. Rejects with a UserError where the name or the password cannot be taken. */
  async add(name: string, role: Role, password: string, nowMs: number): Promise<void> {
    if (!NAME.test(name))
      throw new UserError(
        `${JSON.stringify(name.slice(0, 80))} cannot be a name: use 1 to 64 letters, digits, dots, dashes, underscores, @, no dash first`,
      );
    this.#mustHaveRoomFor(name);
    const secret = await secretOf(password);
    makeFolder(dirname(this.#file));
    whileLocked(this.#file, () => {
      this.#mustHaveRoomFor(name);
      this.#save([...this.list(), { name, role, changedMs: nowMs, ...secret }]);
    });
  }

  /** Sets a user's password, which ends the user's sessions. Rejects with a UserError where there is none of this name. */
  async setPassword(name: string, password: string, nowMs: number): Promise<void> {
    this.#existing(name);
    const secret = await secretOf(password);
    whileLocked(this.#file, () => {
      // Only now: whoever was removed while the password was hashed stays removed.
      const { role } = this.#existing(name);
      this.#save([...this.#without(name), { name, role, changedMs: nowMs, ...secret }]);
    });
  }

  /** Removes a user, which ends the user's sessions. Throws a UserError where there is none of this name. */
  remove(name: string): void {
    // Where there is nothing to change, no lock is made either.
    this.#existing(name);
    whileLocked(this.#file, () => {
      this.#existing(name);
      this.#save(this.#without(name));
    });
  }

  #mustHaveRoomFor(name: string): void {
    if (this.find(name) !== null)
      throw new UserError(`there is a user ${name} already: user password ${name} sets another password`);
    if (this.#current().size >= USERS_LIMIT) throw new UserError(`there are ${USERS_LIMIT} users already`);
  }

  #without(name: string): readonly UserRecord[] {
    return this.list().filter((user) => user.name !== name);
  }

  #existing(name: string): UserRecord {
    const user = this.find(name);
    if (user === null) throw new UserError(`there is no user ${JSON.stringify(name.slice(0, 80))}`);
    return user;
  }

  #save(users: readonly UserRecord[]): void {
    replaceFile(this.#file, `${JSON.stringify({ version: FILE_VERSION, users }, null, 2)}\n`);
  }

  #current(): ReadonlyMap<string, UserRecord> {
    const look = this.#content.look();
    if (look.kind === 'fault') {
      const cause = look.error;
      if (this.#faulty === null) throw new UserError(`${this.#file} cannot be read: ${cause.message}`, 1, { cause });
      this.#faulty(`${this.#file} cannot be read: ${look.message}`);
    } else if (look.kind === 'value') this.#records = look.value;
    return this.#records;
  }
}

/** Makes a password that nobody guesses. */
export const makePassword = (): string => randomBytes(MADE_BYTES).toString('base64url');

/** Makes what is kept of a password. Rejects with a UserError where it is too short or too long. */
async function secretOf(password: string): Promise<Pick<UserRecord, 'salt' | 'scrypt'>> {
  if (password.length < PASSWORD_LEAST_CHARS || password.length > PASSWORD_LIMIT_CHARS)
    throw new UserError(`a password has ${PASSWORD_LEAST_CHARS} to ${PASSWORD_LIMIT_CHARS} characters`);
  const salt = randomBytes(SALT_BYTES);
  const made = await hash(password, salt);
  return { salt: salt.toString('base64'), scrypt: made.toString('base64') };
}

function hash(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((done, failed) =>
    scrypt(password.normalize('NFC'), salt, HASH_BYTES, COST, (error, made) => (error ? failed(error) : done(made))),
  );
}

function usersIn([content = null]: readonly (FileContent | null)[]): ReadonlyMap<string, UserRecord> {
  if (content === null) return new Map();
  const { version, users } = JSON.parse(content.bytes.toString()) as { version: number; users: UserRecord[] };
  if (version !== FILE_VERSION || !Array.isArray(users))
    throw new Error(`not a file of users of version ${FILE_VERSION}`);
  for (const user of users)
    if (typeof user?.name !== 'string' || !ROLES.includes(user.role) || typeof user.scrypt !== 'string')
      throw new Error('a user lacks its name, role or password');
  return new Map(users.map((user) => [user.name, user]));
}
