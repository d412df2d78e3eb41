/** The embedded store: a folder with two SQLite files, written by one process. */

import type { Rule } from '../alert-config/rules.ts';
import type { Incident } from '../detection/incident.ts';
import type { AlertsView } from '../queries/alert-results.ts';
import { StoreAlerts } from '../queries/alert-views.ts';
import type { StoredFigures } from '../queries/metrics.ts';
import { ReadingThread } from '../queries/query-thread.ts';
import type { Views, WrittenViews } from '../queries/results.ts';
import { StoreViews, writtenViews } from '../queries/views.ts';
import { RollingThread } from '../rollups/rollup-thread.ts';
import { keepJump, keepTold } from './agent-reports.ts';
import { agentRecord, Registry } from './agents.ts';
import { type Database, LOG_LIMIT_PAGES, openWriter, type Statement, transaction, type Writer } from './database.ts';
import { eventsAfter } from './event-rows.ts';
import { Retention } from './retention.ts';
import { OUTCOMES, TRUSTS } from './schema.ts';
import type { AgentBatch, AgentRecord, Appended, Store, StoredEvent } from './store.ts';

/** Where the store is, and how it is kept. */
export interface StoreOptions {
  /** How long single events are kept, in milliseconds; null or left out: for ever. Counts stay. */
  readonly retentionMs?: number | null;
  readonly now?: () => number;
  /** The log of writes is begun anew at about this size, in pages of 4 KiB. */
  readonly logLimitPages?: number;
  /** Hears of upkeep that failed and is tried again. */
  readonly failed?: (what: string, error: unknown) => void;
}

/** Opens or makes the store of a folder. Throws an Error with one sentence when it is in use, damaged or of a newer version. */
export function openStore(folder: string, options: StoreOptions = {}): SqliteStore {
  return new SqliteStore(folder, options);
}

/** Keeps the promise of Store. */
export class SqliteStore implements Store {
  /** The one connection that writes. */
  readonly db: Database;
  /** True when the store was not closed in good order before: `checkWhole` should look at it. */
  readonly unclean: boolean;
  readonly #writer: Writer;
  readonly #registry: Registry;
  readonly #insert: Statement;
  readonly #rolling: RollingThread;
  readonly #retention: Retention | null;
  readonly #thread: ReadingThread;
  readonly #holds: (() => number)[] = [];
  #lastId: number;
  #commits = 0;

