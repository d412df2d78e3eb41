/**
 * Tracks connections: finds the one that a message of sshd is about, and emits its attempts and probes. A decision is emitted when
 * its own line is read; a connection that ends without one becomes a probe; several lines of one attempt become one event.
 */

import type { EndCause } from '../../protocol/session.ts';
import { ALL_TAKEN, Connection, canOpen, isAnother, isDecided, WaitingConnections } from './connection.ts';
import type { ConnectionListener, NumberedConnection } from './connection-changes.ts';
import { connectionOf } from './connection-search.ts';
import { ConnectionTable, type SavedTracker } from './connection-table.ts';
import { type EventListener, EventOutput, type LocatedEvent, showsFailure } from './events.ts';
import { kept } from './latin1.ts';
import type { LineContext, LogMoment } from './line-context.ts';
import { isDecision, isFromPamModule, type ParsedMessage } from './message-types.ts';
import { isSpentHelper, spendHelper } from './pam-helper.ts';
import { REPEAT_LIMIT } from './repeats.ts';
import { endOf, type SessionListener, unknownEndOf } from './session-changes.ts';

/** LoginGraceTime is 120 s unless set; a connection without a line for five times that is over. */
const OPEN_LIMIT_MS = 600_000;
/** A connection that is about to end waits so long for its final message, which comes in the same second, in busy logs later. */
const CLOSING_LIMIT_MS = 30_000;
/** A `Failed` line follows its `PAM:` line at once; people watch for either. */
const PENDING_LIMIT_MS = 1_000;
/** All connections are checked for being over, and those that wait for the end of their wait, so often by the log's time. */
const SWEEP_EVERY_MS = 30_000;
const CHECK_EVERY_MS = 1_000;

/** Takes messages in the order of the log. Bounded: see ConnectionTable. What it holds can be saved. */
export class ConnectionTracker {
  readonly #table: ConnectionTable;
  readonly #events: EventOutput;
  readonly #nameOfHost: (host: number) => string | null;
  /** The listener for sessions, if any. */
  readonly #sessions: SessionListener | null;
  readonly #waiting = new WaitingConnections();
  /** The times, by the log, at which all connections were checked last, and those that wait. Saved, so that a restart changes nothing. */
  #sweptMs = 0;
  #checkedMs = 0;
  /** The time for which nothing more is over; NaN when a connection has begun to wait since. */
  #passedMs = Number.NaN;

  /**
   * `nameOfHost` gives the name of a host's number. Where there is a `listener`, it is given the events, and `take` gives none.
   * `sessions` hears of sessions, `connections` of what comes before a login.
   */
  constructor(
    nameOfHost: (host: number) => string | null,
    listener: EventListener | null,
    sessions: SessionListener | null = null,
    connections: ConnectionListener | null = null,
  ) {
    this.#table = new ConnectionTable(connections);
    this.#nameOfHost = nameOfHost;
    this.#sessions = sessions;
    this.#events = new EventOutput(nameOfHost, listener);
  }

  /** The events since the last call, in the order in which they were decided. */
  take(): LocatedEvent[] {
    return this.#events.take();
  }

