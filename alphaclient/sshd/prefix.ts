/**
 * What surrounds a message: who wrote the line, when, on which host, and where the message begins. Read from bytes;
 * a line of another program is let go after its tag. The journal's JSON has its own file.
 */

import { isWord, type LogClock } from './clock.ts';
import { startsWith, Tag } from './tag.ts';

/** `sshd`: a message of sshd. `raw`: no prefix at all, perhaps `sshd -E`. `repeated`: syslogd's `last message repeated`. */
export type Writer = 'sshd' | 'raw' | 'json' | 'repeated' | 'other';

const SPACE = 32;
const OPEN = 91;
const CLOSE = 93;

/** One line's prefix, filled anew by each `read`. Indexes are into the bytes given. */
export class Prefix {
  writer: Writer = 'other';
  /** Unix milliseconds, NaN where the line has no time. */
  ms = Number.NaN;
  /** The pid in brackets, or -1. */
  pid = -1;
  /** The host's bytes; equal where there is none. */
  hostFrom = 0;
  hostEnd = 0;
  /** The message's bytes. */
  from = 0;
  end = 0;

  readonly #clock: LogClock;
  readonly #tag = new Tag();

  constructor(clock: LogClock) {
    this.#clock = clock;
  }

  /** Takes the line in `bytes` from `from` to `end` apart; the line's end is not part of it. */
  read(bytes: Uint8Array, from: number, end: number): void {
    this.writer = 'other';
    this.ms = Number.NaN;
    this.pid = -1;
    this.hostFrom = this.hostEnd = 0;
    this.end = end;
    let at = from;
    // A byte order mark at the beginning of the file, or of the message in RFC 5424.
    if (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3;
    this.from = at;
    const first = bytes[at] as number;
    if (first === 60) {
      const close = priority(bytes, at, end);
      if (close < 0) {
        this.writer = 'raw';
        return;
      }
      at = close;
      if (bytes[at] === 49 && bytes[at + 1] === SPACE) {
        this.#rfc5424(bytes, at + 2, end);
        return;
      }
    }
    if (first === 123) {
      this.writer = 'json';
      return;
    }
    if (end - at >= 16 && this.#time(bytes, at, end)) {
      this.ms = this.#clock.ms;
      this.#afterTime(bytes, this.#clock.end + 1, end);
      return;
    }
    this.writer = 'raw';
    this.ms = Number.NaN;
    // A line that begins with the tag itself: `sshd[123]: message`.
    const message = this.#readTag(bytes, at, end);
    if (message >= 0) this.#message(bytes, message, end);
    else if (first === 49 && bytes[at + 1] === SPACE) this.#rfc5424(bytes, at + 2, end);
  }

  /** Any time at the beginning of a line. */
  #time(bytes: Uint8Array, at: number, end: number): boolean {
    const clock = this.#clock;
    const first = bytes[at] as number;
    if (first >= 48 && first <= 57)
      return (clock.iso(bytes, at) && clock.end < end) || (clock.unix(bytes, at) && clock.end < end);
    if (first < 65 || first > 90) return false;
    if (clock.traditional(bytes, at)) return clock.end < end;
    // `Mon 2026-11-23 20:31:24 UTC host` of `journalctl -o short-full`, `Mon, Nov 23 ...`.
    let p = at + 3;
    if (bytes[p] === 44) p++;
    if (bytes[p] !== SPACE) return false;
    p++;
    return (clock.iso(bytes, p) || clock.traditional(bytes, p)) && clock.end < end;
  }

