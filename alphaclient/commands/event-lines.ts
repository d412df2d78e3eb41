/** Formats events as `scan` prints them: lines of JSON (contract section 7). */

import type { LoginEvent, Outcome, Trust } from '../../protocol/event.ts';
import type { LocatedEvent } from '../sshd/events.ts';

const FIRST_ROOM_BYTES = 65_536;
/** A line of JSON without its texts takes less. */
const LINE_ROOM_BYTES = 256;
/** JSON may write a character as six (`\u001b`); UTF-8 takes three bytes at most for one. */
const CHAR_ROOM_BYTES = 6;
const QUOTE = 34;
const BACKSLASH = 92;
const ZERO = 48;

/** One printed row: an event, or the end of a session, whose `reason` is how it ended. */
export interface Printed {
  readonly event: Omit<LoginEvent, 'outcome'> & { readonly outcome: Outcome | 'ended' };
  readonly line: number;
  readonly trust: Trust;
}

/** Bytes that are added one after the other. */
export class Bytes {
  buffer: Buffer = Buffer.allocUnsafe(FIRST_ROOM_BYTES);
  length = 0;

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  /** Adds a part of a buffer. */
  add(from: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    from.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** Adds what stands from `start` to `end` again; there is room for it. */
  repeat(start: number, end: number): void {
    this.buffer.copyWithin(this.length, start, end);
    this.length += end - start;
  }

  /** Adds a text of ASCII, for which there is room. */
  addAscii(text: string): void {
    const { buffer } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Adds the digits of a whole number of 0 or more, for which there is room. */
  addNumber(value: number): void {
    let end = this.length + 1;
    for (let limit = 10; value >= limit; limit *= 10) end++;
    let rest = value;
    for (let at = end - 1; at >= this.length; at--) {
      const tens = Math.floor(rest / 10);
      this.buffer[at] = ZERO + rest - tens * 10;
      rest = tens;
    }
    this.length = end;
  }

  /** Adds a text as JSON writes it, in quotes, or null. There is room for it. */
  addText(text: string | null): void {
    if (text === null) {
      this.addAscii('null');
      return;
    }
    const { buffer } = this;
    let at = this.length;
    buffer[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code < 32 || code > 126 || code === QUOTE || code === BACKSLASH) {
        this.length += buffer.write(JSON.stringify(text), this.length);
        return;
      }
      buffer[at++] = code;
    }
    buffer[at++] = QUOTE;
    this.length = at;
  }
}

/** The place of a line among others. */
export interface Span {
  from: number;
  end: number;
}

/**
 * Formats events one after the other into a buffer. A line is written byte by byte, which takes half the time of putting it together as a
 * string and encoding that; its head and tail are mostly those of the line before, and copied.
 */
export class EventLines {
  #bytes = new Bytes();
  #spare = new Bytes();
  /** The place of the text from `at` to `user` in the line before, and the values there; -1 after lines were moved. */
  #headFrom = -1;
  #headEnd = -1;
  #at: string | null = null;
  #outcome: Printed['event']['outcome'] = 'probe';
  #method: string | null = null;
  /** The place of its text from `host` on, and the values there. */
  #tailFrom = -1;
  #tailEnd = -1;
  #host: string | null = null;
  #reason: string | null = null;
  #key: string | null = null;
  #trust: Trust = 'syslog';

  /** The bytes of all lines, up to `length`; good until the next one is added. */
  get buffer(): Buffer {
    return this.#bytes.buffer;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Adds the line of an event, with this number, and returns where it stands. `file` is null where one log is read. */
  add(located: Printed, line: number, file: string | null): Span {
    const bytes = this.#bytes;
    const { user, invalidUser, ip, port, method, host = null, reason = null, key = null } = located.event;
    const named = lengthOf(user) + lengthOf(ip) + lengthOf(method) + lengthOf(file);
    bytes.reserve(LINE_ROOM_BYTES + (named + lengthOf(host) + lengthOf(reason) + lengthOf(key)) * CHAR_ROOM_BYTES);
    const from = bytes.length;
    bytes.addAscii('{"line":');
    bytes.addNumber(line);
    if (file !== null) {
      bytes.addAscii(',"file":');
      bytes.addText(file);
    }
    this.#addHead(located.event);
    bytes.addText(user);
    if (invalidUser === null) bytes.addAscii(',"invalidUser":null,"ip":');
    else bytes.addAscii(invalidUser ? ',"invalidUser":true,"ip":' : ',"invalidUser":false,"ip":');
    bytes.addText(ip);
    bytes.addAscii(',"port":');
    if (port === null) bytes.addAscii('null');
    else bytes.addNumber(port);
    this.#addTail(host, reason, key, located.trust);
    return { from, end: bytes.length };
  }

  #addHead({ at, outcome, method }: Printed['event']): void {
    const bytes = this.#bytes;
    const from = bytes.length;
    if (this.#headFrom >= 0 && at === this.#at && outcome === this.#outcome && method === this.#method)
      bytes.repeat(this.#headFrom, this.#headEnd);
    else {
      bytes.addAscii(',"at":');
      bytes.addText(at);
      bytes.addAscii(',"outcome":"');
      bytes.addAscii(outcome);
      bytes.addAscii('","method":');
      bytes.addText(method);
      bytes.addAscii(',"user":');
      this.#at = at;
      this.#outcome = outcome;
      this.#method = method;
    }
    this.#headFrom = from;
    this.#headEnd = bytes.length;
  }

  #addTail(host: string | null, reason: string | null, key: string | null, trust: Trust): void {
    const bytes = this.#bytes;
    const from = bytes.length;
    const isSame = host === this.#host && reason === this.#reason && key === this.#key && trust === this.#trust;
    if (this.#tailFrom >= 0 && isSame) bytes.repeat(this.#tailFrom, this.#tailEnd);
    else {
      bytes.addAscii(',"host":');
      bytes.addText(host);
      bytes.addAscii(',"reason":');
      bytes.addText(reason);
      bytes.addAscii(',"key":');
      bytes.addText(key);
      bytes.addAscii(',"trust":"');
      bytes.addAscii(trust);
      bytes.addAscii('"}\n');
      this.#host = host;
      this.#reason = reason;
      this.#key = key;
      this.#trust = trust;
    }
    this.#tailFrom = from;
    this.#tailEnd = bytes.length;
  }

  /** Removes all lines but these, which it moves to the front. */
  keep(spans: Iterable<Span>): void {
    const before = this.#bytes;
    const kept = this.#spare;
    kept.length = 0;
    for (const span of spans) {
      const from = kept.length;
      kept.add(before.buffer, span.from, span.end);
      span.from = from;
      span.end = kept.length;
    }
    this.#bytes = kept;
    this.#spare = before;
    this.#headFrom = -1;
    this.#tailFrom = -1;
  }
}

function lengthOf(text: string | null): number {
  return text === null ? 0 : text.length;
}

/** Formats one event as `scan` prints it, without a line end. `file` is null where one log is read. */
export function scanLine(located: LocatedEvent, file: string | null = null): string {
  const lines = new EventLines();
  const { end } = lines.add(located, located.line, file);
  return lines.buffer.toString('utf8', 0, end - 1);
}
