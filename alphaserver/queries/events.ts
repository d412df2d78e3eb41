/** Events by their time, newest first, a page at a time. */

import { networkOf } from '../../service/ip-network.ts';
import { idsIn, inAll, PARTS, partOf } from '../rollups/event-index.ts';
import { factIn, KINDS, NETWORK, SEGMENT_POSTINGS } from '../rollups/schema.ts';
import { arrays, type Statement } from '../store/database.ts';
import { eventsWithIds } from '../store/event-rows.ts';
import { OUTCOMES } from '../store/schema.ts';
import type { StoredEvent } from '../store/store.ts';
import type { EventCursor, EventQuery } from './results.ts';
import type { Snapshot } from './snapshot.ts';

type Place = [at: number, id: number];
type Wanted = readonly [kind: number, value: string];
const IP = KINDS.indexOf('ip');

const newestFirst = (a: Place, b: Place): number => b[0] - a[0] || b[1] - a[1];

/** One page of the events that a question is about. */
export function eventPage(snapshot: Snapshot, query: EventQuery): { events: StoredEvent[]; next: EventCursor | null } {
  const wanted = wantedIn(query);
  const places = wanted.length === 0 ? byTime(snapshot, query) : new Walk(snapshot, query, wanted).places();
  const page = places.slice(0, query.limit);
  const last = page.at(-1);
  return {
    events: eventsWithIds(
      snapshot.db,
      page.map(([, id]) => id),
    ),
    next: last && places.length > query.limit ? { atMs: last[0], id: last[1] } : null,
  };
}

function wantedIn({ host, ip, user, outcome, method }: EventQuery): Wanted[] {
  const values = [host, ip, user, outcome === null ? null : String(OUTCOMES.indexOf(outcome)), method];
  return KINDS.flatMap((_, kind) => {
    const value = values[kind] ?? null;
    // Addresses have no slash: it is a network.
    return value === null ? [] : [[kind === IP && value.includes('/') ? NETWORK : kind, value] as const];
  });
}

/** The times that a page may have, and the place it begins after. */
function bounds({ sinceMs, untilMs, cursor }: EventQuery): [from: number, to: number, at: number, below: number] {
  const to = Math.min(untilMs ?? Number.POSITIVE_INFINITY, cursor ? cursor.atMs + 1 : Number.POSITIVE_INFINITY);
  return [sinceMs ?? Number.NEGATIVE_INFINITY, to, cursor?.atMs ?? to, cursor?.id ?? 0];
}
const INSIDE = 'at >= ? AND at < ? AND (at, id) < (?, ?)';

function byTime({ db, rolledTo }: Snapshot, query: EventQuery): Place[] {
  const page = (table: string) => `SELECT at, id FROM ${table} AND ${INSIDE} ORDER BY at DESC, id DESC LIMIT ?`;
  const most = query.limit + 1;
  const counted = arrays(db, page('times WHERE true'), ...bounds(query), most) as Place[];
  const newest = arrays(db, page('events WHERE id > ?'), rolledTo, ...bounds(query), most) as Place[];
  return [...counted, ...newest].sort(newestFirst).slice(0, most);
}

/**
 * Goes from segment to segment, those that reach latest first, and stops when no further one can hold a newer event.
 * Agents that were down send old events late, so that segments overlap in time.
 */
class Walk {
  readonly #at: Snapshot;
  readonly #query: EventQuery;
  readonly #wanted: readonly Wanted[];
  readonly #posting: Statement;
  readonly #network: string | null;
  readonly #networksFrom: number;

  constructor(snapshot: Snapshot, query: EventQuery, wanted: readonly Wanted[]) {
    this.#at = snapshot;
    this.#query = query;
    this.#wanted = wanted;
    this.#network = wanted.find(([kind]) => kind === NETWORK)?.[1] ?? null;
    this.#networksFrom = factIn(snapshot.db, 'networksFrom');
    this.#posting = snapshot.db.prepare('SELECT lists FROM postings WHERE id = ?');
  }

  /** The newest, one more than the page takes where there are. */
  places(): Place[] {
    const most = this.#query.limit + 1;
    let found = this.#newest().sort(newestFirst).slice(0, most);
    for (const [first, last, maxAt] of this.#segments()) {
      const oldest = found[most - 1];
      if (oldest && oldest[0] > maxAt) break;
      const more = this.#inSegment(first, last);
      if (more.length > 0) found = [...found, ...more].sort(newestFirst).slice(0, most);
    }
    return found;
  }

  #segments(): [first: number, last: number, maxAt: number][] {
    const [from, to] = bounds(this.#query);
    const sql = 'SELECT first, last, maxAt FROM segments WHERE maxAt >= ? AND minAt < ? ORDER BY maxAt DESC';
    return arrays(this.#at.db, sql, from, to) as [number, number, number][];
  }

  /** Among those that no posting has yet. */
  #newest(): Place[] {
    return this.#having('id > ?', this.#at.indexedTo);
  }

  #inSegment(segment: number, last: number): Place[] {
    const lists: number[][] = [];
    // One of an older version has no postings of networks: it is read as a whole.
    const whole = this.#network !== null && segment < this.#networksFrom;
    for (const [kind, value] of this.#wanted) {
      if (kind === NETWORK && whole) continue;
      const hash = this.#at.names.hash(value);
      const row = this.#posting.get(segment * SEGMENT_POSTINGS + kind * PARTS + partOf(hash));
      const ids = row ? idsIn((row as { lists: Uint8Array }).lists, hash, segment) : [];
      if (ids.length === 0) return [];
      lists.push(ids);
    }
    if (lists.length === 0) return this.#having('id >= ? AND id <= ?', segment, last);
    return this.#having('id IN (SELECT value FROM json_each(?))', JSON.stringify(inAll(lists)));
  }

  /** Events with the wanted values among these. */
  #having(those: string, ...given: (number | string)[]): Place[] {
    const single = this.#wanted.filter(([kind]) => kind !== NETWORK);
    const conditions = single.map(([kind]) =>
      kind === 0
        ? 'host = (SELECT id FROM hosts WHERE name = ?)'
        : `${KINDS[kind]} = ${kind === 3 ? 'CAST(? AS INTEGER)' : '?'}`,
    );
    const where = [those, INSIDE, ...conditions].join(' AND ');
    const values = single.map(([, value]) => value);
    const sql = `SELECT at, id, ip FROM events WHERE ${where}`;
    const rows = arrays(this.#at.db, sql, ...given, ...bounds(this.#query), ...values) as [...Place, string | null][];
    const found = this.#network === null ? rows : rows.filter(([, , ip]) => networkOf(ip) === this.#network);
    return found.map(([at, id]) => [at, id]);
  }
}
