/** The store at one moment, as questions read it: what is rolled up, and the newest events, which are not yet. */
import type { Database } from '../database.ts';
import type { CountedRow, Names, Tally } from '../rollup.ts';
import { count, tallyOf } from '../rollup.ts';
import { hasher } from '../sketch.ts';
import type { Span } from '../span.ts';

const COLUMNS = 'id, at, outcome, host, method, user, ip';

/** Names of hosts and the store's hash. Hosts never change their number, so names are kept once read. */
export function namesIn(db: Database): Names {
  const known = new Map<number, string>();
  const name = db.prepare('SELECT name FROM hosts WHERE id = ?');
  return {
    hash: hasher(factIn(db, 'hashSeed')),
    host: (id) => {
      let text = known.get(id);
      if (text === undefined) {
        text = (name.get(id) as { name: string } | undefined)?.name ?? '';
        known.set(id, text);
      }
      return text;
    },
  };
}

/** A number that the store keeps about itself. */
export function factIn(db: Database, name: 'rolledTo' | 'horizon' | 'hashSeed'): number {
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
  /** Events up to this id are rolled up. */
  readonly rolledTo: number;
  /** A day's start: before it, there are no minutes and no ranks of hours. */
  readonly horizon: number;

  constructor(db: Database, names: Names) {
    this.db = db;
    this.names = names;
    this.rolledTo = factIn(db, 'rolledTo');
    this.horizon = factIn(db, 'horizon');
  }

  /** The span's events that are not rolled up, in no order: at most a few thousand, read by their ids. */
  newest({ from, to }: Span): CountedRow[] {
    const sql = `SELECT ${COLUMNS} FROM events WHERE id > ? AND +at >= ? AND +at < ?`;
    return arrays(this.db, sql, this.rolledTo, from, to) as unknown as CountedRow[];
  }

  /** The span's events that are rolled up and still there, in no order. */
  older({ from, to }: Span): CountedRow[] {
    const sql = `SELECT ${COLUMNS} FROM events INDEXED BY eventsByTime WHERE at >= ? AND at < ? AND id <= ?`;
    return arrays(this.db, sql, from, to, this.rolledTo) as unknown as CountedRow[];
  }

  /** How many of those there are. Reads the index alone. */
  olderTally({ from, to }: Span, host: number | null): Tally {
    const sql = `SELECT outcome, count(*) FROM events INDEXED BY eventsByTime
      WHERE at >= ? AND at < ? AND id <= ? ${host === null ? '' : 'AND host = ?'} GROUP BY outcome`;
    const tally = tallyOf();
    const values = [from, to, this.rolledTo, ...(host === null ? [] : [host])];
    for (const [outcome, n] of arrays(this.db, sql, ...values) as [number, number][]) count(tally, outcome, n);
    return tally;
  }
}
