/** Appends events to the newest table, and begins another when its day is over. */
import type { Database, Statement } from './database.ts';
import { compactEvent, type NumberedEvent, WRITTEN_COLUMNS } from './event-columns.ts';
import { baseOf, createTable, dropTable, type EventTable, eventTables, tableName } from './event-tables.ts';

/** The newest table, and how events are written to it; null for a table of an earlier version, to which none is. */
interface Newest {
  readonly table: EventTable;
  readonly baseMs: number;
  readonly insert: Statement | null;
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
    const { table, insert } = this.#newest;
    const { number, first, startedAt } = table;
    const period = (ms: number): number => Math.floor(ms / this.periodMs);
    if (insert && period(nowMs) <= period(startedAt) && nowMs >= startedAt - this.periodMs) return;
    createTable(this.#db, { number: number + 1, first: id, startedAt: nowMs });
    if (first === id) dropTable(this.#db, number);
    this.reload();
  }

  /** Appends an event. Call `rotate` before, in the same transaction. */
  insert(event: NumberedEvent): void {
    const { insert, baseMs } = this.#newest;
    if (insert === null) throw new Error('no event is written to a table of an earlier version');
    insert.run(event.id, ...compactEvent(event, baseMs));
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
    if (baseMs === null) return { table, baseMs: 0, insert: null };
    const columns = ['id', ...WRITTEN_COLUMNS];
    const insert = this.#db.prepare(
      `INSERT INTO ${tableName(table.number)} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    );
    return { table, baseMs, insert };
  }
}
