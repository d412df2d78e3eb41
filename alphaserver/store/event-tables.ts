/** Events stand in tables by when they were stored, each of a day at most: retention drops one whole. Reads go over all of them. */
import { arrays, type Database, readTransaction, type Statement } from './database.ts';
import { columnsFor } from './event-columns.ts';
import { RowNames } from './row-names.ts';

/** A table of events: those with ids from `first` on, up to the next table's. */
export interface EventTable {
  readonly number: number;
  readonly first: number;
  /** Time at which its first event was stored, Unix milliseconds. */
  readonly startedAt: number;
}

/** Names a table. */
export const tableName = (number: number): string => `events_${number}`;

/** Makes a table, inside the caller's transaction. Its times count from when its first event was stored. */
export function createTable(db: Database, { number, first, startedAt }: EventTable): void {
  db.exec(`CREATE TABLE ${tableName(number)} (${columnsFor(startedAt)})`);
  db.prepare('INSERT INTO eventTables (number, first, startedAt, baseMs) VALUES (?1, ?2, ?3, ?3)').run(
    number,
    first,
    startedAt,
  );
}

/** Gives the time that a table's times count from, Unix milliseconds; null for one of a version that stored them whole. */
export function baseOf(db: Database, { number }: EventTable): number | null {
  const [row] = arrays(db, 'SELECT baseMs FROM eventTables WHERE number = ?', number) as [number | null][];
  return row?.[0] ?? null;
}

/** Drops a table, inside the caller's transaction. */
export function dropTable(db: Database, number: number): void {
  db.exec(`DROP TABLE ${tableName(number)}`);
  db.prepare('DELETE FROM eventTables WHERE number = ?').run(number);
}

/** Lists the tables, oldest first. There is always one. */
export function eventTables(db: Database): EventTable[] {
  return (
    arrays(db, 'SELECT number, first, startedAt FROM eventTables ORDER BY number') as [number, number, number][]
  ).map(([number, first, startedAt]) => ({ number, first, startedAt }));
}

/** Values that a statement may be given. */
type Value = string | number | null;

/** Reads events on one connection, as arrays of columns. Each call sees one moment of the file. */
export class EventReader {
  readonly db: Database;
  readonly names: RowNames;
  /** The prepared statements by table and SQL. */
  readonly #statements = new Map<string, Statement>();
  /** The statement that read one event last, by its columns. */
  readonly #ones = new Map<string, { readonly number: number; readonly statement: Statement }>();
  #tables: readonly EventTable[] = [];

  constructor(db: Database) {
    this.db = db;
    this.names = new RowNames(db);
  }

  /** Runs `work` in a read transaction, the caller's where there is one: tables may come and go between two. */
  consistent<T>(work: () => T): T {
    if (this.db.isTransaction) {
      this.#refresh();
      return work();
    }
    return readTransaction(this.db, () => {
      this.#refresh();
      return work();
    });
  }

