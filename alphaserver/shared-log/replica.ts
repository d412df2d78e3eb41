/**
 * The store of one of several servers: a copy of the shared log in the server's own folder. Every append goes to the shared
 * log first and is applied here in its order, so that all servers have the same events under the same ids. A crash between
 * the two leaves an append to be read from the log at the next start.
 */
import type { NewDecision } from '../store/decisions.ts';
import { type EventStore, LOG_OLDEST } from '../store/event-store.ts';
import {
  type AgentBatch,
  type Appended,
  isHeartbeat,
  type Mark,
  type SequencedEvent,
  type Store,
  StoreError,
} from '../store/store.ts';
import type { LoggedAppend, Presence, SharedLog } from './shared-log.ts';

/** The fault of a log that has lost appends: no server can go on with it by itself. */
const BEHIND =
  'the shared log lacks what this server has: it was restored from a backup, or a standby without the last commits was promoted';
/** The number of the shared log that the folder is a copy of. */
const LOG_NUMBER = 'logNumber';

/**
 * The copy is written so long after the log's answer, and so long after the news of another server's append: PostgreSQL's answer, and the
 * acknowledgement to the agent, find a processor first, which of few are all busy with the copies otherwise.
 */
const LATER_MS = 1;

/** An append of the log that was applied. */
export interface AppliedAppend {
  /** Its results: of an own append that is still waited for, the very objects that `append` resolves with. */
  readonly appended: readonly Appended[];
  /** None for an own append that is still waited for: whoever made it knows them, and takes over what follows from them. */
  readonly batches: readonly AgentBatch[];
  /** True for an append of this server. */
  readonly isOwn: boolean;
  /** None for an own append that is still waited for, like `batches`. */
  readonly decisions: readonly NewDecision[];
}

/** The parts that a replica connects. */
export interface ReplicaOptions {
  readonly events: EventStore;
  readonly log: SharedLog;
  /** A name that no other server has, and no other start of this one. */
  readonly server: string;
  /**
   * Hears of each append, of other servers and own, as soon as it is applied, in the order of the log: an own one may resolve only after
   * newer ones of other servers were applied. Must not throw.
   */
  readonly applied: (news: AppliedAppend) => void;
  /** Hears why the log cannot be read, once each time it begins; null when it can again. */
  readonly fault: (error: unknown) => void;
}

