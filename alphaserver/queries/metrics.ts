/** The store's figures for `/metrics`: costs as much as there are hosts and agents, whatever the number of events. */

import { Marks, OPENED_MARK } from '../alerting/schema.ts';
import { factIn } from '../rollups/schema.ts';
import type { Database } from '../store/database.ts';
import { readerOf } from '../store/event-tables.ts';
import { ledgerTotals, withForgotten } from './fleet.ts';
import { Incidents } from './incidents.ts';
import type { LedgerTotals } from './results.ts';

/** Counts of one host. */
export interface HostFigures {
  readonly host: string;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** One agent's part of the ledger. */
export interface AgentFigures {
  readonly agent: string;
  readonly host: string;
  readonly gaps: number;
  readonly waiting: number;
  readonly linesUnknown: number;
  readonly declaredLost: number;
}

/** The figures that the store knows. What is counted holds what forgotten hosts and agents counted too, so that no counter falls. */
export interface StoredFigures {
  readonly hosts: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
  /** Each host and each agent; null where they are more than was asked for. */
  readonly single: { readonly hosts: readonly HostFigures[]; readonly agents: readonly AgentFigures[] } | null;
  /** The ledger's sums. */
  readonly totals: LedgerTotals;
  readonly events: number;
  readonly unrolled: number;
  /** The numbers by rule and severity, for each that ever opened one. */
  readonly alerts: readonly {
    readonly rule: string;
    readonly severity: string;
    readonly open: number;
    readonly opened: number;
  }[];
}

/**
 * Reads the figures inside the caller's read transaction, so that they agree with each other. Single hosts and agents are
 * left out where there are more than `singleLimit` of either.
 */
export function storedFigures(db: Database, nowMs: number, singleLimit: number): StoredFigures {
  const sums = db
    .prepare(
      `SELECT coalesce(sum(isListed), 0) AS hosts, coalesce(sum(accepted), 0) AS accepted, coalesce(sum(failed), 0) AS failed,
         coalesce(sum(probes), 0) AS probes
       FROM (SELECT 1 AS isListed, accepted, failed, probes FROM hosts
         UNION ALL SELECT 0, accepted, failed, probes FROM forgottenHosts)`,
    )
    .get() as unknown as Pick<StoredFigures, 'hosts' | 'accepted' | 'failed' | 'probes'>;
  const totals = withForgotten(db, ledgerTotals(db, nowMs));
  // Ids have next to no gaps, and retention takes from the beginning.
  const { first, last } = readerOf(db).bounds();
  return {
    ...sums,
    single:
      Math.max(sums.hosts, totals.agents) <= singleLimit ? { hosts: hostFigures(db), agents: agentFigures(db) } : null,
    totals,
    events: first === null ? 0 : last - first + 1,
    unrolled: Math.max(0, last - factIn(db, 'rolledTo')),
    alerts: alertFigures(db),
  };
}

const hostFigures = (db: Database): HostFigures[] =>
  db
    .prepare('SELECT name AS host, accepted, failed, probes FROM hosts ORDER BY name')
    .all() as unknown as HostFigures[];

/** Those that were forgotten on a host that has another agent now are in it: the host's counters would fall without them. */
const agentFigures = (db: Database): AgentFigures[] =>
  db
    .prepare(
      `SELECT uuid AS agent, host, gaps, max(0, coalesce(sentSeq, 0) - lastSeq) AS waiting,
         coalesce(linesUnknown, 0) AS linesUnknown, coalesce(declaredLost, 0) AS declaredLost
       FROM agents
       UNION ALL SELECT uuid, host, gaps, 0, coalesce(linesUnknown, 0), coalesce(declaredLost, 0)
       FROM forgottenAgents WHERE host IN (SELECT host FROM agents) ORDER BY host`,
    )
    .all() as unknown as AgentFigures[];

function alertFigures(db: Database): StoredFigures['alerts'] {
  const open = new Map(new Incidents(db).openCounts().map((one) => [`${one.rule} ${one.severity}`, one.open]));
  const opened = new Map(new Marks(db).named(OPENED_MARK));
  // What opened before they were counted is open all the same.
  return [...new Set([...opened.keys(), ...open.keys()])].sort().map((name) => {
    const [rule = '', severity = ''] = name.split(' ');
    return { rule, severity, open: open.get(name) ?? 0, opened: opened.get(name) ?? 0 };
  });
}