  /** The lowest line that an event, or the end of a session, still to come can have; Infinity when no connection is open. */
  firstOpenLine(): number {
    const ending = this.#sessions === null ? [] : [...this.#waiting].filter((one) => one.isSession);
    return Math.min(this.#table.firstOpenLine(), ...ending.map((one) => one.line));
  }

  /**
   * Takes the next message. `repeated` is N where the line says that the message was repeated N times, and 0 where the line is the
   * message's own.
   */
  apply(message: ParsedMessage, context: LineContext, repeated = 0): void {
    if (message.kind === 'session-opened') return;
    this.#pass(context);
    if (message.kind === 'pam-success') {
      this.#takeBackPamFailure(message, context);
      return;
    }
    const isCounted = repeated > 0 && (isDecision(message) || isFromPamModule(message));
    const times = isCounted ? Math.min(message.count * repeated, REPEAT_LIMIT) : message.count;
    if (message.kind === 'dropped') {
      this.#events.dropped(message, context, times);
      return;
    }
    const isRepeated = repeated > 0;
    let connection = connectionOf(this.#table, message, context, isRepeated);
    if (connection !== undefined) {
      // A mere user name, without a pid, may be another connection's: of one with a decision it has nothing new.
      const isBare = context.pid < 0 && message.ip === null && message.hostName === null;
      if (isBare && isDecided(connection)) return;
      if (isAnother(connection, message, context.pid, isRepeated)) {
        this.#close(connection, context, 'unknown');
        // Its pid has hidden the one that has the address and port of the message.
        connection = connection.pid < 0 ? undefined : connectionOf(this.#table, message, context, isRepeated);
        if (connection !== undefined && isAnother(connection, message, context.pid, isRepeated)) {
          this.#close(connection, context, 'unknown');
          connection = undefined;
        }
      }
    }
    connection ??= this.#open(message, context);
    if (connection === undefined) {
      const end = unknownEndOf(message, context, this.#nameOfHost(context.host));
      if (end !== null) this.#sessions?.ended(end);
      return;
    }
    if (message.count === 0 && isSpentHelper(connection)) return;
    this.#learn(connection, message, context);
    this.#advance(connection, message, context, times, isRepeated);
  }

  /** Opens the connection that a message is about, unless the message only goes on with one that must be known already. */
  #open(message: ParsedMessage, context: LineContext): Connection | undefined {
    if (!canOpen(message, context)) return undefined;
    const connection = new Connection();
    connection.host = context.host;
    // The listener's own lines carry the listener's pid.
    connection.pid = message.pid >= 0 ? message.pid : context.pid;
    connection.ip = message.ip;
    connection.port = message.port;
    const oldest = this.#table.add(connection);
    if (oldest !== null) this.#close(oldest);
    return connection;
  }

  /** Keeps what a message has of its connection that was not known. */
  #learn(connection: Connection, message: ParsedMessage, context: LineContext): void {
    const { ip, port } = connection;
    if ((ip === null && message.ip !== null) || (port === null && message.port !== null))
      this.#table.setPeer(connection, ip ?? message.ip, port ?? message.port);
    // PAM's modules do not escape a name as sshd does: sshd's own spelling is the better one.
    const isBetter = connection.user === null || (connection.state === 'unconfirmed' && !isFromPamModule(message));
    const user = message.user !== null && isBetter ? message.user : connection.user;
    const hostName = connection.hostName ?? message.hostName;
    if (user !== connection.user || hostName !== connection.hostName)
      this.#table.setClient(connection, kept(hostName), kept(user));
    if (message.invalidUser !== null && connection.invalidUser !== true) connection.invalidUser = message.invalidUser;
    // It was no helper.
    if (isSpentHelper(connection)) connection.closing = false;
    if (!isFromPamModule(message) && connection.state === 'unconfirmed') connection.state = 'open';
    connection.line = context.line;
    connection.ms = context.ms;
    connection.readMs = context.nowMs;
    if (connection.isWaiting) this.#waiting.hear(connection);
    if (connection.isSession) {
      connection.cause = message.row.endsSession ?? connection.cause;
      this.#sessions?.touched(connection);
    } else connection.trust = context.trust;
    this.#table.changed(connection);
  }

  /** Moves a connection to its next state and emits what the message decides. */
  #advance(
    connection: Connection,
    message: ParsedMessage,
    context: LineContext,
    times: number,
    isRepeated: boolean,
  ): void {
    const mayRepeatPam = message.kind === 'failed' && message.method === 'keyboard-interactive';
    if (mayRepeatPam) this.#takePendingFailure(connection);
    else if (!isFromPamModule(message)) this.#events.pendingFailure(connection);
    const isIgnored = mayRepeatPam && connection.ignoreNextFailed;
    if (!isFromPamModule(message)) connection.ignoreNextFailed = false;
    switch (message.kind) {
      case 'accepted':
      case 'failed':
        this.#decide(connection, message, context);
        this.#events.decided(connection, message, context, isIgnored ? times - 1 : times);
        break;
      case 'pam-failed':
        this.#failByPam(connection, message, context, times);
        break;
      case 'pending':
        connection.method ??= kept(message.method);
        break;
      case 'invalid-user':
        if (!isRepeated) connection.state = 'authenticating';
        break;
      case 'account':
        connection.refusal ??= kept(message.reason);
        break;
      case 'attempts-exceeded':
      case 'evidence':
        // Of an account that is refused sshd tries no key: its connection stays a probe where no password was logged.
        if (message.kind === 'attempts-exceeded' && connection.refusal === null) connection.attemptsExceeded = true;
        connection.evidence = true;
        connection.method ??= kept(message.method);
        connection.refusal ??= kept(message.reason);
        if (message.endsConnection) this.#closeOnFinalMessage(connection);
        else if (message.endFollows) this.#startClosing(connection);
        break;
      case 'pam-failure':
        connection.pamFailures = Math.max(Math.max(connection.pamFailures, 0) + times, 1);
        break;
      case 'pam-unknown-user':
        connection.pamUnknown += times;
        break;
      case 'pam-failure-summary':
        if (connection.pamFailures !== 0) connection.pamFailures = Math.max(connection.pamFailures, 0) + times;
        if (showsFailure(connection)) this.#startClosing(connection);
        break;
      case 'end-reason':
        connection.remark ??= kept(message.reason);
        // One that has had its decision becomes no event: its final message may take its time.
        if (!isDecided(connection)) this.#startClosing(connection);
        break;
      case 'ended':
        connection.remark ??= kept(message.reason);
        if (message.endFollows || (message.ip === null && message.hostName === null))
          this.#closeOnFinalMessage(connection);
        else this.#close(connection);
        break;
      case 'session-closed':
      case 'session-ended':
        if (message.ip !== null) this.#discard(connection, connection);
        else if (connection.state === 'accepted') this.#startClosing(connection);
        break;
    }
  }

  /**
   * Drops the pending failure of the `PAM:` line before a `Failed` line, which has the port and is emitted in its place. Without pids
   * that line, which has no port, may have opened a connection of its own, or have been counted as another one's of this user.
   */
  #takePendingFailure(connection: Connection): void {
    if (connection.pendingFailure !== null) {
      connection.pendingFailure = null;
      return;
    }
    if (connection.ignoreNextFailed) return;
    const portless = this.#table.portlessFailure(connection);
    if (portless === undefined) {
      const other = this.#table.otherFailure(connection);
      if (other === undefined) return;
      connection.ignoreNextFailed = true;
      other.ignoreNextFailed = false;
      this.#table.changed(other);
      return;
    }
    connection.method = 'keyboard-interactive';
    connection.ignoreNextFailed = portless.pendingFailure === null;
    portless.pendingFailure = null;
    portless.pamFailures--;
    if (portless.pamFailures > 0) this.#table.changed(portless);
    else this.#discard(portless);
  }

