/** Holds agents and hosts in memory, as the store has them: what every append needs, without a read from the disk. */
import type { AgentReport } from '../../protocol/report.ts';
import { type Database, each, type Statement } from './database.ts';
import { REPORT_COLUMNS } from './schema.ts';
import type { BindingChange, OpenList } from './store.ts';

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
  identity: string | null;
  endedAt: number | null;
  cloneAt: number | null;
  /** The highest number of an end of a session that is stored. */
  lastEnd: number;
  /** The last look of the agent at the connections of its host: an AgentLook as JSON. */
  looked: string | null;
}

/** A look of an agent at the connections of its host. Times are ISO 8601. */
export type AgentLook = Pick<
  OpenList,
  'at' | 'sessions' | 'confirmedAt' | 'blind' | 'unexplained' | 'loginGraceSeconds'
>;

/** The columns of an AgentRow. Those of REPORT_COLUMNS are for queries alone. */
const COLUMNS = [
  ...(['id', 'uuid', 'host', 'firstSeen', 'lastSeen', 'lastSeq', 'stored', 'repeats', 'gaps', 'report'] as const),
  ...(['reportedAt', 'identity', 'endedAt', 'cloneAt', 'lastEnd', 'looked'] as const),
] satisfies readonly (keyof AgentRow)[];
const WRITTEN = [...COLUMNS, ...REPORT_COLUMNS];
/** What never changes once a row is there. */
const FIXED: readonly string[] = ['id', 'uuid', 'firstSeen'];

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

/** Rows as arrays of their columns: an object from SQLite and a copy of it take four times as long, and a start reads all rows. */
type AgentColumns = [
  ...[id: number, uuid: string, host: string, firstSeen: number, lastSeen: number, lastSeq: number, stored: number],
  ...[repeats: number, gaps: number, report: string | null, reportedAt: number | null, identity: string | null],
  ...[endedAt: number | null, cloneAt: number | null, lastEnd: number, looked: string | null],
];
type HostColumns = [
  ...[id: number, name: string, agent: number, firstSeen: number, lastSeen: number],
  ...[accepted: number, failed: number, probes: number],
];

// By their places: to take a long array apart by a pattern, or to spread one object into another, costs as much again in code that runs at a start.
const agentOf = (row: AgentColumns): AgentRow => ({
  id: row[0],
  uuid: row[1],
  host: row[2],
  firstSeen: row[3],
  lastSeen: row[4],
  lastSeq: row[5],
  stored: row[6],
  repeats: row[7],
  gaps: row[8],
  report: row[9],
  reportedAt: row[10],
  identity: row[11],
  endedAt: row[12],
  cloneAt: row[13],
  lastEnd: row[14],
  looked: row[15],
});
const hostOf = (row: HostColumns): HostRow => ({
  id: row[0],
  name: row[1],
  agent: row[2],
  firstSeen: row[3],
  lastSeen: row[4],
  accepted: row[5],
  failed: row[6],
  probes: row[7],
});

interface Tables {
  readonly agents: Map<string, AgentRow>;
  readonly hosts: Map<string, HostRow>;
  lastAgent: number;
  lastHost: number;
}

interface Statements {
  readonly agent: Statement;
  readonly host: Statement;
  /** The columns that events change in rows that are there: half of the cost of a whole row. */
  readonly agentCounts: Statement;
  readonly hostCounts: Statement;
  readonly forgottenAgent: Statement;
  readonly forgottenHost: Statement;
}

/** The tables that forgotten agents and hosts are moved to, and from where they come back. */
const FORGOTTEN = { agents: 'forgottenAgents', hosts: 'forgottenHosts' } as const;

/** Moves a row between the table of those listed and that of those forgotten. */
function move(db: Database, id: number, from: string, to: string): void {
  db.prepare(`INSERT INTO ${to} SELECT * FROM ${from} WHERE id = ?`).run(id);
  db.prepare(`DELETE FROM ${from} WHERE id = ?`).run(id);
}

