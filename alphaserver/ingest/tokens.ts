/** Keeps the tokens that agents show at hello, and in a file of their own those that scripts show to the page. The file has only their SHA-256: a token is 256 random bits, so that nothing slower is needed. */
import { createHash, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { ChangingFiles, type FileContent } from '../../service/changing-files.ts';
import { makeFolder, replaceFile } from '../../service/files.ts';
import { whileLocked } from '../store/file-lock.ts';
import { isPatternList } from './host-pattern.ts';

/** Describes one token as the file keeps it. */
export interface TokenRecord {
  readonly name: string;
  readonly sha256: string;
  readonly createdAt: string;
  readonly revokedAt: string | null;
  /** Patterns of the hosts that its agent may report, with commas between; null: the host of its first hello. */
  readonly hosts: string | null;
  /** The scope that a script has with it; null for an agent. */
  readonly scope: Scope | null;
}

/** The scopes of scripts' tokens: everything that a viewer or an operator may ask for, or one path. */
export const SCOPES = ['metrics', 'blocklist', 'viewer', 'operator'] as const;
export type Scope = (typeof SCOPES)[number];
/** The names of the file of agents' tokens, and of that of scripts'. */
export const AGENT_TOKENS = 'tokens.json';
export const SCRIPT_TOKENS = 'script-tokens.json';

/** Describes a valid token that somebody has shown. */
export interface ShownToken {
  readonly name: string;
  readonly sha256: string;
  readonly hosts: string | null;
  readonly scope: Scope | null;
}

const NAME = /^(?!-)(?!\.+$)[A-Za-z0-9._-]{1,64}$/;
const FILE_VERSION = 1;
/** A token that an earlier version made says nothing of hosts: it goes on reporting any. */
const ANY_HOST = '*';

/** Says why a command about tokens cannot be carried out, or a file of them not be read. */
export class TokenError extends Error {
  readonly code = 'token';
}

const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Finds and changes the tokens of one data folder. Commands of another process are noticed: the file is read again when it has changed. */
export class Tokens {
  readonly #file: string;
  readonly #faulty: ((message: string) => void) | null;
  #records: readonly TokenRecord[] = [];
  #valid = new Map<string, ShownToken>();
  readonly #content: ChangingFiles<readonly TokenRecord[]>;

  /**
   * Throws a TokenError where the file is there and cannot be read: all would be refused as if they were revoked. `faulty` hears once
   * where that happens later, and what was read before stays in force; without it that throws too.
   */
  constructor(dataFolder: string, faulty: ((message: string) => void) | null = null, file = AGENT_TOKENS) {
    this.#file = join(dataFolder, file);
    this.#content = new ChangingFiles({ paths: [this.#file], mayBeMissing: true, parse: recordsIn });
    this.#faulty = null;
    this.refresh();
    this.#faulty = faulty;
  }

  /** Gives the record of a token that was added and not revoked, or null. */
  find(token: string): ShownToken | null {
    this.refresh();
    return this.#valid.get(sha256(token)) ?? null;
  }

  /** True while the token with this SHA-256 is not revoked, by what the last `refresh` read. */
  isValid(hash: string): boolean {
    return this.#valid.has(hash);
  }

  /** Gives all tokens ever added, oldest first. */
  list(): readonly TokenRecord[] {
    this.refresh();
    return this.#records;
  }

  /**
   * Makes a token and returns it: the only time it is seen. `hosts` are patterns of the hosts that its agent may report; null: the one
   * host that it first comes from. Throws a TokenError when the name or the patterns are bad, or the name is in use.
   */
  add(name: string, nowMs: number, hosts: string | null = null, scope: Scope | null = null): string {
    if (!NAME.test(name))
      throw new TokenError(
        `${JSON.stringify(name.slice(0, 80))} cannot be a name: use 1 to 64 letters, digits, dots, dashes, underscores, no dash first`,
      );
    const wanted = { name, hosts: checkedPatterns(hosts), scope };
    makeFolder(dirname(this.#file));
    return whileLocked(this.#file, () => {
      if (this.#validOf(name) !== undefined)
        throw new TokenError(`there is a token ${name} already: rotate or revoke it`);
      return this.#make(this.#records, wanted, nowMs);
    });
  }

  /** Makes a new token in place of the valid one of this name, whose agent stays bound to it. Throws a TokenError when there is none. */
  rotate(name: string, nowMs: number, hosts: string | null = null): string {
    const patterns = checkedPatterns(hosts);
    return this.#changed(name, ({ hosts: before, scope }) =>
      this.#make(this.#revoked(name, nowMs), { name, hosts: patterns ?? before, scope }, nowMs),
    );
  }

  /** Ends a token; its sessions are closed within seconds. Throws a TokenError when there is no such token. */
  revoke(name: string, nowMs: number): void {
    this.#changed(name, () => this.#save(this.#revoked(name, nowMs)));
  }

  /** Reads the file again where it has changed. True where that changed the tokens. */
  refresh(): boolean {
    const look = this.#content.look();
    if (look.kind === 'fault') {
      const cause = look.error;
      if (this.#faulty === null) throw new TokenError(`${this.#file} cannot be read: ${cause.message}`, { cause });
      this.#faulty(`${this.#file} cannot be read: ${look.message}`);
    }
    if (look.kind !== 'value') return false;
    this.#records = look.value;
    const valid = this.#records.filter((record) => !record.revokedAt);
    this.#valid = new Map(valid.map((record) => [record.sha256, record]));
    return true;
  }

  /** Returns the valid token of a name, by what the file holds now. */
  #validOf(name: string): TokenRecord | undefined {
    return this.list().find((record) => record.name === name && !record.revokedAt);
  }

  /** Runs `work` on the valid token of a name, while no other process changes the file. Throws a TokenError where there is none. */
  #changed<T>(name: string, work: (token: TokenRecord) => T): T {
    // Where there is nothing to change, no lock is made either.
    if (this.#validOf(name) === undefined) throw missing(name);
    return whileLocked(this.#file, () => {
      const token = this.#validOf(name);
      if (token === undefined) throw missing(name);
      return work(token);
    });
  }

  #make(records: readonly TokenRecord[], wanted: Pick<TokenRecord, 'name' | 'hosts' | 'scope'>, nowMs: number): string {
    const token = randomBytes(32).toString('base64url');
    const createdAt = new Date(nowMs).toISOString();
    this.#save([...records, { ...wanted, sha256: sha256(token), createdAt, revokedAt: null }]);
    return token;
  }

  #revoked(name: string, nowMs: number): readonly TokenRecord[] {
    const revokedAt = new Date(nowMs).toISOString();
    return this.#records.map((one) => (one.name === name && !one.revokedAt ? { ...one, revokedAt } : one));
  }

  #save(tokens: readonly TokenRecord[]): void {
    replaceFile(this.#file, `${JSON.stringify({ version: FILE_VERSION, tokens }, null, 2)}\n`);
    this.refresh();
  }
}

const missing = (name: string): TokenError => new TokenError(`there is no token ${JSON.stringify(name.slice(0, 80))}`);

function checkedPatterns(hosts: string | null): string | null {
  if (hosts === null || isPatternList(hosts)) return hosts;
  throw new TokenError(
    `${JSON.stringify(hosts.slice(0, 80))} is no pattern of hosts: use names with * and ?, with commas between`,
  );
}

function recordsIn([content = null]: readonly (FileContent | null)[]): readonly TokenRecord[] {
  if (content === null) return [];
  const { version, tokens } = JSON.parse(content.bytes.toString()) as { version: number; tokens: unknown };
  if (version !== FILE_VERSION || !Array.isArray(tokens))
    throw new Error(`not a token file of version ${FILE_VERSION}`);
  return tokens.map((one: Partial<TokenRecord> | null) => {
    if (typeof one?.name !== 'string' || typeof one.sha256 !== 'string')
      throw new Error('a token lacks its name or hash');
    const { name, sha256, createdAt = '', revokedAt = null, hosts = ANY_HOST, scope = null } = one;
    return { name, sha256, createdAt, revokedAt, hosts, scope };
  });
}
