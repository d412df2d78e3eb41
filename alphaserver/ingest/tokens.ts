/** Tokens that agents show at hello. The file holds only their SHA-256: a token is 256 random bits, so nothing slower is needed. */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../service/files.ts';

/** One token as the file holds it. */
export interface TokenRecord {
  readonly name: string;
  readonly sha256: string;
  readonly createdAt: string;
  readonly revokedAt: string | null;
}

/** A name that begins with a dash would be an option in the commands of scripts, and one of dots alone a folder. */
const NAME = /^(?!-)(?!\.+$)[A-Za-z0-9._-]{1,64}$/;
const FILE_VERSION = 1;

/** A token command cannot be carried out; the message says why. */
export class TokenError extends Error {
  readonly code = 'token';
}

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

/** The tokens of one data folder, which commands of other processes change. Every method throws a TokenError when the file is there and cannot be read. */
export class Tokens {
  readonly #file: string;
  #records: readonly TokenRecord[] = [];
  #valid = new Set<string>();
  #stamp = '';

  constructor(dataFolder: string) {
    this.#file = join(dataFolder, 'tokens.json');
  }

  /** Reads the file again where it has changed. True where it had. */
  refresh(): boolean {
    const stat = statSync(this.#file, { throwIfNoEntry: false, bigint: true });
    const stamp = stat ? `${stat.ino}:${stat.mtimeNs}:${stat.size}` : '';
    if (stamp === this.#stamp) return false;
    this.#records = stat ? recordsIn(this.#file) : [];
    this.#valid = new Set(this.#records.filter((record) => !record.revokedAt).map((record) => record.sha256));
    this.#stamp = stamp;
    return true;
  }

  /** Gives the hash of a token that was added and not revoked as of the last `refresh`, null for any other. */
  hashOf(token: string | null): string | null {
    const hash = token === null ? null : sha256(token);
    return hash !== null && this.#valid.has(hash) ? hash : null;
  }

  /** True while the token with this hash is not revoked, as of the last `refresh`. */
  isValid(hash: string): boolean {
    return this.#valid.has(hash);
  }

  /** Lists all tokens ever added, oldest first. */
  list(): readonly TokenRecord[] {
    this.refresh();
    return this.#records;
  }

  /** Makes a token and gives it: the only time it is shown. Throws a TokenError when the name is bad or in use. */
  add(name: string, nowMs: number): string {
    if (!NAME.test(name))
      throw new TokenError(
        `${JSON.stringify(name.slice(0, 80))} cannot be a name: use 1 to 64 letters, digits, dots, dashes, underscores, no dash first, not dots alone`,
      );
    if (this.list().some((record) => record.name === name && !record.revokedAt))
      throw new TokenError(`there is a token ${name} already: revoke it first`);
    const token = randomBytes(32).toString('base64url');
    this.#save([
      ...this.#records,
      { name, sha256: sha256(token), createdAt: new Date(nowMs).toISOString(), revokedAt: null },
    ]);
    return token;
  }

  /** Ends a token; its sessions are closed within seconds. Throws a TokenError when there is no such token. */
  revoke(name: string, nowMs: number): void {
    if (!this.list().some((record) => record.name === name && !record.revokedAt))
      throw new TokenError(`there is no token ${JSON.stringify(name.slice(0, 80))}`);
    this.#save(
      this.#records.map((record) =>
        record.name === name && !record.revokedAt ? { ...record, revokedAt: new Date(nowMs).toISOString() } : record,
      ),
    );
  }

  /** Writes a new file and renames it: a reader, and a crash at any point, finds the old file or the new one. */
  #save(records: readonly TokenRecord[]): void {
    makeFolder(dirname(this.#file));
    const written = `${this.#file}.${process.pid}.new`;
    const descriptor = openSync(written, 'w', 0o600);
    writeSync(descriptor, `${JSON.stringify({ version: FILE_VERSION, tokens: records }, null, 2)}\n`);
    fsyncSync(descriptor);
    closeSync(descriptor);
    renameSync(written, this.#file);
    this.refresh();
  }
}

function recordsIn(file: string): readonly TokenRecord[] {
  try {
    const { version, tokens } = JSON.parse(readFileSync(file, 'utf8')) as { version: number; tokens: TokenRecord[] };
    if (version !== FILE_VERSION || !Array.isArray(tokens))
      throw new Error(`not a token file of version ${FILE_VERSION}`);
    return tokens;
  } catch (cause) {
    throw new TokenError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
