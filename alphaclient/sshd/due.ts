/** When connections are over without a line that says so: by the log's own time, or by the clock on a quiet log. */

import type { Connection } from './connection.ts';
import type { Place } from './matching.ts';
import type { Table } from './table.ts';

/** LoginGraceTime is 120 s unless set; a connection without a line for five times that is over. */
export const OPEN_LIMIT_MS = 600_000;
/** How long a connection that is about to end waits for its last line: they come in the same second, in busy logs later. */
export const ENDING_LIMIT_MS = 30_000;
/** A `Failed` line follows its `PAM:` line at once; people watch for either. */
export const HELD_LIMIT_MS = 1_000;
/** How often, by the log's time, the open ones are looked through. */
const SWEEP_MS = 30_000;

/** What is to be done with a connection whose time has come. */
export interface Over {
  settle(connection: Connection): void;
  /** A held `PAM:` line is told; the connection goes on. */
  release(connection: Connection): void;
}

/** Knows which connections are to be looked at soon, and looks through all of them now and then. */
export class Due {
  readonly #waiting = new Set<Connection>();
  #sweptMs = 0;
  #waitedMs = 0;
  /** When it was last looked for what is due, and no one has been added since. */
  #passedMs = Number.NaN;

  /** It holds a line, or is about to end: it is looked at within seconds. */
  add(connection: Connection): void {
    this.#waiting.add(connection);
    this.#passedMs = Number.NaN;
  }

  /** It is about to end: its last line is awaited, but not for long. */
  ends(connection: Connection): void {
    connection.ending = true;
    this.add(connection);
  }

  delete(connection: Connection): void {
    this.#waiting.delete(connection);
  }

  /** Time passes with every line: by the log's own clock, or where it has none by ours. Other hosts' clocks are theirs. */
  pass(place: Place, table: Table, over: Over): void {
    if (place.ms !== this.#passedMs) this.#pass(place, table, over);
  }

  #pass(place: Place, table: Table, over: Over): void {
    this.#passedMs = place.ms;
    const ms = Number.isNaN(place.ms) ? place.nowMs : place.ms;
    if (this.#waiting.size > 0 && Math.abs(ms - this.#waitedMs) >= 1_000) {
      this.#waitedMs = ms;
      for (const one of this.#waiting)
        if (one.host === place.host && ms - moment(one) > ENDING_LIMIT_MS) this.#finish(one, over);
    }
    if (Math.abs(ms - this.#sweptMs) < SWEEP_MS) return;
    this.#sweptMs = ms;
    for (const one of table.those(
      (each) => each.host === place.host && !each.accepted && ms - moment(each) > OPEN_LIMIT_MS,
    ))
      over.settle(one);
  }

  /** Time passes on a quiet log: `nowMs` against the clock when each was last heard of. */
  expire(nowMs: number, table: Table, over: Over): void {
    for (const one of this.#waiting)
      if (nowMs - one.readMs > (one.ending ? ENDING_LIMIT_MS : HELD_LIMIT_MS)) this.#finish(one, over);
    for (const one of table.those((each) => !each.accepted && nowMs - each.readMs > OPEN_LIMIT_MS)) over.settle(one);
  }

  #finish(one: Connection, over: Over): void {
    this.#waiting.delete(one);
    if (one.ending) over.settle(one);
    else over.release(one);
  }

  /** Plain JSON: when the open ones were last looked through, so that a restart changes nothing. */
  save(): readonly [sweptMs: number, waitedMs: number] {
    return [this.#sweptMs, this.#waitedMs];
  }

  /** Takes over what `save` gave; anything else is ignored. */
  restore(saved: unknown): void {
    const [sweptMs, waitedMs] = Array.isArray(saved) ? (saved as unknown[]) : [];
    if (typeof sweptMs === 'number') this.#sweptMs = sweptMs;
    if (typeof waitedMs === 'number') this.#waitedMs = waitedMs;
  }
}

function moment(one: Connection): number {
  return Number.isNaN(one.ms) ? one.readMs : one.ms;
}
