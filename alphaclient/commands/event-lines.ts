/** Formats events as `scan` prints them: lines of JSON. */

import type { LoginEvent, Outcome, Trust } from '../../protocol/event.ts';
import type { LocatedEvent } from '../sshd/events.ts';

const FIRST_ROOM_BYTES = 65_536;
/** A line of JSON without its texts takes less. */
const LINE_ROOM_BYTES = 256;
/** JSON may write a character as six (`\u001b`); UTF-8 takes three bytes at most for one. */
const CHAR_ROOM_BYTES = 6;
const INT_BYTES = 4;
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
  view = viewOf(this.buffer);
  length = 0;

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.view = viewOf(larger);
  }

  /** Adds a part of a buffer. */
  add(from: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    from.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** Adds a piece, for which there is room, four bytes at a time: up to three bytes behind it are written, too. */
  addPiece({ ints, length }: Piece): void {
    const { view } = this;
    let at = this.length;
    for (let i = 0; i * INT_BYTES < length; i++) {
      view.setInt32(at, ints[i] as number, true);
      at += INT_BYTES;
    }
    this.length += length;
  }

  /** Adds what stands from `start` to `end` again, for which there is room, four bytes at a time: up to three bytes behind it are written, too. */
  repeat(start: number, end: number): void {
    const { view } = this;
    let at = this.length;
    for (let from = start; from < end; from += INT_BYTES) {
      view.setInt32(at, view.getInt32(from, true), true);
      at += INT_BYTES;
    }
    this.length += end - start;
  }

  /** Adds the digits of a whole number of 0 or more, for which there is room. */
  addNumber(value: number): void {
    if (value > INT_LIMIT) {
      this.length += this.buffer.write(`${value}`, this.length, 'latin1');
      return;
    }
    let end = this.length + 1;
    for (let rest = (value / 10) | 0; rest > 0; rest = (rest / 10) | 0) end++;
    let rest = value | 0;
    for (let at = end - 1; at >= this.length; at--) {
      const tens = (rest / 10) | 0;
      this.buffer[at] = ZERO + rest - tens * 10;
      rest = tens;
    }
    this.length = end;
  }

  /** Adds a text as JSON writes it, in quotes, or null. There is room for it. */
  addText(text: string | null): void {
    if (text === null) {
      this.addPiece(NULL);
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

const INT_LIMIT = 2_147_483_647;

const viewOf = (buffer: Buffer): DataView => new DataView(buffer.buffer, buffer.byteOffset, buffer.length);

/** A part of a line that is the same in many. */
class Piece {
  readonly length: number;
  /** Its bytes by four, little endian; behind the last of them stand zeros. */
  readonly ints: Int32Array;

  constructor(text: string) {
    this.length = Buffer.byteLength(text);
    const padded = Buffer.alloc(Math.ceil(this.length / INT_BYTES) * INT_BYTES);
    padded.write(text);
    this.ints = Int32Array.from({ length: padded.length / INT_BYTES }, (_, i) => padded.readInt32LE(i * INT_BYTES));
  }
}

const NULL = new Piece('null');
const LINE = new Piece('{"line":');
const FILE = new Piece(',"file":');
const NOT_INVALID = new Piece(',"invalidUser":false,"ip":');
const INVALID = new Piece(',"invalidUser":true,"ip":');
const MAYBE_INVALID = new Piece(',"invalidUser":null,"ip":');
const PORT = new Piece(',"port":');
const AT = new Piece(',"at":');
const OUTCOMES = {
  accepted: new Piece(',"outcome":"accepted","method":'),
  failed: new Piece(',"outcome":"failed","method":'),
  probe: new Piece(',"outcome":"probe","method":'),
  ended: new Piece(',"outcome":"ended","method":'),
};
const USER = new Piece(',"user":');
const HOST = new Piece(',"host":');
const REASON = new Piece(',"reason":');
const KEY = new Piece(',"key":');
const TRUSTS = {
  journal: new Piece(',"trust":"journal"}\n'),
  syslog: new Piece(',"trust":"syslog"}\n'),
  forgeable: new Piece(',"trust":"forgeable"}\n'),
};

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
    bytes.addPiece(LINE);
    bytes.addNumber(line);
    if (file !== null) {
      bytes.addPiece(FILE);
      bytes.addText(file);
    }
    this.#addHead(located.event);
    bytes.addText(user);
    if (invalidUser === null) bytes.addPiece(MAYBE_INVALID);
    else bytes.addPiece(invalidUser ? INVALID : NOT_INVALID);
    bytes.addText(ip);
    bytes.addPiece(PORT);
    if (port === null) bytes.addPiece(NULL);
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
      bytes.addPiece(AT);
      bytes.addText(at);
      bytes.addPiece(OUTCOMES[outcome]);
      bytes.addText(method);
      bytes.addPiece(USER);
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
      bytes.addPiece(HOST);
      bytes.addText(host);
      bytes.addPiece(REASON);
      bytes.addText(reason);
      bytes.addPiece(KEY);
      bytes.addText(key);
      bytes.addPiece(TRUSTS[trust]);
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
