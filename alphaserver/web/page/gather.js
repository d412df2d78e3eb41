/** All that the board shows of one view, asked for at once; each part arrives on its own. */
import { ask } from './api.js';
import { coarser, countsOf, pointsOf, topOf } from './tally.js';
import { NARROWINGS, timeParameters, timeSpan } from './view.js';

/**
 * @import { Alert, Counts, HostView, LedgerAgent, Point, Shape, StoredEvent, Summary, TopRow } from './answers.d.ts'
 * @import { View } from './view.js'
 *
 * @typedef {object} Parts
 * @property {(part: { summary: Summary, hosts: readonly HostView[] }) => void} answer
 * @property {(part: { points: readonly Point[], stepMs: number, fromMs: number, toMs: number }) => void} timeline
 * @property {(part: { hosts: readonly HostView[], counts: readonly TopRow[], narrowed: boolean }) => void} hosts
 * @property {(rows: readonly TopRow[]) => void} sources
 * @property {(rows: readonly TopRow[]) => void} users
 * @property {(part: { shapes: readonly Shape[], agents: readonly LedgerAgent[] }) => void} blind
 * @property {(cutAt: number | null) => void} cut how many of the newest events stand for all, null where all are counted
 */

/** How many events of one source, user or host are read to count what the server keeps no counts of. */
export const NARROWED_LIMIT = 5_000;
const PAGE = 1_000;
/** Rows asked for of each list: enough for the /64s among the sources to come together. */
const TOP = 500;
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
/** The rules that speak of somebody who attacks; the others speak of logs and agents, or of logins worth a look. */
const ATTACKS = new Set(['brute-force', 'slow-brute-force', 'fleet-scan', 'user-enumeration', 'distributed']);

/**
 * Asks for everything; gives each part as it arrives. Rejects with the first error, an AbortError when the signal says so.
 * @param {View} view
 * @param {Parts} parts
 * @param {AbortSignal} signal
 */
export async function gather(view, parts, signal) {
  const time = timeParameters(view);
  const span = timeSpan(view, Date.now());
  const narrowed = NARROWINGS.some((name) => view[name] !== null);
  /** @type {Promise<{ hosts: HostView[] }>} */
  const hosts = ask('/api/hosts', { limit: '1000' }, signal);
  /** @type {Promise<Summary>} */
  const summary = ask('/api/summary', time, signal);
  /** @type {Promise<{ alerts: Alert[] }>} */
  const alerts = ask('/api/alerts', { since: time['since'] ?? null, limit: '200' }, signal);
  const answer = Promise.all([summary, alerts]).then(([whole, { alerts: recent }]) => {
    const open = whole.because.map(({ id }) => id);
    const untilMs = span.toMs;
    const others = recent.filter(({ id, openedAt }) => !open.includes(id) && Date.parse(openedAt) < untilMs);
    const because = [...whole.because, ...others].filter((alert) => concerns(alert, view));
    return { ...whole, because, state: stateOf(because) };
  });
  const blind = Promise.all([ask('/api/unknown', {}, signal), ask('/api/ledger', {}, signal)]).then(
    ([{ shapes }, { agents }]) => parts.blind({ shapes, agents }),
  );
  await Promise.all([
    blind,
    narrowed
      ? narrowedParts(view, span, parts, hosts, answer, signal)
      : allParts(view, span, parts, hosts, answer, signal),
  ]);
}

/**
 * @param {View} view
 * @param {{ fromMs: number, toMs: number }} span
 * @param {Parts} parts
 * @param {Promise<{ hosts: HostView[] }>} hosts
 * @param {Promise<Summary>} summary
 * @param {AbortSignal} signal
 */
