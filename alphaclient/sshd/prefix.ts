/**
 * What surrounds a message: who wrote the line, when, on which host, and where the message begins. Read from bytes;
 * a line of another program is let go after its tag. The journal's JSON has its own file.
 */

import type { LogClock } from './clock.ts';
import { Columns } from './macos.ts';
import { afterData, afterPriority } from './rfc5424.ts';
import { afterMark, Tag } from './tag.ts';
import {
  afterMonotonic,
  afterSocklog,
  afterStream,
  isFacility,
  isHostCharacter,
  isLevel,
  isRepeated,
  isTagged,
  isZone,
  wholeNumber,
} from './words.ts';

/**
 * `sshd`: a message of sshd. `raw`: no prefix at all, perhaps `sshd -E`. `repeated`: syslogd's `last message repeated`. `timed`: a
 * time and nobody's tag, as in a container's log.
 */
export type Writer = 'sshd' | 'raw' | 'json' | 'repeated' | 'timed' | 'other';

const SPACE = 32;
const OPEN = 91;
const CLOSE = 93;
/** The longest short name of a weekday that glibc has in any language. */
const WEEKDAY_LIMIT_BYTES = 13;
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
  readonly #columns = new Columns();

  constructor(clock: LogClock) {
    this.#clock = clock;
  }

  /** Takes the line in `bytes` from `from` to `end` apart; the line's end is not part of it. */
  read(bytes: Buffer, from: number, end: number): void {
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
      at = afterPriority(bytes, at, end);
      if (at < 0) {
        this.writer = 'raw';
        return;
      }
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
    // A line that begins with the tag itself: `sshd[123]: message`.
    const message = this.#readTag(bytes, at, end);
    if (message >= 0) this.#message(bytes, message, end);
    else if (first === 49 && bytes[at + 1] === SPACE) this.#rfc5424(bytes, at + 2, end);
    else this.#afterHost(bytes, first === OPEN ? afterMonotonic(bytes, at, end) : at, end);
  }

  /** `HOST TAG[PID]: MESSAGE`, a line whose time somebody took away. sshd begins no message like this. */
  #afterHost(bytes: Buffer, at: number, end: number): void {
    let p = at;
    while (p < end && isHostCharacter(bytes[p] as number)) p++;
    if (p === at || bytes[p] !== SPACE) return;
    const message = this.#readTag(bytes, p + 1, end);
    if (message < 0 || this.pid < 0) return;
    this.hostFrom = at;
    this.hostEnd = p;
    this.#message(bytes, message, end);
  }

  /** Where a container's line goes on behind the time that its runtime wrote, or -1. */
  behindTime(bytes: Buffer, from: number, end: number): number {
    if (end - from < 16 || !this.#time(bytes, from, end)) return -1;
    this.ms = this.#clock.ms;
    return afterStream(bytes, this.#clock.end + 1, end);
  }

  /** Any time at the beginning of a line. */
  #time(bytes: Buffer, at: number, end: number): boolean {
    const clock = this.#clock;
    const first = bytes[at] as number;
    if (first >= 48 && first <= 57) {
      if (clock.iso(bytes, at) || clock.unix(bytes, at)) return clock.end < end;
      return (clock.traditional(bytes, at) || clock.localized(bytes, at)) && clock.end < end;
    }
    if (first === OPEN) return clock.iso(bytes, at + 1) && clock.end < end && bytes[clock.end] === CLOSE;
    if (first < 65) return false;
    if (clock.traditional(bytes, at)) return clock.end < end;
    // `Mon 2026-11-23 20:31:24 UTC host` of `journalctl -o short-full`, in any language; `Mon, Nov 23 ...`.
    let p = at + 2;
    while (p < at + WEEKDAY_LIMIT_BYTES && bytes[p] !== SPACE) p++;
    if (bytes[p] !== SPACE) return false;
    const found = clock.iso(bytes, p + 1) || clock.traditional(bytes, p + 1, true) || clock.localized(bytes, at);
    return found && clock.end < end;
  }

  /** From behind the time: `[ZONE ][HOST ][FACILITY ]TAG[PID]: MESSAGE`. */
  #afterTime(bytes: Buffer, at: number, end: number): void {
    let p = at;
    while (bytes[p] === SPACE && p < end) p++;
    p = afterSocklog(bytes, p, end);
    let message = this.#readTag(bytes, p, end);
    if (message >= 0) {
      this.#message(bytes, message, end);
      return;
    }
    if (this.#afterColumns(bytes, p, end)) return;
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
      ) {
        if (isLevel(bytes, this.hostFrom, this.hostEnd) || !isTagged(bytes, this.hostEnd, p)) {
          this.writer = 'timed';
          this.from = afterStream(bytes, this.hostFrom, end);
        }
        return;
      }
      // The host is the first word; a zone's name before it gives way (`UTC bastion`), a facility does not (`<auth.info>`).
      if (this.hostEnd === 0 || isZone(bytes, this.hostFrom, this.hostEnd)) {
        this.hostFrom = wordFrom;
        this.hostEnd = p;
      }
      while (p < end && bytes[p] === SPACE) p++;
      message = this.#readTag(bytes, p, end);
      if (message >= 0) {
        if (isFacility(bytes, this.hostFrom, this.hostEnd)) this.#hostAfterFacility(bytes, p);
        this.#message(bytes, message, end);
        return;
      }
      if (bytes[p] === 108 && isRepeated(bytes, p)) {
        this.writer = 'repeated';
        this.from = p;
        return;
      }
    }
  }

  /** The styles `default` and `compact` of macOS's `log`; false where it is neither. */
  #afterColumns(bytes: Buffer, at: number, end: number): boolean {
    const columns = this.#columns;
    const tag = columns.full(bytes, at, end);
    const message = tag < 0 ? columns.compact(bytes, at, end) : this.#readTag(bytes, tag, end);
    if (message >= 0) {
      if (this.pid < 0) this.pid = columns.pid;
      this.#message(bytes, message, end);
    }
    return tag >= 0 || message >= 0;
  }

  /** A facility before the host (FreeBSD's `<auth.info> host`), or in its place: the host is the word before the tag. */
  #hostAfterFacility(bytes: Buffer, tag: number): void {
    let end = tag;
    while (end > this.hostEnd && bytes[end - 1] === SPACE) end--;
    let from = end;
    while (from > this.hostEnd && bytes[from - 1] !== SPACE) from--;
    const found = from > this.hostEnd;
    this.hostFrom = found ? from : 0;
    this.hostEnd = found ? end : 0;
  }

  #readTag(bytes: Buffer, at: number, end: number): number {
    const message = this.#tag.read(bytes, at, end);
    if (message >= 0) this.pid = this.#tag.pid;
    return message;
  }

  #message(bytes: Buffer, at: number, end: number): void {
    this.writer = 'sshd';
    this.from = Math.min(afterMark(bytes, Math.min(at, end), end), end);
  }

  /** `TIMESTAMP HOST APP PROCID MSGID DATA MESSAGE` (RFC 5424, section 6). */
  #rfc5424(bytes: Buffer, at: number, end: number): void {
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
    this.pid = wholeNumber(bytes, pidFrom, pidEnd);
    if (bytes[p] !== SPACE) return;
    p = afterData(bytes, p + 1, end);
    if (p < 0) return;
    // rsyslog's own template for this form writes a second one; no message of sshd begins with any.
    while (bytes[p] === SPACE && p < end) p++;
    if (bytes[p] === 0xef && bytes[p + 1] === 0xbb && bytes[p + 2] === 0xbf) p += 3;
    this.#message(bytes, p, end);
  }
}
