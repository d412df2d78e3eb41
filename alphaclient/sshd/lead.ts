/**
 * The beginning of a line, where it is that of the line before but for the second and the pid: `Nov 20 10:00:07 web
 * sshd[4321]: `. Nearly every line of a busy log is such; the others are taken apart by prefix.ts.
 */

import type { Memory } from './memory.ts';
import { plainHostChars } from './words.ts';

const LF = 10;
const SPACE = 32;
const COLON = 58;
const DOT = 46;
const OPEN = 91;
const CLOSE = 93;
const LESS = 60;
const PARENTHESIS = 40;
const SLASH = 47;
const S = 115;
const H = 104;
/** `last message repeated`. */
const L = 108;
/** `kernel:` */
const K = 107;
/** `Nov 20 10:00:`, and `2026-11-20T10:00:`. */
const TRADITIONAL_CHARS = 13;
const ISO_CHARS = 17;
const PID_LIMIT_CHARS = 10;
/** A longer one is prefix.ts's to read. */
const TAG_LIMIT_CHARS = 64;
/** Longer ones, of a long host name, are not kept. */
const REST_LIMIT_BYTES = 160;
/** `+00:00`. */
const ZONE_LIMIT_CHARS = 6;
/** What is kept of the memory. */
export const LEAD_BYTES = ISO_CHARS + ZONE_LIMIT_CHARS + REST_LIMIT_BYTES;

/** What the time of a line without a year hangs on beside its own text: see `LogClock`. */
export interface LeadClock {
  /** Changes whenever the meaning of a year-less time may have changed. */
  readonly era: number;
  /** The last year-less moment. */
  previousMs: number;
}

/** Says whether a line begins like the one that was kept, and with which time and pid. Where in doubt it says no. */
export class Lead {
  /** Unix milliseconds of the line. */
  ms = Number.NaN;
  pid = -1;
  /** Where the message begins. */
  from = 0;
  /** Whether the line that was looked at last, and is not alike, begins alike but for another program's tag. */
  isOther = false;

  /** That of whoever reads. */
  clock: LeadClock = { era: 0, previousMs: Number.NaN };
  readonly #memory: Memory;
  /** The time up to the second; none where nothing is kept. */
  readonly #head: number;
  #headChars = 0;
  #minuteMs = 0;
  #secondMs = 0;
  /** Those of the line whose time was read last, which need not be alike. */
  #readSecondMs = 0;
  #readMs = 0;
  #era = 0;
  /** The zone behind the second and its fraction. */
  readonly #zone: number;
  #zoneChars = 0;
  /** From the space behind the time to the bracket before the pid; and of that ` HOST `, none where it is not that plain. */
  readonly #rest: number;
  #restChars = 0;
  #hostChars = 0;

  /** The last line that was alike, of this time: where it stands, and how many characters come before its pid; none: no line. */
  #at = 0;
  #chars = 0;

  /** Needs `LEAD_BYTES` of the memory, in which the lines are. */
  constructor(memory: Memory) {
    this.#memory = memory;
    this.#head = memory.room(ISO_CHARS);
    this.#zone = memory.room(ZONE_LIMIT_CHARS);
    this.#rest = memory.room(REST_LIMIT_BYTES);
  }

  /** Every line is to be taken apart until one is kept. */
  forget(): void {
    this.#headChars = 0;
    this.#chars = 0;
  }

  /** The memory has other lines now. */
  leaves(): void {
    this.#chars = 0;
  }

