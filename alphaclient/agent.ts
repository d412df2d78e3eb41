/** The agent: reads the log through the reader into the outbox, one chunk at a time, each durable before the next. */
import { setImmediate } from 'node:timers/promises';
import type { LoginEvent } from '../protocol/event.ts';
import { type AgentReport, type AgentState, releaseFrom } from '../protocol/report.ts';
import type { Logger } from '../service/logger.ts';
import { Ticker } from '../service/ticker.ts';
import type { EventHosts } from './event-host.ts';
import type { Chunk, LogSource } from './log/source.ts';
import { isDamaged } from './outbox/database.ts';
import type { Outbox, ReadResult } from './outbox/outbox.ts';
import type { NumberedEnd } from './outbox/sessions.ts';
import type { SessionWatch } from './session-watch.ts';
import type { ConnectionChanges } from './sshd/connection-changes.ts';
import { isoTime, type LocatedEvent } from './sshd/events.ts';
import type { Reader } from './sshd/reader.ts';
import type { EndedSession, SessionChanges } from './sshd/session-changes.ts';
import { SshdReleaseWatch } from './sshd/sshd-release.ts';
import type { Uplink } from './uplink/uplink.ts';

/** The delay before a failed commit is retried. */
const RETRY_MS = 1_000;
/** A full outbox must drain by this share of its limit before reading goes on, so that the state does not flap. */
const DRAINED_SHARE = 1 / 16;

/** The parts of an agent. No content of a log makes any of them throw. */
export interface AgentOptions {
  /** The log's path, or `journald`: the name of its bookmark. */
  readonly logName: string;
  readonly source: LogSource;
  readonly reader: Reader;
  /** The reader notes here what becomes of sessions. */
  readonly sessions: SessionChanges;
  /** Where the reader notes what becomes of connections before their login. */
  readonly connections: ConnectionChanges;
  readonly watch: Pick<SessionWatch, 'isDue' | 'read' | 'compare' | 'hasChanged' | 'take'>;
  readonly outbox: Outbox;
  readonly outboxLimitBytes: number;
  readonly log: Logger;
  readonly now: () => number;
  /** Called after each commit, with what was committed. Only an OutboxError `damaged` that it throws ends the agent. */
  readonly onCommit?: (result: ReadResult) => void;
  /**
   * With its ticks, one each second, connections are expired on a quiet log, and acknowledged rows deleted; default: one of its own.
   */
  readonly ticker?: Ticker;
}

/** The name under which the outbox keeps what the log says of its sshd's release. */
const RELEASE = 'sshd-release';

