/** The store at one moment: what is rolled up, and the newest events, which are not yet. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ALERTS_FILE } from '../alerting/schema.ts';
import { addOutcome, type CountedRow, type Counts, countsOf, type Names } from '../rollups/counts.ts';
import { factIn, ROLLUPS_FILE } from '../rollups/schema.ts';
import type { Span } from '../rollups/time-buckets.ts';
import { arrays, type Database } from '../store/database.ts';
import { openEventsReader } from '../store/folder.ts';

/** A query does not read more events than this one by one: after an upgrade, or without `rollups.db`, they are rolled up first. */
const UNROLLED_LIMIT_EVENTS = 1_048_576;
const COLUMNS = 'id, at, outcome, host, method, user, ip';

/** Opens a store's files for queries, beside the threads that write them. */
export function openReader(folder: string): Database {
  const db = openEventsReader(folder);
  // A store of an older version lacks them.
  for (const [file, schema] of [
    [ROLLUPS_FILE, 'rollups'],
    [ALERTS_FILE, 'alerts'],
  ] as const)
    if (existsSync(join(folder, file))) db.prepare(`ATTACH ? AS ${schema}`).run(join(folder, file));
  return db;
}

/** Made inside a read transaction, good until its end. */
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
    // The events are read first, then what is made from them: the other way round, an event could be counted and deleted
    // between the two reads.
    const { id } = db.prepare('SELECT max(id) AS id FROM events').get() as { id: number | null };
    this.rolledTo = factIn(db, 'rolledTo');
    if ((id ?? 0) - this.rolledTo > UNROLLED_LIMIT_EVENTS)
      throw new Error(`counts are being made from the events, ${this.rolledTo} of ${id} so far`);
    this.indexedTo = factIn(db, 'indexedTo');
    this.horizon = factIn(db, 'horizon');
  }

  /** Gives the span's events that are not rolled up, in no order: at most a few thousand, read by their ids. */
  newest({ from, to }: Span): CountedRow[] {
    const sql = `SELECT ${COLUMNS} FROM events WHERE id > ? AND +at >= ? AND +at < ?`;
    return arrays(this.db, sql, this.rolledTo, from, to) as unknown as CountedRow[];
  }

  /** Gives the span's events that are rolled up and not deleted, in no order. */
  older({ from, to }: Span): CountedRow[] {
    const columns = 'e.id, e.at, e.outcome, e.host, e.method, e.user, e.ip';
    const sql = `SELECT ${columns} FROM times t CROSS JOIN events e ON e.id = t.id WHERE t.at >= ? AND t.at < ?`;
    return arrays(this.db, sql, from, to) as unknown as CountedRow[];
  }

  /** Counts those. */
  countOlder({ from, to }: Span, host: number | null): Counts {
    const sql = `SELECT outcome, count(*) FROM times
      WHERE at >= ? AND at < ? ${host === null ? '' : 'AND host = ?'} GROUP BY outcome`;
    const counts = countsOf();
    const values = [from, to, ...(host === null ? [] : [host])];
    for (const [outcome, n] of arrays(this.db, sql, ...values) as [number, number][]) addOutcome(counts, outcome, n);
    return counts;
  }
}
