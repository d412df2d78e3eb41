/** Detects connections to sshd that no login in the log explains, from what an agent says of the kernel's connections. Pure. */
import type { AgentLook } from '../store/agents.ts';
import { shown } from './incident-summary.ts';

/** Connections of one agent that no login explains. Times are Unix milliseconds. */
export interface UnloggedSessions {
  readonly sinceMs: number;
  readonly count: number;
  readonly summary: string;
  readonly sources: readonly string[];
  /** False where sshd lets connections stay without a login for ever: a stranger may be one of these. */
  readonly isSure: boolean;
}

/** Nothing else in the text of a look has this form: it is not read where it says nothing. */
const NONE = '"unexplained":[]';
/** Addresses that an incident names. */
const SOURCES_LIMIT = 20;

/** Returns the connections in a look, an AgentLook as JSON; null where there are none. */
export function unloggedSessions(host: string, looked: string | null): UnloggedSessions | null {
  if (looked === null || looked.includes(NONE)) return null;
  const { unexplained, loginGraceSeconds } = JSON.parse(looked) as AgentLook;
  if (unexplained.length === 0) return null;
  const sources = [...new Set(unexplained.map(({ ip }) => ip))];
  const [first = ''] = sources;
  const others = sources.length > 1 ? ` and ${sources.length - 1} more` : '';
  const connections = unexplained.length === 1 ? 'a connection' : `${unexplained.length} connections`;
  const isSure = loginGraceSeconds !== 0;
  const doubt = isSure ? '' : '; with LoginGraceTime 0 it may wait for its login';
  return {
    sinceMs: Math.min(...unexplained.map(({ since }) => Date.parse(since))),
    count: unexplained.length,
    summary: `${connections} to sshd on ${shown(host)} from ${shown(first)}${others} that no login in its log explains${doubt}`,
    sources: sources.slice(0, SOURCES_LIMIT),
    isSure,
  };
}
