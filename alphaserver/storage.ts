/** The embedded store of a running server: the log of events, the thread that rolls it up, and the thread that queries both. */

import type { Logger } from '../service/logger.ts';
import type { StoredFigures } from './queries/metrics.ts';
import { QueryThread } from './queries/query-thread.ts';
import type { Views, WrittenViews } from './queries/results.ts';
import { StoreViews, writtenViews } from './queries/views.ts';
import { RollupThread } from './rollups/rollup-thread.ts';
import { factIn, openRollups } from './rollups/schema.ts';
import { type AppliedAppend, Replica } from './shared-log/replica.ts';
import type { Presence, SharedLog } from './shared-log/shared-log.ts';
import type { Forgotten } from './store/agents.ts';
import type { Database } from './store/database.ts';
import { FORGET_DECISION, type NewDecision } from './store/decisions.ts';
import { EventStore } from './store/event-store.ts';
import { usable, WAL_LIMIT_PAGES } from './store/folder.ts';
import { Retention, tablePeriodFor } from './store/retention.ts';
import type { AgentBatch, Appended, Binding, Mark, Store, StoredSession } from './store/store.ts';

/** Settings of the storage. */
export interface StorageOptions {
  /** Age at which single events are deleted, in milliseconds; null or left out: never. Counts stay. */
  readonly retentionMs?: number | null;
  readonly now?: () => number;
  /** Files that say where sources are, as ALPHASERVER_GEOIP names them. */
  readonly geoipFiles?: string | null;
  readonly log?: Pick<Logger, 'error'>;
  /** The write-ahead log is reset at about this size, in pages of 4 KiB. */
  readonly walLimitPages?: number;
  /** Hears of upkeep that failed and is tried again. */
  readonly failed?: (what: string, error: unknown) => void;
}

/** The log to join. */
export interface JoinOptions {
  readonly log: SharedLog;
  /** A name that no other server has. */
  readonly server: string;
  /** Hears how far the copy is, while it is brought up to date. */
  readonly progress: (position: number, newest: number) => void;
  /** Hears why the log cannot be read; null when it can again. */
  readonly fault: (error: unknown) => void;
}

/** Opens or makes the store of a folder. Throws an Error with one sentence when it is in use, damaged or of a newer version. */
export function openStorage(folder: string, options: StorageOptions = {}): Storage {
  return new Storage(folder, options);
}

/** Keeps the promise of Store, and answers queries about what is stored. */
export class Storage implements Store {
  readonly events: EventStore;
  /** The thread that queries run on. */
  readonly queries: QueryThread;
  readonly #rollups: RollupThread;
  readonly #retention: Retention | null;
  readonly #holds: (() => number)[] = [];
  #replica: Replica | null = null;
  #applied: (news: AppliedAppend) => void = () => {};