  /** From behind the time: `[ZONE ][HOST ][FACILITY ]TAG[PID]: MESSAGE`. */
  #afterTime(bytes: Uint8Array, at: number, end: number): void {
    let p = at;
    while (bytes[p] === SPACE && p < end) p++;
    let message = this.#readTag(bytes, p, end);
    if (message >= 0) {
      this.#message(bytes, message, end);
      return;
    }
    for (let words = 0; words < 4; words++) {
      const wordFrom = p;
      while (p < end && bytes[p] !== SPACE) p++;
      if (p >= end) return;
      // Any other word is another program's tag, and what follows it that program's text.
      if (
        words > 0 &&
        !isFacility(bytes, wordFrom, p) &&
        !isFacility(bytes, this.hostFrom, this.hostEnd) &&
        !isZone(bytes, this.hostFrom, this.hostEnd)
      )
        return;
      // The host is the first word; a zone's name before it gives way (`UTC bastion`), a facility does not (`<auth.info>`).
      if (this.hostEnd === 0 || isZone(bytes, this.hostFrom, this.hostEnd)) {
        this.hostFrom = wordFrom;
        this.hostEnd = p;
      }
      while (p < end && bytes[p] === SPACE) p++;
      message = this.#readTag(bytes, p, end);
      if (message >= 0) {
        if (bytes[this.hostFrom] === 60) this.#hostAfterFacility(bytes, p);
        this.#message(bytes, message, end);
        return;
      }
      if (
        bytes[p] === 108 &&
        isWord(bytes, p, 'last') &&
        isWord(bytes, p + 5, 'message') &&
        isWord(bytes, p + 13, 'repeated')
      ) {
        this.writer = 'repeated';
        this.from = p;
        return;
      }
    }
  }

  /** FreeBSD's `<auth.info> host`: the host is the word before the tag. */
  #hostAfterFacility(bytes: Uint8Array, tag: number): void {
    let end = tag;
    while (end > this.hostEnd && bytes[end - 1] === SPACE) end--;
    let from = end;
    while (from > this.hostEnd && bytes[from - 1] !== SPACE) from--;
    if (from > this.hostEnd) {
      this.hostFrom = from;
      this.hostEnd = end;
    } else this.hostFrom = this.hostEnd = 0;
  }

  #readTag(bytes: Uint8Array, at: number, end: number): number {
    const message = this.#tag.read(bytes, at, end);
    if (message >= 0) this.pid = this.#tag.pid;
    return message;
  }

  /** The message at `at`, behind `[ID n facility.level] ` of Solaris. */
  #message(bytes: Uint8Array, at: number, end: number): void {
    this.writer = 'sshd';
    let p = Math.min(at, end);
    if (bytes[p] === OPEN && startsWith(bytes, p, '[ID ')) {
      const close = bytes.indexOf(CLOSE, p);
      if (close > 0 && close < Math.min(end, p + 64)) p = bytes[close + 1] === SPACE ? close + 2 : close + 1;
    }
    this.from = Math.min(p, end);
  }

  /** `TIMESTAMP HOST APP PROCID MSGID DATA MESSAGE` (RFC 5424, section 6). */
  #rfc5424(bytes: Uint8Array, at: number, end: number): void {
    let p = at;
    if (bytes[p] === 45) p++;
    else if (this.#clock.iso(bytes, p)) {
      this.ms = this.#clock.ms;
      p = this.#clock.end;
    } else return;
    const words: number[] = [];
    for (let word = 0; word < 4; word++) {
      if (bytes[p] !== SPACE) return;
      words.push(++p);
      while (p < end && bytes[p] !== SPACE) p++;
      words.push(p);
    }
    const [hostFrom = 0, hostEnd = 0, appFrom = 0, appEnd = 0, pidFrom = 0, pidEnd = 0] = words;
    const app = String.fromCharCode(...bytes.subarray(appFrom, Math.min(appEnd, appFrom + 48)));
    const name = app.slice(app.lastIndexOf('/') + 1);
    if (name !== 'sshd' && name !== 'sshd-session' && name !== 'sshd-auth') return;
    if (!(hostEnd === hostFrom + 1 && bytes[hostFrom] === 45)) {
      this.hostFrom = hostFrom;
      this.hostEnd = hostEnd;
    }
    let pid = 0;
    for (let i = pidFrom; i < pidEnd; i++) pid = pid * 10 + (bytes[i] as number) - 48;
    this.pid = pidEnd > pidFrom && pidEnd - pidFrom < 12 && pid >= 0 ? pid : -1;
    if (bytes[p] !== SPACE) return;
    p = afterData(bytes, p + 1, end);
    if (p < 0) return;
    // rsyslog's own template for this form writes a second one; no message of sshd begins with any.
    while (bytes[p] === SPACE && p < end) p++;
    if (bytes[p] === 0xef && bytes[p + 1] === 0xbb && bytes[p + 2] === 0xbf) p += 3;
    this.#message(bytes, p, end);
  }
}

/** Behind `<PRI>` at `at`, or -1. */
function priority(bytes: Uint8Array, at: number, end: number): number {
  for (let p = at + 1; p < Math.min(end, at + 5); p++) {
    const c = bytes[p] as number;
    if (c === 62) return p > at + 1 ? p + 1 : -1;
    if (c < 48 || c > 57) return -1;
  }
  return -1;
}

/** Behind the structured data at `at`: `-`, or `[...]` elements whose values are quoted and may hold brackets. */
function afterData(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] === 45) return at + 1;
  let p = at;
  while (p < end && bytes[p] === OPEN) {
    let quoted = false;
    for (p++; p < end; p++) {
      const c = bytes[p];
      if (quoted && c === 92) p++;
      else if (c === 34) quoted = !quoted;
      else if (c === CLOSE && !quoted) break;
    }
    p++;
  }
  return p > at && p <= end ? p : -1;
}

/** A zone's name as `journalctl -o short-full` writes it between time and host. */
function isZone(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from < 2 || end - from > 5) return false;
  const c = bytes[from] as number;
  if (c === 43 || c === 45) return true;
  for (let i = from; i < end; i++) if (!((bytes[i] as number) >= 65 && (bytes[i] as number) <= 90)) return false;
  return true;
}

/** What may stand between host and tag: the facility of AIX (`auth|security:info`) and FreeBSD (`<auth.info>`). */
function isFacility(bytes: Uint8Array, from: number, end: number): boolean {
  for (let i = from; i < end; i++) {
    const c = bytes[i] as number;
    if (c === 124 || c === 60) return true;
  }
  return false;
}
