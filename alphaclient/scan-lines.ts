/** Events as `scan` prints them (contract section 7), as bytes: strings of this length would cost more than the reading. */

import type { LoginEvent } from '../protocol/event.ts';

/** A write costs a system call: one per 64 KiB instead of one per line. */
const FULL_BYTES = 65_536;
/** The longest line: every text at its limit, every character escaped, and a file's path. */
const LINE_LIMIT_BYTES = 65_536;

export class ScanLines {
  #buffer: Buffer = Buffer.allocUnsafeSlow(FULL_BYTES + LINE_LIMIT_BYTES);
  #spare: Buffer | null = null;
  #at = 0;

  /** True when it is time to write: one more event fits all the same. */
  get full(): boolean {
    return this.#at >= FULL_BYTES;
  }

  /** The lines so far; they stay as they are until `give`. */
  take(): Buffer {
    const lines = this.#buffer.subarray(0, this.#at);
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(FULL_BYTES + LINE_LIMIT_BYTES);
    this.#spare = null;
    this.#at = 0;
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
    this.#field(',"at":', event.at);
    this.#field(',"outcome":', event.outcome);
    this.#field(',"method":', event.method);
    this.#field(',"user":', event.user);
    const { invalidUser, port } = event;
    this.#text(
      invalidUser === null ? ',"invalidUser":null' : invalidUser ? ',"invalidUser":true' : ',"invalidUser":false',
    );
    this.#field(',"ip":', event.ip);
    this.#text(',"port":');
    if (port === null) this.#text('null');
    else this.#number(port);
    this.#field(',"host":', event.host);
    this.#field(',"reason":', event.reason);
    this.#field(',"key":', event.key);
    this.#text('}\n');
  }

  #text(ascii: string): void {
    const buffer = this.#buffer;
    let at = this.#at;
    for (let i = 0; i < ascii.length; i++) buffer[at++] = ascii.charCodeAt(i);
    this.#at = at;
  }

  #number(number: number): void {
    let digits = 1;
    for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let rest = number;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = Math.floor(rest / 10);
      this.#buffer[at] = 48 + rest - next * 10;
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
    buffer[at++] = 34;
    for (let i = 0; i < value.length; i++) {
      const c = value.charCodeAt(i);
      if (c < 32 || c === 34 || c === 92 || c > 126) {
        this.#at += buffer.write(JSON.stringify(value), this.#at, 'utf8');
        return;
      }
      buffer[at++] = c;
    }
    buffer[at++] = 34;
    this.#at = at;
  }
}

/** One event as text, without the line feed. */
export function scanLine(event: LoginEvent, line: number): string {
  const lines = new ScanLines();
  lines.add(event, line, null);
  return lines.take().toString('utf8').trimEnd();
}
