/** One TCP connection to sshd while it lasts: what is known of it, which messages go on with it, lists of such, and its saved form. */

import type { Trust } from '../../protocol/event.ts';
import { END_CAUSES, type EndCause } from '../../protocol/session.ts';
import type { LineContext } from './line-context.ts';
import type { ParsedMessage } from './message-types.ts';

/**
 * How far a connection has come. It only ever moves down this list:
 * - `unconfirmed`: only PAM's modules have written under its pid, which may be a helper process of another connection.
 * - `open`: sshd has written of it; nothing is decided.
 * - `authenticating`: sshd has logged `Invalid user`, which a connection prints once; nothing is decided.
 * - `failed`: a decision was logged, and none was `Accepted`.
 * - `accepted`: a session, until its end is logged.
 * - `closed`: it is over and its events are emitted; its pid still shows that a late line is its own.
 */
const STATES = ['unconfirmed', 'open', 'authenticating', 'failed', 'accepted', 'closed'] as const;
export type ConnectionState = (typeof STATES)[number];

/** A failure that a `PAM: ...` line reported, whose `Failed` line, with the port, may come next. */
export interface PendingFailure {
  readonly user: string | null;
  readonly reason: string | null;
  readonly line: number;
  readonly ms: number;
}

/** Stands for no failure of which PAM has written, where it has written of some: a field of its own would not be read by versions before. */
export const ALL_TAKEN = -1;

/** Only the tracker changes it, and the table its index fields. */
export class Connection {
  /** Number of the host: see HostIndex. */
  host = 0;
  /** -1 where the log has no pids. */
  pid = -1;
  ip: string | null = null;
  port: number | null = null;
  /** The client's name where a line had a name for the address. */
  hostName: string | null = null;
  user: string | null = null;
  invalidUser: boolean | null = null;
  state: ConnectionState = 'unconfirmed';
  /** True while its final message is awaited, for CLOSING_LIMIT_MS at most: a session, too, may be about to end. */
  closing = false;
  /**
   * Failures of which only PAM has written: from `authentication failure`, its summary, and `check pass; user unknown`. Of a connection
   * that `PAM:` lines have opened, for want of a pid and a port: the lines whose `Failed` lines have not come. ALL_TAKEN, and not 0, where
   * each came of a password that another module took: the summary may still tell of more.
   */
  pamFailures = 0;
  pamUnknown = 0;
  /** True when sshd has written of a decision whose own line may never come. */
  evidence = false;
  /** True when sshd's limit of attempts was reached: evidence also of a user who does not exist. */
  attemptsExceeded = false;
  method: string | null = null;
  /** Why: a refusal of the account or the login, which goes before a mere remark on how it ended. */
  refusal: string | null = null;
  remark: string | null = null;
  pendingFailure: PendingFailure | null = null;
  /** True when a `PAM:` line was counted whose `Failed` line may follow. */
  ignoreNextFailed = false;
  /** The last line that was about it, its time by the log (NaN where it has none), and when it was read, by the clock. */
  line = 0;
  ms = Number.NaN;
  readMs = 0;
  trust: Trust = 'syslog';
  /** A session's number among those of this log, from 1; 0 before a login. */
  session = 0;
  /** The time of the login, by the log; NaN where it has none. */
  sinceMs = Number.NaN;
  /** The end of the session, as far as its last lines say. */
  cause: EndCause | null = null;
  /** True once the kernel had the connection of the session. */
  isConfirmed = false;
  /** True while the tracker's list of waiting connections holds it. Not saved. */
  isWaiting = false;
  /** The table's own: the slot, -1 where it is not in the table; how many were opened before it; its neighbours in its list. Not saved. */
  slot = -1;
  age = -1;
  isSession = false;
  older: Connection | null = null;
  newer: Connection | null = null;
}

/** Connections in the order in which they were added. */
export class ConnectionList {
  size = 0;
  #oldest: Connection | null = null;
  #newest: Connection | null = null;

  get oldest(): Connection | null {
    return this.#oldest;
  }

  add(connection: Connection): void {
    connection.older = this.#newest;
    if (this.#newest === null) this.#oldest = connection;
    else this.#newest.newer = connection;
    this.#newest = connection;
    this.size++;
  }

  remove(connection: Connection): void {
    const { older, newer } = connection;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    // A removed one that V8 has moved to its old generation would keep the others alive.
    connection.older = null;
    connection.newer = null;
    this.size--;
  }

  /** From the oldest on. The one that is given may be removed meanwhile, and no other. */
  *[Symbol.iterator](): Generator<Connection> {
    for (let one = this.#oldest; one !== null; ) {
      const { newer } = one;
      yield one;
      one = newer;
    }
  }
}

/** Connections that are about to end, or have a pending failure: within seconds, their wait is over. */
export class WaitingConnections {
  readonly #all: Connection[] = [];
  /** By the log's time, none of them was last heard of before. */
  sinceMs = Number.POSITIVE_INFINITY;

