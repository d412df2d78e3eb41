/** The agent: log to reader to outbox to server, one read at a time, each durable before the next. */
import { setImmediate } from 'node:timers/promises';
import type { LoginEvent } from '../protocol/event.ts';
import type { AgentReport, AgentState } from '../protocol/report.ts';
import type { Logger } from '../service/logger.ts';
import type { HostNames } from './event-host.ts';
import type { Chunk, LogSource } from './log/source.ts';
import { OutboxError } from './outbox/database.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { Reading } from './outbox/reading.ts';
import type { LocatedEvent } from './sshd/events.ts';
import type { Reader } from './sshd/reader.ts';
import type { Uplink } from './uplink/uplink.ts';

/** How often connections that are over by time are looked for on a quiet log, and acknowledged rows dropped. */
const TEND_EVERY_MS = 1_000;
/** How long to wait before a failed commit is tried again. */
const RETRY_MS = 1_000;
/** How much an outbox at its bound must have drained before reading goes on: 1/16 of it, so that it does not flap. */
const ROOM_SHARE = 16;

/** What an agent is made of. `log` hears what people should know; nothing here throws because of a log's content. */
export interface AgentOptions {
  /** The log's path, or `journald`: the name its position is kept under. */
  readonly logName: string;
  readonly source: LogSource;
  readonly reader: Reader;
  readonly outbox: Outbox;
  readonly outboxLimitBytes: number;
  readonly log: Logger;
  readonly now: () => number;
  /** Called after each commit, with what was committed. */
  readonly committed?: (reading: Reading) => void;
}

