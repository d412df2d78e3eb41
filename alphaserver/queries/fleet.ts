/** Agents, hosts, and what agents reported, as stored: who is connected is not known here. */
import { AGENT_STATES, type AgentReport } from '../../protocol/report.ts';
import type { Database } from '../store/database.ts';
import type { StoredGap } from '../store/store.ts';
import { coverageOf, LATE_FROM_BYTES, SILENT_AFTER_MS, statesOf } from './agent-state.ts';
import type { Coverage, CoverageCounts, FleetShape, LedgerTotals } from './results.ts';

/** A host with its agent's last report. Times are Unix milliseconds. */
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

const HOSTS = `SELECT h.name AS host, a.uuid AS agent, h.firstSeen, max(h.lastSeen, a.lastSeen) AS lastSeen, h.accepted, h.failed,
    h.probes, a.report
  FROM hosts h JOIN agents a ON a.id = h.agent`;

/** Which agents watch nothing: those not heard of after `silentMs`, Unix milliseconds, and those that are `away`. */
export interface Absence {
  readonly silentMs: number;
  readonly away: readonly string[];
}

/** The state of the agent `a` that says how well its hosts are watched. */
const STANDING = `CASE WHEN a.lastSeen <= ? OR a.uuid IN (SELECT value FROM json_each(?)) THEN 'agent silent'
    WHEN a.state = 'behind' AND a.behindBytes > 0 AND a.behindBytes < ? THEN 'caught up'
    ELSE coalesce(a.state, 'unknown') END`;
const standingValues = ({ silentMs, away }: Absence) => [silentMs, JSON.stringify(away), LATE_FROM_BYTES] as const;

/** Hosts by name, those after `after`; with `only` those that are watched this well. */
export function hostsAfter(
  db: Database,
  after: string,
  limit: number,
  only: (Absence & { readonly coverage: Coverage }) | null = null,
): HostFacts[] {
  const isIn = only?.coverage === 'blind' ? 'NOT IN' : 'IN';
  const where = only === null ? '' : `AND (${STANDING}) ${isIn} (SELECT value FROM json_each(?))`;
  const values = only === null ? [] : [...standingValues(only), JSON.stringify(statesOf(only.coverage))];
  const statement = db.prepare(`${HOSTS} WHERE h.name > ? ${where} ORDER BY h.name LIMIT ?`);
  return statement.all(after, ...values, limit) as unknown as HostFacts[];
}

/** The host of this name; null where there is none. */
export function hostNamed(db: Database, name: string): HostFacts | null {
  return (db.prepare(`${HOSTS} WHERE h.name = ?`).get(name) as HostFacts | undefined) ?? null;
}

/** Agents in the order they were first seen, those after the row `after`. */
export function agentsAfter(db: Database, after: number, limit: number): LedgerFacts[] {
  return db
    .prepare(
      `SELECT id, uuid AS agent, host, lastSeen, lastSeq, stored, repeats, gaps, report FROM agents WHERE id > ? ORDER BY id LIMIT ?`,
    )
    .all(after, limit) as unknown as LedgerFacts[];
}

/**
 * The sums over the agents of one state. SQLite sums whole numbers below 2^63, which AGENTS_LIMIT agents at COUNT_LIMIT do not reach, nor
 * a hundred times as many that were forgotten; its driver throws for one that JavaScript does not hold exactly, so each sum ends at
 * MAX_SAFE_INTEGER.
 */
const SUMS = {
  agents: 'count(*)',
  sent: 'sum(max(lastSeq, coalesce(sentSeq, 0)))',
  waiting: 'sum(max(0, coalesce(sentSeq, 0) - lastSeq))',
  stored: 'sum(stored)',
  repeats: 'sum(repeats)',
  gaps: 'sum(gaps)',
  declaredLost: 'coalesce(sum(declaredLost), 0)',
  linesRead: 'coalesce(sum(linesRead), 0)',
  linesUnknown: 'coalesce(sum(linesUnknown), 0)',
  linesForged: 'coalesce(sum(linesForged), 0)',
  behindBytes: 'coalesce(sum(behindBytes), 0)',
} as const satisfies Record<Exclude<keyof LedgerTotals, 'states'>, string>;
type Sum = keyof typeof SUMS;
const NAMES = Object.keys(SUMS) as Sum[];
const MOST = Number.MAX_SAFE_INTEGER;

