/** Random events for the store's tests, and a plain count over them. */

import type { EventQuery } from '../../../alphaserver/queries/results.ts';
import type { SequencedEvent, StoredEvent } from '../../../alphaserver/store/store.ts';
import type { Outcome } from '../../../protocol/event.ts';

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 below `n`. */
export const below = (random: () => number, n: number): number => Math.floor(random() * n);

const OUTCOMES: readonly Outcome[] = ['accepted', 'failed', 'failed', 'failed', 'probe'];

/** An event near a time: mostly now, sometimes days late, now and then by a clock that is wrong. */
export function eventNear(random: () => number, nowMs: number, lateMs: number): SequencedEvent['event'] {
  const outcome = OUTCOMES[below(random, OUTCOMES.length)] as Outcome;
  const kind = random();
  const at = nowMs - (kind < 0.8 ? below(random, 5_000) : kind < 0.98 ? below(random, lateMs) : -below(random, lateMs));
  return {
    at: new Date(at).toISOString(),
    outcome,
    method: outcome === 'probe' ? null : (['password', 'publickey'][below(random, 2)] as string),
    user: random() < 0.1 ? null : `user${below(random, 60) ** 2 % 97}`,
    invalidUser: random() < 0.5,
    ip: random() < 0.02 ? null : `203.0.113.${below(random, 40)}`,
    port: below(random, 65_536),
    host: random() < 0.5 ? null : `relayed${below(random, 4)}`,
    key: null,
    reason: outcome === 'probe' ? 'it\u202e ended' : null,
  };
}

const inside = ({ at }: StoredEvent, from: number, to: number): boolean =>
  Date.parse(at) >= from && Date.parse(at) < to;

/** The result that GET /api/summary must give for these events. */
export function plainSummary(events: readonly StoredEvent[], from: number, to: number) {
  const those = events.filter((event) => inside(event, from, to));
  const n = (outcome: Outcome) => those.reduce((sum, event) => sum + Number(event.outcome === outcome), 0);
  const different = (name: 'host' | 'ip' | 'user') =>
    new Set(those.map((event) => event[name]).filter((v) => v !== null)).size;
  return {
    attempts: n('accepted') + n('failed'),
    accepted: n('accepted'),
    failed: n('failed'),
    probes: n('probe'),
    hosts: different('host'),
    sources: different('ip'),
    users: different('user'),
  };
}

/** The whole result that GET /api/top must give. */
export function plainTop(events: readonly StoredEvent[], name: 'host' | 'ip' | 'user', from: number, to: number) {
  const groups = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const value = event[name];
    if (typeof value !== 'string' || !inside(event, from, to)) continue;
    const group = groups.get(value);
    if (group) group.push(event);
    else groups.set(value, [event]);
  }
  return [...groups]
    .map(([value, those]) => {
      const { hosts, sources: _, users, ...counts } = plainSummary(those, from, to);
      const times = those.map(({ at }) => at).sort();
      const met = name === 'ip' ? { hosts, users } : { hosts: null, users: null };
      return { value, ...counts, firstSeen: times[0], lastSeen: times.at(-1), ...met };
    })
    .sort(
      (a, b) =>
        b.attempts - a.attempts || b.attempts + b.probes - (a.attempts + a.probes) || (a.value < b.value ? -1 : 1),
    );
}

/** The result that GET /api/timeline must give. */
export function plainTimeline(
  events: readonly StoredEvent[],
  from: number,
  to: number,
  step: number,
  host: string | null,
) {
  const points = [];
  const ofHost = events.filter((event) => host === null || event.host === host);
  const steps = Map.groupBy(ofHost, ({ at }) => Math.floor(Date.parse(at) / step) * step);
  for (let at = Math.floor(from / step) * step; at < to; at += step) {
    const { accepted, failed, probes } = plainSummary(steps.get(at) ?? [], Math.max(at, from), Math.min(at + step, to));
    points.push({ at: new Date(at).toISOString(), accepted, failed, probes });
  }
  return { step: step / 1_000, points };
}

/** The results that GET /api/events must give, page by page until the last. */
export function plainEvents(events: readonly StoredEvent[], query: Omit<EventQuery, 'limit' | 'cursor'>): number[] {
  return events
    .filter(
      (event) =>
        inside(event, query.sinceMs ?? -Infinity, query.untilMs ?? Infinity) &&
        (['host', 'ip', 'user', 'outcome', 'method'] as const).every(
          (name) => query[name] === null || query[name] === event[name],
        ),
    )
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at) || b.id - a.id)
    .map(({ id }) => id);
}
