/**
 * Stores who used which key: a row for each key with its logins, and one for each host, user and source that it was used with,
 * counted with the login's event. Counts outlive the events.
 */
import type { Database, Statement } from './database.ts';
import { CountedRows } from './facts.ts';
import type { KeyRow } from './store.ts';

/** Uses that are kept, of all keys; of more, those of longest ago are evicted, and keys that have none left. */
export const KEY_USES_LIMIT = 1_000_000;
/** Rows that are evicted at once beyond the limit, so that not each login has to evict. */
const EVICTED_AT_ONCE = 1_000;

/** One login by key. `at` is Unix milliseconds. */
export interface KeyUse {
  readonly fingerprint: string;
  readonly key: string;
  readonly host: number;
  readonly user: string | null;
  readonly ip: string | null;
  readonly at: number;
}

const LATER = `logins = logins + excluded.logins, firstAt = min(firstAt, excluded.firstAt), lastAt = max(lastAt, excluded.lastAt)`;
const KEY = `INSERT INTO keys (fingerprint, key, firstAt, lastAt, logins) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (fingerprint) DO UPDATE SET ${LATER}, key = CASE WHEN excluded.lastAt >= lastAt THEN excluded.key ELSE key END
  RETURNING id`;
const USE = `INSERT INTO keyUses (key, host, user, ip, firstAt, lastAt, logins) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key, host, user, ip) DO UPDATE SET ${LATER} RETURNING logins`;

/** The one writer of both tables. `count` and `save` belong inside a transaction; after one that failed call `reload`. */
export class KeyUses {
  readonly #db: Database;
  readonly #limit: number;
  readonly #key: Statement;
  readonly #use: Statement;
  readonly #uses: CountedRows;

  constructor(db: Database, limit = KEY_USES_LIMIT) {
    this.#db = db;
    this.#limit = limit;
    this.#key = db.prepare(KEY);
    this.#use = db.prepare(USE);
    this.#uses = new CountedRows(db, 'keyUses', 'SELECT count(*) FROM keyUses');
  }

  /** Takes the number of rows as it is stored. */
  reload(): void {
    this.#uses.reload();
  }

  /** Stores the number of rows. */
  save(): void {
    this.#uses.save();
  }

  /** Counts a login. */
  count({ fingerprint, key, host, user, ip, at }: KeyUse): void {
    const { id } = this.#key.get(fingerprint, key, at, at, 1) as { id: number };
    const { logins } = this.#use.get(id, host, user ?? '', ip ?? '', at, at, 1) as { logins: number };
    if (logins > 1) return;
    this.#uses.add(1);
    const over = this.#uses.rows - this.#limit;
    if (over > 0) this.#evict(over + Math.min(EVICTED_AT_ONCE, this.#limit - 1));
  }

  /** Adds uses that another store counted, as `keyUsesOf` gives them; `hostOf` gives a host's number. */
  add(uses: readonly KeyRow[], hostOf: (name: string) => number): void {
    for (const { fingerprint, host, user, ip, key, firstAt, lastAt, logins } of uses) {
      const counts = [firstAt, lastAt, logins] as [number, number, number];
      const { id } = this.#key.get(fingerprint as string, key as string, ...counts) as { id: number };
      this.#use.get(id, hostOf(host), user as string, ip as string, ...counts);
    }
    this.#uses.recount();
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

/** Lists all uses with their keys' texts and their hosts' names: what a copy of the store begins with. */
export const keyUsesOf = (db: Database): KeyRow[] =>
  (
    db
      .prepare(
        `SELECT k.fingerprint, h.name AS host, u.user, u.ip, k.key, u.firstAt, u.lastAt, u.logins
         FROM keyUses u JOIN keys k ON k.id = u.key JOIN hosts h ON h.id = u.host`,
      )
      .all() as unknown as KeyRow[]
  ).map((row) => ({ ...row }));