  /** Gives the lowest and the highest id; the lowest is null, and the highest the last that may have been given, where there is no event. */
  bounds(): { readonly first: number | null; readonly last: number } {
    return this.consistent(() => {
      const first = this.#first(this.#tables, 'min');
      const last = this.#first(this.#tables.toReversed(), 'max');
      return { first, last: last ?? (this.#tables.at(-1)?.first ?? 1) - 1 };
    });
  }

  /** Reads columns of events with ids above `after`, in that order, at most `limit`. `where` narrows them by further conditions. */
  after(columns: string, after: number, limit: number, where = 'true', values: readonly Value[] = []): unknown[][] {
    return this.consistent(() => {
      const rows: unknown[][] = [];
      for (const table of this.#from(after)) {
        const sql = `SELECT ${columns} FROM $table WHERE id > ? AND ${where} ORDER BY id LIMIT ?`;
        for (const row of this.#all(table, sql, after, ...values, limit - rows.length)) rows.push(row);
        if (rows.length >= limit) break;
      }
      return rows;
    });
  }

  /** Runs `SELECT columns FROM a table WHERE id > after AND where rest` on each table with such ids; gives all rows, oldest table first. */
  each(columns: string, after: number, where: string, values: readonly Value[] = [], rest = ''): unknown[][] {
    return this.consistent(() =>
      this.#from(after).flatMap((table) =>
        this.#all(table, `SELECT ${columns} FROM $table WHERE id > ? AND ${where} ${rest}`, after, ...values),
      ),
    );
  }

  /** Reads columns of the events with these ids, in their order. Ids that are not stored are left out. */
  withIds(columns: string, ids: readonly number[]): unknown[][] {
    return this.consistent(() => ids.map((id) => this.withId(columns, id)).filter((row) => row !== undefined));
  }

  /** Reads columns of the events with these ids by one statement for each table, in no order: of many, in half the time. Ids that are not stored are left out. */
  among(columns: string, ids: readonly number[]): unknown[][] {
    const sql = `SELECT ${columns} FROM $table WHERE id IN (SELECT value FROM json_each(?))`;
    return this.consistent(() => {
      const byTable = Map.groupBy(ids, (id) => this.#tables.findLast(({ first }) => first <= id));
      return [...byTable].flatMap(([table, those]) => (table ? this.#all(table, sql, JSON.stringify(those)) : []));
    });
  }

  /** Reads columns of one event, or undefined. To be called inside `consistent`. */
  withId(columns: string, id: number): unknown[] | undefined {
    const table = this.#tables.findLast(({ first }) => first <= id);
    if (!table) return undefined;
    return this.#oneOf(table, columns).get(id) as unknown[] | undefined;
  }

  /** Finds the id of the first event that was stored at or after a time; one above all there are where none was. Unix milliseconds. */
  firstStoredSince(ms: number): number {
    return this.consistent(() => {
      const { first, last } = this.bounds();
      const storedAt = (id: number): number =>
        (this.after('storedAt', id - 1, 1)[0]?.[0] as number | undefined) ?? Number.POSITIVE_INFINITY;
      let [low, high] = [first ?? last + 1, last + 1];
      // Events are stored one after the other, so time grows with the id.
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (storedAt(middle) < ms) low = middle + 1;
        else high = middle;
      }
      return low;
    });
  }

  #refresh(): void {
    const tables = eventTables(this.db);
    if (tables[0]?.number !== this.#tables[0]?.number) {
      // A dropped table's statements would be prepared again, in vain.
      for (const sql of this.#statements.keys())
        if (Number.parseInt(sql, 10) < (tables[0]?.number ?? 0)) this.#statements.delete(sql);
      this.#ones.clear();
    }
    this.#tables = tables;
  }

  /** The tables that may hold ids above this one. */
  #from(after: number): readonly EventTable[] {
    const from = this.#tables.findLastIndex(({ first }) => first <= after + 1);
    return this.#tables.slice(Math.max(0, from));
  }

  #first(tables: readonly EventTable[], which: 'min' | 'max'): number | null {
    for (const table of tables) {
      const [row] = this.#all(table, `SELECT ${which}(id) FROM $table`) as [number | null][];
      if (row?.[0] !== null && row?.[0] !== undefined) return row[0];
    }
    return null;
  }

  #all(table: EventTable, sql: string, ...values: Value[]): unknown[][] {
    return this.#statement(table, sql).all(...values) as unknown as unknown[][];
  }

  /** The statement that reads one event: by its columns alone, since to put its SQL together takes as long as to run it. */
  #oneOf(table: EventTable, columns: string): Statement {
    const known = this.#ones.get(columns);
    if (known?.number === table.number) return known.statement;
    const statement = this.#statement(table, `SELECT ${columns} FROM $table WHERE id = ?`);
    this.#ones.set(columns, { number: table.number, statement });
    return statement;
  }

  #statement({ number }: EventTable, sql: string): Statement {
    const key = `${number} ${sql}`;
    const known = this.#statements.get(key);
    if (known) return known;
    const statement = this.db.prepare(sql.replace('$table', tableName(number)));
    statement.setReturnArrays(true);
    this.#statements.set(key, statement);
    return statement;
  }
}

/** The readers of open connections: what one has prepared and read is of use as long as its connection. */
const READERS = new WeakMap<Database, EventReader>();

/** Gives the reader of a connection. */
export function readerOf(db: Database): EventReader {
  const known = READERS.get(db);
  if (known) return known;
  const reader = new EventReader(db);
  READERS.set(db, reader);
  return reader;
}
