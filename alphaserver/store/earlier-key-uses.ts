/**
 * Stores when keys were last used on which hosts in logins that are no longer stored: the rules read of the others from the
 * events. Without it, a server that works out its alerts again would know no key that was not used within the retention.
 */
import { arrays, type Database } from './database.ts';
import { readerOf } from './event-tables.ts';

/** Rows that are kept; of more, those of longest ago are evicted. The rules hold no more than that. */
export const EARLIER_KEY_USES_LIMIT = 200_000;
/** Ids of sessions that one step reads, in some tens of milliseconds. */
const STEP_SESSIONS = 16_384;
/** Rows evicted at once beyond the limit, so that not each deletion has to evict. */
const EVICTED_AT_ONCE = 1_000;

/** The last login by a key on a host; `lastMs` is Unix milliseconds, `host` the store's number. */
export interface LastKeyUse {
  readonly fingerprint: string;
  readonly host: number;
  readonly lastMs: number;
}

const ADD = `ON CONFLICT (fingerprint, host) DO UPDATE SET lastAt = max(lastAt, excluded.lastAt)`;

/** Adds what the table of key uses has: for a store whose logins an earlier version did not judge by their keys. */
export function addCountedKeyUses(db: Database): void {
  db.exec(
    `INSERT INTO earlierKeyUses SELECT fingerprint, host, max(lastAt) FROM keyUses WHERE true GROUP BY 1, 2 ${ADD}`,
  );
  evict(db, EARLIER_KEY_USES_LIMIT);
}

/** Adds the uses of sessions that are about to be deleted. `where` names them, with `values`. Inside the caller's transaction. */
export function addKeyUsesOfSessions(
  db: Database,
  where: string,
  values: readonly number[],
  limit = EARLIER_KEY_USES_LIMIT,
): void {
  db.prepare(
    `INSERT INTO earlierKeyUses SELECT fingerprint, host, max(since) FROM sessions
       WHERE fingerprint IS NOT NULL AND since IS NOT NULL AND ${where} GROUP BY 1, 2 ${ADD}`,
  ).run(...values);
  evict(db, limit);
}

function evict(db: Database, limit: number): void {
  const [[rows = 0] = []] = arrays(db, 'SELECT count(*) FROM earlierKeyUses') as [number][];
  if (rows <= limit) return;
  db.prepare(
    'DELETE FROM earlierKeyUses WHERE (fingerprint, host) IN (SELECT fingerprint, host FROM earlierKeyUses ORDER BY lastAt LIMIT ?)',
  ).run(rows - limit + Math.min(EVICTED_AT_ONCE, limit - 1));
}

/**
 * Gives the last use of each key on each host in logins that the rules will not read: those that are no longer stored, and
 * those of events up to the id `position`. Sessions are read in steps: a thread that is to end is ended between two of them.
 */
export function keyUsesUpTo(db: Database, position: number): LastKeyUse[] {
  return readerOf(db).consistent(() => {
    const upTo = Math.max(position, (readerOf(db).bounds().first ?? Number.MAX_SAFE_INTEGER) - 1);
    const last = new LastKeyUses();
    last.add(arrays(db, 'SELECT fingerprint, host, lastAt FROM earlierKeyUses') as KeyUseRow[]);
    const [[lowest, highest] = [0, -1]] = arrays(
      db,
      'SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM sessions',
    ) as [number, number][];
    const sql = `SELECT fingerprint, host, max(since) FROM sessions
      WHERE id >= ? AND id < ? AND fingerprint IS NOT NULL AND since IS NOT NULL AND event <= ? GROUP BY 1, 2`;
    for (let id = lowest; id <= highest; id += STEP_SESSIONS)
      last.add(arrays(db, sql, id, id + STEP_SESSIONS, upTo) as KeyUseRow[]);
    return last.newest(EARLIER_KEY_USES_LIMIT);
  });
}

type KeyUseRow = [fingerprint: string, host: number, lastMs: number];

/** Gathers the last use of each key on each host. */
class LastKeyUses {
  readonly #hosts = new Map<string, Map<number, number>>();

  add(rows: readonly KeyUseRow[]): void {
    for (const [fingerprint, host, lastMs] of rows) {
      const hosts = this.#hosts.get(fingerprint) ?? new Map<number, number>();
      this.#hosts.set(fingerprint, hosts);
      hosts.set(host, Math.max(lastMs, hosts.get(host) ?? lastMs));
    }
  }

  newest(limit: number): LastKeyUse[] {
    const all: LastKeyUse[] = [];
    for (const [fingerprint, hosts] of this.#hosts)
      for (const [host, lastMs] of hosts) all.push({ fingerprint, host, lastMs });
    return all.sort((a, b) => b.lastMs - a.lastMs).slice(0, limit);
  }
}
