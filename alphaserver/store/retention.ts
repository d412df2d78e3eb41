/** Deletes events that are older than they need be kept, a few at a time. What was counted stays. */

import { arrays } from '../queries/snapshot.ts';
import type { RollingThread } from '../rollups/rollup-thread.ts';
import { DAY_MS, floorTo } from '../rollups/time-buckets.ts';
import { type Database, type Statement, transaction } from './database.ts';
import { giveBack } from './free-pages.ts';

/** How often old events are looked for. */
const EVERY_MS = 60_000;
/** Events deleted in one transaction: a few milliseconds that a commit may have to wait. */
const STEP_EVENTS = 2_000;
/** The pause between two steps: commits go between. */
const PAUSE_MS = 20;

/** What is deleted from, and what must stay. */
export interface RetentionOptions {
  readonly db: Database;
  readonly rolling: RollingThread;
  /** How long events are kept, in milliseconds, from when they were stored. */
  readonly retentionMs: number;
  /** Events above the least of these ids stay, however old they are. */
  readonly holds: readonly (() => number)[];
  readonly now: () => number;
  /** Hears why something could not be done; it is tried again later. */
  readonly failed: (what: string, error: unknown) => void;
}

/** Looks now and then; first what was made from old events goes, in the thread that rolls up, then they themselves do. */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #delete: Statement;
  #timer: NodeJS.Timeout;
  #forgottenTo = 0;
  #horizon = Number.NEGATIVE_INFINITY;
  #failing = false;
  #closed = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#delete = options.db.prepare('DELETE FROM events WHERE id <= ?');
    this.#timer = setTimeout(() => this.#look(), PAUSE_MS).unref();
  }

  /** Events up to this id may go. */
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

  #look(): void {
    const { rolling, retentionMs, holds, now } = this.#options;
    const cutoffMs = now() - retentionMs;
    const horizon = floorTo(cutoffMs, DAY_MS);
    const due = (this.#oldest()?.storedAt ?? Number.POSITIVE_INFINITY) < cutoffMs;
    if (due || (horizon > this.#horizon && rolling.rolledTo > 0)) {
      this.#horizon = horizon;
      rolling.forget({ cutoffMs, held: Math.min(Number.MAX_SAFE_INTEGER, ...holds.map((upTo) => upTo())) });
    }
    this.#step();
  }

  #oldest(): { id: number; storedAt: number } | undefined {
    const [row] = arrays(this.#options.db, 'SELECT id, storedAt FROM events ORDER BY id LIMIT 1') as [number, number][];
    return row && { id: row[0], storedAt: row[1] };
  }

  #step(): void {
    const { db, failed } = this.#options;
    let more = false;
    try {
      const oldest = this.#oldest();
      if (oldest && oldest.id <= this.#forgottenTo) {
        const last = Math.min(this.#forgottenTo, oldest.id + STEP_EVENTS - 1);
        transaction(db, () => this.#delete.run(last));
        more = true;
      } else more = giveBack(db);
      this.#failing = false;
    } catch (error) {
      // Said once; a full disk is also what every commit says.
      if (!this.#failing) failed('Old events could not be deleted', error);
      this.#failing = true;
    }
    if (more) this.#next(() => this.#step(), PAUSE_MS);
    else this.#next(() => this.#look(), EVERY_MS);
  }
}