/** The sums over all agents, and how many are in each state; a silent agent counts as silent alone. */
export function ledgerTotals(db: Database, nowMs: number): LedgerTotals {
  const rows = db
    .prepare(
      `SELECT CASE WHEN lastSeen <= ? THEN 'agent silent' ELSE coalesce(state, 'unknown') END AS standing,
         ${NAMES.map((name) => `min(${SUMS[name]}, ${MOST}) AS ${name}`).join(', ')} FROM agents GROUP BY 1`,
    )
    .all(nowMs - SILENT_AFTER_MS) as unknown as (Record<Sum, number> & { readonly standing: string })[];
  const sums = Object.fromEntries(
    NAMES.map((name) => [name, rows.reduce((sum, row) => Math.min(sum + row[name], MOST), 0)]),
  );
  const none = Object.fromEntries([...AGENT_STATES, 'unknown', 'agent silent'].map((state) => [state, 0]));
  const states = { ...none, ...Object.fromEntries(rows.map(({ standing, agents }) => [standing, agents])) };
  return { ...(sums as Record<Sum, number>), states };
}

/** The sums of what an agent only ever counts up. */
const COUNTED = [
  'sent',
  'stored',
  'repeats',
  'gaps',
  'declaredLost',
  'linesRead',
  'linesUnknown',
  'linesForged',
] as const satisfies readonly Sum[];

/**
 * Adds to the ledger's sums what forgotten agents counted: they go on from there when they come back, and a counter that falls and
 * rises again would show all of it as of now.
 */
export function withForgotten(db: Database, totals: LedgerTotals): LedgerTotals {
  const forgotten = db
    .prepare(
      `SELECT ${COUNTED.map((name) => `min(coalesce(${SUMS[name]}, 0), ${MOST}) AS ${name}`).join(', ')} FROM forgottenAgents`,
    )
    .get() as unknown as Record<(typeof COUNTED)[number], number>;
  const sums = COUNTED.map((name) => [name, Math.min(totals[name] + forgotten[name], MOST)]);
  return { ...totals, ...Object.fromEntries(sums) };
}

/** Counts hosts by how well they are watched; an agent's report is read once, however many hosts it has. */
export function coverageCounts(db: Database, absence: Absence): CoverageCounts {
  const rows = db
    .prepare(
      `SELECT ${STANDING} AS standing, sum(h.n) AS n
       FROM (SELECT agent, count(*) AS n FROM hosts GROUP BY agent) h JOIN agents a ON a.id = h.agent GROUP BY 1`,
    )
    .all(...standingValues(absence)) as { standing: string; n: number }[];
  const counts = { live: 0, late: 0, blind: 0 };
  for (const { standing, n } of rows) counts[coverageOf(standing)] += n;
  return counts;
}

/** A report as it was stored. */
export const reportOf = (json: string | null): AgentReport | null =>
  json === null ? null : (JSON.parse(json) as AgentReport);

/** Number of a shape's hosts that are named. */
const NAMED_HOSTS = 20;

/** The shapes of lines that were not understood, seen most first, over all agents; with a host, only those that its agents read. */
export function shapes(db: Database, limit: number, host: string | null = null): FleetShape[] {
  const most = db
    .prepare(
      `SELECT shape, min(count, ${MOST}) AS count, agents, firstAt, (SELECT max(lastAt) FROM shapes b WHERE b.shape = f.shape) AS lastAt,
         (SELECT sample FROM shapes b WHERE b.shape = f.shape ORDER BY b.lastAt DESC LIMIT 1) AS sample
       FROM fleetShapes f
       WHERE ?1 IS NULL OR shape IN (SELECT s.shape FROM agents a CROSS JOIN shapes s ON s.agent = a.id WHERE a.host = ?1)
       ORDER BY f.count DESC, shape LIMIT ?2`,
    )
    .all(host, limit) as unknown as Omit<FleetShape, 'hosts'>[];
  // Some more agents than hosts: several may be of one.
  const hosts = db.prepare(
    `SELECT DISTINCT host FROM (SELECT a.host FROM shapes s INDEXED BY shapesByCount JOIN agents a ON a.id = s.agent
       WHERE s.shape = ?1 ORDER BY s.count DESC LIMIT 4 * ?2) LIMIT ?2`,
  );
  return most.map((shape) => ({
    ...shape,
    hosts: (hosts.all(shape.shape, NAMED_HOSTS) as { host: string }[]).map(({ host }) => host),
  }));
}

/** Gaps, the last stored first, those before the one with the id `before`; with a host, only those of its agents. */
export function gaps(
  db: Database,
  before: number | null,
  limit: number,
  host: string | null,
): { gaps: StoredGap[]; next: number | null } {
  const rows = db
    .prepare(
      `SELECT g.id, a.uuid AS agent, a.host, g.at, g.kind, g.text, g.bytes, g.lines, g.events
       FROM gaps g JOIN agents a ON a.id = g.agent WHERE g.id < ?1 AND (?2 IS NULL OR a.host = ?2) ORDER BY g.id DESC LIMIT ?3`,
    )
    .all(before ?? Number.MAX_SAFE_INTEGER, host, limit + 1) as unknown as StoredGap[];
  const page = rows.slice(0, limit);
  return { gaps: page, next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}
