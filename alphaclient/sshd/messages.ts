/** sshd's messages, one after the other: read by the table, counted where no rule knows them, told to their connections. */

import { ConnectionTracker } from './connection-tracker.ts';
import { type EventListener, isoTime, type LocatedEvent } from './events.ts';
import { type Reading, readMessage } from './grammar.ts';
import { latin1 } from './latin1.ts';
import type { LineContext } from './line-context.ts';
import { isDecision } from './message-types.ts';
import type { ReaderState } from './reading.ts';
import { LastDecision, readLastRepeated, readRepeat } from './repeats.ts';
import { looksLikeSshd, UnknownMessages, type UnknownShape } from './unknown-messages.ts';

/** The longest message that sshd writes. */
const MESSAGE_LIMIT_BYTES = 1_023;
/** The rule of `last message repeated N times` under sshd's own tag. */
const REPEATED = 'noise:last-message-repeated';
/** PAM's modules may write more, but what is longer than this is nobody's message, and is not searched for one. */
export const READ_LIMIT_BYTES = 8_192;

/** Takes message by message; never throws, whatever a message is. */
export class Messages {
  /** Where the next message stands: see `stands`. */
  readonly place: LineContext = { host: 0, pid: -1, ms: Number.NaN, line: 0, nowMs: 0, trust: 'syslog' };
  readonly #tracker: ConnectionTracker;
  readonly #unknown = new UnknownMessages();
  readonly #last = new LastDecision();
  readonly #reading: Reading = { rule: null, fact: null, text: '' };
  /** True once a line without any prefix was sshd's: then others are, too. */
  #raw = false;

  /** `hosts` gives the name of a host's index; a `listener` is told of events instead of `told`. */
  constructor(hosts: (index: number) => string | null, listener: EventListener | null) {
    this.#tracker = new ConnectionTracker(hosts, listener);
  }

  /** Kind where the next message stands; asked for by whoever gives it. `pid` is -1 and `ms` NaN where the line has none. */
  stands(host: number, pid: number, ms: number, line: number): void {
    const { place } = this;
    place.host = host;
    place.pid = pid;
    place.ms = ms;
    place.line = line;
  }

  /** Whether a rule knows this message, which has no prefix. */
  knows(message: Buffer): boolean {
    readMessage(message, 0, message.length, this.#reading, true);
    return this.#reading.rule !== null;
  }

  /** Takes one message. One without a prefix (`raw`) need not be sshd's. */
  take(bytes: Buffer, from: number, end: number, raw: boolean): void {
    if (end - from > READ_LIMIT_BYTES) {
      this.#unread(bytes, from, raw);
      return;
    }
    // `me`: nothing else that sshd writes begins so.
    const repeat = bytes[from] === 109 && bytes[from + 1] === 101 ? readRepeat(latin1(bytes, from, end)) : null;
    if (repeat !== null) {
      const whole = this.#last.whole(repeat.message, this.place);
      this.#times(whole, repeat.count);
      return;
    }
    readMessage(bytes, from, end, this.#reading, raw);
    const { rule, fact } = this.#reading;
    if (rule === null) {
      // Without a prefix a log has to show itself as sshd's own, or the line itself.
      if (raw && !this.#raw) this.stray(bytes, from, end);
      else if (end > from) this.#unrecognized(latin1(bytes, from, end));
      return;
    }
    if (raw) this.#raw = true;
    if (rule.name === REPEATED) this.again(bytes, from, end);
    if (fact === null) return;
    if (isDecision(fact)) this.#last.set(this.#reading.text, this.place);
    this.#tracker.apply(fact, this.place);
  }

  /** A message that is too long to be one. */
  #unread(bytes: Buffer, from: number, raw: boolean): void {
    this.#reading.rule = null;
    this.#reading.fact = null;
    if (!raw || this.#raw) this.#unrecognized(latin1(bytes, from, from + MESSAGE_LIMIT_BYTES));
  }

  /** A line in no form that is known: counted as unknown if it is in sshd's words. */
  stray(bytes: Buffer, from: number, end: number): void {
    if (looksLikeSshd(latin1(bytes, from, Math.min(end, from + READ_LIMIT_BYTES))))
      this.#unrecognized(latin1(bytes, from, Math.min(end, from + MESSAGE_LIMIT_BYTES)));
  }

  /** `last message repeated N times`: the line before this one, of whatever program, came again. */
  again(bytes: Buffer, from: number, end: number): void {
    const { place } = this;
    const count = readLastRepeated(latin1(bytes, from, Math.min(end, from + MESSAGE_LIMIT_BYTES)));
    const last = this.#last.before(place.line);
    // With a tag it says whose line came again.
    if (count === 0 || last === null || (place.pid >= 0 && place.pid !== last.pid)) return;
    place.pid = last.pid;
    place.host = last.host;
    this.#times(last.message, count);
    this.#last.set(last.message, place);
  }

  #times(message: string, count: number): void {
    const bytes = Buffer.from(message, 'latin1');
    readMessage(bytes, 0, bytes.length, this.#reading);
    const { rule, fact } = this.#reading;
    if (rule === null) this.#unrecognized(message);
    if (fact !== null) this.#tracker.apply(fact, this.place, count);
  }

  #unrecognized(message: string): void {
    this.#unknown.add(message, isoTime(this.place.ms));
  }

  /** What was told since the last call. */
  told(): LocatedEvent[] {
    return this.#tracker.take();
  }

  /** Time passes on a log that says nothing. */
  expire(nowMs: number): void {
    this.#tracker.expire(nowMs);
  }

  /** The log ends here: what is still open becomes its event. */
  end(): void {
    this.#tracker.end();
  }

  /** The lowest line that an event still to come can have. */
  firstOpenLine(): number {
    return this.#tracker.firstOpenLine();
  }

  /** How many no rule knew. */
  get unknown(): number {
    return this.#unknown.count;
  }

  /** The shapes of messages that no rule knows, most frequent first. */
  shapes(): readonly UnknownShape[] {
    return this.#unknown.shapes();
  }

  /** What the last message is to the table. */
  reading(): Reading {
    return this.#reading;
  }

  /** What must outlive a restart. */
  save(): ReaderState {
    return {
      unknown: this.#unknown.count,
      raw: this.#raw,
      last: this.#last.save(),
      connections: this.#tracker.save(),
      shapes: this.#unknown.shapes(),
    };
  }

  /** Takes over what `save` of this version or the one before gave; what is damaged is left out. */
  restore(saved: ReaderState): void {
    this.#raw = saved['raw'] === true;
    this.#last.restore(saved['last']);
    if (saved['version'] === 1) this.#tracker.restoreVersion1(saved['connections']);
    else this.#tracker.restore(saved['connections']);
    this.#unknown.restore(saved['unknown'], saved['shapes']);
  }
}
