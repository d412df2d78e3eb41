/** Collects what becomes of sessions between two commits of the outbox: which are to be saved, which are not any more, and their ends. */

import { EVENT_TEXT_LIMITS, type Trust } from '../../protocol/event.ts';
import type { EndCause } from '../../protocol/session.ts';
import { Connection, type SavedConnection, toSaved } from './connection.ts';
import { pidOf, textOf } from './events.ts';
import type { LineContext } from './line-context.ts';
import type { ParsedMessage } from './message-types.ts';

/** The end of a session that the log, or the kernel, reports. */
export interface EndedSession {
  /** The session's number among those of its log; 0 where its login is not in the log that was read. */
  readonly session: number;
  /** Unix milliseconds by the log; NaN where it has no times. */
  readonly ms: number;
  /** The line that decided it; 0 for none. */
  readonly line: number;
  readonly how: EndCause;
  readonly user: string | null;
  readonly ip: string | null;
  readonly port: number | null;
  readonly pid: number | null;
  readonly host: string | null;
  readonly method: string | null;
  /** The trust of its login's line, or, where that is not known, of its end's. */
  readonly trust: Trust;
  readonly lastedSeconds: number | null;
}

/** Hears of sessions while lines are read. */
export interface SessionListener {
  /** A session began, or a line was about it. */
  touched(session: Connection): void;
  /** A session is over; it is removed. */
  ended(end: EndedSession): void;
  /** A session is followed no more, since there are too many. Nothing is known of its end. */
  evicted(session: number): void;
}

/** The listener for sessions, and the sessions that are open where the reader begins: what `SessionUpdate.saved` has of each. */
export interface SessionOptions {
  readonly listener: SessionListener;
  readonly saved?: readonly unknown[];
}

/** The values to be written: plain JSON. */
export interface SessionUpdate {
  /** The sessions that began or changed, by number. */
  readonly saved: readonly (readonly [session: number, saved: SavedConnection])[];
  /** The numbers of those that are followed no more, ended or not. */
  readonly removed: readonly number[];
  readonly ends: readonly EndedSession[];
}

/** Nothing is to be written. */
export const NO_SESSIONS: SessionUpdate = { saved: [], removed: [], ends: [] };

/** Collects changes until they are taken: one saved form for each session, however many lines were about it. */
export class SessionChanges implements SessionListener {
  readonly #touched = new Map<number, Connection>();
  #removed: number[] = [];
  #ends: EndedSession[] = [];

  touched(session: Connection): void {
    this.#touched.set(session.session, session);
  }

  ended(end: EndedSession): void {
    this.#ends.push(end);
    if (end.session > 0) this.evicted(end.session);
  }

  evicted(session: number): void {
    this.#touched.delete(session);
    this.#removed.push(session);
  }

  /** True when there is nothing to take. */
  get isEmpty(): boolean {
    return this.#touched.size + this.#removed.length + this.#ends.length === 0;
  }

  /** Gives what came together since the last call. */
  take(): SessionUpdate {
    if (this.isEmpty) return NO_SESSIONS;
    const saved = [...this.#touched].map(([number, one]) => [number, toSaved(one)] as const);
    const update = { saved, removed: this.#removed, ends: this.#ends };
    this.#touched.clear();
    this.#removed = [];
    this.#ends = [];
    return update;
  }
}

/** Describes the end of a session at a moment (Unix milliseconds by the log, or NaN). `host` is the name of its host. */
export function endOf(
  { session, user, ip, port, pid, method, trust, sinceMs }: Connection,
  how: EndCause,
  { ms, line, host }: { readonly ms: number; readonly line: number; readonly host: string | null },
): EndedSession {
  // A clock that was set back does not make a session shorter than nothing.
  const lasted = Math.max(0, Math.floor((ms - sinceMs) / 1_000));
  return {
    session,
    ms,
    line,
    how,
    user: textOf(user, EVENT_TEXT_LIMITS.user),
    ip,
    port,
    pid: pidOf(pid),
    host,
    method,
    trust,
    lastedSeconds: Number.isNaN(lasted) ? null : lasted,
  };
}

/** Describes the end of a session whose login is not in the log that was read; null for a message that is not about one, or not enough. */
export function unknownEndOf(
  { kind, user, ip, port, row }: ParsedMessage,
  { ms, line, trust }: LineContext,
  host: string | null,
): EndedSession | null {
  if (kind !== 'session-ended' || user === null || ip === null || port === null) return null;
  const session = Object.assign(new Connection(), { user, ip, port, trust });
  return endOf(session, row.endsSession ?? 'closed', { ms, line, host });
}
