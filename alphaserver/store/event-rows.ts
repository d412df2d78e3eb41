/** Events as rows of the store. */
import { arrays, type Database, type Statement } from './database.ts';
import { OUTCOMES, TRUSTS } from './schema.ts';
import type { StoredEvent } from './store.ts';

interface EventRow extends Omit<StoredEvent, 'at' | 'storedAt' | 'outcome' | 'invalidUser' | 'trust'> {
  readonly at: number;
  readonly storedAt: number;
  readonly outcome: number;
  readonly invalidUser: number | null;
  readonly trust: number | null;
}

const SELECT = `SELECT e.id, e.at, e.storedAt, a.uuid AS agent, h.name AS host, e.outcome, e.method, e.user, e.invalidUser, e.ip, e.port, e.key, e.reason, e.seq, e.trust, e.pid
  FROM events e JOIN hosts h ON h.id = e.host JOIN agents a ON a.id = e.agent`;

/** Keeps Store's promise of the same name. */
export function eventsAfter(db: Database, id: number, limit: number): StoredEvent[] {
  return eventsOf(db.prepare(`${SELECT} WHERE e.id > ? ORDER BY e.id LIMIT ?`).all(id, limit));
}

/**
 * An event as the alert rules read it: raw columns in this order, times as Unix milliseconds, `outcome` an index into
 * OUTCOMES, `trust` one into TRUSTS, `agent` and `host` as numbers that `RowNames` turns into texts. An array of raw columns
 * costs a ninth of what a StoredEvent does.
 */
export type RuleRow = readonly [
  id: number,
  seq: number | null,
  at: number,
  storedAt: number,
  agent: number,
  host: number,
  outcome: number,
  method: string | null,
  user: string | null,
  ip: string | null,
  key: string | null,
  trust: number | null,
];

const RULE_COLUMNS = 'id, seq, at, storedAt, agent, host, outcome, method, user, ip, key, trust';

/** Gives stored events whose id is above `id`, in the order of their ids, at most `limit`. */
export function eventsForRules(db: Database, id: number, limit: number): RuleRow[] {
  const sql = `SELECT ${RULE_COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?`;
  return arrays(db, sql, id, limit) as unknown as RuleRow[];
}

/**
 * Gives stored events with ids above `id` and not above `last` that happened at or after a time, in the order of their ids, at
 * most `limit`. SQLite passes over the others at a fraction of what a row costs.
 */
export function recentForRules(db: Database, id: number, last: number, sinceMs: number, limit: number): RuleRow[] {
  const sql = `SELECT ${RULE_COLUMNS} FROM events WHERE id > ? AND id <= ? AND at >= ? ORDER BY id LIMIT ?`;
  return arrays(db, sql, id, last, sinceMs, limit) as unknown as RuleRow[];
}

/** Gives stored successes with ids above `id` and not above `last`, in that order, at most `limit`. */
export function acceptedForRules(db: Database, id: number, last: number, limit: number): RuleRow[] {
  const accepted = OUTCOMES.indexOf('accepted');
  const sql = `SELECT ${RULE_COLUMNS} FROM events WHERE id > ? AND id <= ? AND outcome = ? ORDER BY id LIMIT ?`;
  return arrays(db, sql, id, last, accepted, limit) as unknown as RuleRow[];
}

/** Turns the numbers of agents and hosts into their names. A number never changes its meaning, so each is read once. */
export class RowNames {
  readonly #agent: Statement;
  readonly #host: Statement;
  readonly #agents = new Map<number, string>();
  readonly #hosts = new Map<number, string>();

  constructor(db: Database) {
    this.#agent = db.prepare('SELECT uuid AS name FROM agents WHERE id = ?');
    this.#host = db.prepare('SELECT name FROM hosts WHERE id = ?');
  }

  /** The id of an agent, a UUID. Throws an Error for a number that no stored event has. */
  agent(number: number): string {
    return nameOf(number, this.#agents, this.#agent);
  }

  /** The name of a host. Throws an Error for a number that no stored event has. */
  host(number: number): string {
    return nameOf(number, this.#hosts, this.#host);
  }
}

function nameOf(number: number, known: Map<number, string>, read: Statement): string {
  const there = known.get(number);
  if (there !== undefined) return there;
  const row = read.get(number) as { name: string } | undefined;
  if (!row) throw new Error(`no row has the number ${number}`);
  known.set(number, row.name);
  return row.name;
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
    trust: row.trust === null ? null : (TRUSTS[row.trust] ?? null),
  };
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
