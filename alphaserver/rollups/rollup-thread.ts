/** The rollup thread as seen by whoever stores: how far it is, and when an append has to wait for it. */
import { Thread } from '../../service/thread.ts';
import type { RetentionBounds, RetentionProjection } from '../store/retention.ts';
import { StoreError } from '../store/store.ts';
import { BATCH_EVENTS } from './rollup-writer.ts';

/** Messages between the two sides. `pause` asks that nothing is stored until `resume`; `paused` confirms it. */
export interface RollupMessages {
  readonly post:
    | { readonly type: 'committed' | 'paused' }
    | { readonly type: 'forget'; readonly bounds: RetentionBounds };
  readonly emit:
    | { readonly type: 'rolled' | 'idle'; readonly rolledTo: number }
    | { readonly type: 'forgotten'; readonly upTo: number; readonly rolledTo: number }
    | { readonly type: 'failed'; readonly code: StoreError['code']; readonly message: string }
    | { readonly type: 'pause' | 'resume' };
  readonly request: never;
  readonly reply: never;
}

/** Backpressure: an append waits while more events than this are not rolled up, besides those that were not at the start. */
export const UNROLLED_LIMIT_EVENTS = 131_072;
/** The thread is woken after so many batches of agents as well: those without events too lengthen the write-ahead log, by some pages each. */
const BATCHES = 4_096;
/** Limit of the wait of a close for the current batch. */
const CLOSE_LIMIT_MS = 1_500;

/** The folder of the store, the position of the rollups, and the callbacks of the thread. */
export interface RollupThreadOptions {
  readonly folder: string;
  /** The write-ahead log of events is reset before it has so many pages. */
  readonly walLimitPages: number;
  /** Events up to this id are rolled up. */
  readonly rolledTo: number;
  /** The newest event. */
  readonly lastId: number;
  /** Hears that only counts are left of events up to an id. */
  readonly forgotten: (upTo: number) => void;
  /** Hears of what failed and is tried again. */
  readonly failed: (what: string, error: unknown) => void;
}

/** Starts the thread when there is something to do. */
export class RollupThread implements RetentionProjection {
  readonly #options: RollupThreadOptions;
  readonly #thread: Thread<RollupMessages>;
  #rolledTo: number;
  #lastId = 0;
  #limit = UNROLLED_LIMIT_EVENTS;
  #batches = 0;
  #busy = false;
  #fault: StoreError | null = null;
  #pause: PromiseWithResolvers<void> | null = null;
  #progress = Promise.withResolvers<void>();

  constructor(options: RollupThreadOptions) {
    this.#options = options;
    this.#rolledTo = options.rolledTo;
    this.#lastId = options.lastId;
    this.#limit += Math.max(0, this.#lastId - this.#rolledTo);
    const { folder, walLimitPages, failed } = options;
    this.#thread = new Thread({
      script: new URL('./rollup-worker.ts', import.meta.url),
      data: () => ({ folder, walLimitPages }),
      emitted: (message) => this.#hear(message),
      died: (error) => {
        failed('Counts could not be brought up to date', error);
        this.#resume();
      },
      restarted: () => this.#wake(),
      closeLimitMs: CLOSE_LIMIT_MS,
    });
  }

  /** Events up to this id are rolled up, as far as the thread has emitted. */
  get rolledTo(): number {
    return this.#rolledTo;
  }

  /** Wakes the thread when enough waits. Call it after each commit, with the newest id and how many batches were in it. */
  committed(lastId: number, batches = 1): void {
    this.#lastId = lastId;
    this.#batches += batches;
    const due = lastId - this.#rolledTo >= BATCH_EVENTS || this.#batches >= BATCHES;
    if (due && !this.#busy) this.#wake();
  }

  /**
   * Resolves when more may be stored: at once, unless the thread is far behind or resets the write-ahead log. Rejects with
   * a StoreError when it is far behind because the disk does not take what it writes.
   */
  async ready(): Promise<void> {
    for (;;) {
      if (this.#pause) await this.#pause.promise;
      else if (this.#lastId - this.#rolledTo < this.#limit) return;
      else if (this.#fault) throw this.#fault;
      else await this.#progress.promise;
    }
  }

  forget(bounds: RetentionBounds): void {
    this.#thread.post({ type: 'forget', bounds });
  }

  /** Ends the thread after the batch at hand. */
  async close(): Promise<void> {
    await this.#thread.close();
    this.#resume();
  }

  #wake(): void {
    this.#busy = true;
    this.#batches = 0;
    this.#thread.post({ type: 'committed' });
  }

  #hear(message: RollupMessages['emit']): void {
    switch (message.type) {
      case 'forgotten':
        this.#advance(message.rolledTo);
        this.#options.forgotten(message.upTo);
        break;
      case 'rolled':
        this.#advance(message.rolledTo);
        break;
      case 'idle':
        this.#advance(message.rolledTo);
        this.#busy = false;
        if (this.#lastId - this.#rolledTo >= BATCH_EVENTS) this.#wake();
        break;
      case 'failed':
        this.#fault = new StoreError(message.code, new Error(message.message));
        this.#options.failed('Counts could not be brought up to date', this.#fault);
        this.#wakeWaiting();
        break;
      case 'pause':
        this.#pause ??= Promise.withResolvers();
        this.#thread.post({ type: 'paused' });
        break;
      case 'resume':
        this.#resume();
        break;
    }
  }

  #advance(rolledTo: number): void {
    if (rolledTo > this.#rolledTo) this.#fault = null;
    this.#rolledTo = rolledTo;
    this.#limit = Math.min(this.#limit, UNROLLED_LIMIT_EVENTS + Math.max(0, this.#lastId - rolledTo));
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }

  #resume(): void {
    this.#pause?.resolve();
    this.#pause = null;
  }
}
