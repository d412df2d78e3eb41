/** All that the board shows of one view, asked for at once; each part arrives on its own. */
import { ApiError, ask, nameInPath } from './api.js';
import { coarser } from './event-counts.js';
import { loadFiltered } from './filtered-view.js';
import { isWithin, networkOf } from './network.js';
import { askStanding } from './standing.js';
import { concernsOf, mayBeSilenced } from './verdict.js';
import { FILTERS, isFiltered, timeParameters, timeSpan } from './view.js';

/**
 * @import { About, Alert, Certificate, Channel, CoverageCounts, Decision, WatchedHost, NetworkRow, Point, Session, Shape, StoredGap, Summary, TopRow } from './answers.d.ts'
 * @import { FilteredCounts } from './filtered-view.js'
 * @import { Grounds } from './verdict.js'
 * @import { View } from './view.js'
 *
 * @typedef {{ hosts: WatchedHost[], next: string | null }} HostList the first hosts by name; `next` null: all there are
 * @typedef {{ sessions: Session[], next: string | null }} SessionList the open sessions that began last; `next` null: all there are
 * @typedef {Summary & { others: readonly Alert[], more: boolean }} Incidents `more`: there are others beyond these
 * @typedef {{ shapes: readonly Shape[], gaps: readonly StoredGap[], more: boolean }} Unseen of the view's host, if it has one; `more`: there are older gaps
 *
 * @typedef {object} Parts
 * @property {(part: Grounds) => void} answer
 * @property {(part: { points: readonly Point[], stepMs: number, fromMs: number, toMs: number }) => void} timeline
 * @property {(part: { hosts: readonly WatchedHost[], counts: readonly TopRow[], total: number }) => void} hosts `total`: how many there are, listed or not
 * @property {(about: About | null, decided: readonly Decision[]) => void} about the one thing that the view is filtered by, and the decisions that hold
 * @property {(rows: readonly NetworkRow[]) => void} sources by IPv6 network
 * @property {(rows: readonly TopRow[]) => void} users
 * @property {(part: Unseen) => void} blind
 * @property {(part: { sessions: readonly Session[], next: string | null }) => void} sessions that are open
 * @property {(channels: readonly Channel[], certificates: readonly Certificate[]) => void} faults
 * @property {(cut: FilteredCounts['cut']) => void} cut
 */

/** Rows asked for of each list: more than are shown, for they are shown in another order. */
const TOP = 500;
/** Hosts that are asked for one by one where the list ends before them, those with most events: about as many as a table shows at first. */
export const HOSTS_ASKED = 10;
/** Hosts of one answer, the most that the API gives. */
const HOSTS = '1000';
/** Incidents asked for, as many as a list of the API has: an ordinary day of a large fleet is a thousand, and is counted whole. */
const INCIDENTS = 1_000;
/** About as many bars as a chart shows well. */
const BARS = 170;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [1, 5, 10, 30, 60, 240, 1_440].map((minutes) => minutes * MINUTE_MS);
/** Steps the server counts in; the finest that gives no more points than it may. */
const SERVER_STEPS = /** @type {const} */ ([
  [MINUTE_MS, '60s'],
  [HOUR_MS, '1h'],
  [DAY_MS, '1d'],
]);
const POINTS_LIMIT = 1_500;

/**
 * Asks for everything; gives each part as it arrives. Rejects with the first error, an AbortError when the signal says so.
 * @param {View} view
 * @param {Parts} parts
 * @param {AbortSignal} signal
 */
export async function loadBoard(view, parts, signal) {
  const span = timeSpan(view, Date.now());
  // First what the answer is made of: a browser asks six things at a time.
  /** @type {Promise<HostList>} */
  const hosts = ask('/api/hosts', { limit: HOSTS }, signal);
  const summary = summaryOf(view, span.toMs, signal);
  const { host, ip, user } = view;
  /** @type {Promise<SessionList>} */
  const sessions = ask('/api/sessions', { open: 'true', host, ip, user, limit: String(TOP) }, signal);
  await Promise.all([
    isFiltered(view)
      ? filteredParts(view, span, parts, hosts, summary, sessions, signal)
      : allParts(view, span, parts, hosts, summary, sessions, signal),
    Promise.all([ask('/api/unknown', { host: view.host }, signal), ask('/api/gaps', { host: view.host }, signal)]).then(
      ([{ shapes }, { gaps, next }]) => parts.blind({ shapes, gaps, more: next !== null }),
    ),
    sessions.then((part) => parts.sessions(part)),
    Promise.all([ask('/api/channels', {}, signal), ask('/api/certificates', {}, signal)]).then(
      ([{ channels }, { certificates }]) => parts.faults(channels, certificates),
    ),
  ]);
}

/**
 * The summary of the time, with the incidents of it that do not say how the fleet is, open or over.
 * @param {View} view
 * @param {number} untilMs
 * @param {AbortSignal} signal
 * @returns {Promise<Incidents>}
 */
