/** Events as rows of the store. */
import type { Database } from './database.ts';
import { addressText } from './event-columns.ts';
import { readerOf } from './event-tables.ts';
import type { RowNames } from './row-names.ts';
import { METHODS, OUTCOMES, TRUSTS } from './schema.ts';
import type { StoredEvent } from './store.ts';

/** Reads a method as the tables hold it. */
export const methodText = (stored: number | string | null): string | null =>
  typeof stored === 'number' ? (METHODS[stored] ?? null) : stored;

/** Gives what the tables hold for a method. */
export function storedMethod(method: string | null): number | string | null {
  const code = method === null ? -1 : METHODS.indexOf(method);
  return code < 0 ? method : code;
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
  reason: string | null,
];

const RULE_COLUMNS = 'id, seq, at, storedAt, agent, host, outcome, method, user, ip, key, trust, reason';
const METHOD = 7;
const IP = 9;
/** The columns of an EventRow. */
export const EVENT_COLUMNS =
  'id, at, storedAt, agent, host, outcome, method, user, invalidUser, ip, port, key, reason, seq, trust, pid';

/** An event as it is read for lists. */
export type EventRow = readonly [
  ...[id: number, at: number, storedAt: number, agent: number, host: number, outcome: number],
  ...[method: number | string | null, user: string | null, invalidUser: number | null],
  ...[ip: number | string | null, port: number | null, key: string | null, reason: string | null],
  ...[seq: number | null, trust: number | null, pid: number | null],
];

/** Gives stored events whose id is above `id`, in the order of their ids, at most `limit`. */
export function eventsAfter(db: Database, id: number, limit: number): StoredEvent[] {
  return eventsOf(db, readerOf(db).after(EVENT_COLUMNS, id, limit) as unknown as EventRow[]);
}

/** Gives those events as the alert rules read them. */
export function eventsForRules(db: Database, id: number, limit: number): RuleRow[] {
  return ruleRows(readerOf(db).after(RULE_COLUMNS, id, limit));
}

/**
 * Gives stored events with ids above `id` and not above `last` that happened at or after a time, in the order of their ids, at
 * most `limit`. SQLite passes over the others at a fraction of what a row costs.
 */
export function recentForRules(db: Database, id: number, last: number, sinceMs: number, limit: number): RuleRow[] {
  return ruleRows(readerOf(db).after(RULE_COLUMNS, id, limit, 'id <= ? AND at >= ?', [last, sinceMs]));
}

/** Gives stored successes with ids above `id` and not above `last`, in that order, at most `limit`. */
export function acceptedForRules(db: Database, id: number, last: number, limit: number): RuleRow[] {
  const accepted = OUTCOMES.indexOf('accepted');
  return ruleRows(readerOf(db).after(RULE_COLUMNS, id, limit, 'id <= ? AND outcome = ?', [last, accepted]));
}

function ruleRows(rows: unknown[][]): RuleRow[] {
  for (const row of rows) {
    row[METHOD] = methodText(row[METHOD] as number | string | null);
    row[IP] = addressText(row[IP] as number | string | null);
  }
  return rows as unknown as RuleRow[];
}

/** Gives the events with these ids, in the order of the ids. Ids that are not stored are left out. */
export function eventsWithIds(db: Database, ids: readonly number[]): StoredEvent[] {
  return eventsOf(db, readerOf(db).withIds(EVENT_COLUMNS, ids) as unknown as EventRow[]);
}

/** Finds the id of the first event that was stored at or after a time; one above all there are where none was. Unix milliseconds. */
export function firstStoredSince(db: Database, ms: number): number {
  return readerOf(db).firstStoredSince(ms);
}

/** Gives the events of these rows, in their order. */
export function eventsOf(db: Database, rows: readonly EventRow[]): StoredEvent[] {
  const { names } = readerOf(db);
  return rows.map((row) => eventOf(row, names));
}

function eventOf(row: EventRow, names: RowNames): StoredEvent {
  const [id, at, storedAt, agent, host, outcome, method, user, invalidUser, ip, port, key, reason, seq, trust, pid] =
    row;
  return {
    id,
    at: new Date(at).toISOString(),
    storedAt: new Date(storedAt).toISOString(),
    agent: names.agent(agent),
    host: names.host(host),
    outcome: OUTCOMES[outcome] as StoredEvent['outcome'],
    method: methodText(method),
    user,
    invalidUser: invalidUser === null ? null : invalidUser === 1,
    ip: addressText(ip),
    port,
    key,
    reason,
    seq,
    trust: trust === null ? null : (TRUSTS[trust] ?? null),
    pid,
  };
}

export { RowNames } from './row-names.ts';
