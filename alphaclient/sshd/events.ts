/** Makes events of what is known of connections, and gives them to whoever takes them. */

import { EVENT_TEXT_LIMITS, type LoginEvent, type Outcome, PID_LIMIT, type Trust } from '../../protocol/event.ts';
import type { Connection } from './connection.ts';
import { decoded } from './latin1.ts';
import type { LineContext } from './line-context.ts';
import type { ParsedMessage } from './message-types.ts';

/** An event and the line that decided it. */
export interface LocatedEvent {
  readonly event: LoginEvent;
  /** The number of the log line that decided it, from 1, counting from the first line this reader ever read. */
  readonly line: number;
  /** sshd's pid, null where the log has none. */
  readonly pid: number | null;
  readonly trust: Trust;
  /** The number of the session that begins with it; 0 for none. */
  readonly session: number;
}

/** Is given events as lines are read, one after the other. */
export type EventListener = (located: LocatedEvent) => void;

/** Decodes a text of a line, which is read as Latin-1, as the UTF-8 that it was written in; cuts it to `limit` characters. */
export function textOf(latin1: string | null, limit: number): string | null {
  if (latin1 === null) return null;
  // No character is longer than four bytes: what is behind is not looked at.
  const text = decoded(latin1.length > limit * 4 ? latin1.slice(0, limit * 4) : latin1);
  return text.length > limit ? text.slice(0, limit) : text;
}

/** Returns a process id; null for -1, where a line has none, and for what no process has: the wire does not take those. */
export const pidOf = (pid: number): number | null => (pid >= 1 && pid <= PID_LIMIT ? pid : null);

/** ISO 8601 in UTC with milliseconds; null for NaN and what is no moment of this era. */
export function isoTime(ms: number): string | null {
  return ms >= 0 && ms < 8.64e15 ? new Date(ms).toISOString() : null;
}

/** Formats moments that come nearly in order: Date is asked once a minute. */
class IsoTimes {
  #ms = Number.NaN;
  #text: string | null = null;
  #minuteMs = Number.NaN;
  /** `2026-11-20T10:00:` */
  #minute = '';