async function summaryOf(view, untilMs, signal) {
  const time = timeParameters(view);
  /** @type {[Summary, { alerts: Alert[], next: string | null }]} */
  const [whole, { alerts, next }] = await Promise.all([
    ask('/api/summary', time, signal),
    ask('/api/alerts', { since: time['since'] ?? null, limit: String(INCIDENTS) }, signal),
  ]);
  const known = new Set(whole.because.map(({ id }) => id));
  return {
    ...whole,
    others: alerts.filter(({ id, openedAt }) => !known.has(id) && Date.parse(openedAt) < untilMs),
    more: next !== null,
  };
}

/**
 * @param {View} view
 * @param {{ fromMs: number, toMs: number }} span
 * @param {Parts} parts
 * @param {Promise<HostList>} hosts
 * @param {Promise<Incidents>} summary
 * @param {Promise<SessionList>} sessions
 * @param {AbortSignal} signal
 */
async function allParts(view, span, parts, hosts, summary, sessions, signal) {
  const time = timeParameters(view);
  const limit = String(TOP);
  parts.cut(null);
  parts.about(null, []);
  const watched = Promise.all([summary, hosts]).then(async ([whole, first]) => ({
    whole,
    ...(await withUnwatched(first, whole.coverage, signal)),
  }));
  // An answer that needs no decision, or no session, does not wait for it.
  const decisions = summary.then(({ because, others }) =>
    concernsOf(because, others).some(mayBeSilenced) ? askStanding(signal) : [],
  );
  await Promise.all([
    Promise.all([watched, decisions]).then(async ([{ whole, list, unlisted }, decided]) => {
      const concerns = concernsOf(whole.because, whole.others);
      parts.answer({
        concerns,
        more: whole.more,
        amounts: whole,
        hosts: list,
        unlisted,
        fleet: whole,
        doubt: whole.doubt,
        past: null,
        known: true,
        sessions: concerns.some(({ alert }) => alert.severity === 'critical') ? (await sessions).sessions : [],
        decided,
      });
    }),
    timeline(span, null, signal).then((points) => parts.timeline({ ...points, ...span })),
    Promise.all([watched, ask('/api/top/hosts', { ...time, limit: '1000' }, signal)]).then(
      ([{ whole, list }, { hosts: counts }]) => {
        const { live, late, blind } = whole.coverage;
        parts.hosts({ hosts: list, counts, total: live + late + blind });
      },
    ),
    ask('/api/top/networks', { ...time, limit }, signal).then(({ networks }) => parts.sources(networks)),
    ask('/api/top/users', { ...time, limit }, signal).then(({ users }) => parts.users(users)),
  ]);
}

/**
 * @param {View} view
 * @param {{ fromMs: number, toMs: number }} span
 * @param {Parts} parts
 * @param {Promise<HostList>} hosts
 * @param {Promise<Incidents>} summary
 * @param {Promise<SessionList>} sessions
 * @param {AbortSignal} signal
 */
async function filteredParts(view, span, parts, hosts, summary, sessions, signal) {
  const onlyHost = view.ip === null && view.user === null;
  const [filtered, first, whole, exact, about, { sessions: open }, decided] = await Promise.all([
    loadFiltered(view, span, stepFor, signal),
    hosts,
    summary,
    onlyHost ? timeline(span, view.host, signal) : null,
    aboutOne(view, signal),
    sessions,
    askStanding(signal),
  ]);
  const { amounts, points, stepMs, hosts: counts, sources, users, ids, cut } = filtered;
  const named = view.host === null ? counts.flatMap(({ host }) => host ?? []) : [view.host];
  const list = await withNamed(first, named, about, signal);
  const own = (/** @type {readonly Alert[]} */ alerts) => alerts.filter((alert) => isAbout(alert, view, ids));
  const because = own(whole.because);
  const counted = new Set(because.map(({ id }) => id));
  // Incidents of before the time that is looked at, too: what somebody did last week is not nothing.
  const others = new Map([...own(whole.others), ...(about?.incidents ?? [])].map((alert) => [alert.id, alert]));
  const shown = list.filter(({ host }) => host === view.host || counts.some((row) => row.host === host));
  const known = view.host === null || list.some(({ host }) => host === view.host);
  parts.answer({
    concerns: concernsOf(
      because,
      [...others.values()].filter(({ id }) => !counted.has(id)),
    ),
    more: whole.more,
    amounts: known ? amounts : { ...amounts, hosts: 0 },
    hosts: list,
    unlisted: { blind: 0, late: 0 },
    fleet: null,
    doubt: whole.doubt,
    past: about
      ? { ...about, atLeast: about.more, where: about.hosts.map(({ value }) => value) }
      : { ...amounts, where: counts.map(({ host }) => host ?? '') },
    known: about !== null,
    sessions: open,
    decided,
  });
  parts.about(about, decided);
  parts.cut(cut);
  parts.timeline({ points, stepMs, ...filtered.span, ...(exact && { ...exact, ...span }) });
  parts.hosts({ hosts: shown, counts, total: first.next === null ? shown.length : counts.length });
  parts.sources(sources);
  parts.users(users);
}

