/** The embedded log of events: one SQLite file in a folder, written by one process. */

import type { AgentReport } from '../../protocol/report.ts';
import { storeJump, storePing } from './agent-reports.ts';
import { type AgentRow, Agents, type Forgotten } from './agents.ts';
import { arrays, type Database, migrate, transaction } from './database.ts';
import { appendDecisions, FORGET_DECISION, type NewDecision } from './decisions.ts';
import type { NumberedEvent } from './event-columns.ts';
import { readerOf } from './event-tables.ts';
import { EventWriter } from './event-writer.ts';
import { factsWriter, readFact, writeFact } from './facts.ts';
import { type OpenFolder, openFolder, usable, WAL_LIMIT_PAGES } from './folder.ts';
import { fillOldLogins } from './old-logins.ts';
import { deleteUpTo } from './retention.ts';
import { FILL_REPORTS, LOGINS_VERSION, MIGRATIONS } from './schema.ts';
import { SessionWriter } from './sessions.ts';
import {
  type AgentBatch,
  type Appended,
  type AppendPlace,
  type BaseRow,
  type Binding,
  isHeartbeat,
  type KeyRow,
  type Mark,
  type Store,
  type StoreBase,
  type StoredEvent,
  type StoredSession,
} from './store.ts';

const DAY_MS = 86_400_000;
const LOG_POSITION = 'logPosition';
const LOG_STORED_MS = 'logStoredMs';
/** The position at which the shared log began when this copy of it did: what it had deleted is in the copy's counts. */
export const LOG_OLDEST = 'logOldest';

/** Settings of the writer. */
export interface EventStoreOptions {
  /** The size of the write-ahead log at which a commit checkpoints it, in pages of 4 KiB. */
  readonly walLimitPages?: number;
  /** Period for which one table of events is written to, in milliseconds; a day unless given. */
  readonly tablePeriodMs?: number;
  /** Sessions without an end that are kept; OPEN_SESSIONS_LIMIT unless given. */
  readonly openSessionsLimit?: number;
  /** Resolves when an append may go on; rejects with a StoreError when it cannot. */
  readonly ready?: () => Promise<void>;
  /** Hears of each commit, with the id of the newest event and how many batches were in it. Must not throw. */
  readonly committed?: (lastId: number, batches: number) => void;
}

/** An append, and its place in a shared log, which has decided on its ids and its time; null for one of this store's own. */
export interface PlacedAppend {
  readonly batches: readonly AgentBatch[];
  readonly storedMs: number;
  readonly place: AppendPlace | null;
}

/** Keeps the promise of Store. Each append is one transaction, on the disk when it resolves. */
export class EventStore implements Store {
  /** The one connection that writes. */
  readonly db: Database;
  /** True when the store was not closed in good order before: `checkWhole` should look at it. */
  readonly unclean: boolean;
  readonly #folder: OpenFolder;
  readonly #options: EventStoreOptions;
  /** Null after a transaction that took agents over and failed: whoever needs them next reads them. */
  #loadedAgents: Agents | null;
  readonly #writer: EventWriter;
  readonly #sessions: SessionWriter;
  /** True after a transaction that failed: what the writers hold in memory may be of it. */
  #isStale = false;
  #lastId: number;
  /** Keeps how far the shared log is applied, inside a transaction: prepared once, since each append of a log needs it. */
  readonly #writePlace: (position: number, storedMs: number) => void;
  #logPosition: number;
  #logStoredMs: number | null;
  /** Null until it is needed. */
  #logOldest: number | null = null;

  /** Throws an Error with one sentence when the store is in use, damaged or of a newer version. */
  constructor(folder: string, options: EventStoreOptions = {}) {
    this.#options = options;
    this.#folder = openFolder(folder, options.walLimitPages ?? WAL_LIMIT_PAGES);
    const { db, unclean } = this.#folder;
    this.db = db;
    this.unclean = unclean;
    try {
      const opened = usable(folder, () => {
        migrate(db, MIGRATIONS, { [LOGINS_VERSION]: () => fillOldLogins(db) });
        const agents = new Agents(db);
        const writer = new EventWriter(db, options.tablePeriodMs ?? DAY_MS);
        const sessions = new SessionWriter(db, options.openSessionsLimit);
        return { agents, writer, sessions, lastId: readerOf(db).bounds().last };
      });
      this.#loadedAgents = opened.agents;
      this.#writer = opened.writer;
      this.#sessions = opened.sessions;
      this.#lastId = opened.lastId;
      this.#writePlace = factsWriter(db, [LOG_POSITION, LOG_STORED_MS]);
      this.#logPosition = readFact(db, LOG_POSITION) ?? 0;
      this.#logStoredMs = readFact(db, LOG_STORED_MS);
    } catch (error) {
      this.#folder.close();
      throw error;
    }
  }

