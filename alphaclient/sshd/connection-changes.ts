/** Collects which connections before their login are to be saved between two commits of the outbox, and which not any more. */

import { type Connection, toSaved } from './connection.ts';

/** A connection before its login by its number in the order of opening, as it was saved. */
export type NumberedConnection = readonly [number: number, saved: unknown];

/** Hears of connections before their login while lines are read. */
export interface ConnectionListener {
  /** A connection was opened, or a line was about it. */
  changed(connection: Connection): void;
  /** A connection was taken over as it was saved. */
  restored(connection: Connection): void;
  /** The connection with this number is over, or is a session from now on. */
  removed(number: number): void;
}

/** The listener for connections before their login, which `save` leaves out then; and those that are open where the reader begins. */
export interface ConnectionOptions {
  readonly listener: ConnectionListener;
  readonly saved: readonly NumberedConnection[];
}

/** What is to be written: plain JSON. */
export interface ConnectionUpdate {
  /** True where `saved` has all that are open, and nothing that was written before is needed. */
  readonly isWhole: boolean;
  readonly saved: readonly NumberedConnection[];
  readonly removed: readonly number[];
}

const NO_CHANGES: ConnectionUpdate = { isWhole: false, saved: [], removed: [] };

/** All are written again after so many changes, and this many times as many as are open: what is kept of changes has a bound. */
const CHANGES_KEPT = 256;
const CHANGES_KEPT_PER_CONNECTION = 2;

/**
 * Collects changes until they are taken. A commit costs what changed, however many connections are open, and what came and went
 * between two commits is never written.
 */
export class ConnectionChanges implements ConnectionListener {
  readonly #open = new Map<number, Connection>();
  readonly #changed = new Set<number>();
  #removed: number[] = [];
  /** The number of the next connection that nothing was written of. */
  #unsavedFrom = 0;
  #next = 0;
  /** How many were saved or removed since all were written; the first update has all. */
  #written = Number.POSITIVE_INFINITY;

  changed(connection: Connection): void {
    this.restored(connection);
    this.#changed.add(connection.age);
  }

  restored(connection: Connection): void {
    const { age } = connection;
    this.#open.set(age, connection);
    if (age >= this.#next) this.#next = age + 1;
  }

  removed(number: number): void {
    this.#open.delete(number);
    this.#changed.delete(number);
    if (number < this.#unsavedFrom) this.#removed.push(number);
  }

  /** Gives what came together since the last call. */
  take(): ConnectionUpdate {
    const count = this.#changed.size + this.#removed.length;
    const isWhole = this.#written + count > CHANGES_KEPT + CHANGES_KEPT_PER_CONNECTION * this.#open.size;
    if (count === 0 && !isWhole) return NO_CHANGES;
    const numbers = isWhole ? this.#open.keys() : this.#changed.values();
    const saved = Array.from(numbers, (number) => [number, toSaved(this.#open.get(number) as Connection)] as const);
    const removed = isWhole ? [] : this.#removed;
    this.#written = isWhole ? 0 : this.#written + count;
    this.#unsavedFrom = this.#next;
    this.#changed.clear();
    this.#removed = [];
    return { isWhole, saved, removed };
  }
}
