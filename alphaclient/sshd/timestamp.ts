/**
 * The time at the beginning of a log line, in every form that logs have, as Unix milliseconds. Times without a zone are local, and
 * times without a year get theirs from the order of the log and from when its file was written.
 */

import { flat } from './latin1.ts';
import { AHEAD_MS, BEHIND_MS, TimeZone } from './time-zone.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_SECONDS = 3_600;
const DAY_MS = 24 * HOUR_SECONDS * SECOND_MS;
/** A log in which time goes back more often than this is in no order, and its years cannot be inferred. */
const YEARS_LIMIT_MS = 12 * 366 * DAY_MS;

/** The shortest time that is looked for with what must follow it: `Nov  1 10:00:00 `. */
const TIME_MIN_CHARS = 16;
/** The longest text in which a time is looked for: a localized weekday, a date, nanoseconds and a zone are shorter. */
const TIME_LIMIT_CHARS = 64;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** `10:00:00`, with or without a fraction. */
const CLOCK = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)(?:[.,](?<fraction>\d*))?`;
/** `Nov 20 10:00:00`, `2026 Nov 20 10:00:00`, `Nov 20 2026 10:00:00`. */
const TRADITIONAL = new RegExp(
  String.raw`^(?:(?<before>\d{4}) )?(?<month>${MONTHS.join('|')}) {1,2}(?<day>\d\d?) (?:(?<year>\d{4}) )?${CLOCK}`,
);
/** ` 20 10:00:00` behind the name of a month in some other language. */
const DAY_AND_CLOCK = new RegExp(String.raw`^ {1,2}(?<day>\d\d?) (?:(?<year>\d{4}) )?${CLOCK}`);
/** `2026-11-20T10:00:00.123456+01:00`; the zone may be missing, as may its colon and its minutes. */
const ISO_8601 = new RegExp(
  String.raw`^(?<year>\d{4})(?<dash>[-/])(?<month>\d\d)\k<dash>(?<day>\d\d)(?<between>[T _])${CLOCK}(?<zone>Z|[+-]\d\d:?(?:\d\d)?)?`,
);
/** `20/Nov/2026:10:00:00 +0100` of the Common Log Format, `20 Nov 2026 10:00:00 +0100` of RFC 2822, `20-Nov-2026 10:00:00`. */
const DAY_FIRST = new RegExp(
  String.raw`^(?<day>\d\d?)(?<dash>[-/ ])(?<month>${MONTHS.join('|')})\k<dash>(?<year>\d{4})[: ]${CLOCK}(?: (?<zone>[+-]\d{4}))?`,
);
/** ` 2026 `, which OpenWrt's logread and ctime(3) write behind the time. */
const YEAR_BEHIND = /^ (\d{4})(?=[ \]])/;
/** Seconds since 1970, as `journalctl -o short-unix` writes them, or milliseconds. */
const UNIX = /^(\d{10})(?:\.(\d*)|(\d{3}))?(?![\w.])/;
/** TAI64N of daemontools, svlogd and s6-log: seconds and nanoseconds in hexadecimal digits. TAI64 is without the latter. */
const TAI64N = /^@4([0-9a-f]{15})([0-9a-f]{8})?(?!\w)/;
/** Such a label counts so many seconds more than Unix time: daemontools knew of no leap seconds but those before 1972, and others kept to that. */
const TAI_OFFSET_SECONDS = 10;
/** `Fri ` or `Fri, `, in any language that glibc has: its longest short name of a weekday takes 13 bytes. */
const WEEKDAY = /^[^ :\d]{2,13} /;
/** The character behind a time without a zone: some syslogs leave out the space. */
const TIME_ENDS = /^[^\d.]/;
const UTC_BEHIND = /^ (?:UTC|GMT) /;

/**
 * Months as `journalctl -o short` writes them in the language of its user (glibc's `%b` of LC_TIME), January to December: German,
 * French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Turkish, Russian.
 */
const LOCALIZED_MONTHS: readonly string[] = [
  'jan janv ene gen sty oca \u044f\u043d\u0432',
  'feb f\u00e9vr fev lut \u015fub \u0444\u0435\u0432',
  'm\u00e4r mars mar mrt \u043c\u0430\u0440',
  'apr avril abr kwi nis \u0430\u043f\u0440',
  'mai may mag mei maj \u043c\u0430\u044f \u043c\u0430\u0439',
  'jun juin giu cze haz \u0438\u044e\u043d',
  'jul juil lug lip tem \u0438\u044e\u043b',
  'aug ao\u00fbt ago sie a\u011fu \u0430\u0432\u0433',
  'sep sept set wrz eyl \u0441\u0435\u043d',
  'okt oct ott out pa\u017a eki \u043e\u043a\u0442',
  'nov lis kas \u043d\u043e\u044f',
  'dez d\u00e9c dic dec gru ara \u0434\u0435\u043a',
];
/** Chinese and Japanese, Korean: a number and the word for month. */
const NUMBERED_MONTH = /^(1[0-2]|[1-9])[\u6708\uc6d4]$/;
const MONTH_LIMIT_BYTES = 10;
/** A line may be so far behind the one before it without clocks having been put back between them. */
const REORDERED_LIMIT_MS = 5_000;
/** No log is older. */
const YEAR_MIN = 1970;
/** A number of four digits behind a time is no year from here on. */
const YEAR_LIMIT = 2200;

/** The named parts of one of the expressions above, as digits. */
type Digits = { readonly [part: string]: string | undefined };

/** A date and a time as a clock on the wall shows them. */
interface WallTime {
  /** NaN where the time has none. */
  readonly year: number;
  /** 0 to 11. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  /** 0 to 3600: the last is a leap second. */
  readonly secondOfHour: number;
  readonly millis: number;
  /** Index behind its last character. */
  readonly end: number;
}

/** Parses times, in the order of the log, and remembers the hour of the last one: thousands of lines share it. */
export class TimestampParser {
  /** The moment that `parse` found last, Unix milliseconds; NaN where there is no such day. */
  ms = Number.NaN;
  /** The last year-less moment, by which the next one gets its year; NaN at the log's beginning. Must outlive a restart. */
  previousMs = Number.NaN;
  /** The last local moment, with a year or without, by which the repeated hour of autumn is distinguished from the first. Must outlive a restart. */
  previousLocalMs = Number.NaN;

  /** Numbers the last time in the known hour, of which there is no other in its second; -1 where it has a fraction. */
  second = -1;
  #seconds = 0;

  #writtenMs = 0;
  #timeZone = new TimeZone();

  /** The last time of a common form up to and with `HH:`; empty where there is none, or where it may mean another hour now. */
  #hourText = '';
  #hourMs = Number.NaN;
  /** The zone behind such a time, and the character behind that. */
  #behindTime = '';
  #isYearless = false;
  #secondMs = Number.NaN;

  /** Takes what the lines cannot say: when their file was last written, and the zone of local times (this machine's where absent). */
  setContext(writtenMs: number, timeZone: string | undefined): void {
    if (this.#writtenMs === writtenMs && this.#timeZone.name === timeZone) return;
    this.#writtenMs = writtenMs;
    if (this.#timeZone.name !== timeZone) this.#timeZone = new TimeZone(timeZone);
    this.#hourText = '';
    this.second = -1;
  }

  /** Parses the time at `at`, with a weekday or brackets around it; gives the index behind it, or -1 where there is none. */
  parse(line: string, at = 0): number {
    if (line.length - at < TIME_MIN_CHARS) return -1;
    const known = this.parseInKnownHour(line, at);
    if (known >= 0) return known;
    const end = this.#parse(line.slice(at, at + TIME_LIMIT_CHARS));
    return end < 0 || at + end >= line.length ? -1 : at + end;
  }

  /** Parses a time of ISO 8601 alone (RFC 5424 has no other), as `parse` does. */
  parseIso(line: string, at: number): number {
    const end = this.#iso(line.slice(at, at + TIME_LIMIT_CHARS));
    return end < 0 ? -1 : at + end;
  }

  /**
   * Does what `parse` does, where the text up to the hour and the text behind the second are those of the time before; else -1. It may
   * be given all of a chunk, whose line begins at `at`.
   */
  parseInKnownHour(text: string, at: number): number {
    const hour = this.#hourText;
    if (hour === '' || !text.startsWith(hour, at)) return -1;
    let end = at + hour.length;
    const minute = twoDigits(text, end);
    const second = twoDigits(text, end + 3);
    if (!(minute < 60 && second <= 60) || text[end + 2] !== ':') return -1;
    end += 5;
    let millis = 0;
    const hasFraction = text[end] === '.' || text[end] === ',';
    if (hasFraction) {
      let scale = 100;
      for (let digit = digitAt(text, ++end); digit >= 0 && digit <= 9; digit = digitAt(text, ++end)) {
        millis += digit * scale;
        scale = scale > 1 ? scale / 10 : 0;
      }
    }
    if (!text.startsWith(this.#behindTime, end)) return -1;
    end += this.#behindTime.length;
    const ms = this.#hourMs + minute * MINUTE_MS + second * SECOND_MS;
    if (!this.#setInKnownHour(ms, millis)) return -1;
    this.second = hasFraction ? -1 : this.#seconds++;
    this.#secondMs = ms;
    return end - 1;
  }

  /** Does what `parseInKnownHour` does, where the text is that of the time `second`; returns false where that may mean another hour. */
  repeatSecond(): boolean {
    return this.#setInKnownHour(this.#secondMs, 0);
  }

  /** Sets the moment of a time in the known hour; returns false where its text may mean another hour, since it is before the line before it. */
  #setInKnownHour(ms: number, millis: number): boolean {
    if (this.#isYearless) {
      if (ms < this.previousLocalMs - REORDERED_LIMIT_MS) return false;
      this.previousMs = this.previousLocalMs = ms;
    }
    this.ms = ms + millis;
    return true;
  }

  #parse(text: string): number {
    if (text.startsWith('[')) {
      const end = 1 + this.#parseBare(text.slice(1));
      return end > 0 && text[end] === ']' ? end + 1 : -1;
    }
    if (text.startsWith('@')) return this.#tai64(text);
    return this.#parseBare(text);
  }

  #parseBare(text: string): number {
    if (/^\d/.test(text)) {
      let end = this.#iso(text);
      if (end < 0) end = this.#dayFirst(text);
      if (end < 0) end = this.#unix(text);
      return end < 0 ? this.#wall(parseTraditional(text) ?? parseLocalized(text), text) : end;
    }
    // All that does not begin with a digit has a clock's time in it.
    if (text < 'A' || !text.includes(':')) return -1;
    const end = this.#wall(parseTraditional(text), text);
    if (end >= 0) return end;
    // `Mon 2026-11-23 20:31:24 UTC host` of `journalctl -o short-full`, in any language; `Mon, Nov 23 ...`; `Mon, 23 Nov 2026 ...`.
    const weekday = WEEKDAY.exec(text)?.[0].length;
    if (weekday === undefined) return -1;
    const behind = text.slice(weekday);
    let found = this.#iso(behind);
    if (found < 0) found = this.#dayFirst(behind);
    if (found < 0) found = this.#wall(parseTraditional(behind), behind);
    return found < 0 ? this.#wall(parseLocalized(text), text) : weekday + found;
  }

  #unix(text: string): number {
    const found = UNIX.exec(text);
    if (found === null) return -1;
    this.ms = Number(found[1]) * SECOND_MS + millisOf(found[2] ?? found[3]);
    return found[0].length;
  }

  #tai64(text: string): number {
    const found = TAI64N.exec(text);
    if (found === null) return -1;
    const [label, seconds, nanoseconds = '0'] = found;
    const millis = Math.floor(Number.parseInt(nanoseconds, 16) / 1_000_000);
    this.ms = (Number.parseInt(seconds ?? '', 16) - TAI_OFFSET_SECONDS) * SECOND_MS + millis;
    return label.length;
  }

  #dayFirst(text: string): number {
    const found = DAY_FIRST.exec(text);
    const digits: Digits = found?.groups ?? {};
    const time = found && wallTimeOf(digits, MONTHS.indexOf(digits['month'] ?? ''), found[0].length);
    if (!time) return -1;
    const { year, month, day, millis, end } = time;
    const { zone } = digits;
    if (zone === undefined) this.ms = this.#local(time) + millis;
    else this.ms = Date.UTC(year, month, day) + secondOfDayOf(time) * SECOND_MS + millis - offsetMsOf(zone);
    return end;
  }

  #iso(text: string): number {
    const found = ISO_8601.exec(text);
    const digits: Digits = found?.groups ?? {};
    const end = found?.[0].length ?? 0;
    const month = Number(digits['month']) - 1;
    const time = found === null || month < 0 || month > 11 ? null : wallTimeOf(digits, month, end);
    if (time === null) return -1;
    const { year, day, millis } = time;
    const secondOfDay = secondOfDayOf(time);
    const { zone } = digits;
    if (zone !== undefined) {
      this.ms = Date.UTC(year, month, day) + secondOfDay * SECOND_MS + millis - offsetMsOf(zone);
      this.#rememberHour(text, { ...time, end: end - zone.length }, end, false);
    } else if (digits['between'] === '_' || UTC_BEHIND.test(text.slice(end)))
      this.ms = Date.UTC(year, month, day) + secondOfDay * SECOND_MS + millis;
    else this.ms = this.#local(time) + millis;
    return end;
  }

  #wall(time: WallTime | null, text: string): number {
    if (time === null || !TIME_ENDS.test(text.slice(time.end))) return -1;
    const ms = this.#local(time);
    this.ms = ms + time.millis;
    if (!Number.isNaN(time.year) || Number.isNaN(ms)) return time.end;
    this.previousMs = ms;
    this.#rememberHour(text, time, time.end, true);
    return time.end;
  }

  /** The moment of a local time, without its fraction. One that clocks show twice is the second where the line before it is later than the first. */
  #local(time: WallTime): number {
    const { year, month, day, hour, secondOfHour } = time;
    const zone = this.#timeZone;
    // Clocks are put forward and back at whole hours: within one, time goes by as it should.
    let ms = Number.isNaN(year)
      ? zone.momentWithoutYear(month, day, hour * HOUR_SECONDS, {
          writtenMs: this.#writtenMs,
          previousMs: this.previousMs,
        }) +
        secondOfHour * SECOND_MS
      : zone.moment(year, month, day, secondOfDayOf(time));
    if (ms < this.previousLocalMs - REORDERED_LIMIT_MS) {
      const again = zone.again(ms);
      if (again <= this.#writtenMs + AHEAD_MS) ms = again;
    }
    if (!Number.isNaN(ms)) this.previousLocalMs = ms;
    return ms;
  }

  /** Remembers the hour of the time just parsed, whose second and fraction end at `time.end` and whose zone ends at `end`. */
  #rememberHour(
    text: string,
    { secondOfHour, millis, end: clockEnd }: WallTime,
    end: number,
    isYearless: boolean,
  ): void {
    // The character behind the time belongs to the form: what may follow it decides how the time is read.
    this.#hourText = end < text.length ? flat(text.slice(0, text.indexOf(':') + 1)) : '';
    this.#hourMs = this.ms - millis - secondOfHour * SECOND_MS;
    this.#behindTime = text.slice(clockEnd, end + 1);
    this.#isYearless = isYearless;
    this.second = -1;
  }
}

/** Parses `[YYYY ]Mon _D [YYYY ]HH:MM:SS[.ffffff][ YYYY]`. */
function parseTraditional(text: string): WallTime | null {
  const found = TRADITIONAL.exec(text);
  const digits: Digits = found?.groups ?? {};
  const time = found && wallTimeOf(digits, MONTHS.indexOf(digits['month'] ?? ''), found[0].length);
  if (!time) return null;
  if (!Number.isNaN(time.year)) return text[time.end] === ':' ? { ...time, end: time.end + 1 } : time;
  const year = Number(YEAR_BEHIND.exec(text.slice(time.end))?.[1]);
  return year >= YEAR_MIN && year < YEAR_LIMIT ? { ...time, year, end: time.end + ' 2026'.length } : time;
}

/** Parses `Mon _D [YYYY ]HH:MM:SS[.ffffff]` with the month in another language. */
function parseLocalized(text: string): WallTime | null {
  const space = text.indexOf(' ');
  const found = space < 0 || space > MONTH_LIMIT_BYTES ? null : DAY_AND_CLOCK.exec(text.slice(space));
  if (found === null) return null;
  const month = localizedMonth(Buffer.from(text.slice(0, space), 'latin1').toString('utf8'));
  return month < 0 ? null : wallTimeOf(found.groups ?? {}, month, space + found[0].length);
}

/** The month of this name, 0 to 11, or -1. */
function localizedMonth(name: string): number {
  const word = name.toLowerCase().replace(/\.$/, '');
  const numbered = NUMBERED_MONTH.exec(word);
  return numbered === null
    ? LOCALIZED_MONTHS.findIndex((names) => names.split(' ').includes(word))
    : Number(numbered[1]) - 1;
}

/** The time that these digits say, which ends at `end`; null where they are no time. A second of 60 is a leap second. */
function wallTimeOf(digits: Digits, month: number, end: number): WallTime | null {
  const year = digits['before'] ?? digits['year'];
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map((part) => Number(digits[part])) as [
    number,
    number,
    number,
    number,
  ];
  if (Number(year ?? YEAR_MIN) < YEAR_MIN || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    return null;
  const secondOfHour = minute * 60 + second;
  return {
    year: Number(year ?? Number.NaN),
    month,
    day,
    hour,
    secondOfHour,
    millis: millisOf(digits['fraction']),
    end,
  };
}

function secondOfDayOf({ hour, secondOfHour }: WallTime): number {
  return hour * HOUR_SECONDS + secondOfHour;
}

/** Milliseconds in the digits of a fraction of a second, rounded down. */
function millisOf(fraction: string | undefined): number {
  return fraction ? Number(fraction.slice(0, 3).padEnd(3, '0')) : 0;
}

/** Returns how far clocks in the zone `Z`, `+01:00`, `+0100` or `+01` are ahead of UTC. */
function offsetMsOf(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', ''));
  return (zone.startsWith('-') ? -minutes : minutes) * MINUTE_MS;
}

const ZERO = '0'.charCodeAt(0);

/** The digit at `at`; outside 0 to 9, or NaN, where there is none. */
export function digitAt(text: string, at: number): number {
  return text.charCodeAt(at) - ZERO;
}

/** The number in the two digits at `at`; NaN where there are none. */
function twoDigits(text: string, at: number): number {
  const tens = digitAt(text, at);
  const ones = digitAt(text, at + 1);
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/**
 * Gives the moment of the last line in a stretch of a log that begins with a time without a zone, taken as the last one there was before
 * `writtenMs`; null when no line does. Unix milliseconds.
 */
export function lastTime(bytes: Buffer, writtenMs: number, timeZone?: string): number | null {
  const zone = new TimeZone(timeZone);
  for (const line of bytes.toString('latin1').split('\n').reverse()) {
    const ms = traditionalMoment(line, zone, writtenMs);
    if (!Number.isNaN(ms)) return ms;
  }
  return null;
}

/**
 * Gives the moment of the first line of a log whose times have no years and may span several of them, Unix milliseconds: from the
 * last line's moment (`lastMs`) backwards, each line is the last such day that is not after the one behind it. `samples` are stretches of
 * the log in order; a year must not pass between two of them. Null when no line has such a time, or they are in no order.
 */
export function firstTime(samples: readonly Buffer[], lastMs: number, timeZone?: string): number | null {
  const zone = new TimeZone(timeZone);
  let first = lastMs;
  let found = false;
  const look = (line: string): boolean => {
    const ms = traditionalMoment(line, zone, first + BEHIND_MS - AHEAD_MS);
    if (Number.isNaN(ms)) return false;
    first = Math.min(first, ms);
    found = true;
    return true;
  };
  const isInOrder = (): boolean => lastMs - first <= YEARS_LIMIT_MS;
  const [beginning, ...others] = samples;
  // Of the later stretches, which may begin in the middle of a line, one line each; of the first one every line.
  for (const sample of others.reverse()) if (isInOrder()) sample.toString('latin1').split('\n').slice(1).some(look);
  for (const line of beginning?.toString('latin1').split('\n').reverse() ?? []) if (isInOrder()) look(line);
  return found && isInOrder() ? first : null;
}

/** The moment of a line that begins with a time in the traditional form, not after `writtenMs`; else NaN. */
function traditionalMoment(line: string, zone: TimeZone, writtenMs: number): number {
  const time = line.length < TIME_MIN_CHARS ? null : parseTraditional(line.slice(0, TIME_LIMIT_CHARS));
  if (time === null || line[time.end] !== ' ') return Number.NaN;
  const { year, month, day, millis } = time;
  const secondOfDay = secondOfDayOf(time);
  return (
    millis +
    (Number.isNaN(year)
      ? zone.momentWithoutYear(month, day, secondOfDay, { writtenMs, previousMs: Number.NaN })
      : zone.moment(year, month, day, secondOfDay))
  );
}
