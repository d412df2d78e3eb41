/**
 * From the bytes of a log to attempts and probes: lines, their prefix, sshd's message, its connection.
 * Pure: the clock and the file's time come in; what it remembers can be saved and taken up again.
 */

import { LogClock } from './clock.ts';
import { Connections } from './connections.ts';
import { isoTime, type Sighting, textOf } from './event.ts';
import { decides } from './fact.ts';
import { Forgeries, type Forgery } from './forgeries.ts';
import { type Reading, readMessage, type Skimmer } from './grammar.ts';
import { Hosts } from './hosts.ts';
import { Joiner } from './joiner.ts';
import { readEntry } from './journal.ts';
import { latin1 } from './latin1.ts';
import type { Place } from './matching.ts';
import { Prefix } from './prefix.ts';
import { Radar, type UnknownShape } from './radar.ts';
import type { Inspection, ReadContext, ReaderState } from './reading.ts';
import { LastDecision, REPEAT_LIMIT, readLastRepeated, readRepeat } from './repeats.ts';

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
  readonly #hosts = new Hosts();
  readonly #connections = new Connections((index) => this.#hosts.name(index));
  readonly #radar = new Radar();
  readonly #joiner = new Joiner();
  readonly #reading: Reading = { rule: null, fact: null, text: '' };
  readonly #place: Place = { host: 0, pid: -1, ms: Number.NaN, line: 0, nowMs: 0 };
  #lines = 0;
  #unknown = 0;
  readonly #forgeries = new Forgeries();
  /** True once a line without any prefix was sshd's: then others are, too. */
  #raw = false;
  readonly #last = new LastDecision();
  #writer = 'other';

  /** `saved` is what `save` gave; a damaged or foreign state starts anew. */
  constructor(saved?: ReaderState | null) {
    if (saved?.['version'] === STATE_VERSION) this.#restore(saved);
  }

  /** Takes whole lines, each ended by LF; gives what they decide, in order. Never throws, whatever the bytes are. */
  read(bytes: Uint8Array, context: ReadContext): Sighting[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#clock.writtenMs = context.writtenMs;
    this.#clock.timeZone = context.timeZone;
    this.#place.nowMs = context.nowMs;
    let from = 0;
    while (from < buffer.length) {
      const lf = buffer.indexOf(LF, from);
      const end = lf < 0 ? buffer.length : lf;
      this.#line(buffer, from, end);
      from = end + 1;
    }
    this.#last.keep();
    return this.#connections.take();
  }

  #line(buffer: Buffer, from: number, end: number): void {
    this.#lines++;
    if (this.#joiner.holds) {
      this.#joiner.take(buffer.subarray(from, end), this.#lines, this.#rawMessage);
      return;
    }
    const prefix = this.#prefix;
    const cr = end > from && buffer[end - 1] === CR;
    prefix.read(buffer, from, cr ? end - 1 : end);
    this.#writer = prefix.writer;
    switch (prefix.writer) {
      case 'other':
        return;
      case 'sshd': {
        const place = this.#place;
        place.host = this.#hosts.index(buffer, prefix.hostFrom, prefix.hostEnd);
        place.pid = prefix.pid;
        place.ms = prefix.ms;
        place.line = this.#lines;
        this.#message(buffer, prefix.from, prefix.end);
        return;
      }
      case 'raw':
        if (prefix.from < end) this.#joiner.take(buffer.subarray(prefix.from, end), this.#lines, this.#rawMessage);
        return;
      case 'json':
        this.#entry(buffer.subarray(from, end));
        return;
      case 'repeated':
        this.#again(readLastRepeated(buffer, prefix.from, prefix.end), prefix.ms);
    }
  }

  readonly #rawMessage = (message: Buffer, line: number): void => {
    this.#writer = 'raw';
    const place = this.#place;
    place.host = 0;
    place.pid = -1;
    place.ms = Number.NaN;
    place.line = line;
    this.#message(message, 0, message.length);
  };

  #entry(line: Buffer): void {
    const entry = readEntry(line);
    if (entry === null || entry.writer === 'other') return;
    this.#writer = entry.writer;
    if (entry.writer === 'forged') {
      this.#forgeries.saw(entry.message, isoTime(entry.ms), this.#lines);
      return;
    }
    const place = this.#place;
    place.host = this.#hosts.named(entry.host);
    place.pid = entry.pid;
    place.ms = entry.ms;
    place.line = this.#lines;
    this.#message(entry.message, 0, entry.message.length);
  }

  #message(buffer: Buffer, from: number, end: number): void {
    const place = this.#place;
    const repeat = readRepeat(buffer, from, end);
    if (repeat !== null) {
      const whole = this.#last.whole(latin1(buffer, repeat.from, repeat.end), place);
      this.#times(whole, repeat.count);
      return;
    }
    readMessage(buffer, from, end, this.#reading, this.#skim);
    const { rule, fact } = this.#reading;
    if (rule === null) {
      // Without a prefix only a log that has shown itself as sshd's own is.
      if ((this.#writer !== 'raw' || this.#raw) && end > from) this.#strange(latin1(buffer, from, end));
      return;
    }
    if (this.#writer === 'raw') this.#raw = true;
    if (fact === null) return;
    if (decides(fact)) this.#last.set(this.#reading.text, place);
    this.#connections.apply(fact, place);
  }

  #strange(message: string): void {
    this.#unknown++;
    this.#radar.saw(textOf(message, 1_023) ?? '', isoTime(this.#place.ms));
  }

  readonly #skim: Skimmer = (skim, bytes, from, end, preauth) => {
    const what = this.#connections.skim(skim, bytes, from, end, preauth, this.#place);
    if (what === 'failed' || what === 'invalid') this.#last.lies(bytes, from, end, this.#place);
    return what !== 'no';
  };

  /** `last message repeated N times`: the line before it, of whatever program, came again. */
  #again(count: number, ms: number): void {
    const last = this.#last.before(this.#lines);
    if (count === 0 || last === null) return;
    const place = this.#place;
    place.pid = last.pid;
    place.host = last.host;
    place.ms = ms;
    place.line = this.#lines;
    this.#times(last.message, count);
    this.#last.set(last.message, place);
  }

  #times(message: string, count: number): void {
    const bytes = Buffer.from(message, 'latin1');
    readMessage(bytes, 0, bytes.length, this.#reading);
    const { rule, fact } = this.#reading;
    if (rule === null) this.#strange(message);
    if (fact === null) return;
    if (decides(fact) || fact.helper) fact.count = Math.min(fact.count * count, REPEAT_LIMIT);
    fact.first = false;
    this.#connections.apply(fact, this.#place);
  }

  /** Connections that are over by time on a log that says nothing; called every few seconds when caught up. */
  expire(nowMs: number): Sighting[] {
    this.#connections.expire(nowMs);
    return this.#connections.take();
  }

  /** The log ends here: what is still open becomes its event. */
  end(): Sighting[] {
    this.#joiner.end(this.#rawMessage);
    this.#connections.end();
    return this.#connections.take();
  }

  /** Since the beginning of this reader's state. */
  counts(): { lines: number; unknown: number; forged: number } {
    return { lines: this.#lines, unknown: this.#unknown, forged: this.#forgeries.count };
  }

  /** The shapes of messages that no rule knows, most frequent first. */
  shapes(): readonly UnknownShape[] {
    return this.#radar.shapes();
  }

  /** The first lines that other programs wrote under sshd's name. */
  forgeries(): readonly Forgery[] {
    return this.#forgeries.samples;
  }

  /** The lowest line that an event still to come can have. */
  firstOpenLine(): number {
    return this.#connections.firstOpenLine();
  }

  /** What the last line came to, for people who ask why. */
  inspect(): Inspection {
    const { ms, host, pid } = this.#place;
    return { writer: this.#writer, at: isoTime(ms), host: this.#hosts.name(host), pid, ...this.#reading };
  }

  /** What must outlive a restart. */
  save(): ReaderState {
    return {
      version: STATE_VERSION,
      lines: this.#lines,
      unknown: this.#unknown,
      forgeries: this.#forgeries.save(),
      raw: this.#raw,
      last: this.#last.save(),
      previousMs: Number.isNaN(this.#clock.previousMs) ? null : this.#clock.previousMs,
      hosts: this.#hosts.save(),
      joiner: this.#joiner.save(),
      connections: this.#connections.save(),
      shapes: this.#radar.shapes(),
    };
  }

  #restore(saved: ReaderState): void {
    if (Number.isSafeInteger(saved['lines'])) this.#lines = saved['lines'] as number;
    if (Number.isSafeInteger(saved['unknown'])) this.#unknown = saved['unknown'] as number;
    this.#raw = saved['raw'] === true;
    if (typeof saved['previousMs'] === 'number') this.#clock.previousMs = saved['previousMs'];
    this.#forgeries.restore(saved['forgeries']);
    this.#last.restore(saved['last']);
    this.#hosts.restore(saved['hosts']);
    this.#joiner.restore(saved['joiner']);
    this.#connections.restore(saved['connections']);
    this.#radar.restore(saved['shapes']);
  }
}
