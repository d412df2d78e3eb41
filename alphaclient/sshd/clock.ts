/** The time at the beginning of a line, in any form that logs have, read from bytes with a memory for repeats. */

import { moment, momentWithoutYear } from './calendar.ts';
import { localMonth } from './months.ts';

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

function monthOf(bytes: Uint8Array, at: number): number {
  for (let m = 0; m < 36; m += 3)
    if (
      bytes[at] === MONTHS.charCodeAt(m) &&
      bytes[at + 1] === MONTHS.charCodeAt(m + 1) &&
      bytes[at + 2] === MONTHS.charCodeAt(m + 2)
    )
      return m / 3;
  return -1;
}

/** `count` digits at `at`, or -1. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) {
    const c = (bytes[at + i] as number) - 48;
    if (!(c >= 0 && c <= 9)) return -1;
    value = value * 10 + c;
  }
  return value;
}

/** `HH:MM:SS` at `at` as seconds, or -1. 60 is a leap second. */
function timeOfDay(bytes: Uint8Array, at: number): number {
  if (bytes[at + 2] !== 58 || bytes[at + 5] !== 58) return -1;
  const h = digits(bytes, at, 2);
  const m = digits(bytes, at + 3, 2);
  const s = digits(bytes, at + 6, 2);
  return h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 ? -1 : h * 3600 + m * 60 + s;
}

/** Reads times; remembers the last one, because thousands of lines share a second. */
export class LogClock {
  /** The moment of the line last read, Unix milliseconds; NaN where it had none. */
  ms = Number.NaN;
  /** Where the time ends: the index of the space behind it. */
  end = 0;
  /** What years of year-less lines hang on: when the file was written, and the zone of its local times. */
  writtenMs = 0;
  timeZone: string | undefined;
  /** The last year-less moment, for the order of the log; NaN at its beginning. */
  previousMs = Number.NaN;

  #day = -1;
  #dayMs = Number.NaN;
  #hour = -1;
  #hourMs = Number.NaN;
  #writtenMs = Number.NaN;
  #timeZone: string | undefined;

  /** `[YYYY ]Mon _D [YYYY ]HH:MM:SS[.ffffff]` at `at`; `HH:MM:SS YYYY` behind a weekday, as OpenWrt's logread has it. */
  traditional(bytes: Uint8Array, at: number, afterWeekday = false): boolean {
    if (bytes[at + 3] === 32) {
      const month = monthOf(bytes, at);
      return month >= 0 && this.#dayAndTime(bytes, at + 4, month, -1, afterWeekday);
    }
    if (bytes[at + 4] !== 32 || bytes[at + 8] !== 32) return false;
    const year = digits(bytes, at, 4);
    if (year < 1970) return false;
    const month = monthOf(bytes, at + 5);
    return month >= 0 && this.#dayAndTime(bytes, at + 9, month, year, false);
  }

  /** The same with the month in another language: `journalctl` writes it in the reader's. */
  localized(bytes: Buffer, at: number): boolean {
    const found = localMonth(bytes, at);
    return found !== null && this.#dayAndTime(bytes, found.end + 1, found.month, -1, false);
  }

