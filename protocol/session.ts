/** The end of a session, as the agent's outbox keeps it and the wire carries it, and the open sessions: docs/sessions.md. */

import { EVENT_TEXT_LIMITS } from './event.ts';
import { isAddress, isCount, isHostName, isPid, isPort, isTime } from './values.ts';

/**
 * A session ended in one of these ways: `closed` (its process or PAM logged it, or the connection broke), `disconnected` (the client ended it), `timeout`
 * (the client did not answer), `gone` (its connection is not among the kernel's), `sshd-restart`, `reboot`, `unknown` (its process id or
 * port is another's).
 */
export const END_CAUSES = ['closed', 'disconnected', 'timeout', 'gone', 'sshd-restart', 'reboot', 'unknown'] as const;
export type EndCause = (typeof END_CAUSES)[number];

/** The end of one session. Null where it is not known. */
export interface SessionEnd {
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  /** The `seq` of its `accepted`; null where the agent did not see that, or sent it under another id. */
  readonly session: number | null;
  readonly user: string | null;
  readonly ip: string | null;
  readonly port: number | null;
  readonly pid: number | null;
  readonly lastedSeconds: number | null;
  readonly how: EndCause;
  /** The host it was on, where it is another than the agent's own (a relayed log). */
  readonly host: string | null;
}

/** An established connection to sshd that no login in the log explains. */
export interface UnexplainedConnection {
  readonly ip: string;
  readonly port: number;
  /** The time at which the agent saw it first: ISO 8601. */
  readonly since: string;
}

/** Why the kernel's connections say nothing about the sessions of a log. */
export const BLIND_REASONS = ['off', 'relayed log', 'other namespace', 'unreadable', 'too many sessions'] as const;
export type BlindReason = (typeof BLIND_REASONS)[number];

/**
 * Part of the list of an agent's open sessions, in a ping. The parts of one list have the same `at`, and are sent one after the other
 * with nothing between them.
 */
export interface OpenSessions {
  /** The moment of the list: ISO 8601. */
  readonly at: string;
  /** The number of sessions in the whole list: the part that ends there is the last. */
  readonly sessions: number;
  /** The place of this part's first session in the list, from 0. */
  readonly from: number;
  /** The `seq` of each session's `accepted`, ascending. Sessions whose `accepted` went out under another agent id are not in it. */
  readonly list: readonly number[];
  /** Those of `list` whose connection the kernel has not confirmed: no more than `list` has. */
  readonly unconfirmed: readonly number[];
  /** The time at which the kernel was last asked: ISO 8601; null where it was not. */
  readonly confirmedAt: string | null;
  /** Why the kernel does not say anything; null where it does. */
  readonly blind: BlindReason | null;
  /** Connections older than sshd's LoginGraceTime and a minute; in the first part alone. */
  readonly unexplained: readonly UnexplainedConnection[];
  /** sshd's LoginGraceTime as the agent read it, in seconds; 0: connections may stay without a login for ever. */
  readonly loginGraceSeconds: number;
}

/** Sessions in one ping: each is at most 14 bytes, twice, so that a line stays far below its limit. */
export const SESSIONS_PER_PING = 2_000;
/** The most sessions one agent lists. */
export const OPEN_SESSIONS_LIMIT = 50_000;
/** The most unexplained connections one ping carries. */
export const UNEXPLAINED_PER_PING = 100;
/** The longest LoginGraceTime, in seconds: a week. */
export const LOGIN_GRACE_LIMIT_SECONDS = 604_800;

/** The fields that an end may leave out. */
const ABSENT = { user: null, ip: null, port: null, pid: null, lastedSeconds: null, session: null, host: null };

/** Returns the fault of a value from outside that should be the end of a session: one sentence, or null. Never throws. */
export function endFault(value: Readonly<Record<string, unknown>>): string | null {
  const given: Readonly<Record<string, unknown>> = { ...ABSENT, ...value };
  const { at, session, user, ip, port, pid, lastedSeconds, how, host } = given as Record<keyof SessionEnd, unknown>;
  if (!isTime(at)) return 'at must be an ISO 8601 time that exists';
  if (!END_CAUSES.some((cause) => cause === how)) return `how must be one of ${END_CAUSES.join(', ')}`;
  if (session !== null && !isCount(session, 1)) return 'session must be the number of an event, or null';
  if (user !== null && !(typeof user === 'string' && (user as string).length <= EVENT_TEXT_LIMITS.user))
    return `user must be a string of at most ${EVENT_TEXT_LIMITS.user} characters`;
  if (ip !== null && !isAddress(ip)) return 'ip must be a numeric address';
  if (port !== null && !isPort(port)) return 'port must be a whole number from 0 to 65535';
  if (pid !== null && !isPid(pid)) return 'pid must be a process id';
  if (lastedSeconds !== null && !isCount(lastedSeconds)) return 'lastedSeconds must be a whole number';
  if (host !== null && !isHostName(host)) return 'host must be a name without spaces and invisible characters';
  return null;
}

/** The end in a value that `endFault` found nothing wrong with: known fields only, time in UTC milliseconds. */
export function endFrom(value: Readonly<Record<string, unknown>>): SessionEnd {
  const { at, session, user, ip, port, pid, lastedSeconds, how, host } = {
    ...ABSENT,
    ...value,
  } as SessionEnd;
  return { at: new Date(at).toISOString(), session, user, ip, port, pid, lastedSeconds, how, host };
}

/** The open sessions in a ping's `open`, or null when there are none, or it is not one: a ping is never refused for it. */
export function openFrom(value: unknown): OpenSessions | null {
  if (typeof value !== 'object' || value === null) return null;
  const given = value as Partial<Record<keyof OpenSessions, unknown>>;
  const { at, sessions, from = 0, list, unconfirmed = [], confirmedAt = null, blind = null, unexplained = [] } = given;
  const { loginGraceSeconds = 120 } = given;
  if (!isTime(at) || !isCount(sessions) || !isCount(from) || sessions > OPEN_SESSIONS_LIMIT) return null;
  if (!isAscending(list) || !isAscending(unconfirmed) || list.length > sessions - from) return null;
  // A further part without a session would let a list go on without end.
  if ((from > 0 && list.length === 0) || unconfirmed.length > list.length) return null;
  if (confirmedAt !== null && !isTime(confirmedAt)) return null;
  if (!isCount(loginGraceSeconds) || loginGraceSeconds > LOGIN_GRACE_LIMIT_SECONDS) return null;
  return {
    at: new Date(at).toISOString(),
    sessions,
    from,
    list,
    unconfirmed,
    confirmedAt: confirmedAt === null ? null : new Date(confirmedAt as string).toISOString(),
    blind: BLIND_REASONS.find((reason) => reason === blind) ?? null,
    unexplained: from === 0 ? unexplainedFrom(unexplained) : [],
    loginGraceSeconds,
  };
}

function isAscending(value: unknown): value is number[] {
  if (!Array.isArray(value) || value.length > SESSIONS_PER_PING) return false;
  let last = 0;
  for (const one of value as unknown[]) {
    if (!isCount(one, last + 1)) return false;
    last = one;
  }
  return true;
}

function unexplainedFrom(value: unknown): UnexplainedConnection[] {
  if (!Array.isArray(value)) return [];
  return (value.slice(0, UNEXPLAINED_PER_PING) as Partial<UnexplainedConnection>[])
    .filter(
      (one) => typeof one === 'object' && one !== null && isAddress(one.ip) && isPort(one.port) && isTime(one.since),
    )
    .map(({ ip, port, since }) => ({ ip, port, since }) as UnexplainedConnection);
}
