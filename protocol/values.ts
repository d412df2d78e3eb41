/** Checks of single values that come in over the wire: each is what its field's name says, and within its bound. */
import { isIP } from 'node:net';
import { EVENT_TEXT_LIMITS, PID_LIMIT } from './event.ts';

/** The longest host name, in UTF-16 units: RFC 1035 allows 253 characters, and a dot may stand behind it. */
export const HOST_LIMIT_CHARS = EVENT_TEXT_LIMITS.host;
/**
 * The largest `seq` and the largest total that an agent reports. One agent reaches it after 34 years of 1,000 events a second, and no
 * sum over as many agents as a server knows passes what SQLite holds exactly.
 */
export const COUNT_LIMIT = 2 ** 40;
/** Limit of the nesting of objects and lists in one line: what this protocol defines has three levels. */
export const JSON_DEPTH_LIMIT = 16;

/** Spaces, and what is not shown or changes how its neighbours are: control, format, surrogate and unassigned characters. */
const NOT_IN_A_NAME = /[\p{Z}\p{C}]/u;
const ISO_TIME =
  /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** True for a name that a host may have: not empty, within HOST_LIMIT_CHARS, without spaces and invisible characters. */
export function isHostName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= HOST_LIMIT_CHARS && !NOT_IN_A_NAME.test(value);
}

/** The form that `isUtcTime` reads: `d` is a digit, all else stands for itself. */
const UTC_TIME = 'dddd-dd-ddTdd:dd:dd.dddZ';
const DIGIT = 'd'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** True for an ISO 8601 time that exists, in UTC and with milliseconds, as nearly all are: without an expression, at a tenth of its cost. */
export function isUtcTime(text: string): boolean {
  if (text.length !== UTC_TIME.length) return false;
  for (let i = 0; i < UTC_TIME.length; i += 1) {
    const expected = UTC_TIME.charCodeAt(i);
    const code = text.charCodeAt(i);
    if (expected === DIGIT ? code < ZERO || code > ZERO + 9 : code !== expected) return false;
  }
  const twoAt = (i: number): number => (text.charCodeAt(i) - ZERO) * 10 + text.charCodeAt(i + 1) - ZERO;
  return isDay(100 * twoAt(0) + twoAt(2), twoAt(5), twoAt(8)) && twoAt(11) < 24 && twoAt(14) < 60 && twoAt(17) < 60;
}

/** Gives a time that exists, in UTC and ISO 8601, as Unix milliseconds. Date.parse takes four times as long. */
export function utcMs(text: string): number {
  const twoAt = (i: number): number => (text.charCodeAt(i) - ZERO) * 10 + text.charCodeAt(i + 1) - ZERO;
  const year = 100 * twoAt(0) + twoAt(2);
  // Other forms; and Date.UTC takes a year of two digits for one of the last century.
  if (text.length !== UTC_TIME.length || year < 100) return Date.parse(text);
  const millis = 10 * twoAt(20) + text.charCodeAt(22) - ZERO;
  return Date.UTC(year, twoAt(5) - 1, twoAt(8), twoAt(11), twoAt(14), twoAt(17), millis);
}

/** The day that every month has. */
const LEAST_MONTH_DAYS = 28;

function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  // Day 0 of the next month is the last one of this month.
  return day <= LEAST_MONTH_DAYS || day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** True for an ISO 8601 time that exists: `2026-02-30` does not. */
export function isTime(value: unknown): value is string {
  if (typeof value === 'string' && isUtcTime(value)) return true;
  const found = typeof value === 'string' ? ISO_TIME.exec(value) : null;
  if (found === null) return false;
  return isDay(Number(found[1]), Number(found[2]), Number(found[3]));
}

/** True for a whole number from `least` to COUNT_LIMIT. */
export function isCount(value: unknown, least = 0): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= COUNT_LIMIT;
}

/** The largest port. */
export const PORT_LIMIT = 65_535;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** True for a numeric IPv4 or IPv6 address, the latter also with its scope (RFC 4007). */
export function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0;
}

/** True for a TCP port, 0 included. */
export const isPort = (value: unknown): value is number => isWhole(value, 0, PORT_LIMIT);

/** True for a process id. */
export const isPid = (value: unknown): value is number => isWhole(value, 1, PID_LIMIT);

/** True when objects and lists nest deeper than JSON_DEPTH_LIMIT in this text, be it valid JSON or not. Takes linear time. */
export function isTooDeep(json: string): boolean {
  // An event has no object in it: nearly every line is done here.
  if (json.indexOf('{', 1) === -1 && !json.includes('[')) return false;
  let depth = 0;
  let isInText = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (isInText) {
      if (char === '\\') i++;
      else if (char === '"') isInText = false;
    } else if (char === '"') isInText = true;
    else if (char === '{' || char === '[') {
      if (++depth > JSON_DEPTH_LIMIT) return true;
    } else if (char === '}' || char === ']') depth--;
  }
  return false;
}