async function allParts(view, span, parts, hosts, summary, signal) {
  const time = timeParameters(view);
  const limit = String(TOP);
  parts.cut(null);
  await Promise.all([
    Promise.all([summary, hosts]).then(([whole, { hosts: list }]) => parts.answer({ summary: whole, hosts: list })),
    timeline(span, null, signal).then((points) => parts.timeline({ ...points, ...span })),
    Promise.all([hosts, ask('/api/top/hosts', { ...time, limit: '1000' }, signal)]).then(
      ([{ hosts: list }, { hosts: counts }]) => parts.hosts({ hosts: list, counts, narrowed: false }),
    ),
    ask('/api/top/sources', { ...time, limit }, signal).then(({ sources }) => parts.sources(sources)),
    ask('/api/top/users', { ...time, limit }, signal).then(({ users }) => parts.users(users)),
  ]);
}

/**
 * @param {View} view
 * @param {{ fromMs: number, toMs: number }} span
 * @param {Parts} parts
 * @param {Promise<{ hosts: HostView[] }>} hosts
 * @param {Promise<Summary>} summary
 * @param {AbortSignal} signal
 */
async function narrowedParts(view, span, parts, hosts, summary, signal) {
  const { events, more } = await eventsOf(view, signal);
  const stepMs = stepFor(span);
  const onlyHost = view.ip === null && view.user === null;
  const exact = more && onlyHost ? await timeline(span, view.host, signal) : null;
  const points = exact?.points ?? pointsOf(events, span, stepMs);
  parts.cut(more ? events.length : null);
  parts.timeline({ points, stepMs: exact?.stepMs ?? stepMs, ...span });
  const counts = topOf(events, 'host');
  const { hosts: list } = await hosts;
  const shown = list.filter(({ host }) => host === view.host || counts.some((row) => row.host === host));
  parts.hosts({ hosts: shown, counts, narrowed: true });
  const sources = topOf(events, 'ip');
  const users = topOf(events, 'user');
  parts.sources(sources);
  parts.users(users);
  const { state, because } = await summary;
  parts.answer({
    summary: {
      state,
      because,
      ...(exact ? sumOf(points) : countsOf(events)),
      hosts: counts.length,
      sources: sources.length,
      users: users.length,
    },
    hosts: shown,
  });
}

/**
 * The newest events of a narrowed view, and whether there are more.
 * @param {View} view
 * @param {AbortSignal} signal
 */
async function eventsOf(view, signal) {
  /** @type {StoredEvent[]} */
  const events = [];
  /** @type {string | null} */
  let cursor = null;
  do {
    const { host, ip, user } = view;
    /** @type {{ events: StoredEvent[], next: string | null }} */
    const page = await ask(
      '/api/events',
      { ...timeParameters(view), host, ip, user, limit: String(PAGE), cursor },
      signal,
    );
    events.push(...page.events);
    cursor = page.next;
  } while (cursor !== null && events.length < NARROWED_LIMIT);
  return { events, more: cursor !== null };
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
  return STEPS_MS.find((ms) => (toMs - fromMs) / ms <= BARS) ?? DAY_MS;
}

/**
 * @param {Alert} alert
 * @param {View} view
 */
function concerns(alert, view) {
  return (
    (view.host === null || alert.host === view.host) &&
    (view.ip === null || alert.source === view.ip) &&
    (view.user === null || alert.user === view.user)
  );
}

/**
 * A critical incident that nobody has acknowledged counts until somebody has looked, whether or not it is over: who got
 * in last night is not gone because their address is quiet. An attack counts while it goes on.
 * @param {readonly Alert[]} because
 * @returns {Summary['state']}
 */
function stateOf(because) {
  if (because.some(({ severity, acknowledgedAt }) => severity === 'critical' && !acknowledgedAt)) return 'breach';
  return because.some(({ rule, closedAt }) => ATTACKS.has(rule) && closedAt === null) ? 'attack' : 'quiet';
}

/**
 * @param {readonly Point[]} points
 * @returns {Counts}
 */
function sumOf(points) {
  const sum = (/** @type {'accepted' | 'failed' | 'probes'} */ name) =>
    points.reduce((total, point) => total + point[name], 0);
  const [accepted, failed, probes] = [sum('accepted'), sum('failed'), sum('probes')];
  return { attempts: accepted + failed, accepted, failed, probes };
}
