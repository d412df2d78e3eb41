/** The ledger: what each agent sent and what became of it, and in what state agents are. Pure. docs/exactly-once.md explains it. */
import type { AgentReport } from '../protocol/report.ts';
import type { LedgerTotals, LedgerView } from './web/views.ts';

/** An agent that said nothing for this long is silent. Contract section 6, rule `agent-silent`. */
export const SILENT_AFTER_MS = 90_000;

/** What is stored of one agent. `lastSeenMs` is when it last said anything, Unix milliseconds. */
export interface AgentFacts {
  readonly agent: string;
  readonly host: string;
  readonly lastSeenMs: number;
  readonly lastSeq: number;
  readonly stored: number;
  readonly repeats: number;
  readonly gaps: number;
  readonly report: AgentReport | null;
}

/** An agent's state in the contract's words. `unknown`: it is not one of ours, or has said nothing of itself yet. */
export function stateOf(report: AgentReport | null, connected: boolean, lastSeenMs: number, nowMs: number): string {
  if (!connected && nowMs - lastSeenMs >= SILENT_AFTER_MS)
    return `agent silent since ${new Date(lastSeenMs).toISOString()}`;
  if (report === null) return 'unknown';
  return report.state === 'behind' ? `behind by ${report.behindBytes} bytes` : report.state;
}

/** One agent's account. `sent = stored + gaps + waiting`, always: what it gave a number to is here, missing, or still to come. */
export function accountOf(facts: AgentFacts, connected: boolean, nowMs: number): LedgerView {
  const { agent, host, lastSeenMs, lastSeq, stored, repeats, gaps, report } = facts;
  const sent = Math.max(lastSeq, report?.sentSeq ?? 0);
  return {
    agent,
    host,
    connected,
    state: stateOf(report, connected, lastSeenMs, nowMs),
    sent,
    stored,
    repeats,
    gaps,
    waiting: sent - lastSeq,
    lastSeq,
    declaredLost: report?.declaredLost ?? 0,
    linesRead: report?.linesRead ?? 0,
    linesUnknown: report?.linesUnknown ?? 0,
    linesForged: report?.linesForged ?? 0,
  };
}

/** One number of the ledger as a metric. */
export interface LedgerFigure {
  readonly name: string;
  readonly help: string;
  /** A `counter` only grows while the store lives; a `gauge` goes up and down. */
  readonly type: 'counter' | 'gauge';
  /** The one label, `state`, or null. Its values are the contract's words: bounded. */
  readonly state: string | null;
  readonly value: number;
}

/** The totals as metrics, for `/metrics`. Agents have one figure for each state. */
export function ledgerFigures(totals: LedgerTotals): LedgerFigure[] {
  const one = (name: string, type: LedgerFigure['type'], value: number, help: string): LedgerFigure => ({
    name: `asgard_ledger_${name}`,
    help,
    type,
    state: null,
    value,
  });
  return [
    one(
      'events_sent_total',
      'counter',
      totals.sent,
      'Events that agents gave a number to: stored, missing and waiting',
    ),
    one('events_stored_total', 'counter', totals.stored, 'Events stored, each once'),
    one('events_repeated_total', 'counter', totals.repeats, 'Events that came again and were dropped'),
    one('events_missing_total', 'counter', totals.gaps, 'Events that never came: jumps in an agent’s numbers'),
    one('events_waiting', 'gauge', totals.waiting, 'Events that agents hold and that are still to come'),
    one('log_lines_lost_total', 'counter', totals.declaredLost, 'Log lines that agents know they could not read'),
    one('log_lines_read_total', 'counter', totals.linesRead, 'Log lines read by agents'),
    one('log_lines_unknown_total', 'counter', totals.linesUnknown, 'Lines of sshd that no rule knew'),
    one('log_lines_forged_total', 'counter', totals.linesForged, 'Lines that claim to be sshd’s and are not'),
    one('log_bytes_behind', 'gauge', totals.behindBytes, 'Bytes of logs known to be unread'),
    ...Object.entries(totals.states).map(([state, value]) => ({
      name: 'asgard_ledger_agents',
      help: 'Agents ever seen, by state',
      type: 'gauge' as const,
      state,
      value,
    })),
  ];
}
