/**
 * From the bytes of a log to attempts and probes: lines, their prefix, sshd's message, its connection.
 * Pure: the clock and the file's time come in; what it remembers can be saved and taken up again.
 */

import { LogClock } from './clock.ts';
import { type EventListener, isoTime, type LocatedEvent } from './events.ts';
import { Hosts } from './hosts.ts';
import { withoutCr } from './joiner.ts';
import { readEntry } from './journal.ts';
import { latin1 } from './latin1.ts';
import { Messages } from './messages.ts';
import { Prefix } from './prefix.ts';
import { RawLines } from './raw-lines.ts';
import type { Inspection, ReadContext, ReaderState } from './reading.ts';
import { ForgedMessages, type Forgery, type UnknownShape } from './unknown-messages.ts';
import type { Contained } from './unwrapped.ts';

const STATE_VERSION = 2;
const LF = 10;

/** Reads one log. However it is torn, and wherever `save` and a new reader come between: the events are the same. */
export class Reader {
  readonly #clock = new LogClock();
  readonly #prefix = new Prefix(this.#clock);
  readonly #hosts = new Hosts();
  readonly #messages: Messages;
  readonly #raw: RawLines;
  readonly #forgeries = new ForgedMessages();
  #lines = 0;
  #writer = 'other';

  /**
   * `saved` is what `save` gave; a damaged or foreign state starts anew. Where there is a `listener`, it is told of the events, in
   * the order in which they are known, and `read`, `expire` and `end` give none.
   */
  constructor(saved?: ReaderState | null, listener: EventListener | null = null) {
    this.#messages = new Messages((index) => this.#hosts.name(index), listener);
    this.#raw = new RawLines(this.#messages, this.#prefix);
    if (saved?.['version'] === STATE_VERSION || saved?.['version'] === 1) this.#restore(saved);
  }

  /** Takes whole lines, each ended by LF; gives what they decide, in order. Never throws, whatever the bytes are. */
  read(bytes: Uint8Array, context: ReadContext): LocatedEvent[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const clock = this.#clock;
    clock.writtenMs = context.writtenMs;
    clock.timeZone = context.timeZone;
    this.#messages.place.nowMs = context.nowMs;
    for (let from = 0; from < buffer.length; ) {
      const lf = buffer.indexOf(LF, from);
      const end = lf < 0 ? buffer.length : lf;
      this.#line(buffer, from, end);
      from = end + 1;
    }
    return this.#messages.told();
  }

  /** Reads the line from `from` to `end`, where its LF stands. */
  #line(buffer: Buffer, from: number, end: number): void {
    this.#lines++;
    this.#writer = 'raw';
    if (this.#raw.holds && this.#raw.goOn(buffer, from, end, this.#lines)) return;
    const prefix = this.#prefix;
    prefix.read(buffer, from, withoutCr(buffer, from, end));
    this.#writer = prefix.writer;
    switch (prefix.writer) {
      case 'other': {
        const line = this.#raw.contained(buffer, from, end);
        if (line !== null) this.#contained(line);
        return;
      }
      case 'timed':
        this.#contained({ bytes: buffer.subarray(prefix.from, end), ms: prefix.ms });
        return;
      case 'sshd':
        this.#message(buffer, prefix.ms);
        return;
      case 'raw':
        if (prefix.from < end) this.#raw.take(buffer.subarray(prefix.from, end), Number.NaN, this.#lines);
        return;
      case 'json':
        this.#entry(buffer.subarray(from, end));
        return;
      case 'repeated':
        this.#messages.stands(0, -1, prefix.ms, this.#lines);
        this.#messages.again(buffer, prefix.from, prefix.end);
    }
  }

  /** What a container wrote: sshd's words, or a line of a syslog in it. */
  #contained({ bytes, ms }: Contained): void {
    const prefix = this.#prefix;
    prefix.read(bytes, 0, withoutCr(bytes, 0, bytes.length));
    this.#writer = prefix.writer;
    if (prefix.writer === 'other') return;
    if (prefix.writer !== 'sshd') {
      this.#writer = 'raw';
      this.#raw.take(bytes, ms, this.#lines);
      return;
    }
    this.#message(bytes, Number.isNaN(prefix.ms) ? ms : prefix.ms);
  }

  /** Takes the message behind the prefix that was read last, of a line in `bytes` that was written at `ms`. */
  #message(bytes: Buffer, ms: number): void {
    const prefix = this.#prefix;
    const host = this.#hosts.index(bytes, prefix.hostFrom, prefix.hostEnd);
    this.#messages.stands(host, prefix.pid, ms, this.#lines);
    this.#messages.take(bytes, prefix.from, prefix.end, false);
  }

  #entry(line: Buffer): void {
    const entry = readEntry(line);
    if (entry === null) {
      this.#messages.stands(0, -1, Number.NaN, this.#lines);
      this.#messages.stray(line, 0, line.length);
      return;
    }
    const { writer, message, ms } = entry;
    if (writer === 'other') return;
    this.#writer = writer;
    if (writer === 'forged') this.#forgeries.add(latin1(message), isoTime(ms), this.#lines);
    else if (writer === 'contained') this.#contained({ bytes: message, ms });
    else {
      this.#messages.stands(this.#hosts.named(entry.host), entry.pid, ms, this.#lines);
      this.#messages.take(message, 0, message.length, false);
    }
  }

  /** Connections that are over by time on a log that says nothing; called every few seconds when caught up. */
  expire(nowMs: number): LocatedEvent[] {
    this.#messages.expire(nowMs);
    return this.#messages.told();
  }

  /** The log ends here: what is still open becomes its event. */
  end(): LocatedEvent[] {
    this.#raw.end();
    this.#messages.end();
    return this.#messages.told();
  }

  /** Since the beginning of this reader's state. */
  counts(): { lines: number; unknown: number; forged: number } {
    return { lines: this.#lines, unknown: this.#messages.unknown, forged: this.#forgeries.count };
  }

  /** The shapes of messages that no rule knows, most frequent first. */
  shapes(): readonly UnknownShape[] {
    return this.#messages.shapes();
  }

  /** The first lines that other programs wrote under sshd's name. */
  forgeries(): readonly Forgery[] {
    return this.#forgeries.samples;
  }

  /** The lowest line that an event still to come can have. */
  firstOpenLine(): number {
    return this.#messages.firstOpenLine();
  }

  /** What the last line came to, for people who ask why. */
  inspect(): Inspection {
    const { ms, host, pid } = this.#messages.place;
    const reading = this.#messages.reading();
    return { writer: this.#writer, at: isoTime(ms), host: this.#hosts.name(host), pid, ...reading };
  }

  /** What must outlive a restart. */
  save(): ReaderState {
    return {
      version: STATE_VERSION,
      lines: this.#lines,
      forgeries: this.#forgeries.save(),
      previousMs: Number.isNaN(this.#clock.previousMs) ? null : this.#clock.previousMs,
      hosts: this.#hosts.save(),
      joiner: this.#raw.save(),
      ...this.#messages.save(),
    };
  }

  #restore(saved: ReaderState): void {
    if (Number.isSafeInteger(saved['lines'])) this.#lines = saved['lines'] as number;
    if (typeof saved['previousMs'] === 'number') this.#clock.previousMs = saved['previousMs'];
    this.#forgeries.restore(saved['forgeries']);
    this.#hosts.restore(saved['hosts']);
    this.#raw.restore(saved['joiner']);
    this.#messages.restore(saved);
  }
}
