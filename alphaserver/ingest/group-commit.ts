/** The one door to the store: batches of all sessions go through here, many in one commit, and are told about after it. */
import type { Logger } from '../../service/logger.ts';
import { DAMAGE_ADVICE } from '../store/integrity.ts';
import { type AgentBatch, type Appended, type Store, StoreError } from '../store/store.ts';

/** The most events one commit takes: enough to make its fsync cheap, few enough that nobody waits long behind it (about 10 ms). */
export const COMMIT_LIMIT_EVENTS = 2_048;
/** How many events may wait for a commit before sessions stop reading their sockets; they go on once half of it is stored. */
export const WAITING_LIMIT_EVENTS = 65_536;
/** What one shape or gap of a ping counts as, in events: some 500 bytes. */
const PING_PART_WEIGHT_EVENTS = 4;
/** How long a closing server goes on storing what waits. What is left was not acknowledged: agents send it again. */
const CLOSE_LIMIT_MS = 3_000;
/** How long to wait before a failed commit is tried again. */
const RETRY_MS = 1_000;

interface Waiting {
  readonly batch: AgentBatch;
  /** By the clock that only runs forward. */
  readonly submittedMs: number;
  readonly done: (appended: Appended) => void;
  readonly failed: (error: unknown) => void;
}

/** Hears of stored events after their commit, in the order they were stored. Must not throw. */
export type Watcher = (stored: readonly Appended[]) => void;

/** How much a batch takes of what may wait, in events. Never 0: what an agent says without events is bounded too. */
export function weightOf({ events, ping }: AgentBatch): number {
  return 1 + events.length + (ping ? (ping.shapes.length + ping.gaps.length) * PING_PART_WEIGHT_EVENTS : 0);
}

/** Hears how long things took, in milliseconds, whatever became of the clock meanwhile. Must not throw. */
export interface Stopwatch {
  /** A commit, its write to the disk included. */
  committed(tookMs: number): void;
  /** A batch with events, from its submission to its commit. */
  stored(tookMs: number): void;
  /** A commit failed and will be tried again. */
  failed(): void;
}

/** The store, and who hears how long it takes. */
export interface IngestOptions {
  readonly store: Store;
  readonly stopwatch?: Stopwatch;
  readonly log: Logger;
  readonly now: () => number;
}