  add(connection: Connection): void {
    if (!connection.isWaiting) this.#all.push(connection);
    connection.isWaiting = true;
    this.hear(connection);
  }

  /** Keeps `sinceMs` right for one that waits. One without a time may be over at any check. */
  hear({ ms }: Connection): void {
    if (!(ms >= this.sinceMs)) this.sinceMs = Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
  }

  get size(): number {
    return this.#all.length;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#all[Symbol.iterator]();
  }

  /** Ends the wait of those that have waited too long with `each`; forgets them, and those that do not wait any more. */
  end(isOver: (connection: Connection) => boolean, each: (connection: Connection) => void): void {
    const all = this.#all;
    let kept = 0;
    this.sinceMs = Number.POSITIVE_INFINITY;
    for (const one of all) {
      const waits = one.slot >= 0 && (one.closing || one.pendingFailure !== null);
      if (waits && !isOver(one)) {
        all[kept++] = one;
        this.hear(one);
        continue;
      }
      one.isWaiting = false;
      if (waits) each(one);
    }
    all.length = kept;
  }
}

/** True once a decision on it was logged, or it is over: then its end is no event. */
export function isDecided({ state }: Connection): boolean {
  return state === 'failed' || state === 'accepted' || state === 'closed';
}

/** True when its client came as far as to name a user. */
export function hasNamedUser(connection: Connection): boolean {
  return connection.user !== null || isDecided(connection);
}

/** True for a session without an end. */
export function isLogin({ state }: Connection): boolean {
  return state === 'accepted';
}

type SavedField = Exclude<keyof Connection, 'isWaiting' | 'slot' | 'age' | 'isSession' | 'older' | 'newer'>;
const isText = (value: unknown): boolean => value === null || typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';
const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

/** The fields in the order in which they are saved, each with what a saved value must be. */
const SAVED: readonly (readonly [SavedField, (value: unknown) => boolean])[] = [
  ['host', isNumber],
  ['pid', isNumber],
  ['ip', isText],
  ['port', (value) => value === null || isNumber(value)],
  ['hostName', isText],
  ['user', isText],
  ['invalidUser', (value) => value === null || isBoolean(value)],
  ['state', (value) => (STATES as readonly unknown[]).includes(value)],
  ['closing', isBoolean],
  ['pamFailures', isNumber],
  ['pamUnknown', isNumber],
  ['evidence', isBoolean],
  ['attemptsExceeded', isBoolean],
  ['method', isText],
  ['refusal', isText],
  ['remark', isText],
  ['pendingFailure', isPendingFailure],
  ['ignoreNextFailed', isBoolean],
  ['line', isNumber],
  ['ms', isNumber],
  ['readMs', isNumber],
  ['trust', (value) => value === 'journal' || value === 'syslog' || value === 'forgeable'],
  ['session', isNumber],
  ['sinceMs', isNumber],
  ['cause', (value) => value === null || (END_CAUSES as readonly unknown[]).includes(value)],
  ['isConfirmed', isBoolean],
];
/** The number of these fields that were saved before sessions had a number. */
const FIELDS_WITHOUT_SESSION = SAVED.length - 4;

function isPendingFailure(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value !== 'object') return false;
  const { line, ms, reason, user } = value as Partial<PendingFailure>;
  return isNumber(line) && isNumber(ms) && isText(reason) && isText(user);
}

/** The saved form: a list of values; JSON has no NaN, so that a missing time is null. */
export type SavedConnection = readonly unknown[];

const orNull = (ms: number): number | null => (Number.isNaN(ms) ? null : ms);
const orNaN = (ms: unknown): unknown => ms ?? Number.NaN;

/** Plain JSON for the outbox: the fields in the order of SAVED, which a loop would take ten times as long for. */
export function toSaved(connection: Connection): SavedConnection {
  const { host, pid, ip, port, hostName, user, invalidUser, state, closing, pendingFailure: pending } = connection;
  const { pamFailures, pamUnknown, evidence, attemptsExceeded, method, refusal, remark } = connection;
  const { ignoreNextFailed, line, ms, readMs, trust, session, sinceMs, cause, isConfirmed } = connection;
  return [
    ...[host, pid, ip, port, hostName, user, invalidUser, state, closing, pamFailures, pamUnknown, evidence],
    ...[attemptsExceeded, method, refusal, remark, pending && { ...pending, ms: orNull(pending.ms) }],
    ...[ignoreNextFailed, line, orNull(ms), readMs, trust, session, orNull(sinceMs), cause, isConfirmed],
  ];
}

