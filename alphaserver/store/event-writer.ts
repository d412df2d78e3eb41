/** Appends events to the newest table, and begins another when its day is over. */
import type { Database, Statement } from './database.ts';
import { storedMethod } from './event-rows.ts';
import { createTable, dropTable, type EventTable, eventTables, tableName } from './event-tables.ts';
import { OUTCOMES, TRUSTS } from './schema.ts';
import type { SequencedEvent } from './store.ts';

/** The table that was the only one in earlier versions: its column of methods has no room for numbers. */
const FROM_BEFORE = 1;

/** An event with the numbers that the store gives it. */
export interface NumberedEvent extends SequencedEvent {
  readonly id: number;
  readonly storedMs: number;
  readonly agent: number;
  readonly host: number;
}

/** The one writer of the tables of events. All but the constructor belongs inside a transaction; after one that failed call `reload`. */
export class EventWriter {
  readonly #db: Database;
  /** Period for which a table is written to, in milliseconds. */
  readonly periodMs: number;
  #newest: EventTable;
  #insert: Statement;

  constructor(db: Database, periodMs: number) {
    this.#db = db;
    this.periodMs = periodMs;
    [this.#newest, this.#insert] = this.#open();
  }

  /** Begins a table where the newest one's period is over, or where the clock was set back by more than one. `id` comes next. */
  rotate(nowMs: number, id: number): void {
    const { number, first, startedAt } = this.#newest;
    const period = (ms: number): number => Math.floor(ms / this.periodMs);
    const isOld = number === FROM_BEFORE;
    if (!isOld && period(nowMs) <= period(startedAt) && nowMs >= startedAt - this.periodMs) return;
    createTable(this.#db, { number: number + 1, first: id, startedAt: nowMs });
    if (first === id) dropTable(this.#db, number);
    this.reload();
  }

  insert({ id, storedMs, agent, host, seq, event }: NumberedEvent): void {
    this.#insert.run(
      id,
      Date.parse(event.at),
      storedMs,
      agent,
      host,
      OUTCOMES.indexOf(event.outcome),
      storedMethod(event.method),
      event.user,
      event.invalidUser === null ? null : Number(event.invalidUser),
      event.ip,
      event.port,
      event.key ?? null,
      event.reason ?? null,
      seq,
      event.trust ? TRUSTS.indexOf(event.trust) : null,
      event.pid ?? null,
    );
  }

  /** Drops a table that is not the newest. */
  drop(number: number): void {
    dropTable(this.#db, number);
  }

  /** Looks again which table is the newest. */
  reload(): void {
    [this.#newest, this.#insert] = this.#open();
  }

  #open(): [EventTable, Statement] {
    const newest = eventTables(this.#db).at(-1);
    if (!newest) throw new Error('there is no table of events');
    const insert = this.#db.prepare(
      `INSERT INTO ${tableName(newest.number)} (id, at, storedAt, agent, host, outcome, method, user, invalidUser, ip, port, key, reason, seq, trust, pid)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    return [newest, insert];
  }
}
