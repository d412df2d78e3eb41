/** Counts over events, for views that the server keeps no counts of: one source, one user. Pure. */

/**
 * @import { Counts, Point, StoredEvent, TopRow } from './answers.d.ts'
 */

/**
 * How many of each outcome.
 * @param {readonly StoredEvent[]} events
 * @returns {Counts}
 */
export function countsOf(events) {
  const counts = { accepted: 0, failed: 0, probes: 0 };
  for (const { outcome } of events) counts[outcome === 'probe' ? 'probes' : outcome] += 1;
  return { attempts: counts.accepted + counts.failed, ...counts };
}

/**
 * The values of one field, with what the events that have them come to; most attempts first.
 * @param {readonly (StoredEvent & Pick<TopRow, 'origin'>)[]} events
 * @param {'host' | 'ip' | 'user'} field
 * @returns {TopRow[]}
 */
export function topOf(events, field) {
  /** @type {Map<string, (StoredEvent & Pick<TopRow, 'origin'>)[]>} */
  const groups = new Map();
  for (const event of events) {
    const value = event[field];
    if (value === null) continue;
    const group = groups.get(value);
    if (group) group.push(event);
    else groups.set(value, [event]);
  }
  return [...groups]
    .map(([value, group]) => {
      const times = group.map(({ at }) => at).sort();
      return {
        [field]: value,
        ...countsOf(group),
        origin: (field === 'ip' && group[0]?.origin) || null,
        firstSeen: times[0] ?? '',
        lastSeen: times.at(-1) ?? '',
        hosts: new Set(group.map(({ host }) => host)).size,
        users: new Set(group.map(({ user }) => user).filter((user) => user !== null)).size,
      };
    })
    .sort((a, b) => b.attempts - a.attempts || b.probes - a.probes);
}

/**
 * Events by step of time, empty steps included. `stepMs` apart, from the step that holds `fromMs` on.
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
 * Neighbouring points together, so that a bar is wide enough to be seen. Steps start at multiples of `stepMs`.
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
