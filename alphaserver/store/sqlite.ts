/** The embedded store: one SQLite file, written by one process. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AgentReport } from '../../protocol/report.ts';
import type { Views } from '../web/views.ts';
import { StoreViews } from './reading.ts';
import { type AgentRow, Registry } from './registry.ts';
import { GAPS_PER_AGENT, MIGRATIONS, OUTCOMES, SHAPES_PER_AGENT } from './schema.ts';
import {
  type AgentBatch,
  type AgentRecord,
  type AgentTold,
  type Appended,
  type Store,
  type StoredEvent,
  StoreError,
} from './store.ts';

export type Database = DatabaseSync;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const errcode = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;

/** Opens or makes the store of a folder. Throws an Error with one sentence when it is in use, damaged or of a newer version. */
export function openStore(folder: string): SqliteStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return new SqliteStore(folder);
}

/** Keeps the promise of Store. */
export class SqliteStore implements Store {
  /** The one connection that writes. */
  readonly db: Database;
  readonly #lock: Database;
  readonly #registry: Registry;
  readonly #insert: ReturnType<Database['prepare']>;
  #lastId: number;

  constructor(folder: string) {
    this.#lock = lockIn(folder);
    this.db = new DatabaseSync(join(folder, 'asgard.db'));
    try {
      this.db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
      this.#migrate();
      this.#registry = new Registry(this.db);
      this.#insert = this.db.prepare(
        'INSERT INTO events (id, at, storedAt, agent, host, outcome, method, user, invalidUser, ip, port, key, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      );
      this.#lastId = (this.db.prepare('SELECT max(id) AS id FROM events').get() as { id: number | null }).id ?? 0;
    } catch (error) {
      this.db.close();
      this.#lock.close();
      throw new Error(`The store in ${folder} cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  #migrate(): void {
    // A walk over the pages' structure: a torn write of a dying disk is found now and not by a wrong count later.
    const check = this.db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check.quick_check !== 'ok') throw new Error(`it is damaged: ${check.quick_check}`);
    const { user_version: version } = this.db.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version > MIGRATIONS.length)
      throw new Error(`it is of version ${version}, newer than this program knows (${MIGRATIONS.length})`);
    for (const [i, step] of MIGRATIONS.entries()) {
      if (i >= version) this.transaction(() => this.db.exec(`${step}; PRAGMA user_version=${i + 1}`));
    }
  }

  /** Runs `work` in one durable transaction. Throws a StoreError when the disk does not take it, and whatever `work` throws. */
  transaction<T>(work: () => T): T {
    try {
      this.db.exec('BEGIN IMMEDIATE');
      const result = work();
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw new StoreError(errcode(error) === SQLITE_FULL ? 'full' : 'failed', error);
    }
  }

  lastSeq(agent: string): number {
    return this.#registry.agent(agent)?.lastSeq ?? 0;
  }

  async append(batches: readonly AgentBatch[], nowMs: number): Promise<Appended[]> {
    const draft = this.#registry.draft(nowMs);
    let id = this.#lastId;
    const appended = this.transaction(() => {
      const storedAt = new Date(nowMs).toISOString();
      const results = batches.map((batch): Appended => {
        const agent = draft.agent(batch.agent, batch.host);
        const before = { stored: agent.stored, repeats: agent.repeats, gaps: agent.gaps };
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
          );
          events.push({ ...event, id, agent: batch.agent, host: host.name, storedAt });
        }
        return {
          lastSeq: agent.lastSeq,
          stored: agent.stored - before.stored,
          repeats: agent.repeats - before.repeats,
          missing: agent.gaps - before.gaps,
          totals: [...counted].map((name) => ({ host: name, attempts: draft.attempts(name) })),
          events,
        };
      });
      draft.write();
      return results;
    });
    // Only now: a commit that failed must leave the memory as it was too.
    draft.keep();
    this.#lastId = id;
    return appended;
  }

  async report(agent: string, host: string, told: AgentTold, nowMs: number): Promise<void> {
    const draft = this.#registry.draft(nowMs);
    this.transaction(() => {
      const row = draft.agent(agent, host);
      if (told.report) {
        row.report = JSON.stringify(told.report);
        row.reportedAt = nowMs;
      }
      draft.write();
      this.#keepShapes(row.id, told);
      this.#keepGaps(row.id, told);
    });
    draft.keep();
  }

  #keepShapes(agent: number, told: AgentTold): void {
    const keep = this.db.prepare(
      `INSERT INTO shapes (agent, shape, count, sample, firstAt, lastAt) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (agent, shape) DO UPDATE SET count = max(count, excluded.count), sample = excluded.sample, lastAt = excluded.lastAt`,
    );
    for (const { shape, count, sample, firstAt, lastAt } of told.shapes)
      keep.run(agent, shape, count, sample, firstAt, lastAt);
    if (told.shapes.length > 0)
      this.db
        .prepare(
          'DELETE FROM shapes WHERE agent = ? AND shape NOT IN (SELECT shape FROM shapes WHERE agent = ? ORDER BY count DESC LIMIT ?)',
        )
        .run(agent, agent, SHAPES_PER_AGENT);
  }

  #keepGaps(agent: number, told: AgentTold): void {
    const keep = this.db.prepare(
      'INSERT INTO declaredGaps VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent, id) DO NOTHING',
    );
    for (const { id, at, kind, text, bytes, lines } of told.gaps) keep.run(agent, id, at, kind, text, bytes, lines);
    if (told.gaps.length > 0)
      this.db
        .prepare(
          'DELETE FROM declaredGaps WHERE agent = ? AND id <= (SELECT max(id) FROM declaredGaps WHERE agent = ?) - ?',
        )
        .run(agent, agent, GAPS_PER_AGENT);
  }

  agents(limit: number): AgentRecord[] {
    return this.#registry
      .agents()
      .sort((a, b) => b.lastSeen - a.lastSeen)
      .slice(0, limit)
      .map((row) => this.#record(row) as AgentRecord);
  }

  #record(row: AgentRow | undefined): AgentRecord | undefined {
    return (
      row && {
        agent: row.uuid,
        host: row.host,
        firstSeen: new Date(row.firstSeen).toISOString(),
        lastSeen: new Date(row.lastSeen).toISOString(),
        lastSeq: row.lastSeq,
        stored: row.stored,
        repeats: row.repeats,
        gaps: row.gaps,
        report: row.report ? (JSON.parse(row.report) as AgentReport) : null,
        reportedAt: row.reportedAt === null ? null : new Date(row.reportedAt).toISOString(),
      }
    );
  }

  /** Answers about what is stored; `connected` tells whether an agent is there now. */
  views(connected: (agent: string) => boolean, now: () => number): Views {
    return new StoreViews({
      db: this.db,
      hosts: () => this.#registry.hosts(),
      agentById: (id) => this.#record(this.#registry.agentById(id)),
      connected,
      now,
    });
  }

  async close(): Promise<void> {
    this.db.close();
    this.#lock.close();
  }
}

/** Holds a lock that the kernel lets go of when the process dies, however it dies. */
function lockIn(folder: string): Database {
  const lock = new DatabaseSync(join(folder, 'lock.db'));
  try {
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw new Error(
      errcode(error) === SQLITE_BUSY
        ? `The store in ${folder} is in use by another alphaserver`
        : `The store in ${folder} cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
