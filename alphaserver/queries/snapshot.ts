/** The store at one moment: what is rolled up, and the newest events, which are not yet. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ALERTS_FILE } from '../alerting/schema.ts';
import {
  addOutcome,
  COUNTED_COLUMNS,
  type CountedRow,
  type Counts,
  countedRows,
  countsOf,
  type Names,
} from '../rollups/counts.ts';
import { ALL_EVENTS, type EventIndex } from '../rollups/event-index.ts';
import { factIn, ROLLUPS_FILE } from '../rollups/schema.ts';
import type { Span } from '../rollups/time-buckets.ts';
import type { Database } from '../store/database.ts';
import { type EventReader, readerOf } from '../store/event-tables.ts';
import { openEventsReader } from '../store/folder.ts';
import { OUTCOMES } from '../store/schema.ts';

/** A query does not read more events than this one by one: after an upgrade, or without `rollups.db`, they are rolled up first. */
export const READ_UNROLLED_LIMIT_EVENTS = 1_048_576;

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
  readonly index: EventIndex;
  readonly events: EventReader;
  /** Events up to this id are in all counts. */
  readonly rolledTo: number;
  /** Events up to this id are in the index. */
  readonly indexedTo: number;
  /** A day's start: before it, there are no minutes, no hours of single hosts, and no top values of hours. */
  readonly horizon: number;
  /** The oldest event that is not deleted: the index may still have some before it. */
  readonly firstId: number;

  constructor(db: Database, names: Names, index: EventIndex) {
    this.db = db;
    this.names = names;
    this.index = index;
    this.events = readerOf(db);
    // The events are read first, then what is made from them: the other way round, an event could be counted and deleted
    // between the two reads.
    const { first, last } = this.events.bounds();
    this.firstId = first ?? last + 1;
    this.rolledTo = factIn(db, 'rolledTo');
    if (last - this.rolledTo > READ_UNROLLED_LIMIT_EVENTS)
      throw new Error(`counts are being made from the events, ${this.rolledTo} of ${last} so far`);
    this.indexedTo = factIn(db, 'indexedTo');
    this.horizon = factIn(db, 'horizon');
  }

  /** Throws where too many events are not in the index. */
  needIndex(): void {
    const { last } = this.events.bounds();
    const left = last - Math.max(this.indexedTo, this.firstId - 1);
    if (left > READ_UNROLLED_LIMIT_EVENTS)
      throw new Error(`the index of events is being made, ${left} of ${last - this.firstId + 1} are left`);
  }

  /** Gives the span's events that are not rolled up, in no order: at most READ_UNROLLED_LIMIT_EVENTS, read by their ids. */
  newest({ from, to }: Span): CountedRow[] {
    return countedRows(this.events.each(COUNTED_COLUMNS, this.rolledTo, 'at >= ? AND at < ?', [from, to]));
  }

  /** Gives the span's events that are rolled up and not deleted, in no order. */
  older(span: Span): CountedRow[] {
    const { from, to } = span;
    const rows = this.#unindexed(span);
    for (const part of this.index.parts(span))
      for (const id of this.index.search(part, ALL_EVENTS, span, Number.POSITIVE_INFINITY)) {
        const row = this.events.withId(COUNTED_COLUMNS, id);
        const [, at = 0] = (row ?? []) as unknown as CountedRow;
        if (row && at >= from && at < to) rows.push(...countedRows([row]));
      }
    return rows;
  }

  /** Counts those of one host, or of all. */
  countOlder(span: Span, host: number | null): Counts {
    const counts = countsOf();
    for (const [, , outcome, of] of this.#unindexed(span))
      if (host === null || of === host) addOutcome(counts, outcome);
    // Deleted events of a part that is not deleted yet would be counted: what is not whole is not split.
    for (const part of this.index.parts(span))
      if (part.first >= this.firstId)
        for (const outcome of OUTCOMES.keys())
          addOutcome(counts, outcome, this.index.count(part, { host, outcome }, span));
    return counts;
  }

  /** Gives the span's events that are rolled up and not in the index yet: after an upgrade alone. */
  #unindexed({ from, to }: Span): CountedRow[] {
    if (this.indexedTo >= this.rolledTo) return [];
    this.needIndex();
    const where = 'id <= ? AND at >= ? AND at < ?';
    return countedRows(this.events.each(COUNTED_COLUMNS, this.indexedTo, where, [this.rolledTo, from, to]));
  }
}