  constructor(folder: string, options: StoreOptions) {
    const { retentionMs = null, now = Date.now, logLimitPages = LOG_LIMIT_PAGES, failed = () => {} } = options;
    this.#writer = openWriter(folder, logLimitPages);
    this.db = this.#writer.db;
    this.unclean = this.#writer.unclean;
    this.#registry = new Registry(this.db);
    this.#insert = this.db.prepare(
      'INSERT INTO events (id, at, storedAt, agent, host, outcome, method, user, invalidUser, ip, port, key, reason, seq, trust, pid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    const { rolledTo } = this.#writer;
    // An id is never given twice, also when retention has deleted the newest.
    const { id } = this.db.prepare('SELECT max(id) AS id FROM events').get() as { id: number | null };
    this.#lastId = Math.max(id ?? 0, rolledTo);
    this.#thread = new ReadingThread(folder, () => this.#commits);
    this.#rolling = new RollingThread({
      folder,
      logLimitPages,
      rolledTo,
      lastId: this.#lastId,
      forgotten: (upTo) => this.#retention?.forgotten(upTo),
      failed,
    });
    this.#retention =
      retentionMs === null
        ? null
        : new Retention({ db: this.db, rolling: this.#rolling, retentionMs, holds: this.#holds, now, failed });
    this.#rolling.committed(this.#lastId);
  }

  /** Runs `work` in one durable transaction. Throws a StoreError when the disk does not take it, and whatever `work` throws. */
  transaction<T>(work: () => T): T {
    const result = transaction(this.db, work);
    this.#commits += 1;
    this.#rolling.committed(this.#lastId);
    return result;
  }

  lastSeq(agent: string): number {
    return this.#registry.agent(agent)?.lastSeq ?? 0;
  }

  async append(batches: readonly AgentBatch[], nowMs: number): Promise<Appended[]> {
    await this.#rolling.ready();
    const draft = this.#registry.draft(nowMs);
    let id = this.#lastId;
    const appended = this.transaction(() => {
      const storedAt = new Date(nowMs).toISOString();
      const results = batches.map((batch): Appended => {
        const agent = draft.agent(batch.agent, batch.host);
        const before = { ...agent };
        const events: StoredEvent[] = [];
        const counted = new Set<string>();
        for (const { seq, event } of batch.events) {
          if (seq <= agent.lastSeq) {
            agent.repeats += 1;
            continue;
          }
          agent.gaps += seq - agent.lastSeq - 1;
          agent.lastSeq = seq;
          agent.stored += 1;
          id += 1;
          const host = draft.host(event.host ?? batch.host, agent.id);
          if (event.outcome === 'probe') host.probes += 1;
          else {
            host[event.outcome] += 1;
            counted.add(host.name);
          }
          this.#insert.run(
            id,
            Date.parse(event.at),
            nowMs,
            agent.id,
            host.id,
            OUTCOMES.indexOf(event.outcome),
            event.method,
            event.user,
            event.invalidUser === null ? null : Number(event.invalidUser),
            event.ip,
            event.port,
            event.key ?? null,
            event.reason ?? null,
            seq,
            event.trust ? TRUSTS.indexOf(event.trust) : null,
            event.pid ?? null,
          );
          events.push({ ...event, id, seq, agent: batch.agent, host: host.name, storedAt });
        }
        if (batch.told?.report) {
          agent.report = JSON.stringify(batch.told.report);
          agent.reportedAt = nowMs;
        }
        return {
          lastSeq: agent.lastSeq,
          stored: agent.stored - before.stored,
          repeats: agent.repeats - before.repeats,
          missing: agent.gaps - before.gaps,
          totals: [...counted].map((name) => ({ host: name, attempts: draft.attempts(name) })),
          events,
          gaps: [
            ...keepJump(this.db, agent, before, nowMs),
            ...(batch.told ? keepTold(this.db, agent, batch.told) : []),
          ],
        };
      });
      draft.write();
      return results;
    });
    // Only now: a commit that failed must leave the memory as it was too.
    draft.keep();
    this.#lastId = id;
    this.#rolling.committed(id);
    return appended;
  }

  eventsAfter(id: number, limit: number): StoredEvent[] {
    return eventsAfter(this.db, id, limit);
  }

  hold(upTo: () => number): void {
    this.#holds.push(upTo);
  }

  agents(limit: number): AgentRecord[] {
    return this.#registry
      .agents()
      .sort((a, b) => b.lastSeen - a.lastSeen)
      .slice(0, limit)
      .map(agentRecord);
  }

  /** Answers about what is stored; `connected` tells whether an agent is there now. */
  views(connected: (agent: string) => boolean, now: () => number): Views {
    return new StoreViews({ thread: this.#thread, connected, now });
  }

  /** Large answers about what is stored, in writing. */
  writtenViews(now: () => number): WrittenViews {
    return writtenViews(this.#thread, now);
  }

  /** What the store knows for `/metrics`. Rejects when it cannot be read. */
  figures(nowMs: number, singleLimit: number): Promise<StoredFigures> {
    return this.#thread.ask('figures', nowMs, singleLimit);
  }

  /** How many agents nothing was heard of since `beforeMs`, those left out that are `connected`. */
  silentAgents(beforeMs: number, connected: (agent: string) => boolean): number {
    let silent = 0;
    for (const { uuid, lastSeen } of this.#registry.agents()) if (lastSeen <= beforeMs && !connected(uuid)) silent += 1;
    return silent;
  }

  /** Open incidents of these rules, those with the newest events first. Rejects when the store cannot be read. */
  openIncidents(rules: readonly Rule[]): Promise<readonly Incident[]> {
    return this.#thread.ask('openIncidents', rules);
  }

  /** Answers about alerts, whose tables are there; `acknowledge` notes who takes care of one. */
  alerts(acknowledge: (id: string, by: string) => void, now: () => number): AlertsView {
    return new StoreAlerts({ thread: this.#thread, acknowledge, now });
  }

  async close(): Promise<void> {
    this.#retention?.close();
    await Promise.all([this.#thread.close(), this.#rolling.close()]);
    this.#writer.close();
  }
}
