/**
 * Events as `scan` prints them (contract section 7), as bytes: strings of this length would cost more than the reading.
 * What was written a moment ago of the same client is copied, eight bytes at a time.
 */

import type { LoginEvent } from '../protocol/event.ts';

/** A write costs a system call and a turn of the event loop: one per 256 KiB instead of one per line. */
const FULL_BYTES = 262_144;
/** The longest line: every text at its limit, every character escaped, and a file's path; a copy may write seven bytes more. */
const LINE_LIMIT_BYTES = 65_536;
/** How many clients' lines are remembered, a power of two: those who try now are found again by their port. */
const CLIENTS = 1_024;
const QUOTE = 34;
const BACKSLASH = 92;

export class ScanLines {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FULL_BYTES + LINE_LIMIT_BYTES);
  #view = new DataView(this.#buffer.buffer);
  #spare: Buffer | null = null;
  #at = 0;
  /** False once a character was written that a copy as numbers might change: what is no ASCII. */
  #isAscii = true;

  /** `,"at":"..."` of the line before, in this buffer. */
  #time: string | null = null;
  #timeFrom = 0;
  #timeBytes = 0;
  /** All behind the time, of the last event of each port, in this buffer. */
  readonly #events = new Array<LoginEvent | null>(CLIENTS).fill(null);
  readonly #froms = new Int32Array(CLIENTS);
  readonly #bytes = new Int32Array(CLIENTS);

  /** True when it is time to write: one more event fits all the same. */
  get full(): boolean {
    return this.#at >= FULL_BYTES;
  }

  /** The lines so far; they stay as they are until `give`. */
  take(): Buffer {
    const lines = this.#buffer.subarray(0, this.#at);
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(FULL_BYTES + LINE_LIMIT_BYTES);
    this.#view = new DataView(this.#buffer.buffer);
    this.#spare = null;
    this.#at = 0;
    this.#time = null;
    this.#events.fill(null);
    return lines;
  }

  /** Lines that `take` gave are written, and may be written over. */
  give(lines: Buffer): void {
    this.#spare = Buffer.from(lines.buffer as ArrayBuffer);
  }

  /** Adds one JSON object and a line feed, fields in the contract's order; `file` is null where one log is read. */
  add(event: LoginEvent, line: number, file: string | null): void {
    this.#text('{"line":');
    this.#number(line);
    if (file !== null) this.#field(',"file":', file);
    this.#addTime(event.at);
    const place = (event.port ?? 0) & (CLIENTS - 1);
    const before = this.#events[place] as LoginEvent | null;
    if (before !== null && isSame(before, event)) {
      this.#copy(this.#froms[place] as number, this.#bytes[place] as number);
      return;
    }
    const from = this.#at;
    this.#isAscii = true;
    this.#addRest(event);
    this.#events[place] = this.#isAscii ? event : null;
    this.#froms[place] = from;
    this.#bytes[place] = this.#at - from;
  }

  #addTime(at: string | null): void {
    if (at !== null && at === this.#time) {
      this.#copy(this.#timeFrom, this.#timeBytes);
      return;
    }
    this.#timeFrom = this.#at;
    this.#field(',"at":', at);
    this.#timeBytes = this.#at - this.#timeFrom;
    this.#time = at;
  }

  #addRest({ outcome, method, user, invalidUser, ip, port, host, reason, key }: LoginEvent): void {
    this.#field(',"outcome":', outcome);
    this.#field(',"method":', method);
    this.#field(',"user":', user);
    this.#text(',"invalidUser":');
    this.#text(invalidUser === null ? 'null' : invalidUser ? 'true' : 'false');
    this.#field(',"ip":', ip);
    this.#text(',"port":');
    if (port === null) this.#text('null');
    else this.#number(port);
    this.#field(',"host":', host);
    this.#field(',"reason":', reason);
    this.#field(',"key":', key);
    this.#text('}\n');
  }

  #copy(from: number, bytes: number): void {
    const view = this.#view;
    const at = this.#at;
    for (let i = 0; i < bytes; i += 8) view.setFloat64(at + i, view.getFloat64(from + i, true), true);
    this.#at = at + bytes;
  }

  #text(ascii: string): void {
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < ascii.length; i++) buffer[at++] = ascii.charCodeAt(i);
    this.#at = at;
  }

  #number(number: number): void {
    if (number > 0x7fff_ffff) {
      this.#text(String(number));
      return;
    }
    let digits = 1;
    for (let limit = 10; number >= limit; limit *= 10) digits++;
    const buffer = this.#buffer;
    let rest = number | 0;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = (rest / 10) | 0;
      buffer[at] = 48 + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
  }

  #field(name: string, value: string | null | undefined): void {
    this.#text(name);
    if (value === null || value === undefined) {
      this.#text('null');
      return;
    }
    const buffer = this.#buffer;
    let at = this.#at;
    buffer[at++] = QUOTE;
    for (let i = 0; i < value.length; i++) {
      const c = value.charCodeAt(i);
      if (c < 32 || c === QUOTE || c === BACKSLASH || c > 126) {
        this.#isAscii = false;
        this.#at += buffer.write(JSON.stringify(value), this.#at, 'utf8');
        return;
      }
      buffer[at++] = c;
    }
    buffer[at++] = QUOTE;
    this.#at = at;
  }
}

/** True where two events differ in nothing but their time. */
function isSame(a: LoginEvent, b: LoginEvent): boolean {
  if (a.port !== b.port || a.ip !== b.ip || a.user !== b.user || a.outcome !== b.outcome) return false;
  if (a.method !== b.method || a.invalidUser !== b.invalidUser || a.host !== b.host) return false;
  return a.reason === b.reason && a.key === b.key;
}

/** One event as text, without the line feed. */
export function scanLine(event: LoginEvent, line: number): string {
  const lines = new ScanLines();
  lines.add(event, line, null);
  return lines.take().toString('utf8').trimEnd();
}