/** Applies the shared log to the server's own store. */
export class Replica implements Store {
  readonly #options: ReplicaOptions;
  /** Ends with the last piece of work given to it: the log is applied by one piece at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #appends = 0;
  /** The names of own appends that wait for their answer, each with its result once it was read from the log instead. */
  readonly #pending = new Map<string, Appended[] | null>();
  #isFollowing = false;
  #soon: NodeJS.Timeout | null = null;
  /** True while news came that the read that runs may have been too early for. */
  #hasNews = false;
  #hasFault = false;
  #isClosed = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    options.events.relax();
  }

  async append(
    batches: readonly AgentBatch[],
    nowMs: number,
    durable: (place: number, mark: Mark) => void = () => {},
  ): Promise<Appended[]> {
    const given = batches.map((batch, i) => ({ batch: withoutNul(batch), i }));
    const { events } = this.#options;
    // They are stored here alone, and also while the log cannot be reached: agents would seem silent otherwise.
    const heartbeats = given.filter(({ batch }) => isHeartbeat(batch) && events.signOf(batch.agent) !== null);
    const shared = given.filter(({ batch }) => !isHeartbeat(batch));
    // Of an agent that is not known yet: what makes it known comes first.
    const first = given.filter((one) => !heartbeats.includes(one) && !shared.includes(one));
    const own = this.#appendOwn(heartbeats, nowMs);
    // It is awaited below, and may fail before that.
    own.catch(() => {});
    const ofLog = await this.#appendShared(
      shared.map(({ batch }) => batch),
      [],
      // The log has decided: what this server's own copy does not have yet, it reads at its next start.
      () => {
        for (const { batch, i } of shared) durable(i, this.#markAfter(batch));
      },
    );
    const results = new Map([
      ...shared.map(({ i }, n) => [i, ofLog[n]] as const),
      ...(await own),
      ...(await this.#appendOwn(first, nowMs)),
    ]);
    return batches.map((_, i) => results.get(i) as Appended);
  }

  /** Stores batches in this server's copy alone. Resolves with the results by their places. */
  async #appendOwn(
    given: readonly { readonly batch: AgentBatch; readonly i: number }[],
    nowMs: number,
  ): Promise<(readonly [i: number, Appended | undefined])[]> {
    if (given.length === 0) return [];
    const appended = await this.#exclusive(() =>
      this.#options.events.append(
        given.map(({ batch }) => batch),
        nowMs,
      ),
    );
    return given.map(({ i }, n) => [i, appended[n]] as const);
  }

  /** Appends decisions. Rejects with a StoreError when the log does not take them. */
  async decide(decisions: readonly NewDecision[]): Promise<void> {
    await this.#appendShared([], decisions);
  }

  /** Applies what the log has now. Rejects with a StoreError when it cannot be read, and with an Error when the folder is of another log. */
  async catchUp(progress: (position: number, newest: number) => void = () => {}): Promise<void> {
    const { events, log } = this.#options;
    const { number, newest, oldest } = await log.bounds();
    const begun = events.logPosition;
    // Of a folder that was begun and has applied nothing yet, the counts are in it already.
    const isNew = begun === 0 && events.fact(LOG_NUMBER) === 0;
    if (!isNew && events.fact(LOG_NUMBER) !== number)
      throw new Error('the folder is a copy of another log: use an empty folder');
    if (begun > newest)
      throw new Error(
        `the folder is ahead of the log (${begun} of ${newest}): it is a copy of another log, or that one was restored from a backup`,
      );
    if (!(await this.#isOfLog()))
      throw new Error(
        `the log has another append than the folder at ${begun}: it was restored from a backup, or a standby without the last commits was promoted: begin with an empty folder`,
      );
    if (begun === 0 && events.lastId > 0)
      throw new Error('the folder holds an embedded store: alphaserver migrate moves it, or use an empty folder');
    if (isNew) await this.#begin(number, oldest);
    else if (Math.max(begun, events.fact(LOG_OLDEST) - 1) < oldest - 1)
      throw new Error(
        `the log no longer has what this folder lacks (it ends at ${begun}, the log begins at ${oldest}): begin with an empty folder`,
      );
    for (let page = await log.read(events.logPosition); page.length > 0; ) {
      // The next page comes while this one is written.
      const next = log.read(page.at(-1)?.position ?? 0);
      next.catch(() => {});
      await this.#exclusive(() => this.#apply(page));
      progress(events.logPosition, newest);
      page = await next;
    }
  }

  /** Goes on applying what other servers append. */
  follow(): void {
    // The answer to an own append tells of it; where the answer is lost, the next look of each second finds it.
    this.#options.log.onNews((name) => {
      if (name === null || !this.#isOwn(name)) this.#followSoon();
    });
    void this.#follow();
  }

  /** Takes over what other servers know of agents: when they were last heard, and their reports. Agents that no append named are left out. */
  async heard(presences: readonly Presence[]): Promise<void> {
    const { events } = this.#options;
    const nowMs = Date.now();
    const batches = presences.flatMap(({ agent, heardMs, report }): AgentBatch[] => {
      const known = events.signOf(agent);
      // One that was heard later than now was heard by a clock that stood ahead.
      if (known === null || (known.heardMs >= heardMs && known.heardMs <= nowMs)) return [];
      const seenMs = Math.min(heardMs, nowMs);
      return [{ agent, host: known.host, events: [], ping: { report, shapes: [], gaps: [] }, seenMs }];
    });
    if (batches.length > 0) await this.#exclusive(() => events.append(batches, nowMs));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#soon !== null) clearTimeout(this.#soon);
    this.#options.log.onNews(() => {});
    await this.#turn.catch(() => {});
    await this.#options.log.close();
  }

  /** Gives the numbers up to which an agent's all is stored once the log has a batch: the copy may lack some of them. */
  #markAfter({ agent, events, ends = [] }: AgentBatch): Mark {
    const { lastSeq, lastEnd } = this.#options.events.markOf(agent);
    return {
      lastSeq: events.reduce((last, { seq }) => Math.max(last, seq ?? 0), lastSeq),
      lastEnd: ends.reduce((last, { number }) => Math.max(last, number), lastEnd),
    };
  }

  async #appendShared(
    batches: readonly AgentBatch[],
    decisions: readonly NewDecision[],
    durable: () => void = () => {},
  ): Promise<Appended[]> {
    if (batches.length === 0 && decisions.length === 0) return [];
    const { events, log, server } = this.#options;
    this.#appends += 1;
    const name = `${server}-${this.#appends}`;
    this.#pending.set(name, null);
    try {
      const { position, storedMs, firstId } = await log.append({ name, batches, decisions });
      if (events.logPosition >= position && this.#pending.get(name) === null)
        throw new StoreError('damaged', new Error(BEHIND));
      durable();
      await acknowledged();
      log.announce(name);
      return await this.#exclusive(async () => {
        await this.#compare();
        while (events.logPosition < position - 1) if (!(await this.#applyNext(position - 1))) break;
        const read = this.#pending.get(name);
        if (read) return read;
        if (events.logPosition >= position) throw new StoreError('damaged', new Error(BEHIND));
        if (events.logPosition < position - 1)
          throw new StoreError('failed', new Error(`the log has a gap before ${position}`));
        const place = { position, firstId, isCopied: false, decisions };
        const [appended = []] = await events.appendAll([{ batches, storedMs, place }]);
        this.#options.applied({ appended, batches: [], isOwn: true, decisions: [] });
        return appended;
      });
    } catch (error) {
      // The answer may have been lost after the commit: then the log has given it meanwhile.
      const read = this.#pending.get(name);
      if (!read) throw error;
      await log.settled();
      return read;
    } finally {
      this.#pending.delete(name);
    }
  }

  /** Begins an empty folder with the counts of what the log has deleted. The decisions of that come with the first append that is left. */
  async #begin(number: number, oldest: number): Promise<void> {
    const { events, log } = this.#options;
    events.begin(await log.base(), { [LOG_NUMBER]: number, [LOG_OLDEST]: oldest });
  }

  /** Applies the next appends of the log, up to a position. False where there are none. */
  async #applyNext(upTo = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { events, log } = this.#options;
    await this.#compare();
    const appends = (await log.read(events.logPosition)).filter(({ position }) => position <= upTo);
    await this.#apply(appends);
    return appends.length > 0;
  }

  /** Tells whether the log still has what was applied last. */
  async #isOfLog(): Promise<boolean> {
    const { events, log } = this.#options;
    return events.logStoredMs === null || (await log.has(events.logPosition, events.logStoredMs));
  }

  async #compare(): Promise<void> {
    if (!(await this.#isOfLog())) throw new StoreError('damaged', new Error(BEHIND));
  }

  /** Applies appends of the log in one transaction. */
  async #apply(appends: readonly LoggedAppend[]): Promise<void> {
    if (appends.length === 0) return;
    const { events, applied } = this.#options;
    const results = await events.appendAll(
      appends.map(({ storedMs, batches, ...place }) => ({ batches, storedMs, place })),
    );
    for (const [i, { name, batches, decisions }] of appends.entries()) {
      const appended = results[i] ?? [];
      const isPending = this.#pending.has(name);
      if (isPending) this.#pending.set(name, appended);
      applied({
        appended,
        batches: isPending ? [] : batches,
        isOwn: this.#isOwn(name),
        decisions: isPending ? [] : decisions,
      });
    }
  }

  async #follow(): Promise<void> {
    this.#hasNews = true;
    if (this.#isFollowing || this.#isClosed) return;
    this.#isFollowing = true;
    try {
      while (this.#hasNews && !this.#isClosed) {
        this.#hasNews = false;
        if (await this.#exclusive(() => this.#applyNext())) this.#hasNews = true;
      }
      if (this.#hasFault) this.#options.fault(null);
      this.#hasFault = false;
    } catch (error) {
      if (!this.#hasFault && !this.#isClosed) this.#options.fault(error);
      this.#hasFault = true;
    } finally {
      this.#isFollowing = false;
    }
  }

  #isOwn(name: string): boolean {
    return name.startsWith(`${this.#options.server}-`);
  }

  /** Looks for what other servers appended, and for all that they append until then. */
  #followSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      void this.#follow();
    }, LATER_MS);
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

const acknowledged = (): Promise<void> => new Promise((later) => setTimeout(later, LATER_MS));

/** Replaces NUL, which PostgreSQL's texts cannot hold, in what agents wrote: all servers must have the same. */
function withoutNul(batch: AgentBatch): AgentBatch {
  return batch.events.some(hasNul) ? { ...batch, events: batch.events.map(cleaned) } : batch;
}

const texts = (one: SequencedEvent): [string, string][] =>
  Object.entries(one.event).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
const hasNul = (one: SequencedEvent): boolean =>
  texts(one).some(([, text]) => text.includes('\0') || !text.isWellFormed());
const cleaned = (one: SequencedEvent): SequencedEvent => ({
  ...one,
  event: {
    ...one.event,
    ...Object.fromEntries(texts(one).map(([name, text]) => [name, text.toWellFormed().replaceAll('\0', '\uFFFD')])),
  },
});
