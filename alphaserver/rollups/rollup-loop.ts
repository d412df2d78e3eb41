/** The work of the rollup thread, one short step after the other: roll up, delete what is old, checkpoint the write-ahead log. */
import { setTimeout as delay } from 'node:timers/promises';
import { arrays, type Database, giveBack } from '../store/database.ts';
import { openEvents, WAL_SPARE_SHARE } from '../store/folder.ts';
import type { RetentionBounds } from '../store/retention.ts';
import { StoreError } from '../store/store.ts';
import { RollupRetention } from './retention.ts';
import type { RollupMessages } from './rollup-thread.ts';
import { RollupWriter } from './rollup-writer.ts';
import { openRollups } from './schema.ts';

/** Delay before a failed step is tried again. */
const RETRY_MS = 1_000;
/** The least time between two checkpoints while there is other work. */
const CHECKPOINT_EVERY_MS = 500;

/** Runs for one folder. Says what it did, and asks for a pause of storing. */
export class RollupLoop {
  readonly #events: Database;
  readonly #rollups: Database;
  readonly #writer: RollupWriter;
  readonly #retention: RollupRetention;
  readonly #emit: (message: RollupMessages['emit']) => void;
  readonly #walLimitPages: number;
  #bounds: RetentionBounds | null = null;
  #running: Promise<void> | null = null;
  #closed = false;
  #failing = false;
  #checkpointMs = 0;
  #paused: (() => void) | null = null;

  constructor(folder: string, walLimitPages: number, emit: (message: RollupMessages['emit']) => void) {
    this.#walLimitPages = walLimitPages;
    this.#events = openEvents(folder);
    this.#rollups = openRollups(folder);
    this.#writer = new RollupWriter(this.#events, this.#rollups);
    this.#retention = new RollupRetention(this.#rollups, this.#writer);
    this.#emit = emit;
  }

  /** Does all there is to do after a commit, then says that it is idle. */
  committed(): void {
    if (!this.#closed) this.#running ??= this.#run();
  }

  /** Deletes what is outside of these bounds, in steps. */
  forget(bounds: RetentionBounds): void {
    this.#bounds = bounds;
    this.committed();
  }

  /** Hears that nothing is stored until `resume` is emitted. */
  paused(): void {
    this.#paused?.();
  }

  /** Ends after the step at hand and closes the files. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    this.#rollups.close();
    this.#events.close();
  }

  async #run(): Promise<void> {
    while (!this.#closed && (await this.#step())) {
      // Messages come in between.
      await delay(0);
    }
    this.#running = null;
    if (!this.#closed) this.#emit({ type: 'idle', rolledTo: this.#writer.rolledTo });
  }

  /** Does one step. True when there is more to do. */
  async #step(): Promise<boolean> {
    try {
      const more = this.#roll() || this.#forget() || this.#writer.merge();
      await this.#checkpoint(!more);
      this.#failing = false;
      return more;
    } catch (error) {
      this.#failed(error);
      await delay(RETRY_MS);
      return true;
    }
  }

  #roll(): boolean {
    if (!this.#writer.roll()) return false;
    this.#emit({ type: 'rolled', rolledTo: this.#writer.rolledTo });
    return true;
  }

  #forget(): boolean {
    if (this.#bounds === null) return false;
    const more = this.#retention.step(this.#bounds);
    this.#emit({ type: 'forgotten', upTo: this.#retention.forgottenTo, rolledTo: this.#writer.rolledTo });
    if (more || giveBack(this.#rollups)) return true;
    this.#bounds = null;
    return false;
  }

  #failed(error: unknown): void {
    // Once: each commit says as well that a disk is full.
    if (this.#failing) return;
    this.#failing = true;
    const code = error instanceof StoreError ? error.code : 'failed';
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
    this.#emit({ type: 'failed', code, message: `${error instanceof Error ? error.message : String(error)}${cause}` });
  }

  /**
   * Checkpoints the write-ahead log of events without blocking the writer. Where events come one after the other there is always
   * something new in it, so that SQLite could not reset it: storing pauses for the rest, for a few milliseconds, once the log is longer
   * than it was from the start. Beyond that each commit makes the file longer, which takes twice as long.
   */
  async #checkpoint(idle: boolean): Promise<void> {
    const nowMs = performance.now();
    if (!idle && nowMs - this.#checkpointMs < CHECKPOINT_EVERY_MS) return;
    this.#checkpointMs = nowMs;
    // What is committed during a checkpoint is not in its numbers: even where it took all, something new may be there.
    if (this.#passiveCheckpoint() < this.#walLimitPages * WAL_SPARE_SHARE) return;
    this.#passiveCheckpoint();
    const paused = new Promise<void>((done) => {
      this.#paused = done;
    });
    this.#emit({ type: 'pause' });
    try {
      await Promise.race([paused, delay(CHECKPOINT_EVERY_MS)]);
      this.#passiveCheckpoint();
    } finally {
      this.#paused = null;
      this.#emit({ type: 'resume' });
    }
  }

  /** Returns how many frames the write-ahead log had when the checkpoint began. */
  #passiveCheckpoint(): number {
    const [row] = arrays(this.#events, 'PRAGMA wal_checkpoint(PASSIVE)') as [number, number, number][];
    return row?.[1] ?? 0;
  }
}