/** Agents, by their ids, and hosts, by their names, that are no longer listed. */
export interface Forgotten {
  readonly agents: readonly string[];
  readonly hosts: readonly string[];
}

/** All agents and hosts. Some 300 bytes each: 50,000 of both are about 30 MB. */
export class Agents {
  readonly #tables: Tables = { agents: new Map(), hosts: new Map(), lastAgent: 0, lastHost: 0 };
  readonly #db: Database;
  readonly #statements: Statements;

  constructor(db: Database) {
    this.#db = db;
    const { agents, hosts } = this.#tables;
    for (const row of each(db, `SELECT ${COLUMNS.join(', ')} FROM agents ORDER BY id`)) {
      const agent = agentOf(row as AgentColumns);
      agents.set(agent.uuid, agent);
      this.#tables.lastAgent = agent.id;
    }
    for (const row of each(
      db,
      'SELECT id, name, agent, firstSeen, lastSeen, accepted, failed, probes FROM hosts ORDER BY id',
    )) {
      const host = hostOf(row as HostColumns);
      hosts.set(host.name, host);
      this.#tables.lastHost = host.id;
    }
    const lastOf = (table: string): number =>
      (db.prepare(`SELECT coalesce(max(id), 0) AS id FROM ${table}`).get() as { id: number }).id;
    this.#tables.lastAgent = Math.max(this.#tables.lastAgent, lastOf(FORGOTTEN.agents));
    this.#tables.lastHost = Math.max(this.#tables.lastHost, lastOf(FORGOTTEN.hosts));
    this.#statements = {
      forgottenAgent: db.prepare(`SELECT ${COLUMNS.join(', ')} FROM ${FORGOTTEN.agents} WHERE uuid = ?`),
      forgottenHost: db.prepare(`SELECT * FROM ${FORGOTTEN.hosts} WHERE name = ?`),
      agentCounts: db.prepare(
        'UPDATE agents SET lastSeen = ?, lastSeq = ?, stored = ?, repeats = ?, gaps = ? WHERE id = ?',
      ),
      hostCounts: db.prepare(
        'UPDATE hosts SET agent = ?, lastSeen = ?, accepted = ?, failed = ?, probes = ? WHERE id = ?',
      ),
      // DO UPDATE, since REPLACE would delete the row and its key in the index, and write both again.
      agent: db.prepare(
        `INSERT INTO agents (${WRITTEN.join(', ')}) VALUES (${WRITTEN.map(() => '?').join(', ')}) ON CONFLICT (id) DO UPDATE SET
         ${WRITTEN.filter((name) => !FIXED.includes(name))
           .map((name) => `${name} = excluded.${name}`)
           .join(', ')}`,
      ),
      host: db.prepare(
        `INSERT INTO hosts (id, name, agent, firstSeen, lastSeen, accepted, failed, probes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, lastSeen = excluded.lastSeen, accepted = excluded.accepted,
         failed = excluded.failed, probes = excluded.probes`,
      ),
    };
  }

  get(uuid: string): Readonly<AgentRow> | undefined {
    return this.#tables.agents.get(uuid);
  }

  all(): Iterable<Readonly<AgentRow>> {
    return this.#tables.agents.values();
  }

  /** Lists the hosts, each with the agent that reported it last. */
  *hosts(): Iterable<{ readonly host: string; readonly agent: string }> {
    const uuids = new Map([...this.#tables.agents.values()].map(({ id, uuid }) => [id, uuid]));
    for (const { name, agent } of this.#tables.hosts.values()) yield { host: name, agent: uuids.get(agent) ?? '' };
  }

  /**
   * Begins a set of changes that reaches the disk with `write` and the memory with `apply`. No agent was heard after `latestMs`: where it
   * seems so, the clock stood ahead and was set back since.
   */
  update(nowMs: number, latestMs = nowMs): PendingUpdate {
    return new PendingUpdate(this.#tables, this.#db, this.#statements, nowMs, latestMs);
  }

  /** Lists what goes with an agent: itself, and the hosts that no other agent has reported since. Null where it is not known. */
  ofAgent(uuid: string): Forgotten | null {
    const agent = this.#tables.agents.get(uuid);
    return agent === undefined ? null : { agents: [uuid], hosts: this.#namedBy(agent) };
  }

  /** Lists what goes with a host: itself, and its own agents that report no other. Null where it is not known. */
  ofHost(name: string): Forgotten | null {
    if (!this.#tables.hosts.has(name)) return null;
    const agents = [...this.#tables.agents.values()].filter(
      (agent) => agent.host === name && this.#namedBy(agent).every((host) => host === name),
    );
    return { agents: agents.map(({ uuid }) => uuid), hosts: [name] };
  }

  /** Gives those of them that are listed. */
  listed({ agents, hosts }: Forgotten): Forgotten {
    const { agents: listed, hosts: named } = this.#tables;
    return { agents: agents.filter((uuid) => listed.has(uuid)), hosts: hosts.filter((name) => named.has(name)) };
  }

  /** Moves agents and hosts to those forgotten, inside the caller's transaction, with what is stored of the agents' unknown lines. */
  writeForgotten({ agents, hosts }: Forgotten): void {
    const unknown = this.#db.prepare('DELETE FROM shapes WHERE agent = ?');
    for (const uuid of agents) {
      const { id } = this.#tables.agents.get(uuid) as AgentRow;
      move(this.#db, id, 'agents', FORGOTTEN.agents);
      unknown.run(id);
    }
    for (const name of hosts) move(this.#db, (this.#tables.hosts.get(name) as HostRow).id, 'hosts', FORGOTTEN.hosts);
  }

  /** Takes the same over into the memory. Call it after the commit. */
  applyForgotten({ agents, hosts }: Forgotten): void {
    for (const uuid of agents) this.#tables.agents.delete(uuid);
    for (const name of hosts) this.#tables.hosts.delete(name);
  }

  #namedBy({ id }: AgentRow): string[] {
    return [...this.#tables.hosts.values()].filter(({ agent }) => agent === id).map(({ name }) => name);
  }
}

/** True where events alone changed an agent's row: the other columns are as they stand in the file. */
const onlyCountsDiffer = (row: AgentRow, known: AgentRow | undefined): boolean =>
  known !== undefined &&
  row.host === known.host &&
  row.report === known.report &&
  row.reportedAt === known.reportedAt &&
  row.identity === known.identity &&
  row.endedAt === known.endedAt &&
  row.cloneAt === known.cloneAt &&
  row.lastEnd === known.lastEnd &&
  row.looked === known.looked;

/** Copies of the rows that one transaction changes. Thrown away when it fails. */
export class PendingUpdate {
  readonly #tables: Tables;
  readonly #db: Database;
  readonly #statements: Statements;
  readonly #nowMs: number;
  readonly #latestMs: number;
  readonly #agents = new Map<string, AgentRow>();
  readonly #hosts = new Map<string, HostRow>();
  #lastAgent: number;
  #lastHost: number;

  constructor(tables: Tables, db: Database, statements: Statements, nowMs: number, latestMs: number) {
    this.#tables = tables;
    this.#db = db;
    this.#statements = statements;
    this.#nowMs = nowMs;
    this.#latestMs = latestMs;
    this.#lastAgent = tables.lastAgent;
    this.#lastHost = tables.lastHost;
  }

  /** Tells whether an agent is listed, these changes included. */
  knows(uuid: string): boolean {
    return this.#agents.has(uuid) || this.#tables.agents.has(uuid);
  }

  /** Gives the agent's row to change, made when it is new. `seenMs`: when it was heard of. */
  agent(uuid: string, host: string, seenMs = this.#nowMs): AgentRow {
    const pending = this.#agents.get(uuid);
    if (pending) return pending;
    const known = this.#tables.agents.get(uuid) ?? this.#returned<AgentRow>('agents', uuid);
    const row: AgentRow = known
      ? { ...known, host, lastSeen: Math.max(Math.min(known.lastSeen, this.#latestMs), seenMs) }
      : {
          id: ++this.#lastAgent,
          uuid,
          host,
          firstSeen: seenMs,
          lastSeen: seenMs,
          lastSeq: 0,
          stored: 0,
          repeats: 0,
          gaps: 0,
          report: null,
          reportedAt: null,
          identity: null,
          endedAt: null,
          cloneAt: null,
          lastEnd: 0,
          looked: null,
        };
    this.#agents.set(uuid, row);
    // Its host is there from now on, and this agent's. Otherwise a heartbeat changes one row, not two.
    if (this.#tables.hosts.get(host)?.agent !== row.id) this.host(host, row.id);
    return row;
  }

  /** Binds an agent, whose row is there, to an identity, and ends the agent whose place it takes. */
  bind(row: AgentRow, { identity, ends, isClone }: BindingChange): void {
    row.identity = identity;
    row.endedAt = null;
    if (isClone) row.cloneAt = this.#nowMs;
    const ended = ends === null ? undefined : (this.#agents.get(ends) ?? this.#tables.agents.get(ends));
    if (ended !== undefined) this.#agents.set(ended.uuid, { ...ended, endedAt: this.#nowMs });
  }

  /** Gives the host's row to change, made when it is new. */
  host(name: string, agent: number): HostRow {
    const pending = this.#hosts.get(name);
    if (pending) return pending;
    const known = this.#tables.hosts.get(name) ?? this.#returned<HostRow>('hosts', name);
    const row: HostRow = known
      ? { ...known, agent, lastSeen: this.#nowMs }
      : {
          id: ++this.#lastHost,
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

  /** Takes back an agent or a host that was forgotten, with its numbers and counts; undefined for one that is new. */
  #returned<Row extends { readonly id: number }>(table: 'agents' | 'hosts', name: string): Row | undefined {
    const { forgottenAgent, forgottenHost } = this.#statements;
    const row = (table === 'agents' ? forgottenAgent : forgottenHost).get(name) as Row | undefined;
    if (row !== undefined) move(this.#db, row.id, FORGOTTEN[table], table);
    return row;
  }

  /** Counts the attempts that a host has had, these changes included. */
  attempts(name: string): number {
    const row = this.#hosts.get(name) ?? this.#tables.hosts.get(name);
    return row ? row.accepted + row.failed : 0;
  }

  /** Writes the changed rows, inside the caller's transaction. */
  write(): void {
    const { agent, agentCounts, host, hostCounts } = this.#statements;
    for (const a of this.#agents.values()) {
      if (onlyCountsDiffer(a, this.#tables.agents.get(a.uuid))) {
        agentCounts.run(a.lastSeen, a.lastSeq, a.stored, a.repeats, a.gaps, a.id);
        continue;
      }
      const report = a.report === null ? null : (JSON.parse(a.report) as AgentReport);
      agent.run(...COLUMNS.map((name) => a[name]), ...REPORT_COLUMNS.map((name) => report?.[name] ?? null));
    }
    for (const h of this.#hosts.values()) {
      if (this.#tables.hosts.has(h.name)) hostCounts.run(h.agent, h.lastSeen, h.accepted, h.failed, h.probes, h.id);
      else host.run(h.id, h.name, h.agent, h.firstSeen, h.lastSeen, h.accepted, h.failed, h.probes);
    }
  }

  /** Takes the changes over into the memory. Call it after the commit. */
  apply(): void {
    for (const [uuid, row] of this.#agents) this.#tables.agents.set(uuid, row);
    for (const [name, row] of this.#hosts) this.#tables.hosts.set(name, row);
    this.#tables.lastAgent = this.#lastAgent;
    this.#tables.lastHost = this.#lastHost;
  }
}