  #decide(connection: Connection, message: ParsedMessage, context: LineContext): void {
    if (message.method === 'keyboard-interactive') this.#spendPamHelper(connection, message.kind === 'accepted');
    if (message.kind === 'accepted') {
      connection.state = 'accepted';
      connection.method = kept(message.method);
      connection.sinceMs = context.ms;
      const evicted = this.#table.promote(connection);
      if (evicted !== null) this.#sessions?.evicted(evicted.session);
      this.#sessions?.touched(connection);
    } else connection.state = 'failed';
    if (message.invalidUser === true) connection.invalidUser = true;
    connection.remark = null;
    connection.closing = false;
  }

  /** Takes a `PAM:` line. Where the port is known it is emitted at once; else its `Failed` line may bring it. */
  #failByPam(connection: Connection, message: ParsedMessage, context: LineContext, times: number): void {
    this.#spendPamHelper(connection, false);
    connection.method = 'keyboard-interactive';
    if (connection.port === null && connection.pid < 0)
      connection.pamFailures = (connection.state === 'failed' ? connection.pamFailures : 0) + times;
    connection.state = 'failed';
    const user = kept(message.user);
    const reason = kept(message.reason);
    const { line, ms } = context;
    for (let i = 0; i < times; i++) {
      this.#events.pendingFailure(connection);
      connection.pendingFailure = { user, reason, line, ms };
      if (connection.port !== null) this.#events.pendingFailure(connection);
      else this.#wait(connection);
    }
    connection.ignoreNextFailed = connection.port !== null;
  }

  /**
   * Takes back the failure that a module of PAM's wrote of the password that another one took in the same process: those before stay. What
   * is not confirmed stays, too, since the pid may be the connection's own, whose next line may have no address.
   */
  #takeBackPamFailure({ ip }: ParsedMessage, { host, pid }: LineContext): void {
    const connection = pid < 0 ? undefined : this.#table.byPid(host, pid);
    // With another address the pid was used again.
    if (connection === undefined || (ip !== null && connection.ip !== null && connection.ip !== ip)) return;
    if (connection.pamFailures > 0) connection.pamFailures = connection.pamFailures - 1 || ALL_TAKEN;
    connection.pamUnknown = Math.max(connection.pamUnknown - 1, 0);
    this.#table.changed(connection);
  }

  /** PAM's helper process has written no more than its connection does itself. */
  #spendPamHelper(connection: Connection, isAccepted: boolean): void {
    const helper = this.#table.pamHelper(connection, isAccepted);
    if (helper !== undefined && spendHelper(this.#table, helper)) this.#wait(helper);
  }

  #wait(connection: Connection): void {
    this.#waiting.add(connection);
    this.#passedMs = Number.NaN;
  }

  /** Waits for the final message of a connection that is about to end, but not for long. */
  #startClosing(connection: Connection): void {
    connection.closing = true;
    this.#wait(connection);
  }

  /** Removes a connection of which no event is to be emitted. A session ends at `moment`, for `cause` unless its own lines give another. */
  #discard(connection: Connection, moment: LogMoment = connection, cause: EndCause = 'closed'): void {
    const isSession = connection.isSession && this.#table.has(connection);
    this.#table.remove(connection);
    if (!isSession || this.#sessions === null) return;
    // One whose end PAM has logged ended then, whatever shows that no last line comes.
    const [how, end] = connection.closing ? (['closed', connection] as const) : ([cause, moment] as const);
    const host = this.#nameOfHost(connection.host);
    this.#sessions.ended(endOf(connection, connection.cause ?? how, { ms: end.ms, line: end.line, host }));
  }

  /** Ends a session of which no line says that it is over. Nothing happens where it is followed no more. */
  endSession(session: number, cause: EndCause, ms: number): void {
    const found = this.#table.bySession(session);
    if (found !== undefined) this.#discard(found, { ms, line: 0 }, cause);
  }

  /** Returns what is known of each connection. */
  get table(): Omit<ConnectionTable, 'add' | 'remove' | 'renew' | 'promote' | 'changed'> {
    return this.#table;
  }

  /** Removes a connection that is over, and emits a probe, or the failures that others reported, if sshd logged no decision. */
  #close(connection: Connection, moment: LogMoment = connection, cause: EndCause = 'closed'): void {
    this.#discard(connection, moment, cause);
    this.#emitEnd(connection);
  }

  /** Emits what a connection that is over comes to, unless sshd logged a decision. */
  #emitEnd(connection: Connection): void {
    this.#events.pendingFailure(connection);
    if (isDecided(connection)) this.#discardPortlessFailures(connection);
    else if (!this.#closePortlessFailure(connection)) this.#events.ended(connection);
  }

  /**
   * Drops the failures without a port that were emitted, and are left where this was the last client of its user of which a `Failed` line
   * was read: not each failure has one, and no later client of the user is to take them for its own.
   */
  #discardPortlessFailures(connection: Connection): void {
    const { pid, port, state, method } = connection;
    if (pid >= 0 || port === null || state !== 'failed' || method !== 'keyboard-interactive') return;
    const portless = this.#table.portlessFailure(connection);
    if (portless === undefined || portless.pendingFailure !== null) return;
    if (this.#table.otherNamed(connection) === undefined) this.#discard(portless);
  }

  /** Emits the failure of a `PAM:` line that has opened a connection of its own beside this one, which has the port. */
  #closePortlessFailure(connection: Connection): boolean {
    // A client that has named no user has not failed.
    if (connection.port === null || connection.pid >= 0 || connection.user === null) return false;
    const portless = this.#table.portlessFailure(connection);
    if (portless === undefined) return false;
    this.#table.setPeer(portless, connection.ip, connection.port);
    this.#events.pendingFailure(portless);
    this.#discard(portless);
    return true;
  }

  /**
   * Closes a connection on sshd's final message, behind which the same process may still write. Where the address is not known, such a
   * line may tell it, so the connection waits; else its pid stays known, so that the line opens no other connection.
   */
  #closeOnFinalMessage(connection: Connection): void {
    if (connection.pid < 0) {
      this.#close(connection);
      return;
    }
    if (isDecided(connection) || connection.ip !== null) {
      if (connection.isSession) this.#discard(connection);
      this.#emitEnd(connection);
      connection.state = 'closed';
      this.#table.renew(connection);
    }
    this.#startClosing(connection);
  }

  /** Closes what the log's own clock shows to be over, of the line's host: other hosts have other clocks. */
  #pass(context: LineContext): void {
    const { ms } = context;
    // Without times only the clock shows that time passes, and lines that are read late were not written late: see `expire`.
    if (ms === this.#passedMs || Number.isNaN(ms)) return;
    this.#passedMs = ms;
    const silentMs = ({ ms: lastMs, readMs }: Connection): number => ms - (Number.isNaN(lastMs) ? readMs : lastMs);
    if (Math.abs(ms - this.#checkedMs) >= CHECK_EVERY_MS) {
      this.#checkedMs = ms;
      if (ms - this.#waiting.sinceMs > CLOSING_LIMIT_MS)
        this.#endWaits((one) => one.host === context.host && silentMs(one) > CLOSING_LIMIT_MS);
    }
    if (Math.abs(ms - this.#sweptMs) < SWEEP_EVERY_MS) return;
    this.#sweptMs = ms;
    this.#closeThose((one) => one.host === context.host && silentMs(one) > OPEN_LIMIT_MS);
  }

  /** Time passes on a quiet log: closes what was last heard of too long before `nowMs`. */
  expire(nowMs: number): void {
    this.#endWaits((one) => nowMs - one.readMs > (one.closing ? CLOSING_LIMIT_MS : PENDING_LIMIT_MS));
    this.#closeThose((one) => nowMs - one.readMs > OPEN_LIMIT_MS);
  }

  /** True while there is a connection, or a session about to end, that `expire` may close. */
  get isWaiting(): boolean {
    return this.#table.size + this.#waiting.size > 0;
  }

  #closeThose(isOver: (connection: Connection) => boolean): void {
    // Closing one may remove another.
    for (const one of [...this.#table].filter(isOver)) if (this.#table.has(one)) this.#close(one);
  }

  /** Ends the wait of those that have waited too long. */
  #endWaits(isOver: (connection: Connection) => boolean): void {
    this.#waiting.end(isOver, (one) => {
      if (one.closing) this.#close(one);
      else {
        this.#events.pendingFailure(one);
        this.#table.changed(one);
      }
    });
  }

  /** The log ends: closes all that is open, in the order in which it was last heard of. Sessions that are not about to end stay. */
  end(): void {
    for (const one of this.#waiting) if (one.isSession && one.closing && this.#table.has(one)) this.#close(one);
    for (const one of [...this.#table].sort((a, b) => a.line - b.line)) if (this.#table.has(one)) this.#close(one);
  }

  save(): SavedTracker {
    return { ...this.#table.save(), sweptMs: this.#sweptMs, checkedMs: this.#checkedMs };
  }

  /** Takes over what `save` gave, and connections and sessions as they were saved one by one; what is damaged is left out. */
  restore(saved: unknown, rows: readonly NumberedConnection[], sessions: unknown): void {
    const { sweptMs, checkedMs, ...table } = (saved ?? {}) as Partial<SavedTracker> & { sessions?: unknown };
    // Before sessions were saved one by one, they stood here.
    const inState = Array.isArray(table.sessions) ? table.sessions : null;
    this.#table.restore(table, rows, inState ?? sessions);
    this.#resume(sweptMs, checkedMs);
    if (inState !== null) for (const one of this.#table.eachSession()) this.#sessions?.touched(one);
  }

  /** Takes over what version 1 of the state saved. */
  restoreVersion1(saved: unknown): void {
    const { open, due } = (saved ?? {}) as { open?: unknown; due?: unknown };
    const [sweptMs, checkedMs] = Array.isArray(due) ? (due as unknown[]) : [];
    this.#table.restoreVersion1(open);
    this.#resume(sweptMs, checkedMs);
  }

  #resume(sweptMs: unknown, checkedMs: unknown): void {
    if (typeof sweptMs === 'number') this.#sweptMs = sweptMs;
    if (typeof checkedMs === 'number') this.#checkedMs = checkedMs;
    for (const one of this.#table.withSessions()) if (one.closing || one.pendingFailure !== null) this.#wait(one);
  }
}
