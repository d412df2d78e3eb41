/**
 * Events as `scan` prints them (contract section 7), as bytes: strings of this length would cost more than the reading.
 * What one line has in common with the one before is copied, eight bytes at a time.
 */

import type { LoginEvent } from '../protocol/event.ts';

/** A write costs a system call and a turn of the event loop: one per 256 KiB instead of one per line. */
const FULL_BYTES = 262_144;
/** The longest line: every text at its limit, every character escaped, and a file's path. */
const LINE_LIMIT_BYTES = 65_536;
/** The longest piece that is kept to be copied; a copy may write up to seven bytes too many. */
const PIECE_LIMIT_BYTES = 512;
const QUOTE = 34;
const BACKSLASH = 92;

/** Bytes that are copied more often than they are made: ASCII. None where the length is 0. */
class Piece {
  readonly view = new DataView(new ArrayBuffer(PIECE_LIMIT_BYTES));
  length = 0;

  constructor(text = '') {
    for (let i = 0; i < text.length; i++) this.view.setUint8(i, text.charCodeAt(i));
    this.length = text.length;
  }
}

const LINE = new Piece('{"line":');
const PORT = new Piece(',"port":');
const NULL = new Piece('null');
const VALID = new Piece(',"invalidUser":false,"ip":');
const INVALID = new Piece(',"invalidUser":true,"ip":');
const NEITHER = new Piece(',"invalidUser":null,"ip":');

export class ScanLines {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FULL_BYTES + LINE_LIMIT_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #spare: Buffer | null = null;
  #at = 0;

  /** `,"at":"..."` of the line before. */
  readonly #time = new Piece();
  #timeOf: string | null = null;
  /** `,"outcome":...,"method":...,"user":`. */
  readonly #outcome = new Piece();
  #outcomeOf = '';
  #methodOf: string | null = null;
  /** `,"host":...,"reason":...,"key":...}` and the line feed. */
  readonly #rest = new Piece();
  #hostOf: string | null | undefined = null;
  #reasonOf: string | null | undefined = null;
  #keyOf: string | null | undefined = null;

  /** True when it is time to write: one more event fits all the same. */
  get full(): boolean {
    return this.#at >= FULL_BYTES;
  }

  /** The lines so far; they stay as they are until `give`. */
  take(): Buffer {
    const lines = this.#buffer.subarray(0, this.#at);
    this.#use(this.#spare ?? Buffer.allocUnsafeSlow(FULL_BYTES + LINE_LIMIT_BYTES));
    this.#spare = null;
    return lines;
  }

  /** Lines that `take` gave are written, and may be written over. */
  give(lines: Buffer): void {
    this.#spare = Buffer.from(lines.buffer as ArrayBuffer);
  }

  #use(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
    this.#at = 0;
  }

  /** Adds one JSON object and a line feed, fields in the contract's order; `file` is null where one log is read. */
  add(event: LoginEvent, line: number, file: string | null): void {
    const { at, outcome, method, user, invalidUser, ip, port, host, reason, key } = event;
    this.#copy(LINE);
    this.#number(line);
    if (file !== null) this.#field(',"file":', file);
    if (this.#time.length > 0 && at === this.#timeOf) this.#copy(this.#time);
    else this.#addTime(at);
    if (this.#outcome.length > 0 && outcome === this.#outcomeOf && method === this.#methodOf) this.#copy(this.#outcome);
    else this.#addOutcome(outcome, method);
    this.#value(user);
    this.#copy(invalidUser === null ? NEITHER : invalidUser ? INVALID : VALID);
    this.#value(ip);
    this.#copy(PORT);
    if (port === null) this.#copy(NULL);
    else this.#number(port);
    const alike = host === this.#hostOf && reason === this.#reasonOf && key === this.#keyOf;
    if (alike && this.#rest.length > 0) this.#copy(this.#rest);
    else this.#addRest(host, reason, key);
  }

  #addTime(at: string | null): void {
    const from = this.#at;
    this.#field(',"at":', at);
    this.#keep(from, this.#time);
    this.#timeOf = at;
  }

  #addOutcome(outcome: string, method: string | null): void {
    const from = this.#at;
    this.#field(',"outcome":', outcome);
    this.#field(',"method":', method);
    this.#text(',"user":');
    this.#keep(from, this.#outcome);
    this.#outcomeOf = outcome;
    this.#methodOf = method;
  }

  #addRest(host: string | null | undefined, reason: string | null | undefined, key: string | null | undefined): void {
    const from = this.#at;
    this.#field(',"host":', host);
    this.#field(',"reason":', reason);
    this.#field(',"key":', key);
    this.#text('}\n');
    this.#keep(from, this.#rest);
    this.#hostOf = host;
    this.#reasonOf = reason;
    this.#keyOf = key;
  }

  /** Keeps what was written since `from`, unless it is too long, or has bytes that a copy as numbers might change. */
  #keep(from: number, piece: Piece): void {
    const length = this.#at - from;
    piece.length = 0;
    if (length > PIECE_LIMIT_BYTES) return;
    for (let i = 0; i < length; i++) {
      const c = this.#buffer[from + i] as number;
      if (c > 126) return;
      piece.view.setUint8(i, c);
    }
    piece.length = length;
  }

  #copy(piece: Piece): void {
    const view = this.#view;
    const from = piece.view;
    const { length } = piece;
    const at = this.#at;
    for (let i = 0; i < length; i += 8) view.setFloat64(at + i, from.getFloat64(i, true), true);
    this.#at = at + length;
  }

  #text(ascii: string): void {
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < ascii.length; i++) buffer[at++] = ascii.charCodeAt(i);
    this.#at = at;
  }

  #number(number: number): void {
    let digits = 1;
    for (let limit = 10; number >= limit; limit *= 10) digits++;
    const buffer = this.#buffer;
    let rest = number;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = Math.floor(rest / 10);
      buffer[at] = 48 + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
  }

  #field(name: string, value: string | null | undefined): void {
    this.#text(name);
    this.#value(value);
  }

  #value(value: string | null | undefined): void {
    if (value === null || value === undefined) {
      this.#copy(NULL);
      return;
    }
    const buffer = this.#buffer;
    let at = this.#at;
    buffer[at++] = QUOTE;
    for (let i = 0; i < value.length; i++) {
      const c = value.charCodeAt(i);
      if (c < 32 || c === QUOTE || c === BACKSLASH || c > 126) {
        this.#at += buffer.write(JSON.stringify(value), this.#at, 'utf8');
        return;
      }
      buffer[at++] = c;
    }
    buffer[at++] = QUOTE;
    this.#at = at;
  }
}

/** One event as text, without the line feed. */
export function scanLine(event: LoginEvent, line: number): string {
  const lines = new ScanLines();
  lines.add(event, line, null);
  return lines.take().toString('utf8').trimEnd();
}
