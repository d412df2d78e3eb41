/** The rules written again, as plainly as can be: each looks at all events of its key from the beginning. */

import { DEFAULT_DETECTION, type EventRule, type Severity } from '../../../alphaserver/alert-config/rules.ts';
import { sourceOf } from '../../../service/ip-network.ts';
import type { Given } from './stream.ts';

export interface Expected {
  readonly rule: EventRule;
  readonly severity: Severity;
  readonly key: string;
  readonly openedAt: number;
  lastAt: number;
  count: number;
}

interface Sighting {
  readonly at: number;
  /** What must differ to count; null for an event that only keeps an incident open. */
  readonly value: string | null;
  /** The host that the incident names, for rules whose incidents end where something counts on another one after a while. */
  readonly host?: string | null;
}

function incidentsOf(
  rule: EventRule,
  key: string,
  sightings: readonly Sighting[],
  count: number,
  windowS: number,
  severity: Severity,
): Expected[] {
  const found: Expected[] = [];
  let from = 0;
  const named = new Set<string>();
  for (const [i, { at, value, host = null }] of sightings.entries()) {
    const open = found.at(-1);
    const isElsewhere = open && value !== null && host !== null && !named.has(host) && at - open.openedAt >= 900;
    if (open && at - open.lastAt < 900 && !isElsewhere) {
      if (host !== null) named.add(host);
      open.lastAt = at;
      open.count += 1;
      from = i + 1;
      continue;
    }
    if (value === null) continue;
    const near = sightings.slice(from, i + 1).filter((one) => one.value !== null && at - one.at <= windowS);
    if (new Set(near.map((one) => one.value)).size < count) continue;
    found.push({ rule, severity, key, openedAt: at, lastAt: at, count: near.length });
    named.clear();
    if (host !== null) named.add(host);
    from = i + 1;
  }
  return found;
}

/**
 * All incidents of events in order. Counts of rules that count different things are of the events within the window. A key is
 * dormant after `dormantSeconds`.
 */
export function reference(events: readonly Given[], dormantSeconds: number): Expected[] {
  const found: Expected[] = [];
  const source = ({ ip }: Given): string => sourceOf(ip ?? '203.0.113.5', 64) as string;
  const tried = events.filter(({ outcome }) => outcome !== 'accepted');
  const accepted = events.filter(({ outcome }) => outcome === 'accepted');
  const { rules } = DEFAULT_DETECTION;
  const each = (
    rule: EventRule,
    some: readonly Given[],
    keyOf: (event: Given) => string,
    sightings: (mine: Given[], key: string) => Sighting[],
    count = rules[rule].count,
    severity = rules[rule].severity,
  ): void => {
    for (const key of new Set(some.map(keyOf)))
      found.push(
        ...incidentsOf(
          rule,
          key,
          sightings(
            some.filter((event) => keyOf(event) === key),
            key,
          ),
          count,
          count === 1 ? 0 : rules[rule].windowMs / 1_000,
          severity,
        ),
      );
  };
  const pair = (event: Given): string => `${source(event)} ${event.host}`;
  each('brute-force', tried, pair, (mine) => mine.map(({ at }, i) => ({ at, value: String(i) })));
  each('fleet-scan', tried, source, (mine) => mine.map(({ at, host }) => ({ at, value: host as string })));
  each('user-enumeration', tried, source, (mine) => mine.map(({ at, user }) => ({ at, value: user as string })));
  each(
    'distributed',
    tried,
    ({ user }) => user as string,
    (mine) => mine.map((event) => ({ at: event.at, value: source(event) })),
  );
  /** How a success is judged by the tries of its source before it; null for what is no break-in. */
  const breakIn = (event: Given): Severity | null => {
    if (event.outcome !== 'accepted') return null;
    const before = tried.filter(
      (one) =>
        source(one) === source(event) && events.indexOf(one) < events.indexOf(event) && event.at - one.at <= 86_400,
    );
    if (before.length < 5) return null;
    return event.method === 'publickey' && before.every(({ outcome }) => outcome === 'probe') ? 'warning' : 'critical';
  };
  for (const severity of ['critical', 'warning'] as const)
    each(
      'break-in',
      events,
      source,
      (mine) =>
        mine.map((event) => ({
          at: event.at,
          value: breakIn(event) === severity ? 'in' : null,
          host: event.outcome === 'accepted' ? (event.host as string) : null,
        })),
      1,
      severity,
    );
  each(
    'root-password',
    accepted.filter(({ user, method }) => user === 'root' && method === 'password'),
    pair,
    (mine) => mine.map(({ at }) => ({ at, value: 'in' })),
  );
  each(
    'first-seen-source',
    accepted,
    ({ user }) => user as string,
    (mine) =>
      mine.flatMap((event, i) => {
        const earlier = mine.slice(0, i);
        const strange =
          (i >= 3 || (i > 0 && event.at - (mine[0] as Given).at >= 604_800)) &&
          !earlier.some((one) => source(one) === source(event));
        return strange ? [{ at: event.at, value: 'new' }] : [];
      }),
    1,
  );
  each(
    'password-on-key-host',
    accepted,
    ({ host }) => host as string,
    (mine) =>
      mine.flatMap((event, i) =>
        event.method === 'password' && i >= 20 && mine.slice(i - 20, i).every(({ method }) => method === 'publickey')
          ? [{ at: event.at, value: 'odd' }]
          : [],
      ),
    1,
  );
  each(
    'dormant-key',
    accepted.filter(({ key }) => key !== undefined),
    ({ key, host }) => `${key?.split(' ')[1]} ${host}`,
    (mine) =>
      mine.flatMap(({ at }, i) =>
        i > 0 && at - (mine[i - 1] as Given).at >= dormantSeconds ? [{ at, value: 'back' }] : [],
      ),
    1,
  );
  return found;
}