  /** Returns what `isoTime` returns. */
  of(ms: number): string | null {
    if (ms === this.#ms) return this.#text;
    this.#ms = ms;
    this.#text = this.#format(ms);
    return this.#text;
  }

  #format(ms: number): string | null {
    const rest = Math.floor(ms) - this.#minuteMs;
    if (!(rest >= 0 && rest < 60_000)) {
      const text = isoTime(ms);
      // A year of five digits has another form.
      this.#minuteMs = text?.length === 24 ? Math.floor(ms / 60_000) * 60_000 : Number.NaN;
      this.#minute = text?.slice(0, 17) ?? '';
      return text;
    }
    const millis = rest % 1_000;
    const seconds = (rest - millis) / 1_000;
    return `${this.#minute}${seconds < 10 ? '0' : ''}${seconds}.${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
  }
}

/** The origin of an event: the host's number, sshd's pid, the time and the number of the line. */
type Where = Pick<LineContext, 'host' | 'pid' | 'ms' | 'line' | 'trust'>;

/**
 * How many decisions are evident though sshd logged none of them. PAM writes `check pass` for each failure of an unknown user,
 * but `authentication failure` once, with a summary of the others at the end. What sshd decides about an invalid user it always
 * logs, and keys of one it never decides about: what it writes of those is no decision, but that there were too many.
 */
function evidentFailures(connection: Connection): number {
  const { pamFailures, pamUnknown, evidence, attemptsExceeded, invalidUser } = connection;
  return Math.max(pamFailures, pamUnknown, attemptsExceeded || (evidence && invalidUser !== true) ? 1 : 0);
}

/** True when a failure is evident, also one of an invalid user, which is no event of its own: the connection's end is near then. */
export function showsFailure(connection: Connection): boolean {
  return connection.evidence || evidentFailures(connection) > 0;
}

/** Gives events to the listener at once, or keeps them for `take` where there is none. */
export class EventOutput {
  #out: LocatedEvent[] = [];
  readonly #times = new IsoTimes();
  readonly #nameOfHost: (host: number) => string | null;
  readonly #listener: EventListener | null;

  /** `nameOfHost` gives the name of a host's number. */
  constructor(nameOfHost: (host: number) => string | null, listener: EventListener | null) {
    this.#nameOfHost = nameOfHost;
    this.#listener = listener;
  }

  /** The events since the last call; none where there is a listener. */
  take(): LocatedEvent[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Texts are as sshd wrote them (Latin-1); what the wire takes is cut to its limits. */
  #emit(
    outcome: Outcome,
    what: Pick<ParsedMessage, 'method' | 'user' | 'invalidUser' | 'ip' | 'port' | 'key' | 'reason'>,
    { host, pid, ms, line, trust }: Where,
    session = 0,
  ): void {
    const event = {
      at: this.#times.of(ms),
      outcome,
      method: textOf(what.method, EVENT_TEXT_LIMITS.method),
      user: textOf(what.user, EVENT_TEXT_LIMITS.user),
      invalidUser: what.invalidUser,
      ip: what.ip,
      port: what.port,
      host: this.#nameOfHost(host),
      key: textOf(what.key, EVENT_TEXT_LIMITS.key),
      reason: textOf(what.reason, EVENT_TEXT_LIMITS.reason),
    };
    const located = { event, line, pid: pidOf(pid), trust, session };
    if (this.#listener === null) this.#out.push(located);
    else this.#listener(located);
  }

  /** Emits a probe for each of `times` connections that were dropped at accept. */
  dropped({ ip, port, reason }: ParsedMessage, where: Where, times: number): void {
    const what = { method: null, user: null, invalidUser: null, ip, port, key: null, reason };
    for (let i = 0; i < times; i++) this.#emit('probe', what, where);
  }

  /** Emits the decision of an `Accepted` or `Failed` line, `times` times. */
  decided(connection: Connection, message: ParsedMessage, where: Where, times: number): void {
    const { method, user, invalidUser, key } = message;
    const isAccepted = message.kind === 'accepted';
    const ip = message.ip ?? connection.ip;
    const port = message.port ?? connection.port;
    const reason = message.reason ?? (isAccepted ? null : connection.refusal);
    const what = { method, user, invalidUser, ip, port, key, reason };
    const session = isAccepted ? connection.session : 0;
    for (let i = 0; i < times; i++) this.#emit(isAccepted ? 'accepted' : 'failed', what, where, session);
  }

  /** Emits the failure that a `PAM:` line reported, if one is pending: its `Failed` line does not come, or has nothing to add. */
  pendingFailure(connection: Connection): void {
    const { pendingFailure: pending, user, invalidUser, ip, port, refusal, host, pid, trust } = connection;
    if (pending === null) return;
    connection.pendingFailure = null;
    connection.ignoreNextFailed = true;
    const reason = refusal ?? pending.reason;
    const what = {
      method: 'keyboard-interactive',
      user: pending.user ?? user,
      invalidUser,
      ip,
      port,
      key: null,
      reason,
    };
    this.#emit('failed', what, { host, pid, ms: pending.ms, line: pending.line, trust });
  }

  /** Emits what a connection comes to that is over without a decision of its own: a probe, or failures that only others reported. */
  ended(connection: Connection): void {
    const { user, invalidUser, ip, port, refusal, remark } = connection;
    // `check pass; user unknown` of a helper has neither user nor address.
    if (connection.state === 'unconfirmed' && connection.pamFailures <= 0) return;
    const failures = evidentFailures(connection);
    if (failures === 0) {
      const reason = refusal ?? remark ?? 'connection left open';
      this.#emit('probe', { method: null, user, invalidUser, ip, port, key: null, reason }, connection);
      return;
    }
    const method = connection.method ?? 'password';
    const reason = refusal ?? 'PAM: authentication failure';
    const what = { method, user, invalidUser, ip, port, key: null, reason };
    for (let i = 0; i < failures; i++) this.#emit('failed', what, connection);
  }
}
