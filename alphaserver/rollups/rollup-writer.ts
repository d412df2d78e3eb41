/** Takes events, in the order of their ids, into the tables that queries are answered from. */
import { arrays, type Database, type Statement, transaction } from '../store/database.ts';
import { CountTables } from './count-tables.ts';
import {
  addValues,
  byBucket,
  type CountedRow,
  idsByValue,
  mergeValues,
  type Names,
  RANKED_KINDS,
  type RankedKind,
  type ValueCounts,
} from './counts.ts';
import { PARTS, packPostings } from './event-index.ts';
import { HashedNames } from './hashed-names.ts';
import { factIn, SEGMENT_POSTINGS } from './schema.ts';
import { ALL_TIME, DAY_MS, floorTo, HOUR_MS } from './time-buckets.ts';
import { TopKCache } from './top-k-cache.ts';

/** Events are counted once so many wait: few enough that a query reads them one by one, enough to be worth a commit. */
export const BATCH_EVENTS = 1_024;
/** A segment of the index has so many events at least: a query for one source reads a list of each segment. */
export const SEGMENT_EVENTS = 8_192;
/** The most that one transaction takes: in a flood batches are larger, and a value is written once for many events. */
const LIMIT_EVENTS = 4 * SEGMENT_EVENTS;

/** Reads the file of events and writes that of the rollups, which nothing else writes. */
export class RollupWriter {
  readonly #events: Database;
  readonly #db: Database;
  readonly #names: Names;
  readonly #tops: TopKCache;
  readonly #counts: CountTables;
  readonly #time: Statement;
  readonly #segment: Statement;
  readonly #posting: Statement;
  readonly #fact: Statement;
  #rolledTo: number;
  #indexedTo: number;

  constructor(events: Database, rollups: Database) {
    this.#events = events;
    this.#db = rollups;
    this.#names = new HashedNames(events, rollups);
    this.#tops = new TopKCache(rollups);
    this.#counts = new CountTables(rollups);
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
   * Takes a batch of new events in one transaction; with `all` also where fewer than a batch wait. False where there was
   * nothing to do. Throws a StoreError when the disk does not take it: then nothing of it is written.
   */
  roll(all = false): boolean {
    const { lastId } = this;
    const waiting = lastId - this.#rolledTo;
    const unindexed = lastId - this.#indexedTo;
    if (all ? unindexed <= 0 : waiting < BATCH_EVENTS) return false;
    const rolledTo = this.#rolledTo + Math.min(Math.max(waiting, 0), LIMIT_EVENTS);
    const segment = all ? Math.min(unindexed, LIMIT_EVENTS) : Math.min(wholeSegments(unindexed), LIMIT_EVENTS);
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
      this.#tops.clear();
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
    this.#counts.add(rows);
    for (const kind of RANKED_KINDS) {
      const hours = new Map<number, Map<string, ValueCounts>>();
      for (const [at, inHour] of byBucket(rows, HOUR_MS)) hours.set(at, this.#values(kind, inHour));
      for (const [at, values] of hours) this.#tops.add([kind, HOUR_MS, at], values);
      const days = Map.groupBy(hours, ([at]) => floorTo(at, DAY_MS));
      const ofDays = [...days].map(([at, ofHours]) => {
        const values = mergeValues(ofHours.map(([, one]) => one));
        this.#tops.add([kind, DAY_MS, at], values);
        return values;
      });
      if (ofDays.length > 0) this.#tops.add([kind, ALL_TIME, 0], mergeValues(ofDays));
    }
  }

  #values(kind: RankedKind, rows: readonly CountedRow[]): Map<string, ValueCounts> {
    const values = new Map<string, ValueCounts>();
    addValues(values, rows, kind, this.#names);
    return values;
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

const wholeSegments = (events: number): number => events - (events % SEGMENT_EVENTS);
