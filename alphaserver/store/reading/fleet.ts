/** Agents, hosts, and what agents told, as stored: who is connected is not known here. */
import type { AgentReport } from '../../../protocol/report.ts';
import type { FleetGap, FleetShape, GapCursor, LedgerTotals } from '../../web/views.ts';
import type { Database } from '../database.ts';

/** A host with what its agent last said. Times are Unix milliseconds. */
export interface HostFacts {
  readonly host: string;
  readonly agent: string;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
  /** An AgentReport as JSON. */
  readonly report: string | null;
}

/** An agent's row of the ledger. */
export interface LedgerFacts {
  readonly id: number;
  readonly agent: string;
  readonly host: string;
  readonly lastSeen: number;
  readonly lastSeq: number;
  readonly stored: number;
  readonly repeats: number;
  readonly gaps: number;
  readonly report: string | null;
}

/** Hosts by name, those after `after`. */
export function hostsAfter(db: Database, after: string, limit: number): HostFacts[] {
  return db
    .prepare(
      `SELECT h.name AS host, a.uuid AS agent, h.firstSeen, max(h.lastSeen, a.lastSeen) AS lastSeen, h.accepted, h.failed, h.probes, a.report
       FROM hosts h JOIN agents a ON a.id = h.agent WHERE h.name > ? ORDER BY h.name LIMIT ?`,
    )
    .all(after, limit) as unknown as HostFacts[];
}

/** Agents in the order they were first seen, those after the row `after`. */
export function agentsAfter(db: Database, after: number, limit: number): LedgerFacts[] {
  return db
    .prepare(
      `SELECT id, uuid AS agent, host, lastSeen, lastSeq, stored, repeats, gaps, report FROM agents WHERE id > ? ORDER BY id LIMIT ?`,
    )
    .all(after, limit) as unknown as LedgerFacts[];
}

/** The sums over all agents. */
export function ledgerTotals(db: Database): LedgerTotals {
  return {
    ...(db
      .prepare(
        `SELECT count(*) AS agents, coalesce(sum(max(lastSeq, coalesce(report ->> 'sentSeq', 0))), 0) AS sent,
           coalesce(sum(max(0, coalesce(report ->> 'sentSeq', 0) - lastSeq)), 0) AS waiting,
           coalesce(sum(stored), 0) AS stored, coalesce(sum(repeats), 0) AS repeats, coalesce(sum(gaps), 0) AS gaps,
           coalesce(sum(report ->> 'declaredLost'), 0) AS declaredLost, coalesce(sum(report ->> 'linesRead'), 0) AS linesRead,
           coalesce(sum(report ->> 'linesUnknown'), 0) AS linesUnknown, coalesce(sum(report ->> 'linesForged'), 0) AS linesForged
         FROM agents`,
      )
      .get() as unknown as LedgerTotals),
  };
}

/** A report as it was stored. */
export const reportOf = (json: string | null): AgentReport | null =>
  json === null ? null : (JSON.parse(json) as AgentReport);

/** How many of a shape's hosts are named. */
const NAMED_HOSTS = 20;

/** The shapes of lines that no rule knew, seen most first, over all agents. */
export function shapes(db: Database, limit: number): FleetShape[] {
  const most = db
    .prepare(
      `SELECT shape, sum(count) AS count, count(DISTINCT agent) AS agents, min(firstAt) AS firstAt, max(lastAt) AS lastAt,
         (SELECT sample FROM shapes b WHERE b.shape = shapes.shape ORDER BY b.lastAt DESC LIMIT 1) AS sample
       FROM shapes GROUP BY shape ORDER BY count DESC, shape LIMIT ?`,
    )
    .all(limit) as unknown as Omit<FleetShape, 'hosts'>[];
  const hosts = db.prepare(
    'SELECT DISTINCT a.host FROM shapes s JOIN agents a ON a.id = s.agent WHERE s.shape = ? ORDER BY s.count DESC LIMIT ?',
  );
  return most.map((shape) => ({
    ...shape,
    hosts: (hosts.all(shape.shape, NAMED_HOSTS) as { host: string }[]).map(({ host }) => host),
  }));
}

/** Gaps that agents declared, newest first, those after `after`. */
export function gaps(
  db: Database,
  after: GapCursor | null,
  limit: number,
): { gaps: FleetGap[]; next: GapCursor | null } {
  const rows = db
    .prepare(
      `SELECT g.agent AS row, a.uuid AS agent, a.host, g.id, g.at, g.kind, g.text, g.bytes, g.lines
       FROM declaredGaps g JOIN agents a ON a.id = g.agent
       WHERE ? IS NULL OR (g.at, g.agent, g.id) < (?, ?, ?) ORDER BY g.at DESC, g.agent DESC, g.id DESC LIMIT ?`,
    )
    .all(
      after?.at ?? null,
      after?.at ?? null,
      after?.agent ?? null,
      after?.id ?? null,
      limit + 1,
    ) as unknown as (FleetGap & {
    row: number;
  })[];
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    gaps: page.map(({ row: _, ...gap }) => gap),
    next: last && rows.length > limit ? { at: last.at, agent: last.row, id: last.id } : null,
  };
}
