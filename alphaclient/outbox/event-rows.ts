/** Stores the events that no `ack` covers yet, a row each, by `seq`. */
import { type Database, withOutboxErrors } from './database.ts';

type Statement = ReturnType<Database['prepare']>;

/** The schema of the table. */
export const EVENTS_SCHEMA = 'CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)';

/** Rows that one statement inserts: a call for each row costs twice as much. */
const ROWS_AT_ONCE = 32;

/** An event on its way to the server: `body` is the result of `encodeBody`. */
export interface PendingEvent {
  readonly seq: number;
  readonly body: string;
}

/** The table on one database. All that changes it belongs inside the caller's transaction. */
export class EventRows {
  readonly #db: Database;
  readonly #insert: Statement;
  readonly #insertMany: Statement;
  readonly #select: Statement;
  readonly #bytesUpTo: Statement;
  readonly #delete: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare('INSERT INTO events (seq, body) VALUES (?, ?)');
    const rows = Array.from({ length: ROWS_AT_ONCE }, (_, i) => `(?1 + ${i}, ?${i + 2})`);
    this.#insertMany = db.prepare(`INSERT INTO events (seq, body) VALUES ${rows.join(', ')}`);
    this.#select = db.prepare('SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?');
    this.#select.setReturnArrays(true);
    this.#bytesUpTo = db.prepare('SELECT coalesce(sum(octet_length(body)), 0) AS bytes FROM events WHERE seq <= ?');
    this.#delete = db.prepare('DELETE FROM events WHERE seq <= ?');
  }

  /** Inserts events; the first one gets the number `seq`. */
  append(seq: number, bodies: readonly string[]): void {
    let done = 0;
    for (; done + ROWS_AT_ONCE <= bodies.length; done += ROWS_AT_ONCE)
      this.#insertMany.run(seq + done, ...bodies.slice(done, done + ROWS_AT_ONCE));
    for (; done < bodies.length; done += 1) this.#insert.run(seq + done, bodies[done] as string);
  }

  /** Inserts events that have their numbers. */
  restore(events: Iterable<PendingEvent>): void {
    for (const { seq, body } of events) this.#insert.run(seq, body);
  }

  /** Returns the lowest number, null where there is no event, and the bytes of all bodies. */
  totals(): { readonly first: number | null; readonly bytes: number } {
    const sql = 'SELECT min(seq) AS first, coalesce(sum(octet_length(body)), 0) AS bytes FROM events';
    return this.#db.prepare(sql).get() as { first: number | null; bytes: number };
  }

  /** Returns at most `limit` events after `seq`, in order. Throws an OutboxError. */
  after(seq: number, limit: number): PendingEvent[] {
    return withOutboxErrors(() =>
      (this.#select.all(seq, limit) as unknown as [number, string][]).map(([number, body]) => ({ seq: number, body })),
    );
  }

  /** Returns the bytes of the bodies up to `seq`. */
  bytesUpTo(seq: number): number {
    return (this.#bytesUpTo.get(seq) as { bytes: number }).bytes;
  }

  /** Deletes events up to `seq`. */
  deleteUpTo(seq: number): void {
    this.#delete.run(seq);
  }

  /** Numbers the events from 1, in their order; returns how many there are. */
  renumber(): number {
    this.#db.exec(
      'CREATE TEMP TABLE kept AS SELECT body FROM events ORDER BY seq; DELETE FROM events; INSERT INTO events (seq, body) SELECT rowid, body FROM kept; DROP TABLE kept',
    );
    return (this.#db.prepare('SELECT count(*) AS n FROM events').get() as { n: number }).n;
  }
}