  #dayAndTime(bytes: Uint8Array, at: number, month: number, yearBefore: number, yearBehind: boolean): boolean {
    let p = at;
    let year = yearBefore;
    if (bytes[p] === 32) p++;
    let day = (bytes[p++] as number) - 48;
    if (!(day >= 0 && day <= 9)) return false;
    if (bytes[p] !== 32) {
      const ones = (bytes[p++] as number) - 48;
      if (!(ones >= 0 && ones <= 9)) return false;
      day = day * 10 + ones;
    }
    if (bytes[p] !== 32 || day < 1 || day > 31) return false;
    p++;
    if (bytes[p + 4] === 32) {
      year = digits(bytes, p, 4);
      if (year < 1970) return false;
      p += 5;
    }
    const time = timeOfDay(bytes, p);
    if (time < 0) return false;
    p = this.#fraction(bytes, p + 8);
    const millis = this.#millis;
    if (yearBehind && bytes[p] === 32 && bytes[p + 5] === 32 && digits(bytes, p + 1, 4) >= 1970) {
      year = digits(bytes, p + 1, 4);
      p += 5;
    }
    if (year > 0) {
      if (bytes[p] === 58) p++;
      this.ms = moment(year, month, day, time, this.timeZone) + millis;
    } else this.ms = this.#yearless(month, day, time) + millis;
    this.end = p;
    return bytes[p] === 32;
  }

  #millis = 0;

  /** `.ffffff` or `,fff` at `at`; gives where it ends. */
  #fraction(bytes: Uint8Array, at: number): number {
    this.#millis = 0;
    if (bytes[at] !== 46 && bytes[at] !== 44) return at;
    let p = at + 1;
    let scale = 100;
    for (;;) {
      const c = (bytes[p] as number) - 48;
      if (!(c >= 0 && c <= 9)) return p;
      this.#millis += c * scale;
      scale = scale > 1 ? scale / 10 : 0;
      p++;
    }
  }

  #yearless(month: number, day: number, time: number): number {
    // Clocks are put forward and back by whole hours, at whole hours: within one, time goes by as it should.
    const hour = (month * 32 + day) * 24 + Math.floor(time / 3_600);
    const fresh = hour !== this.#hour || this.writtenMs !== this.#writtenMs || this.timeZone !== this.#timeZone;
    if (fresh) {
      this.#hour = hour;
      this.#writtenMs = this.writtenMs;
      this.#timeZone = this.timeZone;
      const start = time - (time % 3_600);
      this.#hourMs = momentWithoutYear(month, day, start, this.writtenMs, this.previousMs, this.timeZone);
    }
    const ms = this.#hourMs + (time % 3_600) * 1_000;
    if (!Number.isNaN(ms)) this.previousMs = ms;
    return ms;
  }

  /** `YYYY-MM-DD(T| )HH:MM:SS[.ffffff][Z|+HH:MM|+HHMM|+HH]` at `at`. Without a zone it is local time. */
  iso(bytes: Uint8Array, at: number): boolean {
    const dash = bytes[at + 4];
    if ((dash !== 45 && dash !== 47) || bytes[at + 7] !== dash) return false;
    const between = bytes[at + 10];
    if (between !== 84 && between !== 32) return false;
    const time = timeOfDay(bytes, at + 11);
    if (time < 0) return false;
    const year = digits(bytes, at, 4);
    const month = digits(bytes, at + 5, 2);
    const date = digits(bytes, at + 8, 2);
    if (year < 1970 || month < 1 || month > 12 || date < 1 || date > 31) return false;
    let p = this.#fraction(bytes, at + 19);
    const millis = this.#millis;
    const sign = bytes[p];
    if (sign === 90) {
      this.end = p + 1;
      this.ms = this.#midnight(year, month, date) + time * 1000 + millis;
    } else if ((sign === 43 || sign === 45) && digits(bytes, p + 1, 2) >= 0) {
      const hours = digits(bytes, p + 1, 2);
      p += 3;
      if (bytes[p] === 58) p++;
      let minutes = digits(bytes, p, 2);
      if (minutes < 0) minutes = 0;
      else p += 2;
      const offset = (hours * 60 + minutes) * 60_000 * (sign === 43 ? 1 : -1);
      this.end = p;
      this.ms = this.#midnight(year, month, date) + time * 1000 + millis - offset;
    } else {
      this.end = p;
      const utc = bytes[p] === 32 && (isWord(bytes, p + 1, 'UTC') || isWord(bytes, p + 1, 'GMT'));
      this.ms = moment(year, month - 1, date, time, utc ? 'UTC' : this.timeZone) + millis;
    }
    return true;
  }

  /** Midnight UTC of a day, remembered. */
  #midnight(year: number, month: number, date: number): number {
    const day = (year * 16 + month) * 32 + date;
    if (day !== this.#day) {
      this.#day = day;
      this.#dayMs = Date.UTC(year, month - 1, date);
    }
    return this.#dayMs;
  }

  /** `SECONDS.FRACTION` since 1970 at `at`: `journalctl -o short-unix`. */
  unix(bytes: Uint8Array, at: number): boolean {
    const seconds = digits(bytes, at, 10);
    if (seconds < 0 || bytes[at + 10] !== 46) return false;
    this.end = this.#fraction(bytes, at + 10);
    this.ms = seconds * 1000 + this.#millis;
    return bytes[this.end] === 32;
  }
}

/** True when the word at `at`, up to a space, is `word`. */
export function isWord(bytes: Uint8Array, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return false;
  return bytes[at + word.length] === 32;
}
