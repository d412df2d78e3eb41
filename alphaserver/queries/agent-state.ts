/** The ledger: what each agent sent and what became of it, and in what state agents are. Pure. docs/exactly-once.md explains it. */
import type { AgentReport } from '../../protocol/report.ts';
import type { FleetState } from './alert-results.ts';
import type { Coverage, CoverageCounts, LedgerEntry } from './results.ts';

/** An agent that sent nothing for this long is silent. Contract section 6, rule `agent-silent`. */
export const SILENT_AFTER_MS = 90_000;

/** The stored record of one agent. `lastSeenMs` is the time of its last message, Unix milliseconds. */
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

/**
 * Returns an agent's state in words: silent, or what it last said of itself (AGENT_STATES). `unknown`: it is not one of ours, or has not
 * reported yet.
 */
export function stateOf(report: AgentReport | null, connected: boolean, lastSeenMs: number, nowMs: number): string {
  if (!connected && nowMs - lastSeenMs >= SILENT_AFTER_MS)
    return `agent silent since ${new Date(lastSeenMs).toISOString()}`;
  if (report === null) return 'unknown';
  return report.state === 'behind' ? `behind by ${report.behindBytes} bytes` : report.state;
}

/** States in which a host is watched. In any other, one that is not known here too, an attack now would not be seen. */
const COVERAGE: Readonly<Record<string, Coverage>> = {
  'caught up': 'live',
  'log quiet': 'live',
  starting: 'late',
  behind: 'late',
  // No report yet: all that is known is that there is an agent.
  unknown: 'late',
};

/**
 * Bytes of a log from which on an agent that has them still to read is late. One that follows a busy log nearly always has some, which it
 * reads in less than a second.
 */
export const LATE_FROM_BYTES = 1_000_000;

/** Names the states in which a host is watched this well; for `blind` those in which it is not, since any that is not known here is so. */
export const statesOf = (coverage: Coverage): readonly string[] =>
  Object.keys(COVERAGE).filter((state) => coverage === 'blind' || COVERAGE[state] === coverage);

/** Says how well a host is watched whose agent last reported this state; `agent silent` for one not heard of. */
export const coverageOf = (state: string): Coverage => (Object.hasOwn(COVERAGE, state) && COVERAGE[state]) || 'blind';

/** The state of the fleet as far as the server can vouch for it. */
export interface VouchedState {
  readonly state: FleetState;
  /** The reason why the state is unknown; else null. */
  readonly why: string | null;
  /** What is wrong with the server itself; null where nothing is, whatever the hosts are like. */
  readonly doubt: string | null;
}

/**
 * Returns the state of the fleet as far as the server can vouch for it, and else why it cannot. Nothing is quiet where nobody watches, or
 * no agent has read its log up to now: what goes on may stand in the rest. An attack that is known stays one.
 */
export function vouchedState(state: FleetState, doubt: string | null, coverage: CoverageCounts): VouchedState {
  if (doubt !== null) return { state: 'unknown', why: doubt, doubt };
  if (state !== 'quiet' || coverage.live > 0) return { state, why: null, doubt };
  return { state: 'unknown', why: unwatchedWords(coverage), doubt };
}

function unwatchedWords({ late, blind }: CoverageCounts): string {
  if (late > 0) return 'No host is up to date';
  return blind === 0 ? 'No agent is known' : 'No host is watched at the moment';
}

/** Says how well an agent watches its host: not at all while it is not connected. `connected` null: not known. */
export function coverageBy(
  report: AgentReport | null,
  connected: boolean | null,
  lastSeenMs: number,
  nowMs: number,
): Coverage {
  const silent = nowMs - lastSeenMs >= SILENT_AFTER_MS;
  if (connected === false || (connected === null && silent)) return 'blind';
  // An agent that does not know how much it has still to read says 0.
  const isReading = report?.state === 'behind' && report.behindBytes > 0 && report.behindBytes < LATE_FROM_BYTES;
  return coverageOf(isReading ? 'caught up' : (report?.state ?? 'unknown'));
}

/** One agent's account. `sent = stored + gaps + waiting`, always: what it gave a number to is here, missing, or still to come. */
export function accountOf(facts: AgentFacts, connected: boolean, nowMs: number): LedgerEntry {
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
