/** Fills the tables of keys and sessions with logins that versions without these tables stored as events alone. */
import type { Database, Statement } from './database.ts';
import { addCountedKeyUses } from './earlier-key-uses.ts';
import { readerOf } from './event-tables.ts';
import { fingerprintOf } from './fingerprint.ts';
import { OUTCOMES } from './schema.ts';

/** Events read at once. */
const PAGE_EVENTS = 10_000;
/** Sessions that are filled in; of more logins, the newest. */
export const OLD_SESSIONS_LIMIT = 100_000;

const COLUMNS = 'id, at, agent, seq, host, method, user, key, ip, port, pid, trust';
type LoginRow = readonly [
  ...[id: number, at: number, agent: number, seq: number | null, host: number, method: number | string | null],
  ...[user: string | null, key: string | null, ip: string | null, port: number | null],
  ...[pid: number | null, trust: number | null],
];

/**
 * Counts the logins by key that are not counted yet, and adds a session for each login that has none. How and when such a
 * session ended is not known: it is neither open nor ended, until its agent names its end. To be called once, in the
 * transaction of the upgrade.
 */
export function fillOldLogins(db: Database, sessionsLimit = OLD_SESSIONS_LIMIT): void {
  const uses = new OldKeyUses(db);
  const sessions = new OldSessions(db, sessionsLimit);
  const accepted = OUTCOMES.indexOf('accepted');
  for (let after = 0; ; ) {
    const rows = readerOf(db).after(COLUMNS, after, PAGE_EVENTS, 'outcome = ?', [accepted]) as unknown as LoginRow[];
    for (const row of rows) {
      uses.count(row);
      sessions.add(row);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_EVENTS) break;
    [after] = last;
  }
  uses.finish();
  sessions.finish();
  addCountedKeyUses(db);
}

/** Counts uses of keys that happened before those that are counted. */
class OldKeyUses {
  readonly #db: Database;
  readonly #firstCounted: Statement;
  readonly #count: Statement;

  constructor(db: Database) {
    this.#db = db;
    db.exec(`CREATE TEMP TABLE oldKeyUses (
      fingerprint TEXT NOT NULL, host INTEGER NOT NULL, user TEXT NOT NULL, ip TEXT NOT NULL, key TEXT NOT NULL,
      firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, logins INTEGER NOT NULL,
      PRIMARY KEY (fingerprint, host, user, ip)
    ) WITHOUT ROWID`);
    this.#firstCounted = db.prepare(
      'SELECT firstAt FROM keyUses WHERE fingerprint = ? AND host = ? AND user = ? AND ip = ?',
    );
    this.#count = db.prepare(
      `INSERT INTO oldKeyUses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1)
       ON CONFLICT DO UPDATE SET logins = logins + 1, firstAt = min(firstAt, excluded.firstAt),
         key = CASE WHEN excluded.lastAt >= lastAt THEN excluded.key ELSE key END, lastAt = max(lastAt, excluded.lastAt)`,
    );
  }

  count([, at, , , host, , user, key, ip]: LoginRow): void {
    const fingerprint = fingerprintOf(key);
    if (key === null || fingerprint === null) return;
    const names = [fingerprint, host, user ?? '', ip ?? ''] as const;
    const counted = this.#firstCounted.get(...names) as { firstAt: number } | undefined;
    if (counted === undefined || at < counted.firstAt) this.#count.run(...names, key, at);
  }

  finish(): void {
    this.#db.exec(`INSERT INTO keyUses SELECT * FROM oldKeyUses WHERE true
      ON CONFLICT DO UPDATE SET logins = logins + excluded.logins, firstAt = excluded.firstAt;
      DROP TABLE oldKeyUses`);
  }
}

/** Adds a session for each login of a version that kept none. */
class OldSessions {
  readonly #db: Database;
  readonly #limit: number;
  readonly #add: Statement;
  /** Logins from this event on have a session. */
  readonly #firstEvent: number;

  constructor(db: Database, limit: number) {
    this.#db = db;
    this.#limit = limit;
    const { first } = db.prepare('SELECT min(event) AS first FROM sessions').get() as { first: number | null };
    this.#firstEvent = first ?? Number.POSITIVE_INFINITY;
    this.#add = db.prepare(
      `INSERT INTO sessions (sortAt, event, agent, seq, host, user, method, key, fingerprint, ip, port, pid, trust, since, followed, confirmed, recorded)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)`,
    );
  }

  add([id, at, agent, seq, host, method, user, key, ip, port, pid, trust]: LoginRow): void {
    if (id >= this.#firstEvent) return;
    this.#add.run(at, id, agent, seq, host, user, method, key, fingerprintOf(key), ip, port, pid, trust, at);
  }

  /** Deletes those beyond the limit, oldest first. */
  finish(): void {
    this.#db
      .prepare(
        'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE recorded = 0 ORDER BY id DESC LIMIT -1 OFFSET ?)',
      )
      .run(this.#limit);
  }
}
