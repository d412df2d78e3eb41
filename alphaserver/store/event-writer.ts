/** Appends events to the newest table, and begins another when its day is over. */
import type { Database, Statement } from './database.ts';
import { addRow, type NumberedEvent, type RowValue, WRITTEN_COLUMNS } from './event-columns.ts';
import { baseOf, createTable, dropTable, type EventTable, eventTables, tableName } from './event-tables.ts';

/** Rows that one statement inserts: fewer calls, each of which costs a fifth of what the row does. */
const ROWS_AT_ONCE = 16;

/** Statements that insert one row and ROWS_AT_ONCE. */
interface Inserts {
  readonly one: Statement;
  readonly many: Statement;
}

/** The newest table, and how events are written to it; null for a table of an earlier version, to which none is. */
interface Newest {
  readonly table: EventTable;
  readonly baseMs: number;
  readonly inserts: Inserts | null;
}

/** The one writer of the tables of events. All but the constructor belongs inside a transaction; after one that failed call `reload`. */
export class EventWriter {
  readonly #db: Database;
  /** Period for which a table is written to, in milliseconds. */
  readonly periodMs: number;
  #newest: Newest;

  constructor(db: Database, periodMs: number) {
    this.#db = db;
    this.periodMs = periodMs;
    this.#newest = this.#open();
  }

  /** Begins a table where the newest one's period is over, or where the clock was set back by more than one. `id` comes next. */
  rotate(nowMs: number, id: number): void {
    const { table, inserts } = this.#newest;
    const { number, first, startedAt } = table;
    const period = (ms: number): number => Math.floor(ms / this.periodMs);
    if (inserts && period(nowMs) <= period(startedAt) && nowMs >= startedAt - this.periodMs) return;
    createTable(this.#db, { number: number + 1, first: id, startedAt: nowMs });
    if (first === id) dropTable(this.#db, number);
    this.reload();
  }

  /** Appends events. Call `rotate` before, in the same transaction. */
  insert(events: readonly NumberedEvent[]): void {
    const { inserts, baseMs } = this.#newest;
    if (inserts === null) throw new Error('no event is written to a table of an earlier version');
    let done = 0;
    for (; done + ROWS_AT_ONCE <= events.length; done += ROWS_AT_ONCE) {
      const values: RowValue[] = [];
      for (let i = done; i < done + ROWS_AT_ONCE; i += 1) addRow(values, events[i] as NumberedEvent, baseMs);
      inserts.many.run(...values);
    }
    for (; done < events.length; done += 1) {
      const values: RowValue[] = [];
      addRow(values, events[done] as NumberedEvent, baseMs);
      inserts.one.run(...values);
    }
  }

  /** Drops a table that is not the newest. */
  drop(number: number): void {
    dropTable(this.#db, number);
  }

  /** Looks again which table is the newest. */
  reload(): void {
    this.#newest = this.#open();
  }

  #open(): Newest {
    const table = eventTables(this.#db).at(-1);
    if (!table) throw new Error('there is no table of events');
    const baseMs = baseOf(this.#db, table);
    if (baseMs === null) return { table, baseMs: 0, inserts: null };
    const row = `(${WRITTEN_COLUMNS.map(() => '?').join(', ')})`;
    const insert = (rows: number): Statement =>
      this.#db.prepare(
        `INSERT INTO ${tableName(table.number)} (${WRITTEN_COLUMNS.join(', ')}) VALUES ${Array(rows).fill(row).join(', ')}`,
      );
    return { table, baseMs, inserts: { one: insert(1), many: insert(ROWS_AT_ONCE) } };
  }
}
