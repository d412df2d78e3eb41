/** Times for people, in the time zone of whoever looks. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** The time zone's name, for the foot of the page. */
export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * `14:03:22`
 * @param {string | number} at
 */
export function clock(at) {
  return clockFormat.format(new Date(at));
}

/**
 * `14:03` today, `23 Nov 14:03` on another day.
 * @param {string | number} at
 * @param {number} nowMs
 */
export function moment(at, nowMs) {
  const date = new Date(at);
  const time = shortFormat.format(date);
  return date.toDateString() === new Date(nowMs).toDateString() ? time : `${dayFormat.format(date)} ${time}`;
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