/**
 * Gives the hosts of a list, and those behind it that nobody watches, or not up to now: it goes by name, which says nothing of that.
 * @param {HostList} first
 * @param {CoverageCounts} coverage of all hosts
 * @param {AbortSignal} signal
 * @returns {Promise<{ list: WatchedHost[], unlisted: Grounds['unlisted'] }>}
 */
async function withUnwatched({ hosts, next }, coverage, signal) {
  /** @param {'blind' | 'late'} wanted */
  const behind = async (wanted) => {
    const missing = coverage[wanted] - hosts.filter((host) => host.coverage === wanted).length;
    if (next === null || missing <= 0) return { more: [], unlisted: 0 };
    /** @type {HostList} */
    const list = await ask('/api/hosts', { coverage: wanted, limit: HOSTS, cursor: next }, signal);
    // The counts may be of another moment than a list that has all.
    return { more: list.hosts, unlisted: list.next === null ? 0 : Math.max(0, missing - list.hosts.length) };
  };
  const [blind, late] = await Promise.all([behind('blind'), behind('late')]);
  return {
    list: [...hosts, ...blind.more, ...late.more],
    unlisted: { blind: blind.unlisted, late: late.unlisted },
  };
}

/**
 * Gives the hosts of a list, and those of these names, the first HOSTS_ASKED of them: the list of a large fleet may end before them.
 * @param {HostList} list
 * @param {readonly string[]} names
 * @param {About | null} about what is known of one of them, where that was asked for already
 * @param {AbortSignal} signal
 */
async function withNamed({ hosts, next }, names, about, signal) {
  if (next === null) return hosts;
  const listed = new Set(hosts.map(({ host }) => host));
  const missing = names.filter((name) => !listed.has(name)).slice(0, HOSTS_ASKED);
  const asked = missing.map((name) => (name === about?.host ? about : aboutNamed('host', name, signal)));
  return [...hosts, ...(await Promise.all(asked)).flatMap((one) => one?.watched ?? [])];
}

/** Paths of the API for the page of one thing. */
const PATHS = /** @type {const} */ ({ host: 'hosts', ip: 'sources', user: 'users' });

/**
 * Asks what is known of the one thing that a view is filtered by; null where it is filtered by several, or nothing is known.
 * @param {View} view
 * @param {AbortSignal} signal
 * @returns {Promise<About | null>}
 */
async function aboutOne(view, signal) {
  const [kind, another] = FILTERS.filter((one) => view[one] !== null);
  const value = kind && view[kind];
  return kind === undefined || another !== undefined || !value ? null : aboutNamed(kind, value, signal);
}

/**
 * Asks what is known of one thing; null where nothing is.
 * @param {keyof typeof PATHS} kind
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {Promise<About | null>}
 */
async function aboutNamed(kind, name, signal) {
  try {
    return await ask(...nameInPath(`/api/${PATHS[kind]}`, name), signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/**
 * @param {{ fromMs: number, toMs: number }} span
 * @param {string | null} host
 * @param {AbortSignal} signal
 */
async function timeline(span, host, signal) {
  const wantedMs = stepFor(span);
  const finest = SERVER_STEPS.find(([ms]) => (span.toMs - span.fromMs) / ms <= POINTS_LIMIT) ?? SERVER_STEPS[2];
  /** @type {{ points: Point[] }} */
  const { points } = await ask(
    '/api/timeline',
    { since: new Date(span.fromMs).toISOString(), until: new Date(span.toMs).toISOString(), step: finest[1], host },
    signal,
  );
  const stepMs = Math.max(wantedMs, finest[0]);
  return { points: coarser(points, stepMs), stepMs };
}

/** @param {{ fromMs: number, toMs: number }} span */
function stepFor({ fromMs, toMs }) {
  const lengthMs = toMs - fromMs;
  return STEPS_MS.find((ms) => lengthMs / ms <= BARS) ?? DAY_MS * Math.ceil(lengthMs / DAY_MS / BARS);
}

/**
 * Tells whether an incident is about what the view is filtered by. One that touched many names none of them: it is known by
 * the events that it is evidenced by.
 * @param {Alert} alert
 * @param {View} view
 * @param {ReadonlySet<number>} ids of the view's events
 */
function isAbout({ host, source, user, evidence }, view, ids) {
  if (evidence.some((id) => ids.has(id))) return true;
  return (
    (view.host === null || host === view.host) &&
    (view.ip === null ||
      (source !== null && ([view.ip, networkOf(view.ip)].includes(source) || isWithin(view.ip, source)))) &&
    (view.user === null || user === view.user)
  );
}
