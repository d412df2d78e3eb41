/** Counts a view of one host, source or user from its events: the server keeps no counts of two of them together. */
import { ask } from './api.js';
import { countsOf, networksOf, pointsOf, topOf } from './event-counts.js';
import { FILTERS, timeParameters } from './view.js';

/**
 * @import { Amounts, NetworkRow, Point, StoredEvent, TopRow } from './answers.d.ts'
 * @import { View } from './view.js'
 *
 * @typedef {object} FilteredCounts
 * @property {Amounts} amounts
 * @property {readonly Point[]} points
 * @property {number} stepMs
 * @property {{ fromMs: number, toMs: number }} span of the points: all that is looked at, or less where not all events are counted
 * @property {readonly TopRow[]} hosts
 * @property {readonly NetworkRow[]} sources by IPv6 network
 * @property {readonly TopRow[]} users
 * @property {ReadonlySet<number>} ids of the events
 * @property {{ events: number, since: string } | null} cut the newest events stand for all, and since when; null where all are counted
 */

/** Limit of the events that are read. */
export const FILTERED_LIMIT = 5_000;
const PAGE = 1_000;
/** The list of the server that has the sum of one host, source or user, if it is among its first. */
const SUMS = /** @type {const} */ ({ host: 'hosts', ip: 'sources', user: 'users' });

/**
 * Rejects with the first error, an AbortError when the signal says so.
 * @param {View} view
 * @param {{ fromMs: number, toMs: number }} whole
 * @param {(span: { fromMs: number, toMs: number }) => number} stepFor
 * @param {AbortSignal} signal
 * @returns {Promise<FilteredCounts>}
 */
export async function loadFiltered(view, whole, stepFor, signal) {
  const { events, more } = await eventsOf(view, signal);
  // A chart that began before the events that are counted would show that nothing happened there.
  const since = events.at(-1)?.at ?? '';
  const span = more ? { ...whole, fromMs: Math.max(whole.fromMs, Date.parse(since)) } : whole;
  const stepMs = stepFor(span);
  const [hosts, sources, users] = [topOf(events, 'host'), networksOf(events), topOf(events, 'user')];
  const sum = more ? await sumOf(view, signal) : null;
  // The one that the view is filtered by counts where something happened.
  const one = events.length > 0 ? 1 : 0;
  return {
    amounts: {
      ...(sum ?? countsOf(events)),
      hosts: view.host === null ? (sum?.hosts ?? hosts.length) : 1,
      sources:
        view.ip === null || view.ip.includes('/') ? sources.reduce((sum, { addresses }) => sum + addresses, 0) : one,
      users: view.user === null ? (sum?.users ?? users.length) : one,
      atLeast: more && sum === null,
    },
    points: pointsOf(events, span, stepMs),
    stepMs,
    span,
    hosts,
    sources,
    users,
    ids: new Set(events.map(({ id }) => id)),
    cut: more ? { events: events.length, since } : null,
  };
}

/**
 * Reads the newest events, and whether there are more.
 * @param {View} view
 * @param {AbortSignal} signal
 */
async function eventsOf(view, signal) {
  const { host, ip, user } = view;
  /** @type {StoredEvent[]} */
  const events = [];
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {{ events: StoredEvent[], next: string | null }} */
    const page = await ask(
      '/api/events',
      { ...timeParameters(view), host, ip, user, limit: String(PAGE), cursor },
      signal,
    );
    events.push(...page.events);
    cursor = page.next;
  } while (cursor !== null && events.length < FILTERED_LIMIT);
  return { events, more: cursor !== null };
}

/**
 * Asks for the server's own counts, where the view has one filter, and what it names is among those with most attempts.
 * @param {View} view
 * @param {AbortSignal} signal
 * @returns {Promise<TopRow | null>}
 */
async function sumOf(view, signal) {
  const [name, another] = FILTERS.filter((one) => view[one] !== null);
  if (name === undefined || another !== undefined) return null;
  /** @type {Record<string, TopRow[]>} */
  const answer = await ask(`/api/top/${SUMS[name]}`, { ...timeParameters(view), limit: '1000' }, signal);
  return answer[SUMS[name]]?.find((row) => row[name] === view[name]) ?? null;
}
