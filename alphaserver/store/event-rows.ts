/** Events as rows of the store. */
import type { Database } from './database.ts';
import { OUTCOMES } from './schema.ts';
import type { StoredEvent } from './store.ts';

interface EventRow extends Omit<StoredEvent, 'at' | 'storedAt' | 'outcome' | 'invalidUser'> {
  readonly at: number;
  readonly storedAt: number;
  readonly outcome: number;
  readonly invalidUser: number | null;
}

const SELECT = `SELECT e.id, e.at, e.storedAt, a.uuid AS agent, h.name AS host, e.outcome, e.method, e.user, e.invalidUser, e.ip, e.port, e.key, e.reason
  FROM events e JOIN hosts h ON h.id = e.host JOIN agents a ON a.id = e.agent`;

/** Keeps Store's promise of the same name. */
export function eventsAfter(db: Database, id: number, limit: number): StoredEvent[] {
  return eventsOf(db.prepare(`${SELECT} WHERE e.id > ? ORDER BY e.id LIMIT ?`).all(id, limit));
}

/** The events with these ids, in the order of the ids. Ids that are not stored are left out. */
export function eventsWithIds(db: Database, ids: readonly number[]): StoredEvent[] {
  const one = db.prepare(`${SELECT} WHERE e.id = ?`);
  return eventsOf(ids.map((id) => one.get(id)).filter((row) => row !== undefined));
}

const eventsOf = (rows: unknown): StoredEvent[] => (rows as EventRow[]).map(eventOf);

function eventOf(row: EventRow): StoredEvent {
  return {
    ...row,
    at: new Date(row.at).toISOString(),
    storedAt: new Date(row.storedAt).toISOString(),
    outcome: OUTCOMES[row.outcome] as StoredEvent['outcome'],
    invalidUser: row.invalidUser === null ? null : row.invalidUser === 1,
  };
}

/** Stored successes with ids above `id` and not above `last`, in that order. */
export function acceptedBetween(db: Database, id: number, last: number, limit: number): StoredEvent[] {
  const accepted = OUTCOMES.indexOf('accepted');
  const sql = `${SELECT} WHERE e.id > ? AND e.id <= ? AND e.outcome = ? ORDER BY e.id LIMIT ?`;
  return eventsOf(db.prepare(sql).all(id, last, accepted, limit));
}

/** The id of the first event that was stored at or after a time; one above all there are where none was. Unix milliseconds. */
export function firstStoredSince(db: Database, ms: number): number {
  const { first, last } = db.prepare('SELECT min(id) AS first, max(id) AS last FROM events').get() as {
    first: number | null;
    last: number | null;
  };
  const storedAt = db.prepare('SELECT storedAt FROM events WHERE id >= ? ORDER BY id LIMIT 1');
  let [low, high] = [first ?? 1, (last ?? 0) + 1];
  // Events are stored one after the other, so time grows with the id.
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((storedAt.get(middle) as { storedAt: number }).storedAt < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
