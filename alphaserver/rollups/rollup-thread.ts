/** The rolling thread, as whoever stores sees it. */
import { Worker } from 'node:worker_threads';
import { StoreError } from '../store/store.ts';
import { YOUNG_MEMORY } from '../store/young-memory.ts';
import type { Bounds } from './retention.ts';
import { PIECE_EVENTS } from './rollup-writer.ts';

/** What the thread is asked. */
export type Asked =
  | { readonly type: 'committed' | 'held' | 'close' }
  | { readonly type: 'forget'; readonly bounds: Bounds };

/** What it tells. */
export type Told =
  | { readonly type: 'rolled' | 'idle'; readonly rolledTo: number }
  | { readonly type: 'forgotten'; readonly upTo: number; readonly rolledTo: number }
  | { readonly type: 'failed'; readonly code: StoreError['code']; readonly message: string }
  | { readonly type: 'hold' | 'release' | 'closed' };

/** So many events may wait to be counted, besides those that waited at the start; questions read them one by one. Above it whoever stores waits. */
export const WAITING_LIMIT_EVENTS = 131_072;
/** The thread is started for so many commits as well: they too lengthen the log of writes. */
const COMMITS = 256;
/** How soon a thread that died is replaced. */
const AGAIN_MS = 1_000;
/** How long the thread may take to end what it is at. */
const CLOSE_LIMIT_MS = 2_000;

/** Where the store is, how far it is counted, and who hears of what the thread does. */
export interface RollingOptions {
  readonly folder: string;
  /** The log of writes of events is begun anew before it has so many pages. */
  readonly logLimitPages: number;
  /** Events up to this id are counted. */
  readonly rolledTo: number;
  /** The newest event. */
  readonly lastId: number;
  /** Hears that nothing but counts is left of events up to an id. */
  readonly forgotten: (upTo: number) => void;
  /** Hears of what failed and is tried again. */
  readonly failed: (what: string, error: unknown) => void;
}

/** Started when there is something to do, and again when it died. */
export class RollingThread {
  readonly #options: RollingOptions;
  #worker: Worker | null = null;
  #rolledTo: number;
  #lastId = 0;
  #limit = WAITING_LIMIT_EVENTS;
  #commits = 0;
  #nudged = false;
  #again: NodeJS.Timeout | null = null;
  #fault: StoreError | null = null;
  #holding: PromiseWithResolvers<void> | null = null;
  #moved = Promise.withResolvers<void>();
  #closed: (() => void) | null = null;

  constructor(options: RollingOptions) {
    this.#options = options;
    this.#rolledTo = options.rolledTo;
    this.#lastId = options.lastId;
    this.#limit += Math.max(0, this.#lastId - this.#rolledTo);
  }

  /** Events up to this id are counted, as far as the thread has told. */
  get rolledTo(): number {
    return this.#rolledTo;
  }

  /** Call after each commit, with the newest id. */
  committed(lastId: number): void {
    this.#lastId = lastId;
    this.#commits += 1;
    const due = lastId - this.#rolledTo >= PIECE_EVENTS || this.#commits >= COMMITS;
    if (due && !this.#nudged && !this.#again) this.#nudge();
  }

  /**
   * Resolves when more may be stored: at once, unless the thread is far behind or empties the log of writes. Rejects with
   * a StoreError when it is far behind because the disk does not take what it writes.
   */
  async ready(): Promise<void> {
    for (;;) {
      if (this.#holding) await this.#holding.promise;
      else if (this.#lastId - this.#rolledTo < this.#limit) return;
      else if (this.#fault) throw this.#fault;
      else await this.#moved.promise;
    }
  }

  /** Forgets what is outside of these bounds, in steps; `forgotten` hears of each. */
  forget(bounds: Bounds): void {
    if (!this.#again) this.#post({ type: 'forget', bounds });
  }

  /** Ends the thread after the piece it is at. */
  async close(): Promise<void> {
    if (this.#again) clearTimeout(this.#again);
    const worker = this.#worker;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#closed = resolve;
    if (!worker) return;
    worker.ref();
    this.#post({ type: 'close' });
    const timer = setTimeout(() => this.#closed?.(), CLOSE_LIMIT_MS);
    await closed;
    clearTimeout(timer);
    await worker.terminate();
  }

  #nudge(): void {
    this.#nudged = true;
    this.#commits = 0;
    this.#post({ type: 'committed' });
  }

  #post(asked: Asked): void {
    if (!this.#closed) this.#worker ??= this.#start();
    this.#worker?.postMessage(asked);
  }

  #start(): Worker {
    const { folder, logLimitPages, failed } = this.#options;
    const worker = new Worker(new URL('./rollup-worker.ts', import.meta.url), {
      workerData: { folder, logLimitPages },
      resourceLimits: YOUNG_MEMORY,
    });
    // A process that has nothing else to do may end.
    worker.unref();
    worker.on('message', (told: Told) => this.#told(told));
    worker.on('error', (error) => {
      // At a close, what it was at is left for the next start.
      if (!this.#closed) failed('Counts could not be brought up to date', error);
    });
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#release();
      if (this.#closed) this.#closed();
      else
        this.#again = setTimeout(() => {
          this.#again = null;
          this.#nudge();
        }, AGAIN_MS).unref();
    });
    return worker;
  }

  #told(told: Told): void {
    switch (told.type) {
      case 'forgotten':
        this.#progress(told.rolledTo);
        this.#options.forgotten(told.upTo);
        break;
      case 'rolled':
        this.#progress(told.rolledTo);
        break;
      case 'idle':
        this.#progress(told.rolledTo);
        this.#nudged = false;
        if (this.#lastId - this.#rolledTo >= PIECE_EVENTS) this.#nudge();
        break;
      case 'failed':
        this.#fault = new StoreError(told.code, new Error(told.message));
        this.#options.failed('Counts could not be brought up to date', this.#fault);
        this.#move();
        break;
      case 'hold':
        this.#holding ??= Promise.withResolvers();
        this.#post({ type: 'held' });
        break;
      case 'release':
        this.#release();
        break;
      case 'closed':
        this.#closed?.();
        break;
    }
  }

  #progress(rolledTo: number): void {
    if (rolledTo > this.#rolledTo) this.#fault = null;
    this.#rolledTo = rolledTo;
    this.#limit = Math.min(this.#limit, WAITING_LIMIT_EVENTS + Math.max(0, this.#lastId - rolledTo));
    this.#move();
  }

  #move(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  #release(): void {
    this.#holding?.resolve();
    this.#holding = null;
  }
}
