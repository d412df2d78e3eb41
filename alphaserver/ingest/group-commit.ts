/** Stores the batches of all sessions by group commit, many in one transaction: the one way into the store. Listeners hear of them after it. */
import type { Logger } from '../../service/logger.ts';
import { DAMAGE_ADVICE } from '../store/integrity.ts';
import { type AgentBatch, type Appended, type Mark, type Store, StoreError } from '../store/store.ts';
import { FairQueue } from './fair-queue.ts';

/** The most events one commit takes: enough to make its fsync cheap, few enough that nobody waits long for it (about 10 ms). */
export const COMMIT_LIMIT_EVENTS = 2_048;
/** How many events may wait for a commit before sessions stop reading their sockets; they go on once half of it is stored. */
export const WAITING_LIMIT_EVENTS = 32_768;
/** This many characters of a line count as one event: twice what a usual line has. */
const CHARACTERS_PER_EVENT = 512;
/** One shape or gap of a ping counts as this many events: it has some 500 bytes. */
const PING_PART_WEIGHT_EVENTS = 4;
/** This many sessions of an agent's list count as one event: they are numbers. */
const LISTED_SESSIONS_PER_EVENT = 16;
/** Heartbeats are collected for so long, or until the next commit of something else after it. */
export const HEARTBEATS_EVERY_MS = 1_000;
/** The most of them that one commit takes: those of 20,000 agents at once would keep events waiting for some 30 ms each second. */
export const HEARTBEATS_AT_ONCE = 128;
/** A closing server stores what waits for this long at most. The rest was not acknowledged: agents send it again. */
const CLOSE_LIMIT_MS = 2_000;
/** A failed commit is retried after this delay. */
const RETRY_MS = 1_000;

interface Waiting {
  readonly agent: string;
  readonly weight: number;
  readonly batch: AgentBatch;
  /** The time by the clock that only runs forward. */
  readonly submittedMs: number;
  /** Hears once that the batch is durable. Must not throw. */
  readonly durable: (mark: Mark) => void;
  isDurable: boolean;
  readonly done: (appended: Appended) => void;
  readonly failed: (error: unknown) => void;
}

/** A commit that runs, or that failed and is tried again. */
interface Commit {
  /** Commits are tried again in the order in which they were first taken. */
  readonly number: number;
  readonly taken: Waiting[];
  readonly weight: number;
  /** True once the log has it: what is left is this server's own copy. */
  isDurable: boolean;
}

/** Hears of stored batches after their commit, in the order they were stored. Must not throw. */
export type CommitListener = (stored: readonly Appended[]) => void;

/**
 * Weighs a batch against what may wait, in events; `chars` is the text of its lines, so that long lines weigh more. Never 0: what an
 * agent says without events is bounded too.
 */
export function weightOf({ events, ends = [], ping }: AgentBatch, chars = 0): number {
  const parts = ping ? ping.shapes.length + ping.gaps.length : 0;
  const listed = Math.ceil((ping?.open?.list.length ?? 0) / LISTED_SESSIONS_PER_EVENT);
  const content = Math.max(events.length + ends.length, Math.ceil(chars / CHARACTERS_PER_EVENT));
  return 1 + content + parts * PING_PART_WEIGHT_EVENTS + listed;
}

/** Hears how long things took, in milliseconds of the clock that only runs forward. Must not throw. */
export interface Stopwatch {
  /** A commit, its write to the disk included. */
  committed(tookMs: number): void;
  /** A batch with events, from its submission to its commit. */
  stored(tookMs: number): void;
  /** A commit failed and will be tried again. */
  failed(): void;
}

/** Holds the store, and who hears how long it takes. */
export interface GroupCommitOptions {
  readonly store: Pick<Store, 'append'>;
  /**
   * Commits that may run at once; 1 unless given. Of several, the store must reject each that was given while the one before it fails:
   * the numbers of an agent would have a gap otherwise.
   */
  readonly commitsAtOnce?: number;
  readonly stopwatch?: Stopwatch;
  readonly log: Logger;
  readonly now: () => number;
}

