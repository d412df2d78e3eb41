/** Lets what was made from old events go, a little at a time, and keeps the counts. */

import { arrays, factIn } from '../queries/snapshot.ts';
import { type Database, transaction } from '../store/database.ts';
import { SEGMENT_POSTINGS, SLOTS } from '../store/schema.ts';
import { RANKED } from './counts.ts';
import type { Roller } from './rollup-writer.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './time-buckets.ts';

/** Events forgotten in one transaction. */
const STEP_EVENTS = 4_096;

/** What may go: events stored before `cutoffMs` (Unix milliseconds) whose ids are not above `held`. */
export interface Bounds {
  readonly cutoffMs: number;
  readonly held: number;
}

/** Works in the thread that rolls up. */
export class Forgetting {
  readonly #events: Database;
  readonly #db: Database;
  readonly #roller: Roller;
  #forgottenTo = 0;

  constructor(events: Database, rollups: Database, roller: Roller) {
    this.#events = events;
    this.#db = rollups;
    this.#roller = roller;
  }

  /** Nothing but counts is known of events up to this id: they may be deleted. */
  get forgottenTo(): number {
    return this.#forgottenTo;
  }

  /** Does a bounded part of what is to be done. True when there is more. Throws a StoreError when the disk does not take it. */
  step({ cutoffMs, held }: Bounds): boolean {
    const events = this.#old(cutoffMs, held);
    const fine = this.#fine(floorTo(cutoffMs, DAY_MS));
    return events || fine;
  }

  /** An event is kept by when it was stored, so that an old log read today can be looked at as long as today's. */
  #old(cutoffMs: number, held: number): boolean {
    const oldest = arrays(
      this.#events,
      'SELECT id, storedAt, at FROM events WHERE id > ? ORDER BY id LIMIT ?',
      this.#forgottenTo,
      STEP_EVENTS,
    ) as [number, number, number][];
    const stays = oldest.findIndex(([id, storedAt]) => storedAt >= cutoffMs || id > held);
    const goes = stays === -1 ? oldest : oldest.slice(0, stays);
    const last = goes.at(-1)?.[0];
    if (last === undefined) return false;
    // What goes must have been counted.
    while (this.#roller.indexedTo < last) this.#roller.roll(true);
    const time = this.#db.prepare('DELETE FROM times WHERE at = ? AND id = ?');
    transaction(this.#db, () => {
      for (const [id, , at] of goes) time.run(at, id);
      const [row] = arrays(this.#db, 'SELECT max(first) FROM segments WHERE last <= ?', last) as [number | null][];
      this.#db.prepare('DELETE FROM postings WHERE id < ?').run(((row?.[0] ?? -1) + 1) * SEGMENT_POSTINGS);
      this.#db.prepare('DELETE FROM segments WHERE last <= ?').run(last);
    });
    this.#forgottenTo = last;
    return stays === -1;
  }

  /** Moves the horizon, then deletes behind it: whoever reads between the two sees what will be there after both. */
  #fine(horizon: number): boolean {
    if (horizon > factIn(this.#db, 'horizon'))
      transaction(this.#db, () => this.#db.prepare("UPDATE facts SET value = ? WHERE name = 'horizon'").run(horizon));
    const behind = factIn(this.#db, 'horizon');
    const oldest = Math.min(
      this.#first('counts', MINUTE_MS, ''),
      ...RANKED.map((kind) => this.#first('buckets', HOUR_MS, `AND kind = ${kind}`)),
    );
    if (oldest >= behind) return false;
    const until = floorTo(oldest, HOUR_MS) + HOUR_MS;
    transaction(this.#db, () => {
      this.#db.prepare('DELETE FROM counts WHERE step = ? AND at < ?').run(MINUTE_MS, until);
      this.#db
        .prepare('UPDATE hostCounts SET minutes = NULL WHERE step = ? AND at >= ? AND at < ?')
        .run(HOUR_MS, until - HOUR_MS, until);
      const old = 'FROM buckets WHERE step = ? AND at < ?';
      for (const [id] of RANKED.flatMap((kind) =>
        arrays(this.#db, `SELECT id ${old} AND kind = ?`, HOUR_MS, until, kind),
      ) as [number][])
        for (const table of ['tops', 'met'])
          this.#db.prepare(`DELETE FROM ${table} WHERE id >= ? AND id < ?`).run(id * SLOTS, (id + 1) * SLOTS);
      for (const kind of RANKED) this.#db.prepare(`DELETE ${old} AND kind = ?`).run(HOUR_MS, until, kind);
    });
    return true;
  }

  #first(table: string, step: number, and: string): number {
    const [row] = arrays(this.#db, `SELECT min(at) FROM ${table} WHERE step = ? ${and}`, step) as [number | null][];
    return row?.[0] ?? Number.POSITIVE_INFINITY;
  }
}