  constructor(folder: string, options: StorageOptions) {
    const { retentionMs = null, now = Date.now, walLimitPages = WAL_LIMIT_PAGES, failed = () => {} } = options;
    const events = new EventStore(folder, {
      walLimitPages,
      tablePeriodMs: tablePeriodFor(retentionMs),
      ready: () => this.#rollups.ready(),
      committed: (lastId, batches) => {
        this.queries.changed();
        this.#rollups.committed(lastId, batches);
      },
    });
    this.events = events;
    try {
      events.reserveIds(usable(folder, () => rolledToIn(folder)));
    } catch (error) {
      void events.close();
      throw error;
    }
    const rolledTo = Math.min(events.lastId, rolledToIn(folder));
    this.queries = new QueryThread(folder, options.geoipFiles, options.log);
    this.#rollups = new RollupThread({
      folder,
      walLimitPages,
      rolledTo,
      lastId: events.lastId,
      forgotten: (upTo) => this.#retention?.forgotten(upTo),
      failed,
    });
    this.#retention =
      retentionMs === null
        ? null
        : new Retention({
            store: events,
            projection: this.#rollups,
            retentionMs,
            held: () => Math.min(Number.MAX_SAFE_INTEGER, ...this.#holds.map((upTo) => upTo())),
            now,
            failed,
          });
    this.#rollups.committed(events.lastId);
  }

  /** The connection that writes events. */
  get db(): Database {
    return this.events.db;
  }

  /** True when the store was not closed in good order before. */
  get unclean(): boolean {
    return this.events.unclean;
  }

  transaction<T>(work: () => T): T {
    return this.events.transaction(work);
  }

  append(
    batches: readonly AgentBatch[],
    nowMs: number,
    durable?: (place: number, mark: Mark) => void,
  ): Promise<Appended[]> {
    return this.#replica ? this.#replica.append(batches, nowMs, durable) : this.events.append(batches, nowMs);
  }

  /** Appends decisions. Rejects with a StoreError when they are not durable. */
  decide(decisions: readonly NewDecision[], nowMs: number): Promise<void> {
    return this.#replica ? this.#replica.decide(decisions) : this.events.decide(decisions, nowMs);
  }

  /**
   * Makes this folder a copy of a log that several servers share, and brings it up to date. Rejects with an Error with one
   * sentence when the folder holds something else.
   */
  async join({ log, server, progress, fault }: JoinOptions): Promise<void> {
    const replica = new Replica({ events: this.events, log, server, applied: (news) => this.#applied(news), fault });
    this.#replica = replica;
    await replica.catchUp(progress);
  }

  /** Applies from now on what other servers append; `applied` hears of each append of the log, this server's too, in their order. */
  follow(applied: (news: AppliedAppend) => void): void {
    this.#applied = applied;
    this.#replica?.follow();
  }

  /** Takes over what other servers know of agents. */
  async heard(presences: readonly Presence[]): Promise<void> {
    await this.#replica?.heard(presences);
  }

  /** Reads sessions by their ids. */
  sessions(ids: readonly number[]): StoredSession[] {
    return this.events.sessions(ids);
  }

  /** Gives all agents with the identities that they belong to. */
  bindings(): Iterable<Binding> {
    return this.events.bindings();
  }

  /** Lists all agents. */
  *agents(): Iterable<string> {
    for (const { agent } of this.events.bindings()) yield agent;
  }

  /** Lists the hosts, each with the agent that reported it last. */
  hosts(): Iterable<{ readonly host: string; readonly agent: string }> {
    return this.events.hosts();
  }

  /** Lists what `forget` takes with an agent or a host; null where it is not known. */
  belonging(kind: 'agent' | 'host', name: string): Forgotten | null {
    return this.events.belonging(kind, name);
  }

  /** Lists agents and hosts no longer, on all servers of a shared log. Rejects with a StoreError when it is not durable. */
  async forget(forgotten: Forgotten): Promise<void> {
    const [subject = ''] = [...forgotten.agents, ...forgotten.hosts];
    if (this.#replica) await this.#replica.decide([{ kind: FORGET_DECISION, subject, by: null, body: forgotten }]);
    else this.events.forget(forgotten);
    this.queries.changed();
  }

  /** Keeps retention from deleting events above `upTo()`, the id that a reader of the log has reached. Asked at each deletion. */
  hold(upTo: () => number): void {
    this.#holds.push(upTo);
  }

  /** Gives results about what is stored; `connected` tells whether an agent is there now. */
  views(connected: (agent: string) => boolean, now: () => number): Views {
    const away = (sinceMs: number): string[] => this.events.awayAgents(sinceMs, connected);
    return new StoreViews({ thread: this.queries, connected, away, now });
  }

  /** Gives large results as JSON. */
  writtenViews(now: () => number): WrittenViews {
    return writtenViews(this.queries, now);
  }

  /** Gives what `/metrics` shows of the store; no series of single hosts and agents above this limit. Rejects when it cannot be read. */
  figures(nowMs: number, seriesLimit: number): Promise<StoredFigures> {
    return this.queries.run('figures', nowMs, seriesLimit);
  }

  /** Counts agents that were last heard of at or before `beforeMs`, those left out that are `connected`. */
  silentAgents(beforeMs: number, connected: (agent: string) => boolean): number {
    return this.events.silentAgents(beforeMs, connected);
  }

  /** Ends the threads of queries and rollups; nothing is appended or asked any more. It takes up to two seconds. */
  async endThreads(): Promise<void> {
    await Promise.all([this.queries.close(), this.#rollups.close()]);
  }

  /** Ends the threads that still run, and closes the store. */
  async close(): Promise<void> {
    this.#retention?.close();
    await this.#replica?.close();
    await this.endThreads();
    await this.events.close();
  }
}

/** Makes the file of the rollups where there is none, and says how far it is. */
function rolledToIn(folder: string): number {
  const db = openRollups(folder);
  try {
    return factIn(db, 'rolledTo');
  } finally {
    db.close();
  }
}
