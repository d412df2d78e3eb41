/**
 * From the bytes of a log to attempts and probes: lines, their prefix, sshd's message, its connection.
 * Pure: the clock and the file's time come in; what it remembers can be saved and taken up again.
 */

import { LogClock } from './clock.ts';
import { Bytes } from './compare.ts';
import { isoTime, type Sighting } from './event.ts';
import { Forgeries, type Forgery } from './forgeries.ts';
import { Hosts } from './hosts.ts';
import { withoutCr } from './joiner.ts';
import { readEntry } from './journal.ts';
import { Lead } from './lead.ts';
import { Messages } from './messages.ts';
import { Prefix } from './prefix.ts';
import type { UnknownShape } from './radar.ts';
import { RawLines } from './raw-lines.ts';
import type { Inspection, ReadContext, ReaderState } from './reading.ts';
import type { Contained } from './unwrapped.ts';

export type { Sighting } from './event.ts';
export type { Forgery } from './forgeries.ts';
export type { UnknownShape } from './radar.ts';
export type { Inspection, ReadContext, ReaderState } from './reading.ts';

const STATE_VERSION = 1;
const LF = 10;
const CR = 13;

export class Reader {
  readonly #clock = new LogClock();
  readonly #prefix = new Prefix(this.#clock);
  readonly #lead = new Lead(this.#clock);
  readonly #hosts = new Hosts();
  readonly #messages = new Messages((index) => this.#hosts.name(index));
  readonly #raw = new RawLines(this.#messages, this.#prefix);
  readonly #forgeries = new Forgeries();
  /** The host of the line that the lead is of. */
  #host = 0;
  #lines = 0;
  #writer = 'other';

  /** `saved` is what `save` gave; a damaged or foreign state starts anew. */
  constructor(saved?: ReaderState | null) {
    if (saved?.['version'] === STATE_VERSION) this.#restore(saved);
  }

  /** Takes whole lines, each ended by LF; gives what they decide, in order. Never throws, whatever the bytes are. */
  read(bytes: Uint8Array, context: ReadContext): Sighting[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const view = new Bytes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const clock = this.#clock;
    if (clock.writtenMs !== context.writtenMs || clock.timeZone !== context.timeZone) this.#lead.forget();
    clock.writtenMs = context.writtenMs;
    clock.timeZone = context.timeZone;
    this.#messages.place.nowMs = context.nowMs;
    for (let from = 0; from < buffer.length; ) {
      const alike = !this.#raw.holds && this.#lead.read(view, from);
      let end = -1;
      if (alike) {
        this.#lines++;
        this.#writer = 'sshd';
        this.#messages.stands(this.#host, this.#lead.pid, this.#lead.ms, this.#lines);
        end = this.#messages.skim(buffer, view, this.#lead.from);
      }
      if (end < 0) {
        const lf = buffer.indexOf(LF, from);
        end = lf < 0 ? buffer.length : lf;
        if (alike) this.#read(buffer, this.#lead.from, withoutCr(buffer, this.#lead.from, end));
        else this.#line(buffer, view, from, end);
      } else if (view.byte(end) === CR) end++;
      from = end + 1;
    }
    return this.#messages.told();
  }

  /** Reads a message that was not skimmed. */
  #read(buffer: Buffer, from: number, end: number): void {
    this.#messages.take(buffer, from, end, false);
    this.#messages.forward();
  }

  #line(buffer: Buffer, view: Bytes, from: number, end: number): void {
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
        this.#host = this.#hosts.index(buffer, prefix.hostFrom, prefix.hostEnd);
        this.#lead.keep(view, from, prefix.from, prefix.ms);
        this.#messages.stands(this.#host, prefix.pid, prefix.ms, this.#lines);
        // Lines of several hosts take turns in a log that is collected from them: none begins like the one before.
        if (prefix.pid < 0 || prefix.from === end || this.#messages.skim(buffer, view, prefix.from) < 0)
          this.#read(buffer, prefix.from, prefix.end);
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
    const host = this.#hosts.index(bytes, prefix.hostFrom, prefix.hostEnd);
    this.#messages.stands(host, prefix.pid, Number.isNaN(prefix.ms) ? ms : prefix.ms, this.#lines);
    this.#read(bytes, prefix.from, prefix.end);
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
    if (writer === 'forged') this.#forgeries.saw(message, isoTime(ms), this.#lines);
    else if (writer === 'contained') this.#contained({ bytes: message, ms });
    else {
      this.#messages.stands(this.#hosts.named(entry.host), entry.pid, ms, this.#lines);
      this.#messages.take(message, 0, message.length, false);
    }
  }

  /** Connections that are over by time on a log that says nothing; called every few seconds when caught up. */
  expire(nowMs: number): Sighting[] {
    this.#messages.expire(nowMs);
    return this.#messages.told();
  }

  /** The log ends here: what is still open becomes its event. */
  end(): Sighting[] {
    this.#raw.end();
    this.#messages.end();
    return this.#messages.told();
  }

  /** Since the beginning of this reader's state. */
  counts(): { lines: number; unknown: number; forged: number } {
    return { lines: this.#lines, unknown: this.#messages.unknown, forged: this.#forgeries.count };
  }

  /** How many lines of this reader did not have to be read in full. */
  get skimmed(): number {
    return this.#messages.skimmed;
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
