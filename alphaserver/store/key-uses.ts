/**
 * Stores who used which key: a row for each key with its logins, and one for each host, user and source that it was used with,
 * counted with the login's event. Counts outlive the events.
 */
import type { Database, Statement } from './database.ts';
import { CountedRows } from './facts.ts';
import { ALL_HOSTS } from './row-names.ts';
import type { KeyRow } from './store.ts';

/** Uses that are kept, of all keys; of more, those of longest ago are evicted, and keys that have none left. */
export const KEY_USES_LIMIT = 1_000_000;
/** Rows that are evicted at once beyond the limit, so that not each login has to evict. */
const EVICTED_AT_ONCE = 1_000;

/** Counts as a row holds them. Times are Unix milliseconds. */
interface Counts {
  firstAt: number;
  lastAt: number;
  logins: number;
}

const NONE: Counts = { firstAt: Number.POSITIVE_INFINITY, lastAt: Number.NEGATIVE_INFINITY, logins: 0 };

/** Logins to one host, by one user, from one source. */
interface CountedUse extends Counts {
  readonly host: number;
  readonly user: string;
  readonly ip: string;
}

/** The logins by one key that are not written yet. `key` is the text of the last one. */
interface CountedKey extends Counts {
  key: string;
  readonly uses: Map<string, CountedUse>;
}

/** One login by key. `at` is Unix milliseconds. */
export interface KeyUse {
  readonly fingerprint: string;
  readonly key: string;
  readonly host: number;
  readonly user: string | null;
  readonly ip: string | null;
  readonly at: number;
}

const KEY = `INSERT INTO keys (fingerprint, key, firstAt, lastAt, logins) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (fingerprint) DO UPDATE SET firstAt = min(firstAt, excluded.firstAt), lastAt = max(lastAt, excluded.lastAt),
    logins = logins + excluded.logins, key = CASE WHEN excluded.lastAt >= lastAt THEN excluded.key ELSE key END
  RETURNING id`;
// Two statements: one that returns whether it inserted takes longer than both.
const LATER_USE = `UPDATE keyUses SET firstAt = min(firstAt, ?), lastAt = max(lastAt, ?), logins = logins + ?
  WHERE key = ? AND host = ? AND user = ? AND ip = ?`;
const NEW_USE = 'INSERT INTO keyUses (firstAt, lastAt, logins, key, host, user, ip) VALUES (?, ?, ?, ?, ?, ?, ?)';

/**
 * The one writer of both tables. `count` and `save` belong inside a transaction; after one that failed call `reload`. Logins are
 * added up until `save`: many of one append are by the same key, and each write of a row costs that of its indexes.
 */
export class KeyUses {
  readonly #db: Database;
  readonly #limit: number;
  readonly #key: Statement;
  readonly #laterUse: Statement;
  readonly #newUse: Statement;
  readonly #uses: CountedRows;
  /** By fingerprint. */
  readonly #counted = new Map<string, CountedKey>();

  constructor(db: Database, limit = KEY_USES_LIMIT) {
    this.#db = db;
    this.#limit = limit;
    this.#key = db.prepare(KEY);
    this.#laterUse = db.prepare(LATER_USE);
    this.#newUse = db.prepare(NEW_USE);
    this.#uses = new CountedRows(db, 'keyUses', 'SELECT count(*) FROM keyUses');
  }

  /** Takes the number of rows as it is stored, and drops what is not saved. */
  reload(): void {
    this.#counted.clear();
    this.#uses.reload();
  }

  /** Counts a login, in memory. */
  count({ fingerprint, key, host, user, ip, at }: KeyUse): void {
    const ofKey = this.#counted.get(fingerprint) ?? { key, uses: new Map<string, CountedUse>(), ...NONE };
    this.#counted.set(fingerprint, ofKey);
    if (at >= ofKey.lastAt) ofKey.key = key;
    addLogin(ofKey, at);
    // A user's name may hold anything: it comes last.
    const name = `${host} ${ip ?? ''} ${user ?? ''}`;
    const use = ofKey.uses.get(name) ?? { host, user: user ?? '', ip: ip ?? '', ...NONE };
    ofKey.uses.set(name, use);
    addLogin(use, at);
  }

  /** Stores what was counted, and the number of rows. */
  save(): void {
    for (const [fingerprint, ofKey] of this.#counted) {
      const id = this.#addKey(fingerprint, ofKey.key, ofKey);
      for (const use of ofKey.uses.values()) this.#addUse(id, use);
    }
    this.#counted.clear();
    const over = this.#uses.rows - this.#limit;
    if (over > 0) this.#evict(over + Math.min(EVICTED_AT_ONCE, this.#limit - 1));
    this.#uses.save();
  }

  /** Adds uses that another store counted, as `keyUsesOf` gives them; `hostOf` gives a host's number. */
  add(uses: readonly KeyRow[], hostOf: (name: string) => number): void {
    for (const { fingerprint, host, user, ip, key, firstAt, lastAt, logins } of uses) {
      const counts = { firstAt, lastAt, logins } as Counts;
      const id = this.#addKey(fingerprint as string, key as string, counts);
      this.#addUse(id, { host: hostOf(host), user: user as string, ip: ip as string, ...counts });
    }
  }

  /** Adds to the row of a key. Gives its number. */
  #addKey(fingerprint: string, key: string, { firstAt, lastAt, logins }: Counts): number {
    return (this.#key.get(fingerprint, key, firstAt, lastAt, logins) as { id: number }).id;
  }

  /** Adds to the row of a use. */
  #addUse(key: number, { host, user, ip, firstAt, lastAt, logins }: CountedUse): void {
    const values = [firstAt, lastAt, logins, key, host, user, ip] as const;
    if (this.#laterUse.run(...values).changes > 0) return;
    this.#newUse.run(...values);
    this.#uses.add(1);
  }

  #evict(rows: number): void {
    const evicted = this.#db
      .prepare('DELETE FROM keyUses WHERE id IN (SELECT id FROM keyUses ORDER BY lastAt LIMIT ?) RETURNING key')
      .all(rows) as { key: number }[];
    this.#uses.add(-evicted.length);
    const drop = this.#db.prepare(
      'DELETE FROM keys WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM keyUses WHERE key = ?1)',
    );
    for (const key of new Set(evicted.map((use) => use.key))) drop.run(key);
  }
}

function addLogin(counts: Counts, at: number): void {
  counts.firstAt = Math.min(counts.firstAt, at);
  counts.lastAt = Math.max(counts.lastAt, at);
  counts.logins += 1;
}

/** Lists all uses with their keys' texts and their hosts' names: what a copy of the store begins with. */
export const keyUsesOf = (db: Database): KeyRow[] =>
  (
    db
      .prepare(
        `SELECT k.fingerprint, h.name AS host, u.user, u.ip, k.key, u.firstAt, u.lastAt, u.logins
         FROM keyUses u JOIN keys k ON k.id = u.key JOIN ${ALL_HOSTS} h ON h.id = u.host`,
      )
      .all() as unknown as KeyRow[]
  ).map((row) => ({ ...row }));