/** Gathers batches while a commit runs and stores them together in the next. Batches of one agent keep their order. */
export class Ingest {
  readonly #store: Store;
  readonly #stopwatch: Stopwatch | null;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #watchers: Watcher[] = [];
  #queue: Waiting[] = [];
  #waitingEvents = 0;
  #full = false;
  #onFull: (full: boolean) => void = () => {};
  #running = false;
  #fault: string | null = null;
  #refused = false;
  #retry: NodeJS.Timeout | null = null;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: IngestOptions) {
    this.#store = options.store;
    this.#stopwatch = options.stopwatch ?? null;
    this.#log = options.log;
    this.#now = options.now;
  }

  /** Adds one who hears of each commit. */
  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }

  /** True while so much waits for the disk that nobody should read more from the network. */
  get full(): boolean {
    return this.#full;
  }

  /** Sets who is told at once when `full` changes. */
  onFull(told: (full: boolean) => void): void {
    this.#onFull = told;
  }

  #weigh(events: number): void {
    this.#waitingEvents += events;
    const full = this.#waitingEvents >= (this.#full ? WAITING_LIMIT_EVENTS / 2 : WAITING_LIMIT_EVENTS);
    if (full === this.#full) return;
    this.#full = full;
    this.#onFull(full);
  }

  /** How many events wait for a commit. */
  get waitingEvents(): number {
    return this.#queue.reduce((sum, { batch }) => sum + batch.events.length, 0);
  }

  /** Why nothing can be stored at the moment, or null. */
  get fault(): string | null {
    return this.#fault;
  }

  /**
   * Stores a batch, after all that was submitted before it. Resolves once it is durable: only then may it be
   * acknowledged. While the disk is full it waits; rejects only when the server is closed meanwhile.
   */
  submit(batch: AgentBatch): Promise<Appended> {
    if (this.#closed) return Promise.reject(new Error('the server is closing'));
    return new Promise((done, failed) => {
      this.#queue.push({ batch, submittedMs: performance.now(), done, failed });
      this.#weigh(weightOf(batch));
      this.#schedule();
    });
  }

  /** Stores nothing any more, for a reason that does not go away by itself. Agents keep what is not acknowledged. */
  refuse(fault: string): void {
    this.#refused = true;
    if (this.#retry) clearTimeout(this.#retry);
    if (fault !== this.#fault) this.#log.error(`Nothing is stored: ${fault}`);
    this.#fault = fault;
  }

  /** Waits until nothing is left to store (or the store cannot take it, or not in time), then refuses what comes. */
  async close(): Promise<void> {
    const deadlineMs = performance.now() + CLOSE_LIMIT_MS;
    const late = (): Promise<void> => new Promise((done) => setTimeout(done, deadlineMs - performance.now()).unref());
    while (this.#queue.length > 0 && this.#fault === null && performance.now() < deadlineMs)
      await Promise.race([new Promise<void>((done) => this.#idle.push(done)), late()]);
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    for (const waiting of this.#queue.splice(0)) waiting.failed(new Error('the server is closing'));
  }

  #schedule(): void {
    if (this.#running || this.#retry || this.#refused || this.#closed) return;
    this.#running = true;
    // After the I/O of this turn, so that what arrived together on many sockets shares one commit.
    setImmediate(() => void this.#commit());
  }

  #take(): Waiting[] {
    let events = 0;
    let count = 0;
    for (const { batch } of this.#queue) {
      if (count > 0 && events + weightOf(batch) > COMMIT_LIMIT_EVENTS) break;
      events += weightOf(batch);
      count += 1;
    }
    return this.#queue.slice(0, count);
  }

  async #commit(): Promise<void> {
    const taken = this.#take();
    const begunMs = performance.now();
    try {
      const appended = await this.#store.append(
        taken.map((waiting) => waiting.batch),
        this.#now(),
      );
      this.#queue = this.#queue.slice(taken.length);
      this.#weigh(-taken.reduce((sum, { batch }) => sum + weightOf(batch), 0));
      this.#recovered();
      this.#time(taken, begunMs);
      this.#tell(taken, appended);
    } catch (error) {
      this.#failed(error);
    }
    this.#running = false;
    for (const done of this.#idle.splice(0)) done();
    if (this.#queue.length > 0) this.#schedule();
  }

  #time(taken: readonly Waiting[], begunMs: number): void {
    const nowMs = performance.now();
    this.#stopwatch?.committed(nowMs - begunMs);
    for (const { batch, submittedMs } of taken)
      if (batch.events.length > 0) this.#stopwatch?.stored(nowMs - submittedMs);
  }

  #tell(taken: readonly Waiting[], appended: readonly Appended[]): void {
    const totals = new Map<string, number>();
    for (const one of appended) {
      for (const { host, agent, text } of one.gaps) this.#log.error(`Gap: ${text} (host ${host}, agent ${agent})`);
      for (const total of one.totals) totals.set(total.host, total.attempts);
    }
    for (const [host, attempts] of totals)
      this.#log.info(`Processed result: ${host} had ${attempts} attempt of ssh session`, { host, attempts });
    for (const [i, one] of appended.entries()) (taken[i] as Waiting).done(one);
    if (appended.some((one) => one.stored + one.gaps.length > 0))
      for (const watcher of this.#watchers) watcher(appended);
  }

  #failed(error: unknown): void {
    this.#stopwatch?.failed();
    const fault = faultOf(error);
    if (error instanceof StoreError && error.code === 'damaged') {
      this.refuse(fault);
      return;
    }
    if (fault !== this.#fault) this.#log.error(`Nothing is stored: ${fault}`);
    this.#fault = fault;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#schedule();
    }, RETRY_MS);
  }

  #recovered(): void {
    if (this.#fault === null || this.#refused) return;
    this.#fault = null;
    this.#log.info('Storing again');
  }
}

/** Why nothing is stored, for people. */
function faultOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const why = cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error);
  const code = error instanceof StoreError ? error.code : 'failed';
  if (code === 'full') return 'the disk is full: agents keep their events until there is room';
  if (code === 'damaged') return `the store is damaged (${why}): ${DAMAGE_ADVICE}`;
  return `the store cannot write (${why}): agents keep their events until it can`;
}