  /** The id of the newest event. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Notes that `checkWhole` found no damage. */
  checked(): void {
    this.#folder.checked();
  }

  /** Gives no id up to this one again: a projection may have taken events that retention has deleted since. */
  reserveIds(upTo: number): void {
    this.#lastId = Math.max(this.#lastId, upTo);
  }

  /** Runs `work` in one durable transaction. Throws a StoreError when the disk does not take it, and whatever `work` throws. */
  transaction<T>(work: () => T): T {
    const result = transaction(this.db, work);
    this.#options.committed?.(this.#lastId, 1);
    return result;
  }

  /** Deletes events up to an id. Whole tables are dropped; of one that spans more than two periods at most `rows` go at a time. True where more is to go. */
  deleteUpTo(upTo: number, rows: number, nowMs: number): boolean {
    return this.#write(() => deleteUpTo(this.db, this.#writer, { upTo, rows, nowMs, nextId: this.#lastId + 1 }));
  }

  /** Deletes sessions that ended before a time, at most `rows` at once. True where more is to go. */
  deleteSessionsBefore(cutoffMs: number, rows: number): boolean {
    return this.#write(() => {
      const more = this.#sessions.deleteBefore(cutoffMs, rows);
      this.#sessions.save();
      return more;
    });
  }

  /** Where the memory cannot be read again after a failure, because the disk still fails, nothing is written. */
  #write<T>(work: () => T): T {
    if (this.#isStale) {
      this.#writer.reload();
      this.#sessions.reload();
      this.#isStale = false;
    }
    try {
      return transaction(this.db, work);
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  get #agents(): Agents {
    this.#loadedAgents ??= new Agents(this.db);
    return this.#loadedAgents;
  }

  /** Gives the numbers of an agent up to which all is stored; 0 for one never seen. */
  markOf(agent: string): Mark {
    const { lastSeq = 0, lastEnd = 0 } = this.#agents.get(agent) ?? {};
    return { lastSeq, lastEnd };
  }

  /** Appends decisions. Rejects with a StoreError when the disk does not take them. */
  async decide(decisions: readonly NewDecision[], nowMs: number): Promise<void> {
    this.transaction(() => appendDecisions(this.db, decisions, nowMs));
  }

  /** The position in the shared log up to which this store has applied it; 0 for one of its own. */
  get logPosition(): number {
    return this.#logPosition;
  }

  /** The time by the log's clock of the append at that position; null where it is not known: versions before did not keep it. */
  get logStoredMs(): number | null {
    return this.#logStoredMs;
  }

  /**
   * Makes commits from now on without waiting for the disk: a power failure may take the last ones away, none of them in half. For
   * a store whose appends are durable in a log from which they are read again.
   */
  relax(): void {
    this.db.exec('PRAGMA synchronous=NORMAL');
  }

  /** Gives a number that is kept under a name, 0 where there is none. */
  fact(name: string): number {
    return readFact(this.db, name) ?? 0;
  }

  /** Keeps a number under a name, inside the caller's transaction. */
  setFact(name: string, value: number): void {
    writeFact(this.db, name, value);
  }

  async append(batches: readonly AgentBatch[], nowMs: number): Promise<Appended[]> {
    return (await this.appendAll([{ batches, storedMs: nowMs, place: null }]))[0] ?? [];
  }

  /** Stores appends in their order, in one transaction: of a server that reads a log from its beginning they are millions. Gives what Store says, for each. */
  async appendAll(appends: readonly PlacedAppend[]): Promise<Appended[][]> {
    await this.#options.ready?.();
    const [lastId, position, logStoredMs] = [this.#lastId, this.#logPosition, this.#logStoredMs];
    // Takes an append over into the memory: before the next one, which builds on it, and the last one after the commit.
    let settle: (() => void) | null = null;
    let hasSettled = false;
    try {
      const appended = this.#write(() =>
        appends.map((one) => {
          settle?.();
          hasSettled ||= settle !== null;
          const [results, settled] = this.#store(one);
          settle = settled;
          return results;
        }),
      );
      (settle as (() => void) | null)?.();
      const batches = appended.reduce((sum, results) => sum + results.length, 0);
      this.#options.committed?.(this.#lastId, batches);
      return appended;
    } catch (error) {
      // The memory must be as the file is.
      this.#lastId = lastId;
      this.#logPosition = position;
      this.#logStoredMs = logStoredMs;
      if (hasSettled) this.#loadedAgents = null;
      throw error;
    }
  }

  /** Stores one append inside the caller's transaction. Gives the results, and what takes it over into the memory. */
  #store({ batches, storedMs, place }: PlacedAppend): [Appended[], () => void] {
    // What is read of a shared log was stored earlier than agents have been heard since.
    const update = this.#agents.update(storedMs, place ? Number.POSITIVE_INFINITY : storedMs);
    let id = place ? place.firstId - 1 : this.#lastId;
    const forgotten = (place?.decisions ?? [])
      .filter(({ kind }) => kind === FORGET_DECISION)
      .map(({ body }) => this.#agents.listed(body as Forgotten));
    this.#writer.rotate(storedMs, id + 1);
    const storedAt = new Date(storedMs).toISOString();
    const rows: NumberedEvent[] = [];
    const results = batches.map((batch): Appended => {
      // The last one of an agent that has left may come after it was forgotten.
      if (isHeartbeat(batch) && !update.knows(batch.agent)) return NOTHING;
      const agent = update.agent(batch.agent, batch.host, batch.seenMs);
      if (place && !place.isCopied && this.#lacksFirstDays) passDeleted(agent, batch);
      const before = { ...agent };
      if (batch.binding) update.bind(agent, batch.binding);
      const events: StoredEvent[] = [];
      const counted = new Set<string>();
      agent.repeats += batch.repeats ?? 0;
      for (const { seq, event } of batch.events) {
        if (seq !== null && !place?.isCopied) {
          if (seq <= agent.lastSeq) {
            agent.repeats += 1;
            continue;
          }
          agent.gaps += seq - agent.lastSeq - 1;
          agent.lastSeq = seq;
          agent.stored += 1;
        }
        id += 1;
        const host = update.host(event.host ?? batch.host, agent.id);
        if (event.outcome === 'probe') host.probes += 1;
        else {
          host[event.outcome] += 1;
          counted.add(host.name);
        }
        rows.push({ id, storedMs, agent: agent.id, host: host.id, seq, event });
        events.push({ ...event, id, seq, agent: batch.agent, host: host.name, storedAt });
      }
      const hostOf = (name: string): number => update.host(name, agent.id).id;
      const sessions = new Set(place?.isCopied ? [] : this.#sessions.begin(agent, events, hostOf));
      for (const id of this.#sessions.end(agent, batch.ends ?? [], hostOf)) sessions.add(id);
      if (batch.ping?.open) this.#sessions.list(agent, batch.ping.open);
      if (batch.ping?.report) {
        agent.report = JSON.stringify(batch.ping.report);
        agent.reportedAt = storedMs;
      }
      return {
        lastSeq: agent.lastSeq,
        lastEnd: agent.lastEnd,
        sessions: [...sessions],
        stored: agent.stored - before.stored,
        repeats: agent.repeats - before.repeats,
        missing: agent.gaps - before.gaps,
        totals: [...counted].map((name) => ({ host: name, attempts: update.attempts(name) })),
        events,
        gaps: [
          ...storeJump(this.db, agent, before, storedMs),
          ...(batch.ping ? storePing(this.db, agent, batch.ping) : []),
        ],
      };
    });
    this.#writer.insert(rows);
    update.write();
    this.#sessions.save();
    if (place) {
      if (place.decisions.length > 0) appendDecisions(this.db, place.decisions, storedMs);
      this.#writePlace(place.position, storedMs);
      for (const one of forgotten) this.#agents.writeForgotten(one);
    }
    const settle = (): void => {
      update.apply();
      for (const one of forgotten) this.#agents.applyForgotten(one);
      this.#lastId = id;
      if (place) {
        this.#logPosition = place.position;
        this.#logStoredMs = storedMs;
      }
    };
    return [results, settle];
  }

  /** True for a copy of a shared log that had deleted its first days when the copy began. */
  get #lacksFirstDays(): boolean {
    this.#logOldest ??= this.fact(LOG_OLDEST);
    return this.#logOldest > 1;
  }

  /** Reads sessions by their ids. */
  sessions(ids: readonly number[]): StoredSession[] {
    return this.#sessions.withIds(ids);
  }

  /** Gives all agents with the identities that they belong to. */
  *bindings(): Iterable<Binding> {
    for (const { uuid, host, identity, firstSeen, endedAt } of this.#agents.all())
      yield { agent: uuid, host, identity, firstSeenMs: firstSeen, hasEnded: endedAt !== null };
  }

  /** Gives when an agent was last heard, its host and its last report; null for one that is not known. */
  signOf(agent: string): { host: string; heardMs: number; report: AgentReport | null } | null {
    const row = this.#agents.get(agent);
    if (!row) return null;
    const report = row.report === null ? null : (JSON.parse(row.report) as AgentReport);
    return { host: row.host, heardMs: row.lastSeen, report };
  }

  /**
   * Begins an empty store with what is known of events that it will not get, or get without counting, and keeps these numbers, in one
   * durable transaction. Throws a StoreError when the disk does not take it.
   */
  begin(base: StoreBase, facts: Readonly<Record<string, number>>): void {
    this.#write(() => {
      for (const [name, value] of Object.entries(facts)) this.setFact(name, value);
      this.#insertBase(base);
    });
    this.#loadedAgents = null;
    this.#logOldest = null;
    this.#options.committed?.(this.#lastId, 1);
  }

  #insertBase({ hosts, agents, sessions, gaps, shapes, keyUses, earlierKeyUses }: StoreBase): void {
    const host = this.db.prepare(
      `INSERT INTO hosts (name, agent, firstSeen, lastSeen, accepted, failed, probes)
         VALUES (?, coalesce((SELECT id FROM agents WHERE uuid = ?), 0), ?, ?, ?, ?, ?)`,
    );
    const insert = (
      table: string,
      rows: readonly (BaseRow | KeyRow)[],
      places: Readonly<Record<string, string>>,
    ): void => {
      for (const row of rows) {
        const names = Object.keys(row);
        const into = names.map((name) => (table === 'agents' && name === 'agent' ? 'uuid' : name));
        const values = names.map((name) => places[name] ?? `:${name}`);
        this.db.prepare(`INSERT INTO ${table} (${into.join(', ')}) VALUES (${values.join(', ')})`).run({ ...row });
      }
    };
    const agent = '(SELECT id FROM agents WHERE uuid = :agent)';
    const ofHost = '(SELECT id FROM hosts WHERE name = :host)';
    insert('agents', agents, {});
    // Copied by a version that had no columns for them.
    this.db.exec(FILL_REPORTS);
    // After the agents, whose numbers they have: a host without an agent is not shown before it sends.
    for (const { host: name, agent: uuid = null, firstSeenMs, accepted, failed, probes } of hosts)
      host.run(name, uuid, firstSeenMs, firstSeenMs, accepted, failed, probes);
    insert('sessions', sessions, { agent, host: ofHost });
    insert('gaps', gaps, { agent });
    insert('shapes', shapes, { agent });
    insert('earlierKeyUses', earlierKeyUses, { host: ofHost });
    const numbers = new Map(arrays(this.db, 'SELECT name, id FROM hosts') as [string, number][]);
    this.#sessions.addBase(keyUses, (name) => numbers.get(name) as number);
  }

  /** Lists the hosts, each with the agent that reported it last. */
  hosts(): Iterable<{ readonly host: string; readonly agent: string }> {
    return this.#agents.hosts();
  }

  /** Lists what `forget` takes with an agent or a host; null where it is not known. */
  belonging(kind: 'agent' | 'host', name: string): Forgotten | null {
    return kind === 'agent' ? this.#agents.ofAgent(name) : this.#agents.ofHost(name);
  }

  /**
   * Lists agents and hosts no longer. Their events and counts stay; whoever comes back goes on with its numbers. Throws a
   * StoreError when the disk does not take it.
   */
  forget(forgotten: Forgotten): void {
    this.transaction(() => this.#agents.writeForgotten(forgotten));
    this.#agents.applyForgotten(forgotten);
  }

  /** Counts agents that were last heard of at or before `beforeMs`, those left out that are `connected`. */
  silentAgents(beforeMs: number, connected: (agent: string) => boolean): number {
    let silent = 0;
    for (const { uuid, lastSeen } of this.#agents.all()) if (lastSeen <= beforeMs && !connected(uuid)) silent += 1;
    return silent;
  }

  /** Lists agents that were last heard of after `sinceMs` and are not connected now. */
  awayAgents(sinceMs: number, connected: (agent: string) => boolean): string[] {
    const away: string[] = [];
    for (const { uuid, lastSeen } of this.#agents.all()) if (lastSeen > sinceMs && !connected(uuid)) away.push(uuid);
    return away;
  }

  async close(): Promise<void> {
    this.#folder.close();
  }
}

/** The result of a batch of which nothing is stored. */
const NOTHING: Appended = {
  ...{ lastSeq: 0, lastEnd: 0, stored: 0, repeats: 0, missing: 0 },
  ...{ sessions: [], totals: [], events: [], gaps: [] },
};

/**
 * Takes the numbers before an agent's first event in a copy for stored, which they were in days that the log had deleted when the copy
 * began: they are no gap, and the ledger's sums hold.
 */
function passDeleted(agent: AgentRow, { events }: AgentBatch): void {
  const first = events[0]?.seq ?? null;
  if (agent.lastSeq > 0 || first === null) return;
  agent.lastSeq = first - 1;
  agent.stored = first - 1 - agent.gaps;
}