/** The connection that `toSaved` gave, or null when the value is none (a damaged state). */
export function fromSaved(saved: unknown): Connection | null {
  if (!Array.isArray(saved) || (saved.length !== SAVED.length && saved.length !== FIELDS_WITHOUT_SESSION)) return null;
  const connection = new Connection();
  for (const [i, [field, isValid]] of SAVED.slice(0, saved.length).entries()) {
    let value: unknown = saved[i];
    if (field === 'ms' || field === 'sinceMs') value = orNaN(value);
    if (field === 'pendingFailure' && typeof value === 'object' && value !== null)
      value = { ...value, ms: orNaN((value as Partial<PendingFailure>).ms) };
    if (!isValid(value)) return null;
    Object.assign(connection, { [field]: value });
  }
  return connection;
}

/**
 * Converts what version 1 of the state saved: the same list with eight booleans and a count of decisions in place of the state, and
 * without trust. Null when the value is none.
 */
export function fromVersion1(saved: unknown): Connection | null {
  if (!Array.isArray(saved) || saved.length !== 25) return null;
  const [host, pid, ip, port, name, user, invalid, decisions, accepted, named, , ...rest] = saved as unknown[];
  const [pamFailures, pamUnknown, evidence, pamOnly, method, refusal, remark, held, swallow, ...last] = rest;
  const [line, ms, readMs, ending, over] = last;
  let state: ConnectionState = pamOnly === true ? 'unconfirmed' : 'open';
  if (named === true) state = 'authenticating';
  if (isNumber(decisions) && (decisions as number) > 0) state = 'failed';
  if (accepted === true) state = 'accepted';
  if (over === true) state = 'closed';
  const who = [host, pid, ip, port, name, user, invalid, state, ending, pamFailures, pamUnknown, evidence, false];
  return fromSaved([...who, method, refusal, remark, held, swallow, line, ms, readMs, 'syslog']);
}

/** True for two pids that are known and differ. */
function areTwo(pid: number, other: number): boolean {
  return pid >= 0 && other >= 0 && pid !== other;
}

/** True when the pid or the port of this connection has been taken by a new one, which the message, of a line of `pid`, is about. */
export function isAnother(connection: Connection, message: ParsedMessage, pid: number, isRepeated: boolean): boolean {
  const { ip, port, state, pendingFailure } = connection;
  if (message.ip !== null && ip !== null && message.ip !== ip) return true;
  if (message.port !== null && port !== null && message.port !== port) return true;
  switch (message.kind) {
    case 'end-reason':
    case 'session-closed':
    case 'session-ended':
      return false;
    case 'ended':
      if (message.beforeUser && !isRepeated) return hasNamedUser(connection);
      // A client disconnects once.
      if (message.endFollows) return state === 'closed';
      // The pid that ends with [preauth] has logged nobody in.
      return (
        message.beforeLogin && state === 'accepted' && areTwo(connection.pid, message.pid >= 0 ? message.pid : pid)
      );
    case 'pam-failed':
      // A connection asks for one user.
      if (pendingFailure !== null && pendingFailure.user !== message.user) return true;
      break;
  }
  if (message.needsKnownConnection) return false;
  if (state === 'closed') return true;
  if (state === 'accepted') return message.kind !== 'evidence' && message.kind !== 'attempts-exceeded';
  if (isRepeated) return false;
  if (message.kind === 'opened') return state !== 'unconfirmed';
  return message.kind === 'invalid-user' && (state === 'authenticating' || state === 'failed');
}

/** False for a message that only goes on with a connection that must be known already. */
export function canOpen(message: ParsedMessage, context: LineContext): boolean {
  // With a pid and [preauth] it stands alone where what went before it was cut.
  if (message.needsKnownConnection && (!message.beforeLogin || context.pid < 0)) return false;
  // Nothing shows whose it is.
  const isNowhere = context.pid < 0 && message.ip === null;
  switch (message.kind) {
    case 'session-closed':
    case 'session-ended':
      return false;
    case 'accepted':
    case 'failed':
    case 'pam-failed':
      return true;
    case 'end-reason':
      return !isNowhere && (message.ip === null || message.beforeLogin);
    case 'ended':
      return !isNowhere && (message.beforeLogin || message.port !== null);
    case 'evidence':
    case 'attempts-exceeded':
      return !isNowhere || (message.endsConnection && message.user !== null);
    default:
      return !isNowhere;
  }
}
