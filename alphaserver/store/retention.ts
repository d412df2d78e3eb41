/** Deletes events that are older than they need be kept, a few at a time. What was counted stays. */
import { arrays, type Database, giveBack, type Statement, transaction } from './database.ts';

/** How often old events are looked for. */
const EVERY_MS = 60_000;
/** Events deleted in one transaction: a few milliseconds that a commit may have to wait. */
const STEP_EVENTS = 2_000;
/** The pause between two steps: commits go between. */
const PAUSE_MS = 20;
const DAY_MS = 86_400_000;

/** What may be deleted: events stored before `cutoffMs` (Unix milliseconds) whose ids are not above `held`. */
export interface RetentionBounds {
  readonly cutoffMs: number;
  readonly held: number;
}

/** What is made from events, and must let go of one before it is deleted. */
export interface RetentionProjection {
  /** It has taken events up to this id. */
  readonly rolledTo: number;
  /** Starts to delete what it made from these events, all but counts. `Retention.forgotten` is called as it goes on. */
  forget(bounds: RetentionBounds): void;
}

/** What is deleted from, and what must stay. */
export interface RetentionOptions {
  readonly db: Database;
  readonly projection: RetentionProjection;
  /** How long events are kept, in milliseconds, from when they were stored. */
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
  readonly #delete: Statement;
  #timer: NodeJS.Timeout;
  #forgottenTo = 0;
  #horizon = Number.NEGATIVE_INFINITY;
  #failing = false;
  #closed = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#delete = options.db.prepare('DELETE FROM events WHERE id <= ?');
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
    const { projection, retentionMs, held, now } = this.#options;
    const cutoffMs = now() - retentionMs;
    const horizon = Math.floor(cutoffMs / DAY_MS) * DAY_MS;
    const due = (this.#oldest()?.storedAt ?? Number.POSITIVE_INFINITY) < cutoffMs;
    if (due || (horizon > this.#horizon && projection.rolledTo > 0)) {
      this.#horizon = horizon;
      projection.forget({ cutoffMs, held: held() });
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
      // Once: each commit says as well that a disk is full.
      if (!this.#failing) failed('Old events could not be deleted', error);
      this.#failing = true;
    }
    if (more) this.#next(() => this.#step(), PAUSE_MS);
    else this.#next(() => this.#check(), EVERY_MS);
  }
}