  /** Takes the beginning of the line at `at`; false where it is not like that of the line kept. */
  read(at: number): boolean {
    const chars = this.#chars;
    // Most lines of a busy log begin like the one before to the second.
    const isSame = chars > 0 && this.#era === this.clock.era && this.#memory.same(at, this.#at, chars);
    if (!isSame && !this.#begins(at)) return false;
    if (this.#zoneChars === 0) this.clock.previousMs = this.#secondMs;
    this.from = this.#readPid(at + this.#chars);
    return this.from >= 0;
  }

  /** The same where it is another second's, or another program's. */
  #begins(at: number): boolean {
    const tag = this.#readTime(at);
    const chars = this.#restChars - this.#hostChars;
    this.isOther = false;
    if (tag < 0) return false;
    if (!this.#memory.same(tag, this.#rest + this.#hostChars, chars)) {
      this.isOther = this.#hostChars > 0 && this.#isTag(tag);
      if (this.isOther && this.#zoneChars === 0) this.clock.previousMs = this.#readSecondMs;
      return false;
    }
    this.#secondMs = this.#readSecondMs;
    this.ms = this.#readMs;
    this.#at = at;
    this.#chars = tag + chars - at;
    return true;
  }

  /** Whether another program's tag stands at `at`, which prefix.ts would let go: one word that ends in a colon. */
  #isTag(at: number): boolean {
    const { bytes } = this.#memory;
    const first = bytes[at] as number;
    // It may be sshd's.
    if (first === SLASH || first === OPEN || first === L || first <= SPACE) return false;
    if (first === S && bytes[at + 1] === S && bytes[at + 2] === H) return false;
    const limit = at + TAG_LIMIT_CHARS;
    let p = at;
    while (p < limit && (bytes[p] as number) > SPACE) p++;
    return bytes[p] === SPACE && bytes[p - 1] === COLON;
  }

  /** Reads the time at `at`; gives where the tag begins, or -1 where what stands before it is not like that of the line kept. */
  #readTime(at: number): number {
    const memory = this.#memory;
    const { bytes } = memory;
    const head = this.#headChars;
    if (head === 0 || !memory.same(at, this.#head, head)) return -1;
    let p = at + head;
    const tens = (bytes[p] as number) - 48;
    const ones = (bytes[p + 1] as number) - 48;
    if (tens < 0 || tens > 5 || ones < 0 || ones > 9) return -1;
    p += 2;
    let millis = 0;
    if (bytes[p] === DOT) {
      let scale = 100;
      for (p++; ; p++) {
        const digit = (bytes[p] as number) - 48;
        if (digit < 0 || digit > 9) break;
        millis += digit * scale;
        scale = scale > 1 ? scale / 10 : 0;
      }
    }
    if (this.#zoneChars > 0) {
      if (!memory.same(p, this.#zone, this.#zoneChars)) return -1;
      p += this.#zoneChars;
    } else if (this.#era !== this.clock.era) return -1;
    if (!memory.same(p, this.#rest, this.#hostChars)) return -1;
    this.#readSecondMs = this.#minuteMs + (tens * 10 + ones) * 1_000;
    this.#readMs = this.#readSecondMs + millis;
    return p + this.#hostChars;
  }

  /** Behind `PID]: `, or -1. */
  #readPid(at: number): number {
    const { bytes } = this.#memory;
    const limit = at + PID_LIMIT_CHARS;
    let p = at;
    let pid = 0;
    for (; p < limit; p++) {
      const digit = (bytes[p] as number) - 48;
      if (digit < 0 || digit > 9) break;
      pid = pid * 10 + digit;
    }
    if (p === at || bytes[p] !== CLOSE || bytes[p + 1] !== COLON || bytes[p + 2] !== SPACE) return -1;
    this.pid = pid;
    // What a syslog may put before the message is prefix.ts's to know.
    const first = bytes[p + 3];
    return first === OPEN || first === LESS || first === PARENTHESIS || first === K || first === LF ? -1 : p + 3;
  }

  /** Keeps the beginning of the line at `at` in the memory, whose message at `from` is sshd's, if it has this form. */
  keep(at: number, from: number, ms: number): void {
    const { bytes } = this.#memory;
    this.forget();
    const head = timeChars(bytes, at);
    let open = from - 4;
    while (open > at && isDigit(bytes[open] as number)) open--;
    if (head === 0 || open <= at + head + 2 || Number.isNaN(ms)) return;
    const second = ((bytes[at + head] as number) - 48) * 10 + (bytes[at + head + 1] as number) - 48;
    let end = at + head + 2;
    if (bytes[end] === DOT)
      do end++;
      while (isDigit(bytes[end] as number));
    const zone = head === ISO_CHARS ? zoneChars(bytes, end) : 0;
    const rest = open + 1 - end - zone;
    if (bytes[end + zone] !== SPACE || bytes[open] !== OPEN || !(second < 60)) return;
    if (rest < 1 || rest > REST_LIMIT_BYTES || (head === ISO_CHARS && zone === 0)) return;
    if (!this.#copy(at, head, this.#head) || !this.#copy(end, zone, this.#zone)) return;
    if (!this.#copy(end + zone, rest, this.#rest)) return;
    this.#zoneChars = zone;
    this.#restChars = rest;
    this.#hostChars = plainHostChars(bytes, end + zone, open);
    this.#minuteMs = Math.floor(ms / 1_000) * 1_000 - second * 1_000;
    this.#era = this.clock.era;
    this.#headChars = head;
  }

  /** Keeps what is printable ASCII, which is all that can be compared; false where something else is among it. */
  #copy(from: number, count: number, to: number): boolean {
    const { bytes } = this.#memory;
    for (let i = 0; i < count; i++) {
      const c = bytes[from + i] as number;
      if (c < SPACE || c > 126) return false;
      bytes[to + i] = c;
    }
    return true;
  }
}

/** How many characters there are before the second, or 0. */
function timeChars(bytes: Uint8Array, at: number): number {
  if (bytes[at + 12] === COLON) return bytes[at + 9] === COLON && bytes[at + 6] === SPACE ? TRADITIONAL_CHARS : 0;
  return bytes[at + 16] === COLON && bytes[at + 13] === COLON ? ISO_CHARS : 0;
}

/** How many characters the zone has; 0 where there is none. */
function zoneChars(bytes: Uint8Array, at: number): number {
  const c = bytes[at] as number;
  if (c === 90) return 1;
  if (c !== 43 && c !== 45) return 0;
  let end = at + 1;
  while (end < at + ZONE_LIMIT_CHARS && (isDigit(bytes[end] as number) || bytes[end] === COLON)) end++;
  return end - at;
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}
