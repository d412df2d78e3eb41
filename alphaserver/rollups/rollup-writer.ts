/** Takes events, in the order of their ids, into the tables that answer questions. */

import { arrays, factIn, namesIn } from '../queries/snapshot.ts';
import { type Database, type Statement, transaction } from '../store/database.ts';
import { SEGMENT_POSTINGS } from '../store/schema.ts';
import { byBucket, type CountedRow, idsByValue, type Names, RANKED, type Share, share, together } from './counts.ts';
import { PARTS, packPostings } from './event-index.ts';
import { HostTally } from './host-counts.ts';
import { DAY_MS, EVER, floorTo, HOUR_MS } from './time-buckets.ts';
import { Shelf } from './top-k-cache.ts';

/** Events are counted once so many wait: few enough to be read one by one until then, enough to make a commit worth it. */
export const PIECE_EVENTS = 1_024;
/** So many events at least have postings together: a question about one source looks at each such segment. */
export const SEGMENT_EVENTS = 8_192;
/** The most that one transaction takes: a flood comes in larger pieces, where one value is written once for many events. */
const LIMIT_EVENTS = 4 * SEGMENT_EVENTS;

/** Reads one file and writes the other; nobody else writes that one. */
export class Roller {
  readonly #events: Database;
  readonly #db: Database;
  readonly #names: Names;
  readonly #shelf: Shelf;
  readonly #tally: HostTally;
  readonly #time: Statement;
  readonly #segment: Statement;
  readonly #posting: Statement;
  readonly #fact: Statement;
  #rolledTo: number;
  #indexedTo: number;

  constructor(events: Database, rollups: Database) {
    this.#events = events;
    this.#db = rollups;
    this.#names = namesIn(events, factIn(rollups, 'hashSeed'));
    this.#shelf = new Shelf(rollups);
    this.#tally = new HostTally(rollups);
    // OR IGNORE: after a power cut of a disk that lies about its writes, events may be fewer than what was made from them.
    this.#time = rollups.prepare('INSERT OR IGNORE INTO times VALUES (?, ?, ?, ?)');
    this.#segment = rollups.prepare('INSERT INTO segments VALUES (?, ?, ?, ?)');
    this.#posting = rollups.prepare('INSERT INTO postings VALUES (?, ?)');
    this.#fact = rollups.prepare('UPDATE facts SET value = ? WHERE name = ?');
    this.#rolledTo = factIn(rollups, 'rolledTo');
    this.#indexedTo = factIn(rollups, 'indexedTo');
  }

  /** Events up to this id are counted, durably. */
  get rolledTo(): number {
    return this.#rolledTo;
  }

  /** Events up to this id can be found by their values, durably. */
  get indexedTo(): number {
    return this.#indexedTo;
  }

  /** The id of the newest event. */
  get lastId(): number {
    return (arrays(this.#events, 'SELECT max(id) FROM events')[0]?.[0] as number | null) ?? 0;
  }

  /**
   * Takes a piece of what is new, in one transaction; `all` also where it is less than a piece. False where there was
   * nothing to do. Throws a StoreError when the disk does not take it: nothing of it is there then.
   */
  roll(all = false): boolean {
    const { lastId } = this;
    const waiting = lastId - this.#rolledTo;
    const unindexed = lastId - this.#indexedTo;
    if (all ? unindexed <= 0 : waiting < PIECE_EVENTS) return false;
    const rolledTo = this.#rolledTo + Math.min(Math.max(waiting, 0), LIMIT_EVENTS);
    const segment = all ? Math.min(unindexed, LIMIT_EVENTS) : Math.min(whole(unindexed), LIMIT_EVENTS);
    const indexedTo = this.#indexedTo + (unindexed >= SEGMENT_EVENTS || all ? segment : 0);
    const rows = this.#rows(
      indexedTo > this.#indexedTo ? this.#indexedTo : this.#rolledTo,
      Math.max(rolledTo, indexedTo),
    );
    try {
      transaction(this.#db, () => {
        this.#count(rows.filter(([id]) => id > this.#rolledTo && id <= rolledTo));
        if (indexedTo > this.#indexedTo) this.#index(rows.filter(([id]) => id > this.#indexedTo && id <= indexedTo));
        this.#fact.run(rolledTo, 'rolledTo');
        this.#fact.run(indexedTo, 'indexedTo');
      });
    } catch (error) {
      this.#shelf.forget();
      throw error;
    }
    this.#rolledTo = rolledTo;
    this.#indexedTo = indexedTo;
    return true;
  }

  #rows(after: number, last: number): CountedRow[] {
    const sql = 'SELECT id, at, outcome, host, method, user, ip FROM events WHERE id > ? AND id <= ? ORDER BY id';
    return arrays(this.#events, sql, after, last) as unknown as CountedRow[];
  }

  #count(rows: readonly CountedRow[]): void {
    // In the order of the keys: the table grows at its end.
    for (const [id, at, outcome, host] of [...rows].sort((a, b) => a[1] - b[1] || a[0] - b[0]))
      this.#time.run(at, id, outcome, host);
    this.#tally.add(rows);
    for (const kind of RANKED) {
      const hours = new Map<number, Map<string, Share>>();
      for (const [at, inHour] of byBucket(rows, HOUR_MS)) hours.set(at, this.#shares(kind, inHour));
      for (const [at, shares] of hours) this.#shelf.add([kind, HOUR_MS, at], shares);
      const days = Map.groupBy(hours, ([at]) => floorTo(at, DAY_MS));
      const ofDays = [...days].map(([at, ofHours]) => {
        const shares = together(ofHours.map(([, one]) => one));
        this.#shelf.add([kind, DAY_MS, at], shares);
        return shares;
      });
      if (ofDays.length > 0) this.#shelf.add([kind, EVER, 0], together(ofDays));
    }
  }

  #shares(kind: (typeof RANKED)[number], rows: readonly CountedRow[]): Map<string, Share> {
    const shares = new Map<string, Share>();
    share(shares, rows, kind, this.#names);
    return shares;
  }

  #index(rows: readonly CountedRow[]): void {
    const [first, last] = [rows[0]?.[0], rows.at(-1)?.[0]];
    if (first === undefined || last === undefined) return;
    const times = rows.map(([, at]) => at);
    const [minAt, maxAt] = times.reduce(([a, b], at) => [Math.min(a, at), Math.max(b, at)], [Infinity, -Infinity]);
    this.#segment.run(first, last, minAt, maxAt);
    for (const [kind, values] of idsByValue(rows, this.#names).entries()) {
      const lists = values.entries().map(([value, ids]): [number, number[]] => [this.#names.hash(value), ids]);
      const parts = packPostings(lists, first);
      for (const part of [...parts.keys()].sort((a, b) => a - b))
        this.#posting.run(first * SEGMENT_POSTINGS + kind * PARTS + part, parts.get(part) as Uint8Array);
    }
  }
}

const whole = (events: number): number => events - (events % SEGMENT_EVENTS);
