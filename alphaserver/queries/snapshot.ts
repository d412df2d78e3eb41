/** The store at one moment, as questions read it: what is rolled up, and the newest events, which are not yet. */

import type { CountedRow, Names, Tally } from '../rollups/counts.ts';
import { count, tallyOf } from '../rollups/counts.ts';
import { hasher } from '../rollups/distinct-sketch.ts';
import type { Span } from '../rollups/time-buckets.ts';
import type { Database } from '../store/database.ts';

/** More events than this are not read one by one: after an upgrade, or without `rollups.db`, they are counted first. */
const UNROLLED_LIMIT_EVENTS = 1_048_576;
const COLUMNS = 'id, at, outcome, host, method, user, ip';

interface KnownHost {
  readonly name: string;
  readonly hash: number;
}

/** Names of hosts, and a store's own hash. Hosts never change their number, so what is read once is kept. */
export function namesIn(db: Database, hashSeed: number): Names {
  const hash = hasher(hashSeed);
  const known = new Map<number, KnownHost>();
  const select = db.prepare('SELECT name FROM hosts WHERE id = ?');
  const host = (id: number): KnownHost => {
    const there = known.get(id);
    if (there) return there;
    const row = select.get(id) as { name: string } | undefined;
    const read = { name: row?.name ?? '', hash: hash(row?.name ?? '') };
    // One that is not there yet may be there the next time.
    if (row) known.set(id, read);
    return read;
  };
  return { hash, host: (id) => host(id).name, hostHash: (id) => host(id).hash };
}

/** What the store knows of itself. */
export type Fact = 'rolledTo' | 'indexedTo' | 'horizon' | 'hashSeed' | 'networksFrom';

/** One of these numbers. */
export function factIn(db: Database, name: Fact): number {
  return (db.prepare('SELECT value FROM facts WHERE name = ?').get(name) as { value: number }).value;
}

/** Rows as arrays: half the cost of objects, for what reads thousands of them. */
export function arrays(db: Database, sql: string, ...values: (string | number)[]): unknown[][] {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  return statement.all(...values) as unknown as unknown[][];
}

/** Made inside a transaction, good until its end. */
export class Snapshot {
  readonly db: Database;
  readonly names: Names;
  /** Events up to this id are in all counts. */
  readonly rolledTo: number;
  /** Events up to this id are in the postings. */
  readonly indexedTo: number;
  /** A day's start: before it, there are no minutes and no ranks of hours. */
  readonly horizon: number;

  constructor(db: Database, names: Names) {
    this.db = db;
    this.names = names;
    // First a look at the events, then one at what is made from them: were it the other way round, an event could be
    // counted and deleted between the two looks.
    const { id } = db.prepare('SELECT max(id) AS id FROM events').get() as { id: number | null };
    this.rolledTo = factIn(db, 'rolledTo');
    if ((id ?? 0) - this.rolledTo > UNROLLED_LIMIT_EVENTS)
      throw new Error(`counts are being made from the events, ${this.rolledTo} of ${id} so far`);
    this.indexedTo = factIn(db, 'indexedTo');
    this.horizon = factIn(db, 'horizon');
  }

  /** The span's events that are not rolled up, in no order: at most a few thousand, read by their ids. */
  newest({ from, to }: Span): CountedRow[] {
    const sql = `SELECT ${COLUMNS} FROM events WHERE id > ? AND +at >= ? AND +at < ?`;
    return arrays(this.db, sql, this.rolledTo, from, to) as unknown as CountedRow[];
  }

  /** The span's events that are rolled up and still there, in no order. */
  older({ from, to }: Span): CountedRow[] {
    const columns = 'e.id, e.at, e.outcome, e.host, e.method, e.user, e.ip';
    const sql = `SELECT ${columns} FROM times t CROSS JOIN events e ON e.id = t.id WHERE t.at >= ? AND t.at < ?`;
    return arrays(this.db, sql, from, to) as unknown as CountedRow[];
  }

  /** How many of those there are. */
  olderTally({ from, to }: Span, host: number | null): Tally {
    const sql = `SELECT outcome, count(*) FROM times
      WHERE at >= ? AND at < ? ${host === null ? '' : 'AND host = ?'} GROUP BY outcome`;
    const tally = tallyOf();
    const values = [from, to, ...(host === null ? [] : [host])];
    for (const [outcome, n] of arrays(this.db, sql, ...values) as [number, number][]) count(tally, outcome, n);
    return tally;
  }
}
