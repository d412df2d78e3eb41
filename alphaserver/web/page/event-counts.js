/** Counts over events, for views that the server keeps no counts of: one source, one user. Pure. */
import { networkOf } from './network.js';

/**
 * @import { Counts, NetworkRow, Point, StoredEvent, TopRow } from './answers.d.ts'
 */

/**
 * Counts events by outcome.
 * @param {readonly StoredEvent[]} events
 * @returns {Counts}
 */
export function countsOf(events) {
  const counts = { accepted: 0, failed: 0, probes: 0 };
  for (const { outcome } of events) counts[outcome === 'probe' ? 'probes' : outcome] += 1;
  return { attempts: counts.accepted + counts.failed, ...counts };
}

/** The addresses of one network that are listed: as many as the server lists. */
const BUSIEST = 20;

/** @typedef {StoredEvent & Pick<TopRow, 'origin'>} LocatedEvent */

/**
 * Groups events by what `key` gives of them; those of which it gives null are left out.
 * @param {readonly LocatedEvent[]} events
 * @param {(event: LocatedEvent) => string | null} key
 */
function grouped(events, key) {
  /** @type {Map<string, LocatedEvent[]>} */
  const groups = new Map();
  for (const event of events) {
    const value = key(event);
    if (value === null) continue;
    const group = groups.get(value);
    if (group) group.push(event);
    else groups.set(value, [event]);
  }
  return groups;
}

/**
 * Sums up events.
 * @param {readonly LocatedEvent[]} events
 */
function sumOf(events) {
  const times = events.map(({ at }) => at).sort();
  return {
    ...countsOf(events),
    firstSeen: times[0] ?? '',
    lastSeen: times.at(-1) ?? '',
    hosts: new Set(events.map(({ host }) => host)).size,
    users: new Set(events.map(({ user }) => user).filter((user) => user !== null)).size,
  };
}

/**
 * @param {Counts} a
 * @param {Counts} b
 */
const mostAttempts = (a, b) => b.attempts - a.attempts || b.probes - a.probes;

/**
 * Ranks the values of one field by the events that have them; most attempts first.
 * @param {readonly LocatedEvent[]} events
 * @param {'host' | 'ip' | 'user'} field
 * @returns {(ReturnType<typeof sumOf> & Pick<TopRow, 'host' | 'ip' | 'user' | 'origin'>)[]}
 */
export function topOf(events, field) {
  return [...grouped(events, (event) => event[field])]
    .map(([value, group]) => ({
      [field]: value,
      ...sumOf(group),
      origin: (field === 'ip' && group[0]?.origin) || null,
    }))
    .sort(mostAttempts);
}

/**
 * Ranks sources, the IPv6 addresses of one network as one, as `GET /api/top/networks` has them.
 * @param {readonly LocatedEvent[]} events
 * @returns {NetworkRow[]}
 */
export function networksOf(events) {
  return [...grouped(events, ({ ip }) => ip && (networkOf(ip) ?? ip))]
    .map(([network, group]) => {
      const addresses = topOf(group, 'ip');
      const [first] = addresses;
      return {
        network: addresses.length === 1 ? (first?.ip ?? network) : network,
        ...sumOf(group),
        addresses: addresses.length,
        busiest: addresses.length === 1 ? [] : addresses.slice(0, BUSIEST).map((one) => ({ ...one, ip: one.ip ?? '' })),
        origin: first?.origin ?? null,
      };
    })
    .sort(mostAttempts);
}

/**
 * Counts events by step of time, empty steps included. `stepMs` apart, from the step that holds `fromMs` on.
 * @param {readonly StoredEvent[]} events
 * @param {{ fromMs: number, toMs: number }} span
 * @param {number} stepMs
 * @returns {Point[]}
 */
export function pointsOf(events, { fromMs, toMs }, stepMs) {
  const firstMs = Math.floor(fromMs / stepMs) * stepMs;
  const points = Array.from({ length: Math.max(1, Math.ceil((toMs - firstMs) / stepMs)) }, (_, i) => ({
    at: new Date(firstMs + i * stepMs).toISOString(),
    accepted: 0,
    failed: 0,
    probes: 0,
  }));
  for (const { at, outcome } of events) {
    const point = points[Math.floor((Date.parse(at) - firstMs) / stepMs)];
    if (point) point[outcome === 'probe' ? 'probes' : outcome] += 1;
  }
  return points;
}

/**
 * Joins neighbouring points, so that a bar is wide enough. Steps start at multiples of `stepMs`.
 * @param {readonly Point[]} points
 * @param {number} stepMs
 * @returns {Point[]}
 */
export function coarser(points, stepMs) {
  /** @type {Map<number, { at: string, accepted: number, failed: number, probes: number }>} */
  const steps = new Map();
  for (const { at, accepted, failed, probes } of points) {
    const startMs = Math.floor(Date.parse(at) / stepMs) * stepMs;
    const step = steps.get(startMs) ?? { at: new Date(startMs).toISOString(), accepted: 0, failed: 0, probes: 0 };
    step.accepted += accepted;
    step.failed += failed;
    step.probes += probes;
    steps.set(startMs, step);
  }
  return [...steps.values()];
}
