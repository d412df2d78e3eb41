/** Stores who used which key: a row for each key, host, user and source, counted with the login's event. Counts outlive the events. */
import type { Database, Statement } from './database.ts';

/** Rows that are kept, of all keys; of more, those used longest ago are evicted. */
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

/** The one writer of the table. `count` belongs inside a transaction; after one that failed call `reload`. */
export class KeyUses {
  readonly #db: Database;
  readonly #limit: number;
  readonly #count: Statement;
  #rows = 0;

  constructor(db: Database, limit = KEY_USES_LIMIT) {
    this.#db = db;
    this.#limit = limit;
    this.#count = db.prepare(
      `INSERT INTO keyUses (fingerprint, host, user, ip, key, firstAt, lastAt, logins) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1)
       ON CONFLICT (fingerprint, host, user, ip) DO UPDATE SET logins = logins + 1, firstAt = min(firstAt, excluded.firstAt),
         key = CASE WHEN excluded.lastAt >= lastAt THEN excluded.key ELSE key END, lastAt = max(lastAt, excluded.lastAt)
       RETURNING logins`,
    );
    this.reload();
  }

  /** Counts the rows again. */
  reload(): void {
    this.#rows = (this.#db.prepare('SELECT count(*) AS n FROM keyUses').get() as { n: number }).n;
  }

  /** Counts a login. */
  count({ fingerprint, key, host, user, ip, at }: KeyUse): void {
    const { logins } = this.#count.get(fingerprint, host, user ?? '', ip ?? '', key, at) as { logins: number };
    if (logins === 1) this.#rows += 1;
    if (this.#rows <= this.#limit) return;
    this.#db
      .prepare(
        'DELETE FROM keyUses WHERE (fingerprint, host, user, ip) IN (SELECT fingerprint, host, user, ip FROM keyUses ORDER BY lastAt LIMIT ?)',
      )
      .run(this.#rows - this.#limit + Math.min(EVICTED_AT_ONCE, this.#limit - 1));
    this.reload();
  }
}
