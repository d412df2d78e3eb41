/** Detects connections to sshd that no login in the log explains, from what an agent says of the kernel's connections. Pure. */
import { UNEXPLAINED_PER_PING } from '../../protocol/session.ts';
import type { AgentLook } from '../store/agents.ts';
import type { Incident } from './incident.ts';
import { shown } from './incident-summary.ts';

/** Connections of one agent that no login explains. Times are Unix milliseconds. */
export interface UnloggedSessions {
  readonly sinceMs: number;
  readonly count: number;
  readonly summary: string;
  /**
   * Their addresses, first those that the open incident does not name, then in its order; behind them those that it names and that
   * left, the latest first: whoever comes and goes is reported once. At most UNEXPLAINED_PER_PING.
   */
  readonly sources: readonly string[];
  /** True where one of them is from an address that the open incident does not name: whoever connects beside, or in place of, one that is known must not pass for it. */
  readonly isAnother: boolean;
  /** False where sshd lets connections stay without a login for ever: a stranger may be one of these. */
  readonly isSure: boolean;
}

/** Nothing else in the text of a look has this form: it is not read where it says nothing. */
const NONE = '"unexplained":[]';

/** Returns the connections in a look, an AgentLook as JSON, beside the open incident of this agent; null where there are none. */
export function unloggedSessions(
  host: string,
  looked: string | null,
  open: Pick<Incident, 'ips' | 'openedAt'> | undefined,
): UnloggedSessions | null {
  if (looked === null || looked.includes(NONE)) return null;
  const { unexplained, loginGraceSeconds } = JSON.parse(looked) as AgentLook;
  if (unexplained.length === 0) return null;
  const addresses = new Set(unexplained.map(({ ip }) => ip));
  const named = (open?.ips ?? []).filter((ip) => addresses.has(ip));
  const unnamed = [...addresses].filter((ip) => !named.includes(ip));
  const present = [...unnamed, ...named];
  const left = (open?.ips ?? []).filter((ip) => !addresses.has(ip));
  const isAnother = open !== undefined && unnamed.length > 0;
  const since = unexplained.filter(({ ip }) => !isAnother || unnamed.includes(ip)).map((one) => Date.parse(one.since));
  const [first = ''] = present;
  const others = present.length > 1 ? ` and ${present.length - 1} more` : '';
  const connections = unexplained.length === 1 ? 'a connection' : `${unexplained.length} connections`;
  const isSure = loginGraceSeconds !== 0;
  const doubt = isSure ? '' : '; with LoginGraceTime 0 it may wait for its login';
  return {
    // An incident is known by this moment: it is never that of the one before.
    sinceMs: isAnother ? Math.max(open.openedAt + 1, ...since) : Math.min(...since),
    count: unexplained.length,
    summary: `${connections} to sshd on ${shown(host)} from ${shown(first)}${others} that no login in its log explains${doubt}`,
    sources: [...present, ...left].slice(0, UNEXPLAINED_PER_PING),
    isAnother,
    isSure,
  };
}