/** Collects batches while a commit runs and stores them together in the next. Agents take turns; batches of one keep their order. */
export class GroupCommit {
  readonly #store: Pick<Store, 'append'>;
  readonly #commitsAtOnce: number;
  readonly #stopwatch: Stopwatch | null;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #listeners: CommitListener[] = [];
  readonly #queue = new FairQueue<Waiting>();
  /** Commits that run, the oldest first. They end in this order. */
  readonly #running: Commit[] = [];
  /** Ends with the newest of them. */
  #ended: Promise<void> = Promise.resolve();
  /** Commits that failed and are tried again. */
  readonly #retried: Commit[] = [];
  #commits = 0;
  /** Results that listeners have heard of, of commits that may still run. */
  readonly #announced = new WeakSet<Appended>();
  /** The newest heartbeat of each agent. */
  #heartbeats = new Map<string, AgentBatch>();
  #heartbeatsTimer: NodeJS.Timeout | null = null;
  #heartbeatsDue = false;
  /** True while they are stored by appends of their own. */
  #areHeartbeatsStored = false;
  #waitingEvents = 0;
  #waitingWeight = 0;
  #full = false;
  #onFull: (full: boolean) => void = () => {};
  #isScheduled = false;
  #fault: string | null = null;
  #refused = false;
  #retry: NodeJS.Timeout | null = null;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#store = options.store;
    this.#commitsAtOnce = options.commitsAtOnce ?? 1;
    this.#stopwatch = options.stopwatch ?? null;
    this.#log = options.log;
    this.#now = options.now;
  }

  /** Adds a listener. */
  onCommit(listener: CommitListener): void {
    this.#listeners.push(listener);
  }

  /** True while so much waits for the disk that no session should read more from the network. */
  get full(): boolean {
    return this.#full;
  }

  /** Sets the one listener that hears at once when `full` changes. */
  onFull(listener: (full: boolean) => void): void {
    this.#onFull = listener;
  }

  /** How many events wait for a commit. */
  get waitingEvents(): number {
    return this.#waitingEvents;
  }

  /** Why nothing can be stored at the moment, or null. */
  get fault(): string | null {
    return this.#fault;
  }

  /**
   * Stores a batch, after all that this agent submitted before. Calls `durable` once it may be acknowledged, and resolves once it is
   * stored here as well: of several servers that share a log, each has a copy. While the disk is full it waits; rejects only when
   * the server is closed meanwhile. `weight`: see `weightOf`.
   */
  submit(batch: AgentBatch, weight = weightOf(batch), durable: (mark: Mark) => void = () => {}): Promise<Appended> {
    if (this.#closed) return Promise.reject(new Error('the server is closing'));
    // The one that waits would be stored after this newer one; not while nothing can be stored, when heartbeats go before what is queued.
    if (batch.ping?.report && this.#fault === null) this.#heartbeats.delete(batch.agent);
    return new Promise((done, failed) => {
      const submittedMs = performance.now();
      this.#queue.push({ agent: batch.agent, weight, batch, submittedMs, durable, isDurable: false, done, failed });
      this.#waitingEvents += batch.events.length;
      this.#weigh(weight);
      this.#schedule();
    });
  }

  /** Stores what a ping says of its agent's state, within a second or so. It promises nothing, and a newer one takes its place. */
  heartbeat(batch: AgentBatch): void {
    if (this.#closed) return;
    this.#heartbeats.set(batch.agent, batch);
    this.#heartbeatsTimer ??= setTimeout(() => {
      this.#heartbeatsTimer = null;
      this.#heartbeatsDue = this.#heartbeats.size > 0;
      this.#schedule();
    }, HEARTBEATS_EVERY_MS).unref();
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
    if (this.#heartbeats.size > 0) {
      this.#heartbeatsDue = true;
      this.#schedule();
    }
    while (this.#pending && this.#fault === null && performance.now() < deadlineMs)
      await Promise.race([new Promise<void>((done) => this.#idle.push(done)), late()]);
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#heartbeatsTimer) clearTimeout(this.#heartbeatsTimer);
    const taken = [...this.#running, ...this.#retried].flatMap((commit) => commit.taken.splice(0));
    for (const waiting of [...taken, ...this.#queue.clear()]) waiting.failed(new Error('the server is closing'));
  }

  get #pending(): boolean {
    return this.#running.length > 0 || this.#hasWork;
  }

  get #hasWork(): boolean {
    return this.#retried.length > 0 || this.#queue.length > 0 || this.#heartbeatsDue;
  }

  /**
   * True where the next commit may begin. Of a shared log it does once the log has the one before, whose copy is written meanwhile; and
   * earlier where a full one waits, which is encoded meanwhile.
   */
  get #mayBegin(): boolean {
    const newest = this.#running.at(-1);
    if (newest === undefined) return true;
    if (this.#running.length >= this.#commitsAtOnce) return false;
    if (newest.isDurable) return true;
    const taken = this.#running.reduce((sum, { weight }) => sum + weight, 0);
    return this.#waitingWeight - taken >= COMMIT_LIMIT_EVENTS;
  }

  #weigh(events: number): void {
    this.#waitingWeight += events;
    const full = this.#waitingWeight >= (this.#full ? WAITING_LIMIT_EVENTS / 2 : WAITING_LIMIT_EVENTS);
    if (full === this.#full) return;
    this.#full = full;
    this.#onFull(full);
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#hasWork || this.#isHeld || !this.#mayBegin) return;
    this.#isScheduled = true;
    // After the I/O of this turn, so that what arrived together on many sockets shares one commit.
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isHeld) void this.#commit();
    });
  }

  /** True while nothing may be given to the store. */
  get #isHeld(): boolean {
    return this.#retry !== null || this.#refused || this.#closed;
  }

  async #commit(): Promise<void> {
    const commit = this.#retried.shift() ?? this.#take();
    const { taken } = commit;
    // A commit that is tried again may hang for as long as a shared log is away. Heartbeats, which need no such log, do not wait for it.
    const isTried = this.#fault !== null && taken.length > 0;
    const heartbeats = isTried ? [] : this.#takeHeartbeats();
    const startedMs = performance.now();
    const before = this.#ended;
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    this.#running.push(commit);
    const outcome = this.#append(commit, heartbeats);
    if (isTried) void this.#storeHeartbeats();
    // A full one may wait already.
    this.#schedule();
    const appended = await outcome;
    await before;
    this.#running.shift();
    if (appended instanceof Failure) {
      this.#keep(heartbeats);
      this.#retryLater(commit);
      this.#failed(appended.error);
    } else {
      this.#waitingEvents -= taken.reduce((sum, { batch }) => sum + batch.events.length, 0);
      this.#weigh(-commit.weight);
      this.#recovered();
      this.#time(taken, startedMs);
      this.#notify(taken, appended);
    }
    ended.resolve();
    for (const done of this.#idle.splice(0)) done();
    this.#schedule();
  }

  #take(): Commit {
    this.#commits += 1;
    const taken = this.#queue.take(COMMIT_LIMIT_EVENTS);
    return {
      number: this.#commits,
      taken,
      weight: taken.reduce((sum, { weight }) => sum + weight, 0),
      isDurable: false,
    };
  }

  async #append(commit: Commit, heartbeats: readonly AgentBatch[]): Promise<readonly Appended[] | Failure> {
    const batches = [...commit.taken.map(({ batch }) => batch), ...heartbeats];
    const durable = (place: number, mark: Mark): void => {
      acknowledge(commit.taken[place], mark);
      commit.isDurable = true;
      this.#schedule();
    };
    try {
      return await this.#store.append(batches, this.#now(), durable);
    } catch (error) {
      return new Failure(error);
    }
  }

  #retryLater(commit: Commit): void {
    if (commit.taken.length === 0) return;
    commit.isDurable = false;
    this.#retried.push(commit);
    this.#retried.sort((a, b) => a.number - b.number);
  }

  #takeHeartbeats(): AgentBatch[] {
    if (!this.#heartbeatsDue) return [];
    const heartbeats = [...this.#heartbeats.values().take(HEARTBEATS_AT_ONCE)];
    for (const { agent } of heartbeats) this.#heartbeats.delete(agent);
    this.#heartbeatsDue = this.#heartbeats.size > 0;
    return heartbeats;
  }

  /** Keeps heartbeats that could not be stored, but for those that a newer one came for meanwhile. */
  #keep(heartbeats: readonly AgentBatch[]): void {
    for (const batch of heartbeats) {
      const waiting = this.#heartbeats.get(batch.agent);
      // One of a commit that failed just before may wait, and be the older one.
      if (waiting === undefined || (waiting.seenMs ?? 0) < (batch.seenMs ?? 0))
        this.#heartbeats.set(batch.agent, batch);
    }
    this.#heartbeatsDue ||= heartbeats.length > 0;
  }

  /** Stores all heartbeats that are due by appends of their own, with a turn of the event loop between two, until one fails. */
  async #storeHeartbeats(): Promise<void> {
    if (this.#areHeartbeatsStored) return;
    this.#areHeartbeatsStored = true;
    for (let hasFailed = false; !hasFailed && this.#heartbeatsDue && !this.#closed && !this.#refused; ) {
      const heartbeats = this.#takeHeartbeats();
      try {
        await this.#store.append(heartbeats, this.#now());
        await new Promise((later) => setImmediate(later));
      } catch {
        // The commit that is tried says why.
        hasFailed = true;
        this.#keep(heartbeats);
      }
    }
    this.#areHeartbeatsStored = false;
  }

  #time(taken: readonly Waiting[], startedMs: number): void {
    const nowMs = performance.now();
    this.#stopwatch?.committed(nowMs - startedMs);
    for (const { batch, submittedMs } of taken)
      if (batch.events.length > 0) this.#stopwatch?.stored(nowMs - submittedMs);
  }

  #notify(taken: readonly Waiting[], appended: readonly Appended[]): void {
    const news = appended.filter((one) => !this.#announced.has(one));
    this.#logStored(news);
    for (const [i, waiting] of taken.entries()) {
      acknowledge(waiting, appended[i] as Appended);
      waiting.done(appended[i] as Appended);
    }
    this.#announce(news);
  }

  /**
   * Gives what this server's copy of a shared log has now to the listeners. `isOwn`: this server stored it; a commit that ends with these
   * results later does not tell of them again.
   */
  applied(appended: readonly Appended[], isOwn: boolean): void {
    if (isOwn) {
      this.#logStored(appended);
      for (const one of appended) this.#announced.add(one);
    }
    this.#announce(appended);
  }

  #logStored(appended: readonly Appended[]): void {
    const totals = new Map<string, number>();
    for (const one of appended) {
      for (const { host, agent, text } of one.gaps) this.#log.error(`Gap: ${text} (host ${host}, agent ${agent})`);
      for (const total of one.totals) totals.set(total.host, total.attempts);
    }
    for (const [host, attempts] of totals)
      this.#log.info(`Processed result: ${host} had ${attempts} attempt of ssh session`, { host, attempts });
  }

  #announce(appended: readonly Appended[]): void {
    if (appended.some((one) => one.stored + one.gaps.length + one.sessions.length > 0))
      for (const listener of this.#listeners) listener(appended);
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
    if (this.#closed) return;
    this.#retry ??= setTimeout(() => {
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

/** Why an append failed. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Lets whoever submitted a batch acknowledge it, once. */
function acknowledge(waiting: Waiting | undefined, mark: Mark): void {
  if (waiting === undefined || waiting.isDurable) return;
  waiting.isDurable = true;
  waiting.durable(mark);
}

/** Says why nothing is stored, for people. */
function faultOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const why = cause instanceof Error ? cause.message : error instanceof Error ? error.message : String(error);
  const code = error instanceof StoreError ? error.code : 'failed';
  if (code === 'full') return `${(error as StoreError).message}: agents keep their events until there is room`;
  if (code === 'damaged') return `the store is damaged (${why}): ${DAMAGE_ADVICE}`;
  return `the store cannot write (${why}): agents keep their events until it can`;
}
