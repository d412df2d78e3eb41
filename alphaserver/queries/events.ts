/** Events by their time, newest first, a page at a time. */
import { isWithin, readNetwork } from '../../service/ip-network.ts';
import {
  ALL_EVENTS,
  clampAt,
  type IndexPart,
  type IndexQuery,
  type Place,
  type SearchSpan,
} from '../rollups/event-index.ts';
import { addressText } from '../store/event-columns.ts';
import { EVENT_COLUMNS, type EventRow, eventsOf, storedMethod } from '../store/event-rows.ts';
import { HOST_BY_NAME } from '../store/row-names.ts';
import { OUTCOMES } from '../store/schema.ts';
import type { StoredEvent } from '../store/store.ts';
import type { EventCursor, EventQuery } from './results.ts';
import type { Snapshot } from './snapshot.ts';

/** What a search compares, in the places of an EventRow: of many events that are read most are not shown. */
const COMPARED_COLUMNS = 'id, at, NULL, NULL, host, outcome, method, user, NULL, ip';

/** An event that is found, at its place; its row where that was read as a whole. */
type Found = readonly [...Place, row: EventRow | null];

const newestFirst = (a: Place | Found, b: Place | Found): number => b[0] - a[0] || b[1] - a[1];

/** Gives one page of the events that a query is about. */
export function eventPage(snapshot: Snapshot, query: EventQuery): { events: StoredEvent[]; next: EventCursor | null } {
  const wanted = wantedIn(snapshot, query);
  const found = wanted === null ? [] : new Search(snapshot, query, wanted).newest();
  const page = found.slice(0, query.limit);
  const last = page.at(-1);
  const rows = page.map(([, id, row]) => row ?? (snapshot.events.withId(EVENT_COLUMNS, id) as EventRow | undefined));
  return {
    events: eventsOf(
      snapshot.db,
      rows.filter((row) => row !== undefined),
    ),
    next: last && found.length > query.limit ? { atMs: last[0], id: last[1] } : null,
  };
}

/** Finds the first stored event that happened at or after a time; null where there is none. */
export function firstIdSince({ events, index, indexedTo }: Snapshot, sinceMs: number): number | null {
  const span = { from: sinceMs, to: Number.POSITIVE_INFINITY };
  const first = (after: number, last: number): number | undefined =>
    events.after('id', after, 1, 'id <= ? AND at >= ?', [last, sinceMs])[0]?.[0] as number | undefined;
  for (const part of index.parts(span).sort((a, b) => a.first - b.first))
    for (const { after, last } of index.blocks(part, sinceMs)) {
      const found = first(after, last);
      if (found !== undefined) return found;
    }
  return first(indexedTo, Number.MAX_SAFE_INTEGER) ?? null;
}

/** Turns names into numbers; null where a host was never seen. */
function wantedIn({ db }: Snapshot, { host, ip, user, outcome, method }: EventQuery): IndexQuery | null {
  const known = host === null ? null : (db.prepare(HOST_BY_NAME).get(host) as { id: number } | undefined);
  if (known === undefined) return null;
  // Addresses have no slash: it is a network.
  const network = ip?.includes('/') ? readNetwork(ip) : null;
  return {
    ...ALL_EVENTS,
    host: known?.id ?? null,
    ip: network === null ? ip : null,
    network,
    user,
    outcome: outcome === null ? null : OUTCOMES.indexOf(outcome),
    method,
  };
}

/** One search. Places are in the order of the index: by time, and by id where it cannot tell times apart. */
class Search {
  readonly #at: Snapshot;
  readonly #wanted: IndexQuery;
  readonly #from: number;
  readonly #to: number;
  readonly #before: Place | null;
  readonly #most: number;

  constructor(snapshot: Snapshot, { sinceMs, untilMs, cursor, limit }: EventQuery, wanted: IndexQuery) {
    this.#at = snapshot;
    this.#wanted = wanted;
    this.#from = sinceMs ?? Number.NEGATIVE_INFINITY;
    this.#to = untilMs ?? Number.POSITIVE_INFINITY;
    this.#before = cursor && [clampAt(cursor.atMs), cursor.id];
    this.#most = limit + 1;
  }

  /** Gives the newest, one more than the page takes where there are. */
  newest(): Found[] {
    let found = this.#unindexed();
    const span = { from: this.#from, to: this.#to, before: this.#before };
    for (const part of this.#at.index.parts(span)) {
      const oldest = found[this.#most - 1];
      if (oldest && oldest[0] > part.maxAt) break;
      const more = this.#among(part, span) ?? this.#along(part, span, oldest);
      if (more.length > 0) found = [...found, ...more].sort(newestFirst).slice(0, this.#most);
    }
    return found;
  }

  /** Gives those of a part's events that are newest, where a condition is so rare that all that meet it are compared at once; else null. */
  #among(part: IndexPart, span: SearchSpan): Found[] | null {
    const { index, events } = this.#at;
    const rare = index.rareCondition(part, this.#wanted, span);
    return rare === null ? null : this.#fitting(events.among(COMPARED_COLUMNS, index.meeting(part, rare, span)));
  }

  /** Gives those of a part's events that are newest, up to the first that comes behind `oldest`: one is read after the other. */
  #along(part: IndexPart, span: SearchSpan, oldest: Found | undefined): Found[] {
    const more: Found[] = [];
    for (const id of this.#at.index.search(part, this.#wanted, span, this.#most)) {
      const row = this.#at.events.withId(EVENT_COLUMNS, id) as EventRow | undefined;
      const place = row && this.#placeOf(row);
      if (place && oldest && newestFirst(oldest, place) < 0) break;
      if (place) more.push([...place, row]);
      if (more.length === this.#most) break;
    }
    return more;
  }

  #unindexed(): Found[] {
    this.#at.needIndex();
    const where = 'at >= ? AND at < ?';
    return this.#fitting(this.#at.events.each(COMPARED_COLUMNS, this.#at.indexedTo, where, [this.#from, this.#to]));
  }

  /** Gives where those of many events stand that fit, as many of the newest as are wanted. */
  #fitting(rows: readonly unknown[][]): Found[] {
    return (rows as unknown as EventRow[])
      .map((row) => this.#placeOf(row))
      .filter((place) => place !== null)
      .sort(newestFirst)
      .slice(0, this.#most)
      .map(([at, id]): Found => [at, id, null]);
  }

  /** Gives where an event stands; null where it is not one that is wanted. */
  #placeOf([id, at, , , host, outcome, method, user, , address]: EventRow): Place | null {
    const wanted = this.#wanted;
    const place: Place = [clampAt(at), id];
    const fits =
      at >= this.#from &&
      at < this.#to &&
      (this.#before === null || newestFirst(this.#before, place) < 0) &&
      (wanted.host === null || wanted.host === host) &&
      (wanted.user === null || wanted.user === user) &&
      (wanted.outcome === null || wanted.outcome === outcome) &&
      (wanted.method === null || wanted.method === method || storedMethod(wanted.method) === method);
    if (!fits) return null;
    if (wanted.ip === null && wanted.network === null) return place;
    // As text only for what else fits: most of what is compared does not.
    const ip = addressText(address);
    const comes = (wanted.ip === null || wanted.ip === ip) && (wanted.network === null || isWithin(wanted.network, ip));
    return comes ? place : null;
  }
}
