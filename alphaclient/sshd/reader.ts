/**
 * From the bytes of a log to attempts and probes: lines, their prefix, sshd's message, its connection.
 * Pure: the clock and the file's time come in; what it remembers can be saved and taken up again.
 */

import { LogClock } from './clock.ts';
import { isoTime, type Sighting } from './event.ts';
import { Forgeries, type Forgery } from './forgeries.ts';
import { Hosts } from './hosts.ts';
import { withoutCr } from './joiner.ts';
import { readEntry } from './journal.ts';
import { Messages } from './messages.ts';
import { Prefix } from './prefix.ts';
import type { UnknownShape } from './radar.ts';
import { RawLines } from './raw-lines.ts';
import type { Inspection, ReadContext, ReaderState } from './reading.ts';
import type { Listener } from './telling.ts';
import type { Contained } from './unwrapped.ts';
import { type Borrower, WORKBENCH } from './workbench.ts';

const STATE_VERSION = 1;
const LF = 10;
const { memory, lead, window: WINDOW } = WORKBENCH;

/** Reads one log. However it is torn, and wherever `save` and a new reader come between: the events are the same. */
export class Reader {
  readonly #clock = new LogClock();
  readonly #prefix = new Prefix(this.#clock);
  readonly #hosts = new Hosts();
  readonly #messages: Messages;
  readonly #raw: RawLines;
  readonly #forgeries = new Forgeries();
  readonly #borrower: Borrower;
  /** The host of the line that the lead is of. */
  #host = 0;
  #lines = 0;
  #writer = 'other';

  /**
   * `saved` is what `save` gave; a damaged or foreign state starts anew. Where there is a `listener`, it is told of the events, in
   * the order in which they are known, and `read`, `expire` and `end` give none.
   */
  constructor(saved?: ReaderState | null, listener: Listener | null = null) {
    this.#messages = new Messages((index) => this.#hosts.name(index), listener);
    this.#raw = new RawLines(this.#messages, this.#prefix);
    this.#borrower = { ports: this.#messages.ports, clock: this.#clock, clear: () => this.#messages.clear() };
    if (saved?.['version'] === STATE_VERSION) this.#restore(saved);
  }

  /** Takes whole lines, each ended by LF; gives what they decide, in order. Never throws, whatever the bytes are. */
  read(bytes: Uint8Array, context: ReadContext): Sighting[] {
    WORKBENCH.lend(this.#borrower);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const clock = this.#clock;
    if (clock.writtenMs !== context.writtenMs || clock.timeZone !== context.timeZone) lead.forget();
    clock.writtenMs = context.writtenMs;
    clock.timeZone = context.timeZone;
    this.#messages.place.nowMs = context.nowMs;
    for (let from = 0; from < buffer.length; ) {
      let end = WORKBENCH.stretchEnd(buffer, from);
      if (end > from) this.#stretch(buffer, from, end);
      else {
        end = buffer.indexOf(LF, from) + 1 || buffer.length + 1;
        this.#line(buffer, from, end - 1, Number.NaN);
      }
      from = end;
    }
    return this.#messages.told();
  }

  /** Takes the lines from `from` to `end`, which fit into the window. */
  #stretch(buffer: Buffer, from: number, end: number): void {
    const last = WORKBENCH.put(buffer, from, end);
    // What the table reads lies in the bytes given.
    const shift = from - WINDOW;
    for (let at = WINDOW; at < last; ) {
      const isHeld = this.#raw.holds;
      if (!isHeld) at = this.#skim(at, last);
      if (at === last) break;
      const lf = memory.bytes.indexOf(LF, at);
      const message = lead.from + shift;
      if (!isHeld && this.#messages.skimming.isAlike)
        this.#messages.read(buffer, message, withoutCr(buffer, message, lf + shift));
      else this.#line(buffer, at + shift, lf + shift, at);
      at = lf + 1;
    }
    this.#messages.leaves();
  }

  /** Takes lines that begin alike and are ordinary, from `at` to `last`; gives where the first stands that has to be read. */
  #skim(at: number, last: number): number {
    const { skimming, place } = this.#messages;
    place.line = this.#lines;
    place.host = this.#host;
    const next = skimming.lines(at, last, place, this.#raw.wrapped);
    if (place.line > this.#lines) this.#writer = skimming.isOther ? 'other' : 'sshd';
    this.#lines = place.line;
    return next;
  }

  /** Reads a line that does not begin like others; `at`: where it stands in the memory, or NaN. */
  #line(buffer: Buffer, from: number, end: number, at: number): void {
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
        this.#messages.stands(this.#host, prefix.pid, prefix.ms, this.#lines);
        if (!this.#skimOne(prefix, from, at)) this.#messages.read(buffer, prefix.from, prefix.end);
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

  /** Lines of several hosts take turns in a log that is collected from them: none begins like the one before, but may be ordinary. */
  #skimOne(prefix: Prefix, from: number, at: number): boolean {
    lead.forget();
    if (Number.isNaN(at)) return false;
    const message = at + prefix.from - from;
    lead.keep(at, message, prefix.ms);
    return prefix.pid >= 0 && prefix.from < prefix.end && this.#messages.skimming.take(message, this.#messages.place);
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
    this.#messages.read(bytes, prefix.from, prefix.end);
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
    WORKBENCH.lend(this.#borrower);
    this.#messages.expire(nowMs);
    return this.#messages.told();
  }

  /** The log ends here: what is still open becomes its event. */
  end(): Sighting[] {
    WORKBENCH.lend(this.#borrower);
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
    WORKBENCH.lend(this.#borrower);
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
    WORKBENCH.lend(this.#borrower);
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
    WORKBENCH.lend(this.#borrower);
    if (Number.isSafeInteger(saved['lines'])) this.#lines = saved['lines'] as number;
    if (typeof saved['previousMs'] === 'number') this.#clock.previousMs = saved['previousMs'];
    this.#forgeries.restore(saved['forgeries']);
    this.#hosts.restore(saved['hosts']);
    this.#raw.restore(saved['joiner']);
    this.#messages.restore(saved);
  }
}