/** One agent, from `run` to `stop`. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #hosts: HostNames;
  #uplink: Uplink | null = null;
  #position: Reading['position'];
  #tend: NodeJS.Timeout | null = null;
  /** What is under way and what waits for it: reads and expiries are kept one after the other, also while the disk is full. */
  #turn: Promise<void> = Promise.resolve();
  #turns = 0;
  #fault: unknown = null;
  #stopping = false;
  #trouble: AgentState | null = null;
  #told = '';
  #wakeUp: () => void = () => {};

  constructor(options: AgentOptions, hosts: HostNames) {
    this.#options = options;
    this.#hosts = hosts;
    this.#position = options.outbox.bookmark(options.logName)?.position ?? null;
  }

  /**
   * Follows the log until `stop`, or until its input has ended. Resolves then; rejects on a damaged outbox (an OutboxError),
   * and on a broken promise of our own.
   */
  async run(uplink: Uplink): Promise<void> {
    this.#uplink = uplink;
    uplink.onAck(() => this.#wakeUp());
    this.#tend = setInterval(() => this.#tendNow(), TEND_EVERY_MS);
    for (;;) {
      await this.#room();
      if (this.#stopping) break;
      const chunk = await this.#options.source.next();
      if (chunk === null || this.#stopping) break;
      await this.#inTurn(() => this.#keep(chunk));
      // A long log that is there already is read without ever waiting: acknowledgements, pings and timers want their turn.
      await setImmediate();
    }
    clearInterval(this.#tend);
    if (this.#fault !== null) throw this.#fault;
  }

  /** Ends the agent because of an error: `run` rejects with it. */
  fail(error: unknown): void {
    this.#fault ??= error;
    this.stop();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turns += 1;
    this.#turn = this.#turn
      .then(work)
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#turns -= 1;
      });
    return this.#turn;
  }

  /** Stops reading. What was read and not yet kept is read again at the next start. */
  stop(): void {
    this.#stopping = true;
    if (this.#tend) clearInterval(this.#tend);
    this.#options.source.close();
    this.#wakeUp();
  }

  /** How the agent is doing, as it tells the server and `status`. */
  report(): AgentReport {
    const { source, outbox, reader } = this.#options;
    const { state, behindBytes } = source.status();
    const { lines, unknown, forged } = reader.counts();
    return {
      state: this.#trouble ?? state,
      behindBytes,
      sentSeq: outbox.lastSeq,
      waiting: outbox.lastSeq - outbox.acked,
      linesRead: lines,
      linesUnknown: unknown,
      linesForged: forged,
      declaredLost: outbox.declared.declaredLost,
    };
  }

  async #keep(chunk: Chunk): Promise<void> {
    const { reader, now, log } = this.#options;
    const nowMs = now();
    const sightings = reader.read(chunk.bytes, { writtenMs: chunk.writtenMs, nowMs });
    this.#position = chunk.position;
    for (const gap of chunk.gaps) log.error(`Part of the log is lost: ${gap.text}`);
    if (chunk.cutLines > 0) log.warn(`${chunk.cutLines} lines were too long and were cut`);
    // A line without a time was written at the latest when its file was: nearer to the truth than now, for a log read late.
    const fallbackMs = chunk.writtenMs > 0 ? Math.min(nowMs, chunk.writtenMs) : nowMs;
    await this.#commit(this.#reading(sightings, fallbackMs, chunk.gaps));
    if (sightings.length > 0) this.#uplink?.wake();
    if (chunk.gaps.length > 0) this.#uplink?.report();
  }

  #reading(sightings: readonly LocatedEvent[], fallbackMs: number, gaps: Reading['gaps']): Reading {
    const { logName, reader, now } = this.#options;
    const at = new Date(fallbackMs).toISOString();
    this.#hosts.look(sightings.map(({ event }) => event.host ?? null));
    const events: LoginEvent[] = sightings.map(({ event }) => ({
      ...event,
      at: event.at ?? at,
      host: this.#hosts.of(event.host ?? null),
    }));
    return {
      log: logName,
      position: this.#position,
      reader: { reader: reader.save(), hosts: this.#hosts.save() },
      events,
      gaps,
      atMs: now(),
    };
  }

  async #expire(): Promise<void> {
    const { reader, now } = this.#options;
    this.#reconcile();
    const over = reader.expire(now());
    if (over.length === 0) return;
    await this.#commit(this.#reading(over, now(), []));
    this.#uplink?.wake();
  }

  /** An outbox that replaces a damaged one has read again all there is, and knows from the server what was there. */
  #reconcile(): void {
    const { outbox, source, log } = this.#options;
    const { state } = source.status();
    if (!outbox.resumed || !this.#uplink?.connected || (state !== 'caught up' && state !== 'log quiet')) return;
    const { missing } = outbox;
    try {
      outbox.reconcile();
    } catch {
      // The disk does not take it: with the next look.
      return;
    }
    if (missing > 0) log.warn(`The server has ${missing} events more than could be read again; going on after them`);
  }

  /** Tries until it is kept: what the reader has read cannot be read again, so nothing may pass it. */
  async #commit(reading: Reading): Promise<void> {
    const { outbox, log } = this.#options;
    while (!this.#stopping) {
      try {
        outbox.commit(reading);
        if (this.#trouble === 'outbox failing') log.info('The outbox can be written again');
        this.#trouble = null;
        this.#options.committed?.(reading);
        return;
      } catch (error) {
        if (error instanceof OutboxError && error.code === 'damaged') throw error;
        if (this.#trouble !== 'outbox failing')
          log.error(`The outbox cannot be written, reading waits: ${(error as Error).message}`);
        this.#trouble = 'outbox failing';
        await this.#pause(RETRY_MS);
      }
    }
  }

  /** Waits while the outbox is at its bound: the log is the buffer then. */
  async #room(): Promise<void> {
    const { outbox, outboxLimitBytes, log } = this.#options;
    if (outbox.waitingBytes < outboxLimitBytes) return;
    log.warn(
      `The outbox is full (${outbox.waitingBytes} bytes wait for the server): reading waits, nothing is dropped`,
    );
    this.#trouble = 'outbox full';
    while (!this.#stopping && outbox.waitingBytes > outboxLimitBytes - outboxLimitBytes / ROOM_SHARE) {
      await this.#pause(RETRY_MS);
      this.#settle();
    }
    this.#trouble = null;
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

  #settle(): void {
    try {
      this.#options.outbox.settle();
    } catch (error) {
      this.#options.log.debug(`Acknowledged rows stay for now: ${(error as Error).message}`);
    }
  }

  #tendNow(): void {
    this.#settle();
    // Only between reads, and only when nothing of the log is unread: what ends a connection may stand there.
    if (this.#turns === 0 && this.#options.source.status().state !== 'behind') void this.#inTurn(() => this.#expire());
    const { state } = this.report();
    if (state !== this.#told) this.#uplink?.report();
    this.#told = state;
  }
}
