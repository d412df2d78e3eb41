/** Times for people, in the time zone of whoever looks, or in UTC where they choose so. */

/** Key under which the browser keeps the choice. */
const ZONE_KEY = 'asgard.zone';
const UTC = 'UTC';
/** Read once: the page is loaded anew when somebody chooses the other. Outside a browser it is the process's zone. */
export const isUtc = globalThis.localStorage?.getItem(ZONE_KEY) === UTC;
const inZone = isUtc ? { timeZone: UTC } : {};

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A day that is not so far away is meant without its year: shorter than a year by more than anybody could be mistaken. */
const YEARLESS_MS = 300 * DAY_MS;

const clockFormat = new Intl.DateTimeFormat('en-GB', {
  ...inZone,
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const shortFormat = new Intl.DateTimeFormat('en-GB', { ...inZone, hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { ...inZone, day: 'numeric', month: 'short' });
const weekdayFormat = new Intl.DateTimeFormat('en-GB', { ...inZone, weekday: 'short', day: 'numeric' });
const fullFormat = new Intl.DateTimeFormat('en-GB', { ...inZone, dateStyle: 'medium', timeStyle: 'short' });
const dateFormat = new Intl.DateTimeFormat('en-CA', { ...inZone, dateStyle: 'short' });

/** The time zone's name, which the page says. */
export const zoneName = isUtc ? UTC : Intl.DateTimeFormat().resolvedOptions().timeZone;
/** The zone that `changeZone` changes to. */
export const otherZone = isUtc ? 'local time' : UTC;

/** Shows times in UTC, or in local time again. */
export function changeZone() {
  localStorage.setItem(ZONE_KEY, isUtc ? 'local' : UTC);
  location.reload();
}

/**
 * `23 Nov 2026, 14:03`
 * @param {string | number} at
 */
export function fullTime(at) {
  return fullFormat.format(new Date(at));
}

/**
 * `14:03`, or `Mon 23` where a day begins or whole days are wanted.
 * @param {number} atMs
 * @param {boolean} days
 */
export function axisTime(atMs, days) {
  const time = shortFormat.format(atMs);
  return days || time === '00:00' ? weekdayFormat.format(atMs) : time;
}

/**
 * A time as the form of a range takes it: `2026-11-23 14:03`.
 * @param {number} atMs
 */
export function localText(atMs) {
  return `${dateFormat.format(atMs)} ${shortFormat.format(atMs)}`;
}

const ISO_TIME = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;
const TYPED = /^(?:(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?|(\d\d):(\d\d))$/;
const SPAN = /^(\d{1,9})([smhdw])$/;
const UNITS_MS = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS };
/** The first and the last time that the API takes: those that can be written with a year of four digits. */
const FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads a span of time such as `24h`, as the API takes it; null for what is none.
 * @param {string} text
 */
export function spanIn(text) {
  const [, digits = '', unit = 's'] = SPAN.exec(text) ?? [];
  const number = Number(digits);
  const known = /** @type {keyof typeof UNITS_MS} */ (unit);
  return number > 0 ? { number, unit: known, ms: number * UNITS_MS[known] } : null;
}

/**
 * The time so long before `nowMs`; null for what is no span, and for one that leads beyond the times that there are.
 * @param {string} text
 * @param {number} nowMs
 */
export function timeBack(text, nowMs) {
  const span = spanIn(text);
  return span === null ? null : within(nowMs - span.ms);
}

/** @param {number} ms */
function within(ms) {
  return ms >= FIRST_MS && ms <= LAST_MS ? ms : null;
}

/**
 * The time that an ISO 8601 text means, as the API takes it: in UTC where it has no zone. Gives Unix milliseconds, or null.
 * @param {string} text
 */
export function isoTime(text) {
  const [, date = '', clock, zone] = ISO_TIME.exec(text) ?? [];
  const ms = Date.parse(clock && !zone ? `${text}Z` : text);
  return isDate(date) ? within(ms) : null;
}

/**
 * Tells whether a calendar has this date: `Date.parse` takes 30 February for 2 March, and even words for a time.
 * @param {string} date `2026-11-23`
 */
function isDate(date) {
  const ms = Date.parse(date);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}

/**
 * The time that a typed text means, in Unix milliseconds: `2026-11-23 14:03`, `2026-11-23`, `14:03` of today, a span back from
 * now such as `6h`, or ISO 8601 with its own zone. Null for anything else.
 * @param {string} text
 * @param {number} nowMs
 */
export function timeIn(text, nowMs) {
  if (SPAN.test(text)) return timeBack(text, nowMs);
  const found = TYPED.exec(text);
  if (!found) return /Z$|[+-]\d\d:\d\d$/.test(text) ? isoTime(text) : null;
  const [, year, month, day, hour = '00', minute = '00', second = '00', hourOfToday, minuteOfToday] = found;
  const date = year === undefined ? dateFormat.format(nowMs) : `${year}-${month}-${day}`;
  if (!isDate(date)) return null;
  const time = hourOfToday === undefined ? `${hour}:${minute}:${second}` : `${hourOfToday}:${minuteOfToday}:00`;
  const ms = Date.parse(`${date}T${time}${isUtc ? 'Z' : ''}`);
  return Number.isNaN(ms) ? null : ms;
}

/**
 * `14:03:22`
 * @param {string | number} at
 */
export function clock(at) {
  return clockFormat.format(new Date(at));
}

/**
 * `14:03` today, `23 Nov 14:03` on another day, `23 Nov 2025, 14:03` where another year could be meant.
 * @param {string | number} at
 * @param {number} nowMs
 */
export function moment(at, nowMs) {
  const date = new Date(at);
  if (Math.abs(nowMs - date.getTime()) > YEARLESS_MS) return fullTime(at);
  const time = shortFormat.format(date);
  return isSameDay(at, nowMs) ? time : `${dayFormat.format(date)} ${time}`;
}

/**
 * @param {string | number} at
 * @param {number} nowMs
 */
export function isSameDay(at, nowMs) {
  return dateFormat.format(new Date(at)) === dateFormat.format(nowMs);
}

/**
 * A length of time in its largest unit: `40 s`, `12 min`, `5 h`, `3 days`.
 * @param {number} ms
 */
export function lasting(ms) {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.round(ms / SECOND_MS))} s`;
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.round(ms / HOUR_MS)} h`;
  return `${Math.round(ms / DAY_MS)} days`;
}

/**
 * `now`, `12 min ago`.
 * @param {string} at
 * @param {number} nowMs
 */
export function ago(at, nowMs) {
  const ms = nowMs - Date.parse(at);
  return ms < 5 * SECOND_MS ? 'now' : `${lasting(ms)} ago`;
}
