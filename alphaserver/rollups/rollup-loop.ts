/** What the rolling thread does, one short piece after the other: count, let old things go, empty the log of writes. */
import { setTimeout as later } from 'node:timers/promises';
import { arrays } from '../queries/snapshot.ts';
import { type Database, openEvents, openRollups } from '../store/database.ts';
import { giveBack } from '../store/free-pages.ts';
import { StoreError } from '../store/store.ts';
import { type Bounds, Forgetting } from './retention.ts';
import type { Told } from './rollup-thread.ts';
import { Roller } from './rollup-writer.ts';

/** How long to wait before what failed is tried again. */
const RETRY_MS = 1_000;
/** The least time between two looks at the log of writes while there is other work. */
const LOG_EVERY_MS = 500;
/** Above this share of the log's limit, whoever stores waits for the few milliseconds in which it is begun anew. */
const LOG_SHARE = 1 / 2;

/** Pieces of work for one folder. */
export class Works {
  readonly #events: Database;
  readonly #rollups: Database;
  readonly #roller: Roller;
  readonly #forgetting: Forgetting;
  readonly #tell: (told: Told) => void;
  readonly #logLimitPages: number;
  #bounds: Bounds | null = null;
  #running = false;
  #closed = false;
  #failing = false;
  #lookedMs = 0;
  #held: (() => void) | null = null;

  constructor(folder: string, logLimitPages: number, tell: (told: Told) => void) {
    this.#logLimitPages = logLimitPages;
    this.#events = openEvents(folder);
    this.#rollups = openRollups(folder);
    this.#roller = new Roller(this.#events, this.#rollups);
    this.#forgetting = new Forgetting(this.#events, this.#rollups, this.#roller);
    this.#tell = tell;
  }

  /** Something was stored: does all there is to do, then says that it is idle. */
  committed(): void {
    if (!this.#running && !this.#closed) void this.#run();
  }

  /** Forgets what is outside of these bounds. */
  forget(bounds: Bounds): void {
    this.#bounds = bounds;
    this.committed();
  }

  /** Nobody stores until `release` is told. */
  held(): void {
    this.#held?.();
  }

  /** Ends after the piece at hand. */
  close(): void {
    this.#closed = true;
    if (!this.#running) this.#let();
  }

  #let(): void {
    this.#rollups.close();
    this.#events.close();
    this.#tell({ type: 'closed' });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (!this.#closed && (await this.#piece())) {
      // Messages come in between.
      await later(0);
    }
    this.#running = false;
    if (this.#closed) this.#let();
    else this.#tell({ type: 'idle', rolledTo: this.#roller.rolledTo });
  }

  /** One piece. True when there is more. */
  async #piece(): Promise<boolean> {
    try {
      const more = this.#roll() || this.#forget();
      await this.#log(!more);
      this.#failing = false;
      return more;
    } catch (error) {
      this.#failed(error);
      await later(RETRY_MS);
      return true;
    }
  }

  #roll(): boolean {
    if (!this.#roller.roll()) return false;
    this.#tell({ type: 'rolled', rolledTo: this.#roller.rolledTo });
    return true;
  }

  #forget(): boolean {
    if (this.#bounds === null) return false;
    const more = this.#forgetting.step(this.#bounds);
    this.#tell({ type: 'forgotten', upTo: this.#forgetting.forgottenTo, rolledTo: this.#roller.rolledTo });
    if (more || giveBack(this.#rollups)) return true;
    this.#bounds = null;
    return false;
  }

  #failed(error: unknown): void {
    // Said once; a full disk is also what every commit says.
    if (this.#failing) return;
    this.#failing = true;
    const code = error instanceof StoreError ? error.code : 'failed';
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
    this.#tell({ type: 'failed', code, message: `${error instanceof Error ? error.message : String(error)}${cause}` });
  }

  /**
   * Takes the log of writes into the file, without being in anyone's way. Under a flood there is always something new in
   * it, and it could not be begun anew: then whoever stores is held for the last bit.
   */
  async #log(idle: boolean): Promise<void> {
    const nowMs = performance.now();
    if (!idle && nowMs - this.#lookedMs < LOG_EVERY_MS) return;
    this.#lookedMs = nowMs;
    const { frames, left } = this.#checkpoint();
    if (left === 0 || frames < this.#logLimitPages * LOG_SHARE) return;
    this.#checkpoint();
    const held = new Promise<void>((done) => {
      this.#held = done;
    });
    this.#tell({ type: 'hold' });
    await Promise.race([held, later(LOG_EVERY_MS)]);
    this.#held = null;
    this.#checkpoint();
    this.#tell({ type: 'release' });
  }

  #checkpoint(): { frames: number; left: number } {
    const [row] = arrays(this.#events, 'PRAGMA wal_checkpoint(PASSIVE)') as [number, number, number][];
    const [, frames = 0, taken = 0] = row ?? [];
    return { frames, left: frames - taken };
  }
}
