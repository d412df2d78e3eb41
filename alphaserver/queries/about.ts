/** Sums up one host, source or user from its newest events. */
import { arrays } from '../store/database.ts';
import { eventsWithIds } from '../store/event-rows.ts';
import { HOST_BY_NAME } from '../store/row-names.ts';
import type { StoredEvent } from '../store/store.ts';
import { eventPage } from './events.ts';
import { type Activity, ANY_EVENT, type EventCounts, type LoginGroup } from './results.ts';
import type { Snapshot } from './snapshot.ts';

/** The kinds of things that have a page. */
export type AboutKind = 'host' | 'ip' | 'user';

/**
 * Events that are read for one page at most, the newest; of the older ones the page says that there are some. Each takes some 15 us of
 * the thread that all queries share.
 */
export const ABOUT_LIMIT_EVENTS = 1_000;
/** Accepted logins that are read besides: a flood of failures must not hide them. */
export const ABOUT_LIMIT_LOGINS = 500;
/** Rows of each list. */
const ROWS = 20;
const LOGIN_ROWS = 50;
const HOURS = 24;

/** Reads a page's events. */
export function aboutOf(snapshot: Snapshot, kind: AboutKind, value: string): Activity {
  const query = { ...ANY_EVENT, [kind]: value };
  const { events, next } = eventPage(snapshot, { ...query, limit: ABOUT_LIMIT_EVENTS });
  const [newest] = events;
  const accepted = events.filter(({ outcome }) => outcome === 'accepted');
  const logins = next === null ? accepted : newestLogins(snapshot, kind, value);
  return {
    ...countsOf(events),
    more: next !== null,
    firstSeen: events.at(-1)?.at ?? null,
    lastSeen: newest?.at ?? null,
    trust: newest?.trust ?? null,
    hosts: ranked(events, ({ host }) => host),
    sources: ranked(events, ({ ip }) => ip),
    users: ranked(events, ({ user }) => user),
    logins: loginsOf(logins),
    hours: hoursOf(logins),
  };
}

/**
 * Reads the newest logins, by their sessions: where they are few among many events, the index of events would be searched to its end.
 * Sessions of a network are in no order of time, so that those are searched for.
 */
function newestLogins(snapshot: Snapshot, kind: AboutKind, value: string): readonly StoredEvent[] {
  const limit = ABOUT_LIMIT_LOGINS;
  if (kind === 'ip' && value.includes('/'))
    return eventPage(snapshot, { ...ANY_EVENT, ip: value, outcome: 'accepted', limit }).events;
  const { db } = snapshot;
  // No host has the number 0.
  const whose = kind === 'host' ? ((arrays(db, HOST_BY_NAME, value)[0]?.[0] as number | undefined) ?? 0) : value;
  const sql = `SELECT event FROM sessions WHERE ${kind} = ? AND event IS NOT NULL ORDER BY sortAt DESC LIMIT ?`;
  const ids = arrays(db, sql, whose, limit) as [number][];
  return eventsWithIds(
    db,
    ids.map(([id]) => id),
  );
}

function countsOf(events: readonly StoredEvent[]): EventCounts {
  const counts = { accepted: 0, failed: 0, probes: 0 };
  for (const { outcome } of events) counts[outcome === 'probe' ? 'probes' : outcome] += 1;
  return { attempts: counts.accepted + counts.failed, ...counts };
}

function grouped(
  events: readonly StoredEvent[],
  key: (event: StoredEvent) => string | null,
): Map<string, StoredEvent[]> {
  const groups = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const value = key(event);
    if (value === null) continue;
    const group = groups.get(value);
    if (group) group.push(event);
    else groups.set(value, [event]);
  }
  return groups;
}

/** Ranks values by how many events have them. Events are newest first. */
function ranked(events: readonly StoredEvent[], key: (event: StoredEvent) => string | null): Activity['hosts'] {
  return [...grouped(events, key)]
    .map(([value, group]) => ({
      value,
      ...countsOf(group),
      firstSeen: group.at(-1)?.at ?? '',
      lastSeen: group[0]?.at ?? '',
    }))
    .sort((a, b) => b.attempts + b.probes - a.attempts - a.probes || (a.value < b.value ? -1 : 1))
    .slice(0, ROWS);
}

/** Puts logins together that have user, host, source, method and key in common; those used last come first. */
function loginsOf(logins: readonly StoredEvent[]): LoginGroup[] {
  const groups = grouped(logins, ({ user, host, ip, method, key }) => JSON.stringify([user, host, ip, method, key]));
  return [...groups.values()].slice(0, LOGIN_ROWS).map((group) => {
    const { user, host, ip, method, key = null, at } = group[0] as StoredEvent;
    return { user, host, ip, method, key, logins: group.length, firstUsed: group.at(-1)?.at ?? at, lastUsed: at };
  });
}

/** Counts logins by the hour of the day, in UTC. */
function hoursOf(logins: readonly StoredEvent[]): number[] {
  const hours = Array<number>(HOURS).fill(0);
  for (const { at } of logins) {
    const hour = new Date(at).getUTCHours();
    hours[hour] = (hours[hour] ?? 0) + 1;
  }
  return hours;
}
