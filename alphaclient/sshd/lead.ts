/**
 * The beginning of a line, where it is that of the line before but for the second and the pid: `Nov 20 10:00:07 web
 * sshd[4321]: `. Nearly every line of a busy log is such; the others are taken apart by prefix.ts.
 */

import { type Bytes, room, same } from './compare.ts';
import { isDigit } from './extents.ts';

const LF = 10;
const SPACE = 32;
const COLON = 58;
const DOT = 46;
const OPEN = 91;
const CLOSE = 93;
const LESS = 60;
const PARENTHESIS = 40;
/** `kernel:` */
const K = 107;
/** `Nov 20 10:00:`, and `2026-11-20T10:00:`. */
const TRADITIONAL_CHARS = 13;
const ISO_CHARS = 17;
/** Longer ones, of a long host name, are not kept. */
const REST_LIMIT_BYTES = 160;
/** `+00:00`. */
const ZONE_LIMIT_CHARS = 6;

/** What the time of a line without a year hangs on beside its own text: see `LogClock`. */
export interface LeadClock {
  /** Changes whenever the meaning of a year-less time may have changed. */
  readonly era: number;
  /** The last year-less moment. */
  previousMs: number;
}

export class Lead {
  /** Unix milliseconds of the line. */
  ms = Number.NaN;
  pid = -1;
  /** Where the message begins. */
  from = 0;

  readonly #clock: LeadClock;
  /** The time up to the second; none where nothing is kept. */
  readonly #head = room(ISO_CHARS);
  #headChars = 0;
  #minuteMs = 0;
  #secondMs = 0;
  #era = 0;
  /** The zone behind the second and its fraction. */
  readonly #zone = room(ZONE_LIMIT_CHARS);
  #zoneChars = 0;
  /** From the space behind the time to the bracket before the pid. */
  readonly #rest = room(REST_LIMIT_BYTES);
  #restChars = 0;

  /** The line whose time was read last: where it stands, and how many characters come before its pid. */
  #view: Bytes | null = null;
  #at = 0;
  #chars = 0;

  constructor(clock: LeadClock) {
    this.#clock = clock;
  }

  /** Every line is to be taken apart until one is kept. */
  forget(): void {
    this.#headChars = 0;
    this.#view = null;
  }

  /** Takes the beginning of the line at `at`; false where it is not like that of the line kept. */
  read(view: Bytes, at: number): boolean {
    // Most lines of a busy log begin like the one before to the second.
    const isSame = view === this.#view && this.#era === this.#clock.era && same(view, at, view, this.#at, this.#chars);
    if (!isSame && !this.#readTime(view, at)) return false;
    if (this.#zoneChars === 0) this.#clock.previousMs = this.#secondMs;
    this.from = this.#readPid(view, at + this.#chars);
    return this.from >= 0;
  }

  /** Reads the time at `at`; false where what stands there up to the pid is not like that of the line kept. */
  #readTime(view: Bytes, at: number): boolean {
    this.#view = null;
    const head = this.#headChars;
    if (head === 0 || !same(view, at, this.#head, 0, head)) return false;
    const limit = view.length - 1;
    let p = at + head;
    if (p + 2 > limit) return false;
    const tens = view.byte(p) - 48;
    const ones = view.byte(p + 1) - 48;
    if (tens < 0 || tens > 5 || ones < 0 || ones > 9) return false;
    p += 2;
    let millis = 0;
    if (view.byte(p) === DOT) {
      let scale = 100;
      for (p++; p < limit; p++) {
        const digit = view.byte(p) - 48;
        if (digit < 0 || digit > 9) break;
        millis += digit * scale;
        scale = scale > 1 ? scale / 10 : 0;
      }
    }
    if (this.#zoneChars > 0) {
      if (!same(view, p, this.#zone, 0, this.#zoneChars)) return false;
      p += this.#zoneChars;
    } else if (this.#era !== this.#clock.era) return false;
    if (!same(view, p, this.#rest, 0, this.#restChars)) return false;
    this.#secondMs = this.#minuteMs + (tens * 10 + ones) * 1_000;
    this.ms = this.#secondMs + millis;
    this.#view = view;
    this.#at = at;
    this.#chars = p + this.#restChars - at;
    return true;
  }

  /** Behind `PID]: `, or -1. */
  #readPid(view: Bytes, at: number): number {
    const limit = view.length - 4;
    let p = at;
    let pid = 0;
    for (; p < limit && p < at + 10; p++) {
      const digit = view.byte(p) - 48;
      if (digit < 0 || digit > 9) break;
      pid = pid * 10 + digit;
    }
    if (p === at || p >= limit) return -1;
    if (view.byte(p) !== CLOSE || view.byte(p + 1) !== COLON || view.byte(p + 2) !== SPACE) return -1;
    this.pid = pid;
    // What a syslog may put before the message is prefix.ts's to know.
    const first = view.byte(p + 3);
    return first === OPEN || first === LESS || first === PARENTHESIS || first === K || first === LF ? -1 : p + 3;
  }

  /** Keeps the beginning of the line at `at`, whose message at `from` is sshd's, of this moment, if it has this form. */
  keep(view: Bytes, at: number, from: number, ms: number): void {
    this.forget();
    const head = timeChars(view, at);
    let open = from - 4;
    while (open > at && isDigit(view.byte(open))) open--;
    if (head === 0 || open <= at + head + 2 || Number.isNaN(ms)) return;
    const second = (view.byte(at + head) - 48) * 10 + view.byte(at + head + 1) - 48;
    let end = at + head + 2;
    if (view.byte(end) === DOT)
      do end++;
      while (isDigit(view.byte(end)));
    const zone = head === ISO_CHARS ? zoneChars(view, end) : 0;
    const rest = open + 1 - end - zone;
    if (view.byte(end + zone) !== SPACE || view.byte(open) !== OPEN || !(second < 60)) return;
    if (rest < 1 || rest > REST_LIMIT_BYTES || (head === ISO_CHARS && zone === 0)) return;
    if (!copy(view, at, head, this.#head) || !copy(view, end, zone, this.#zone)) return;
    if (!copy(view, end + zone, rest, this.#rest)) return;
    this.#zoneChars = zone;
    this.#restChars = rest;
    this.#minuteMs = Math.floor(ms / 1_000) * 1_000 - second * 1_000;
    this.#era = this.#clock.era;
    this.#headChars = head;
  }
}

/** How many characters there are before the second, or 0. */
function timeChars(view: Bytes, at: number): number {
  if (at + ISO_CHARS + 3 > view.length) return 0;
  if (view.byte(at + 12) === COLON)
    return view.byte(at + 9) === COLON && view.byte(at + 6) === SPACE ? TRADITIONAL_CHARS : 0;
  return view.byte(at + 16) === COLON && view.byte(at + 13) === COLON ? ISO_CHARS : 0;
}

/** How many characters the zone has; 0 where there is none. */
function zoneChars(view: Bytes, at: number): number {
  const c = view.byte(at);
  if (c === 90) return 1;
  if (c !== 43 && c !== 45) return 0;
  let end = at + 1;
  while (end < at + ZONE_LIMIT_CHARS && (isDigit(view.byte(end)) || view.byte(end) === COLON)) end++;
  return end - at;
}

/** Copies what is printable ASCII, which is all that is compared; false where something else is among it. */
function copy(view: Bytes, at: number, count: number, to: Bytes): boolean {
  for (let i = 0; i < count; i++) {
    const c = view.byte(at + i);
    if (c < SPACE || c > 126) return false;
    to.bytes[i] = c;
  }
  return true;
}
