/** The view: what is looked at, as the address bar says it. Pure. */
import { isWithin } from './network.js';
import { isoTime, spanIn, timeBack } from './time.js';

/**
 * @typedef {object} View
 * @property {string} range a span back from now such as `24h`; without meaning where `since` is set
 * @property {string | null} since ISO 8601
 * @property {string | null} until ISO 8601; only with `since`; null: now
 * @property {string | null} host
 * @property {string | null} ip
 * @property {string | null} user
 * @property {string | null} alert the incident that is open
 * @property {boolean} decisions the page of decisions is
 * @property {string | null} key the fingerprint of the key whose page is open
 * @property {string | null} fault why the address cannot be used as it is, in a sentence; the rest of the view does without
 */

const NOUNS = /** @type {const} */ ({ s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' });
const DEFAULT_RANGE = '24h';

/** The filters of a view, in the order in which they are shown. */
export const FILTERS = /** @type {const} */ (['host', 'ip', 'user']);

/**
 * The view that an address means. What of the time cannot be used is its fault, and the default range stands.
 * @param {URLSearchParams} given
 * @param {number} nowMs
 * @returns {View}
 */
export function viewOf(given, nowMs) {
  const [range, since, until] = [given.get('range'), given.get('since'), given.get('until')];
  /** @type {View} */
  const view = {
    range: DEFAULT_RANGE,
    since: null,
    until: null,
    host: given.get('host'),
    ip: given.get('ip'),
    user: given.get('user'),
    alert: given.get('alert'),
    decisions: given.has('decisions'),
    key: given.get('key'),
    fault: null,
  };
  // As the API takes it, a span back from now may stand in place of a time.
  const span = range ?? (until === null ? since : null);
  if (span !== null && timeBack(span, nowMs) !== null) return { ...view, range: span };
  if (range !== null)
    return { ...view, fault: `range must be a span back from now such as 15m, 24h or 7d, and not ${range}` };
  if (since === null && until === null) return view;
  const [from, to] = [timeOf(since, nowMs), timeOf(until, nowMs)];
  if (from === null)
    return { ...view, fault: `since must be a time such as 2026-11-23T19:46:01Z, and not ${since ?? 'left out'}` };
  if (until !== null && to === null)
    return { ...view, fault: `until must be a time such as 2026-11-23T19:46:01Z, and not ${until}` };
  if (to !== null && from >= to) return { ...view, fault: 'since must be before until' };
  return { ...view, since: from, until: to };
}

/**
 * @param {string | null} text
 * @param {number} nowMs
 */
function timeOf(text, nowMs) {
  const ms = timeBack(text ?? '', nowMs) ?? isoTime(text ?? '');
  return ms === null ? null : new Date(ms).toISOString();
}

/**
 * The address of a view changed like this. An incident is left unless it is among the changes.
 * @param {View} view
 * @param {Partial<View>} changes
 */
export function addressOf(view, changes) {
  const wanted = { ...view, alert: null, key: null, ...changes };
  const given = new URLSearchParams();
  if (wanted.since !== null) {
    given.set('since', wanted.since);
    if (wanted.until !== null) given.set('until', wanted.until);
  } else if (wanted.range !== DEFAULT_RANGE) given.set('range', wanted.range);
  for (const name of /** @type {const} */ (['host', 'ip', 'user', 'alert', 'key'])) {
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
export function timeSpan({ since, until, range }, nowMs) {
  if (since !== null) return { fromMs: Date.parse(since), toMs: until === null ? nowMs : Date.parse(until) };
  return { fromMs: nowMs - (spanIn(range)?.ms ?? 0), toMs: nowMs };
}

/**
 * The time looked at, in words that follow "in".
 * @param {View} view
 */
export function timeWords({ since, range }) {
  if (since !== null) return 'the time chosen';
  const span = spanIn(range);
  if (span === null) return range;
  const { number, unit } = span;
  return number === 1 ? `the last ${NOUNS[unit]}` : `the last ${number} ${NOUNS[unit]}s`;
}

/**
 * `since` and `until` for the API.
 * @param {View} view
 * @returns {Record<string, string>}
 */
export function timeParameters({ since, until, range }) {
  if (since === null) return { since: range };
  return until === null ? { since } : { since, until };
}

/**
 * Tells whether an event passes the filters of the view.
 * @param {View} view
 * @param {{ host: string, ip: string | null, user: string | null }} event
 */
export function isInView(view, event) {
  return (
    (view.host === null || view.host === event.host) &&
    (view.user === null || view.user === event.user) &&
    (view.ip === null || view.ip === event.ip || (view.ip.includes('/') && isWithin(view.ip, event.ip)))
  );
}

/**
 * Tells whether a view is of the board, and not of an incident or of the decisions.
 * @param {View} view
 */
export function isBoard({ alert, decisions, key }) {
  return alert === null && key === null && !decisions;
}

/** @param {View} view */
export function isFiltered(view) {
  return FILTERS.some((name) => view[name] !== null);
}
