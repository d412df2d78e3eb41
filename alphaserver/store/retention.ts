/** Deletes events that are older than they need be kept. What was counted stays. */
import { arrays, type Database, giveBack } from './database.ts';
import { type EventTable, eventTables, readerOf, tableName } from './event-tables.ts';
import type { EventWriter } from './event-writer.ts';

/** Interval between two looks for old events. */
const EVERY_MS = 60_000;
/** Rows deleted in one transaction where a table is not dropped whole: a few milliseconds that a commit may have to wait. */
const STEP_ROWS = 2_000;
/** The pause between two steps: commits go between. */
const PAUSE_MS = 20;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A table spans at most a day, since events are kept up to a table's time longer than they need be; an hour where they are kept for less than this. */
const HOURLY_BELOW_MS = 7 * DAY_MS;

/** Gives how long one table of events is written to. */
export const tablePeriodFor = (retentionMs: number | null): number =>
  retentionMs !== null && retentionMs < HOURLY_BELOW_MS ? HOUR_MS : DAY_MS;

/** A range that may be deleted: events up to the id `upTo`, and single minutes and hours of days before `cutoffMs` (Unix milliseconds). */
export interface RetentionBounds {
  readonly cutoffMs: number;
  readonly upTo: number;
}

/** A projection of the events, which must release an event before it is deleted. */
export interface RetentionProjection {
  /** It has taken events up to this id. */
  readonly rolledTo: number;
  /** Starts to delete what it made from these events, all but counts. `Retention.forgotten` is called when it has. */
  forget(bounds: RetentionBounds): void;
}

/** The store to delete from, and the bounds of what is deleted. */
export interface RetentionOptions {
  readonly store: {
    readonly db: Database;
    deleteUpTo(upTo: number, rows: number, nowMs: number): boolean;
    deleteSessionsBefore(cutoffMs: number, rows: number): boolean;
  };
  readonly projection: RetentionProjection;
  /** Age at which events are deleted, in milliseconds since they were stored. */
  readonly retentionMs: number;
  /** Gives an id: events above it stay, however old they are. */
  readonly held: () => number;
  readonly now: () => number;
  /** Hears why something could not be done; it is tried again later. */
  readonly failed: (what: string, error: unknown) => void;
}

/** Checks now and then: first the projection lets go of what is old, then the events themselves are deleted. */
export class Retention {
  readonly #options: RetentionOptions;
  #timer: NodeJS.Timeout;
  #forgottenTo = 0;
  #horizon = Number.NEGATIVE_INFINITY;
  #failing = false;
  #closed = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => this.#check(), PAUSE_MS).unref();
  }

  /** Hears that the projection let go of events up to this id. */
  forgotten(upTo: number): void {
    if (upTo <= this.#forgottenTo || this.#closed) return;
    this.#forgottenTo = upTo;
    this.#next(() => this.#step(), PAUSE_MS);
  }

  /** Stops; nothing runs after it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #next(work: () => void, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(work, ms).unref();
  }

  #check(): void {
    const { store, projection, retentionMs, held, now } = this.#options;
    const isDone = this.#attempt(() => {
      const cutoffMs = now() - retentionMs;
      const horizon = Math.floor(cutoffMs / DAY_MS) * DAY_MS;
      const upTo = Math.min(held(), lastOlder(store.db, cutoffMs, tablePeriodFor(retentionMs), now()));
      if (upTo > this.#forgottenTo || (horizon !== this.#horizon && projection.rolledTo > 0)) {
        this.#horizon = horizon;
        projection.forget({ cutoffMs, upTo });
      }
      return true;
    });
    if (isDone) this.#step();
    else this.#next(() => this.#check(), EVERY_MS);
  }

  #step(): void {
    const { store, retentionMs, now } = this.#options;
    const more = this.#attempt(() => {
      const isMore =
        store.deleteUpTo(this.#forgottenTo, STEP_ROWS, now()) ||
        store.deleteSessionsBefore(now() - retentionMs, STEP_ROWS) ||
        giveBack(store.db);
      this.#failing = false;
      return isMore;
    });
    if (more) this.#next(() => this.#step(), PAUSE_MS);
    else this.#next(() => this.#check(), EVERY_MS);
  }

  /** Runs work that the disk may not allow; false then, and it is tried again at the next check. */
  #attempt(work: () => boolean): boolean {
    try {
      return work();
    } catch (error) {
      // Once: each commit says as well that a disk is full.
      if (!this.#failing) this.#options.failed('Old events could not be deleted', error);
      this.#failing = true;
      return false;
    }
  }
}

/** True for a table of a store that had only one: its rows are deleted one by one. */
const isLong = ({ startedAt }: EventTable, endMs: number, periodMs: number): boolean =>
  endMs - startedAt > 2 * periodMs;

/** Finds the last event that may be deleted; 0 where there is none. */
function lastOlder(db: Database, cutoffMs: number, periodMs: number, nowMs: number): number {
  const reader = readerOf(db);
  return reader.consistent(() => {
    const tables = eventTables(db);
    const [oldest] = tables;
    if (!oldest) return 0;
    if (isLong(oldest, tables[1]?.startedAt ?? nowMs, periodMs)) return reader.firstStoredSince(cutoffMs) - 1;
    let upTo = 0;
    for (const [i, table] of tables.entries()) {
      // Whatever a wrong clock says of when its events were stored, it was before the next table began.
      const next = tables[i + 1];
      if (Math.min(lastStoredAt(db, table), next?.startedAt ?? Number.POSITIVE_INFINITY) >= cutoffMs) break;
      upTo = next ? next.first - 1 : reader.bounds().last;
    }
    return upTo;
  });
}

/** Gives when the last event of a table was stored; before all times where there is none. */
function lastStoredAt(db: Database, { number }: EventTable): number {
  const [row] = arrays(db, `SELECT storedAt FROM ${tableName(number)} ORDER BY id DESC LIMIT 1`) as [number][];
  return row?.[0] ?? Number.NEGATIVE_INFINITY;
}

/** Does one step, inside the caller's transaction. True where more is to go. */
export function deleteUpTo(
  db: Database,
  writer: EventWriter,
  { upTo, rows, nowMs, nextId }: { upTo: number; rows: number; nowMs: number; nextId: number },
): boolean {
  if (upTo >= nextId - 1) writer.rotate(nowMs, nextId);
  const [oldest, next] = eventTables(db);
  if (!oldest || oldest.first > upTo) return false;
  if (next && next.first - 1 <= upTo) {
    // Rows of a long table go first: a drop puts each of its pages on the list of free ones.
    if (!isLong(oldest, next.startedAt, writer.periodMs) || !deleteRows(db, oldest, upTo, rows)) {
      writer.drop(oldest.number);
      writer.reload();
    }
    return true;
  }
  return isLong(oldest, next?.startedAt ?? nowMs, writer.periodMs) && deleteRows(db, oldest, upTo, rows);
}

/** Deletes the first rows of a table. False where none is left to delete. */
function deleteRows(db: Database, { number }: EventTable, upTo: number, rows: number): boolean {
  const name = tableName(number);
  const { changes } = db
    .prepare(`DELETE FROM ${name} WHERE id <= (SELECT min(?, min(id) + ?) FROM ${name})`)
    .run(upTo, rows - 1);
  return Number(changes) === rows;
}