/** One agent, from `run` to `stop`. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #hosts: EventHosts;
  readonly #release: SshdReleaseWatch;
  #uplink: Uplink | null = null;
  #position: ReadResult['position'];
  #endMaintenance: () => void = () => {};
  /** The end of the queued work: reads and expiries are committed one after the other, also while commits fail. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;
  #fault: unknown = null;
  #stopping = false;
  #hasWarnedOfTwice = false;
  /** True while the outbox is at its limit, and reading waits. A commit of something else than a chunk does not end it. */
  #isOutboxFull = false;
  /** True while commits fail. */
  #isOutboxFailing = false;
  /** True while the source is asked for the next chunk. Only then does it look at the log: else its status is of an earlier look. */
  #isReading = false;
  #reportedState = '';
  #wakeUp: () => void = () => {};

  constructor(options: AgentOptions, hosts: EventHosts) {
    this.#options = options;
    this.#hosts = hosts;
    this.#release = new SshdReleaseWatch(releaseFrom(options.outbox.kept(RELEASE)));
    this.#position = options.outbox.bookmark(options.logName)?.position ?? null;
  }

  /**
   * Follows the log until `stop`, or until its input has ended. Resolves then; rejects on a damaged outbox (an OutboxError), and
   * on a broken promise of our own.
   */
  async run(uplink: Uplink): Promise<void> {
    this.#uplink = uplink;
    uplink.onAck(() => this.#wakeUp());
    this.#endMaintenance = (this.#options.ticker ?? new Ticker()).add(() => this.#maintain());
    for (;;) {
      await this.#waitForRoom();
      if (this.#stopping) break;
      this.#isReading = true;
      const chunk = await this.#options.source.next();
      this.#isReading = false;
      if (chunk === null || this.#stopping) break;
      await this.#enqueue(() => this.#process(chunk));
      // A long log is read without ever waiting for it: acknowledgements, pings and timers get their turn here.
      await setImmediate();
    }
    this.#endMaintenance();
    if (this.#fault !== null) throw this.#fault;
  }

  /** Ends the agent because of an error: `run` rejects with it. */
  fail(error: unknown): void {
    this.#fault ??= error;
    this.stop();
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#queued += 1;
    this.#queue = this.#queue
      .then(work)
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#queued -= 1;
      });
    return this.#queue;
  }

  /** Stops reading. Lines that were read and not committed are read again after the next start. */
  stop(): void {
    this.#stopping = true;
    this.#endMaintenance();
    this.#options.source.close();
    this.#wakeUp();
  }

  /** Returns the agent's state and totals, as they are reported to the server and by `status`. */
  report(): AgentReport {
    return this.#reportOf(this.#sourceStatus());
  }

  #reportOf({ state, behindBytes }: ReturnType<LogSource['status']>): AgentReport {
    const { outbox, reader } = this.#options;
    const { lines, unknown, forged } = reader.counts();
    const { release } = this.#release;
    return {
      state: this.#outboxState ?? state,
      behindBytes,
      ...outbox.totals,
      linesRead: lines,
      linesUnknown: unknown,
      linesForged: forged,
      ...(release && !this.#hosts.isOfOthers && { sshd: release }),
    };
  }

  async #process(chunk: Chunk): Promise<void> {
    const { reader, now, log } = this.#options;
    const nowMs = now();
    const located = reader.read(chunk.bytes, { writtenMs: chunk.writtenMs, nowMs });
    this.#position = chunk.position;
    const isNewRelease = this.#release.take(chunk.bytes);
    const hasNewRelease = this.#release.takeMessage(reader.sshdListener.versionLine) || isNewRelease;
    for (const gap of chunk.gaps) log.error(`Part of the log is lost: ${gap.text}`);
    if (chunk.cutLines > 0) log.warn(`${chunk.cutLines} lines were too long and were cut`);
    if (!this.#hasWarnedOfTwice && reader.seemsWrittenTwice) {
      this.#hasWarnedOfTwice = true;
      log.warn(
        'Nearly all lines of sshd are in the log twice: syslog seems to write each one twice, so failed attempts may count twice',
      );
    }
    // A line without a time was written no later than its file: for a log that is read late, that is closer than now.
    const fallbackMs = chunk.writtenMs > 0 ? Math.min(nowMs, chunk.writtenMs) : nowMs;
    const kept = hasNewRelease ? { [RELEASE]: this.#release.release } : {};
    const result = this.#resultOf(located, fallbackMs, chunk.gaps, kept);
    await this.#commit(result);
    if (located.length > 0 || result.sessions?.ends.length) this.#uplink?.sendPending();
    if (chunk.gaps.length > 0) this.#uplink?.report();
  }

  #resultOf(
    located: readonly LocatedEvent[],
    fallbackMs: number,
    gaps: ReadResult['gaps'],
    kept: ReadResult['kept'] = {},
  ): ReadResult {
    const { logName, reader, sessions, connections, watch, now } = this.#options;
    const at = new Date(fallbackMs).toISOString();
    this.#hosts.observe(located.map(({ event }) => event.host ?? null));
    const update = sessions.take();
    const events = located.map((one) => this.#eventOf(one, at));
    return {
      log: logName,
      position: this.#position,
      reader: { reader: reader.save(), hosts: this.#hosts.save() },
      events,
      gaps,
      sessions: {
        begun: located.map(({ session }) => session),
        saved: update.saved,
        removed: update.removed,
        ends: update.ends.map((end) => this.#endOf(end, at)),
      },
      connections: connections.take(),
      kept: { ...kept, ...watch.take() },
      atMs: now(),
    };
  }

  /** Asks the source for its status. Where the file system fails at that (ESTALE, EIO), the log is unreadable; the next read logs why. */
  #sourceStatus(): ReturnType<LogSource['status']> {
    try {
      return this.#options.source.status();
    } catch {
      return { state: 'log unreadable', behindBytes: 0 };
    }
  }

  /** The state that replaces the source's while the outbox cannot take events; else null. */
  get #outboxState(): AgentState | null {
    if (this.#isOutboxFailing) return 'outbox failing';
    return this.#isOutboxFull ? 'outbox full' : null;
  }

  /**
   * True where the log is read to its end. Never while nobody reads, such as while the outbox is full: a log that was truncated or
   * replaced meanwhile looks as if it were.
   */
  #isCaughtUp({ state } = this.#sourceStatus()): boolean {
    return this.#isReading && (state === 'caught up' || state === 'log quiet');
  }

  /** Completes an event: `at` is the time of one whose line has none. */
  #eventOf({ event, trust, pid }: LocatedEvent, at: string): LoginEvent {
    const { outcome, method, user, invalidUser, ip, port, key = null, reason = null } = event;
    const host = this.#hosts.hostOf(event.host ?? null);
    return { at: event.at ?? at, outcome, method, user, invalidUser, ip, port, host, key, reason, trust, pid };
  }

  #endOf({ session, ms, host, user, ip, port, pid, lastedSeconds, how }: EndedSession, at: string): NumberedEnd {
    return {
      session,
      end: { at: isoTime(ms) ?? at, user, ip, port, pid, lastedSeconds, how, host: this.#hosts.hostOf(host) },
    };
  }

  async #expire(): Promise<void> {
    const { reader, sessions, now } = this.#options;
    // The log may have been written, or have gone, while a commit before this one took its time.
    if (!this.#isCaughtUp()) return;
    this.#endResume();
    const expired = reader.expire(now());
    if (expired.length === 0 && sessions.isEmpty) return;
    await this.#commit(this.#resultOf(expired, now(), []));
    this.#uplink?.sendPending();
  }

  /** Ends the resume of an outbox that replaces a damaged one, once the whole log was read again and the server's seq is known. */
  #endResume(): void {
    const { outbox, log } = this.#options;
    if (!outbox.resumed || !this.#uplink?.connected) return;
    const { missingEvents } = outbox;
    try {
      outbox.endResume();
    } catch {
      // The disk is full or failing; the next maintenance retries.
      return;
    }
    if (missingEvents > 0)
      log.warn(`The server has ${missingEvents} events more than could be read again; going on after them`);
  }

  /** Retries until the commit succeeds: the reader cannot read a line again, so nothing may be committed before this. */
  async #commit(result: ReadResult): Promise<void> {
    while (!this.#stopping) {
      if (this.#store(result)) {
        this.#stored(result);
        return;
      }
      await this.#pause(RETRY_MS);
    }
  }

  /** Commits a result. False where that failed and is to be retried; throws an OutboxError where the outbox is damaged. */
  #store(result: ReadResult): boolean {
    const { outbox, log } = this.#options;
    // Nothing but the commit stands in here: for an error of what follows it, the result would be committed again and count twice.
    try {
      outbox.commit(result, this.#uplink?.sendsAtOnce);
      return true;
    } catch (error) {
      if (isDamaged(error)) throw error;
      if (!this.#isOutboxFailing) log.error(`The outbox cannot be written, reading waits: ${(error as Error).message}`);
      this.#isOutboxFailing = true;
      return false;
    }
  }

  #stored(result: ReadResult): void {
    const { log, onCommit } = this.#options;
    if (this.#isOutboxFailing) log.info('The outbox can be written again');
    this.#isOutboxFailing = false;
    try {
      onCommit?.(result);
    } catch (error) {
      if (isDamaged(error)) throw error;
      log.debug(`The checkpoint stays an older one for now: ${(error as Error).message}`);
    }
  }

  /** Applies backpressure: waits while the outbox is at its limit, and the log itself buffers. */
  async #waitForRoom(): Promise<void> {
    const { outbox, outboxLimitBytes, log } = this.#options;
    if (outbox.pendingBytes < outboxLimitBytes) return;
    log.warn(
      `The outbox is full (${outbox.pendingBytes} bytes wait for the server): reading waits, nothing is dropped`,
    );
    this.#isOutboxFull = true;
    while (!this.#stopping && outbox.pendingBytes > outboxLimitBytes * (1 - DRAINED_SHARE)) {
      await this.#pause(RETRY_MS);
      this.#compact();
    }
    this.#isOutboxFull = false;
    log.info('The outbox has room again');
  }

  #pause(limitMs: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, limitMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  #compact(): void {
    try {
      this.#options.outbox.compact();
    } catch (error) {
      this.#options.log.debug(`Acknowledged rows stay for now: ${(error as Error).message}`);
    }
  }

  /** Compares the sessions with the kernel's connections: only where nothing is unread, and commits what it found. */
  async #look(): Promise<void> {
    const { watch, sessions, now } = this.#options;
    const connections = await watch.read(this.#hosts.isOfOthers);
    await this.#enqueue(async () => {
      if (this.#stopping || !this.#isCaughtUp()) return;
      watch.compare(connections);
      if (sessions.isEmpty && !watch.hasChanged) return;
      await this.#commit(this.#resultOf([], now(), []));
      this.#uplink?.sendPending();
    });
  }

  #maintain(): void {
    this.#compact();
    const { watch } = this.#options;
    const status = this.#sourceStatus();
    if (this.#queued === 0 && this.#isCaughtUp(status)) {
      if (watch.isDue(this.#options.now())) void this.#look();
      // Connections expire only between reads, and only when the log has nothing unread, which may still end them. Until then, as
      // after a start or while the log cannot be read, the times in the log decide.
      if (this.#queued === 0 && this.#mayExpire) void this.#enqueue(() => this.#expire());
    }
    const { state } = this.#reportOf(status);
    if (state !== this.#reportedState) this.#uplink?.report();
    this.#reportedState = state;
  }

  /** True while time alone may change something: on an idle host nothing is asked each second. */
  get #mayExpire(): boolean {
    const { reader, sessions, outbox } = this.#options;
    return reader.connections.isWaiting || !sessions.isEmpty || outbox.resumed;
  }
}
