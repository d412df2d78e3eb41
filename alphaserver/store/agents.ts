/** Agents and hosts in memory, as the store has them: what every append needs to know, without asking the disk. */
import type { AgentReport } from '../../protocol/report.ts';
import type { Database } from './database.ts';
import type { AgentRecord } from './store.ts';

/** A row of `agents`. */
export interface AgentRow {
  readonly id: number;
  readonly uuid: string;
  host: string;
  readonly firstSeen: number;
  lastSeen: number;
  lastSeq: number;
  stored: number;
  repeats: number;
  gaps: number;
  report: string | null;
  reportedAt: number | null;
}

/** What an agent's row says to those outside. */
export function agentRecord(row: AgentRow): AgentRecord {
  const { uuid, host, firstSeen, lastSeen, lastSeq, stored, repeats, gaps, report, reportedAt } = row;
  return {
    agent: uuid,
    host,
    firstSeen: new Date(firstSeen).toISOString(),
    lastSeen: new Date(lastSeen).toISOString(),
    lastSeq,
    stored,
    repeats,
    gaps,
    report: report ? (JSON.parse(report) as AgentReport) : null,
    reportedAt: reportedAt === null ? null : new Date(reportedAt).toISOString(),
  };
}

/** A row of `hosts`. */
export interface HostRow {
  readonly id: number;
  readonly name: string;
  agent: number;
  readonly firstSeen: number;
  lastSeen: number;
  accepted: number;
  failed: number;
  probes: number;
}

/** All agents and hosts. Some 300 bytes each: 50,000 of both are about 30 MB. */
export class Registry {
  readonly #db: Database;
  readonly #agents = new Map<string, AgentRow>();
  readonly #uuids = new Map<number, string>();
  readonly #hosts = new Map<string, HostRow>();
  #lastAgent = 0;
  #lastHost = 0;

  constructor(db: Database) {
    this.#db = db;
    for (const row of db.prepare('SELECT * FROM agents').all() as unknown as AgentRow[]) {
      this.#agents.set(row.uuid, { ...row });
      this.#uuids.set(row.id, row.uuid);
      this.#lastAgent = Math.max(this.#lastAgent, row.id);
    }
    for (const row of db.prepare('SELECT * FROM hosts').all() as unknown as HostRow[]) {
      this.#hosts.set(row.name, { ...row });
      this.#lastHost = Math.max(this.#lastHost, row.id);
    }
  }

  agent(uuid: string): AgentRow | undefined {
    return this.#agents.get(uuid);
  }

  agentById(id: number): AgentRow | undefined {
    return this.#agents.get(this.#uuids.get(id) ?? '');
  }

  agents(): AgentRow[] {
    return [...this.#agents.values()];
  }

  hosts(): Iterable<HostRow> {
    return this.#hosts.values();
  }

  /** A set of changes that reaches the disk with `write` and the memory with `keep`. */
  draft(nowMs: number): Draft {
    return new Draft(this.#db, nowMs, {
      agents: this.#agents,
      uuids: this.#uuids,
      hosts: this.#hosts,
      lastAgent: this.#lastAgent,
      lastHost: this.#lastHost,
      kept: (lastAgent, lastHost) => {
        this.#lastAgent = lastAgent;
        this.#lastHost = lastHost;
      },
    });
  }
}

interface Base {
  readonly agents: Map<string, AgentRow>;
  readonly uuids: Map<number, string>;
  readonly hosts: Map<string, HostRow>;
  readonly lastAgent: number;
  readonly lastHost: number;
  readonly kept: (lastAgent: number, lastHost: number) => void;
}

/** Copies of the rows that one transaction changes. Thrown away when it fails. */
export class Draft {
  readonly #db: Database;
  readonly #nowMs: number;
  readonly #base: Base;
  readonly #agents = new Map<string, AgentRow>();
  readonly #hosts = new Map<string, HostRow>();
  #lastAgent: number;
  #lastHost: number;

  constructor(db: Database, nowMs: number, base: Base) {
    this.#db = db;
    this.#nowMs = nowMs;
    this.#base = base;
    this.#lastAgent = base.lastAgent;
    this.#lastHost = base.lastHost;
  }

  /** The agent's row to change, made when it is new. Its host is seen as well. */
  agent(uuid: string, host: string): AgentRow {
    const drafted = this.#agents.get(uuid);
    if (drafted) return drafted;
    const known = this.#base.agents.get(uuid);
    if (!known) this.#lastAgent += 1;
    const row: AgentRow = known
      ? { ...known, host, lastSeen: this.#nowMs }
      : {
          id: this.#lastAgent,
          uuid,
          host,
          firstSeen: this.#nowMs,
          lastSeen: this.#nowMs,
          lastSeq: 0,
          stored: 0,
          repeats: 0,
          gaps: 0,
          report: null,
          reportedAt: null,
        };
    this.#agents.set(uuid, row);
    this.host(host, row.id);
    return row;
  }

  /** The host's row to change, made when it is new. */
  host(name: string, agent: number): HostRow {
    const drafted = this.#hosts.get(name);
    if (drafted) return drafted;
    const known = this.#base.hosts.get(name);
    if (!known) this.#lastHost += 1;
    const row: HostRow = known
      ? { ...known, agent, lastSeen: this.#nowMs }
      : {
          id: this.#lastHost,
          name,
          agent,
          firstSeen: this.#nowMs,
          lastSeen: this.#nowMs,
          accepted: 0,
          failed: 0,
          probes: 0,
        };
    this.#hosts.set(name, row);
    return row;
  }

  /** How many attempts a host has had, these changes included. */
  attempts(name: string): number {
    const row = this.#hosts.get(name) ?? this.#base.hosts.get(name);
    return row ? row.accepted + row.failed : 0;
  }

  /** Writes the changed rows, inside the caller's transaction. */
  write(): void {
    const agent = this.#db.prepare(
      'INSERT OR REPLACE INTO agents (id, uuid, host, firstSeen, lastSeen, lastSeq, stored, repeats, gaps, report, reportedAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    for (const a of this.#agents.values())
      agent.run(
        a.id,
        a.uuid,
        a.host,
        a.firstSeen,
        a.lastSeen,
        a.lastSeq,
        a.stored,
        a.repeats,
        a.gaps,
        a.report,
        a.reportedAt,
      );
    const host = this.#db.prepare(
      'INSERT OR REPLACE INTO hosts (id, name, agent, firstSeen, lastSeen, accepted, failed, probes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    for (const h of this.#hosts.values())
      host.run(h.id, h.name, h.agent, h.firstSeen, h.lastSeen, h.accepted, h.failed, h.probes);
  }

  /** Takes the changes over into the memory. Call it after the commit. */
  keep(): void {
    for (const [uuid, row] of this.#agents) {
      this.#base.agents.set(uuid, row);
      this.#base.uuids.set(row.id, uuid);
    }
    for (const [name, row] of this.#hosts) this.#base.hosts.set(name, row);
    this.#base.kept(this.#lastAgent, this.#lastHost);
  }
}
