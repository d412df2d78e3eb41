/** What is being looked at, and how the address bar says it. Pure. */
import { networkOf } from './network.js';

/**
 * @typedef {object} View
 * @property {string} range a span back from now, one of RANGES
 * @property {string | null} since ISO 8601; with `until` instead of `range`
 * @property {string | null} until
 * @property {string | null} host
 * @property {string | null} ip
 * @property {string | null} user
 * @property {string | null} alert the incident that is open
 */

/** Ranges there are, with how they are said and their length in milliseconds. */
export const RANGES = /** @type {const} */ ({
  '15m': { said: 'the last 15 minutes', ms: 900_000 },
  '1h': { said: 'the last hour', ms: 3_600_000 },
  '24h': { said: 'the last 24 hours', ms: 86_400_000 },
  '7d': { said: 'the last 7 days', ms: 604_800_000 },
  '30d': { said: 'the last 30 days', ms: 2_592_000_000 },
});
const USUAL_RANGE = '24h';

/** The filters of a view, in the order in which they are shown. */
export const FILTERS = /** @type {const} */ (['host', 'ip', 'user']);

/**
 * The view that an address means. What cannot be used is left out.
 * @param {URLSearchParams} given
 * @returns {View}
 */
export function viewOf(given) {
  const range = given.get('range') ?? USUAL_RANGE;
  const since = timeOf(given.get('since'));
  const until = timeOf(given.get('until'));
  const between = since !== null && until !== null && since < until;
  return {
    range: Object.hasOwn(RANGES, range) ? range : USUAL_RANGE,
    since: between ? since : null,
    until: between ? until : null,
    host: given.get('host'),
    ip: given.get('ip'),
    user: given.get('user'),
    alert: given.get('alert'),
  };
}

/** @param {string | null} text */
function timeOf(text) {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

/**
 * The address of a view changed like this. An incident is left unless it is among the changes.
 * @param {View} view
 * @param {Partial<View>} changes
 */
export function addressOf(view, changes) {
  const wanted = { ...view, alert: null, ...changes };
  const given = new URLSearchParams();
  if (wanted.since !== null && wanted.until !== null) {
    given.set('since', wanted.since);
    given.set('until', wanted.until);
  } else if (wanted.range !== USUAL_RANGE) given.set('range', wanted.range);
  for (const name of /** @type {const} */ (['host', 'ip', 'user', 'alert'])) {
    const value = wanted[name];
    if (value !== null) given.set(name, value);
  }
  const query = given.toString();
  return query === '' ? '/' : `/?${query}`;
}

/**
 * The time looked at, in Unix milliseconds.
 * @param {View} view
 * @param {number} nowMs
 */
export function timeSpan(view, nowMs) {
  if (view.since !== null && view.until !== null)
    return { fromMs: Date.parse(view.since), toMs: Date.parse(view.until) };
  const { ms } = RANGES[/** @type {keyof typeof RANGES} */ (view.range)];
  return { fromMs: nowMs - ms, toMs: nowMs };
}

/**
 * `since` and `until` for the API.
 * @param {View} view
 * @returns {Record<string, string>}
 */
export function timeParameters(view) {
  return view.since !== null && view.until !== null ? { since: view.since, until: view.until } : { since: view.range };
}

/**
 * True when an event passes the filters of the view.
 * @param {View} view
 * @param {{ host: string, ip: string | null, user: string | null }} event
 */
export function isInView(view, event) {
  return (
    (view.host === null || view.host === event.host) &&
    (view.user === null || view.user === event.user) &&
    (view.ip === null || view.ip === event.ip || (view.ip.includes('/') && view.ip === networkOf(event.ip ?? '')))
  );
}

/** @param {View} view */
export function isFiltered(view) {
  return FILTERS.some((name) => view[name] !== null);
}
