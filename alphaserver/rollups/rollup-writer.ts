/** Takes events, in the order of their ids, into the tables that queries are answered from. */
import { Sources } from '../../service/ip-network.ts';
import { type Database, type Statement, transaction } from '../store/database.ts';
import { type EventReader, eventTables, readerOf } from '../store/event-tables.ts';
import { CountTables } from './count-tables.ts';
import {
  addValues,
  byBucket,
  COUNTED_COLUMNS,
  type CountedRow,
  countedRows,
  mergeValues,
  type Names,
  RANKED_KINDS,
  type RankedKind,
  type ValueCounts,
} from './counts.ts';
import { IndexWriter } from './event-index.ts';
import { HashedNames } from './hashed-names.ts';
import { factIn } from './schema.ts';
import { ALL_TIME, DAY_MS, floorTo, HOUR_MS } from './time-buckets.ts';
import { TopKCache } from './top-k-cache.ts';

/** Events are counted once so many wait: few enough that a query reads them one by one, enough to be worth a commit. */
export const BATCH_EVENTS = 1_024;
/** The most that one transaction takes: in a flood batches are larger, and a value is written once for many events. */
const LIMIT_EVENTS = 65_536;
/** The most that one transaction adds to an index that is made again, beside new events. */
const CATCH_UP_EVENTS = 8_192;
/** The bits of an address that say which network it is in, where that is searched for. */
const NETWORK_BITS = 64;

/** Reads the file of events and writes that of the rollups, which nothing else writes. */
export class RollupWriter {
  readonly #events: EventReader;
  readonly #db: Database;
  readonly #names: Names;
  readonly #tops: TopKCache;
  readonly #counts: CountTables;
  readonly #index: IndexWriter;
  readonly #fact: Statement;
  readonly #limitEvents: number;
  #rolledTo: number;
  #indexedTo: number;

  /** `limitEvents`: the most that one transaction takes. */
  constructor(events: Database, rollups: Database, limitEvents = LIMIT_EVENTS) {
    this.#limitEvents = limitEvents;
    this.#events = readerOf(events);
    this.#db = rollups;
    this.#names = new HashedNames(events, rollups);
    this.#tops = new TopKCache(rollups);
    this.#counts = new CountTables(rollups);
    this.#index = new IndexWriter(rollups, this.#names, new Sources(NETWORK_BITS));
    this.#fact = rollups.prepare('UPDATE facts SET value = ? WHERE name = ?');
    this.#rolledTo = factIn(rollups, 'rolledTo');
    this.#indexedTo = factIn(rollups, 'indexedTo');
  }

  /** Events up to this id are counted, durably. */
  get rolledTo(): number {
    return this.#rolledTo;
  }

  /**
   * Takes a batch of new events in one transaction; with `all` also where fewer than a batch wait. False where there was
   * nothing to do. Throws a StoreError when the disk does not take it: then nothing of it is written.
   */
  roll(all = false): boolean {
    const { last } = this.#events.bounds();
    const waiting = last - this.#rolledTo;
    const behind = this.#rolledTo - this.#indexedTo;
    const due = all ? waiting > 0 : waiting >= BATCH_EVENTS;
    if (!due && behind <= 0) return false;
    const fresh = due ? this.#rows(this.#rolledTo, this.#limitEvents) : [];
    // After an upgrade the index is made again: until it is there, new events are counted and not indexed.
    const old = behind > 0 ? this.#rows(this.#indexedTo, CATCH_UP_EVENTS, this.#rolledTo) : [];
    // Ids may have gaps: where there are no more rows, all up to the last is taken.
    const taken = (rows: readonly CountedRow[], limit: number, upTo: number): number =>
      rows.length === limit ? (rows.at(-1) as CountedRow)[0] : Math.max(rows.at(-1)?.[0] ?? 0, upTo);
    const rolledTo = due ? taken(fresh, this.#limitEvents, last) : this.#rolledTo;
    const indexedTo = behind > 0 ? taken(old, CATCH_UP_EVENTS, this.#rolledTo) : rolledTo;
    const starts = eventTables(this.#events.db).map(({ first }) => first);
    try {
      transaction(this.#db, () => {
        this.#count(fresh);
        if (behind > 0) this.#index.add(old, starts, old.length === CATCH_UP_EVENTS);
        else this.#index.add(fresh, starts, fresh.length === this.#limitEvents);
        this.#fact.run(rolledTo, 'rolledTo');
        this.#fact.run(indexedTo, 'indexedTo');
      });
    } catch (error) {
      this.#tops.clear();
      this.#index.clear();
      throw error;
    }
    this.#rolledTo = rolledTo;
    this.#indexedTo = indexedTo;
    return true;
  }

  /** Drops what the index has of events up to an id, all of which it has taken before. */
  dropIndex(upTo: number): void {
    while (this.#indexedTo < upTo && this.roll(true));
    transaction(this.#db, () => this.#index.drop(upTo));
  }

  /** Deletes the top values of hours that began before a time, inside the caller's transaction. */
  dropHours(before: number): void {
    this.#tops.deleteBefore(HOUR_MS, before);
  }

  /** Does a part of the merging of the index that nobody waits for. False where nothing is left to do. */
  merge(): boolean {
    return transaction(this.#db, () => this.#index.merge());
  }

  #rows(after: number, limit: number, upTo = Number.MAX_SAFE_INTEGER): CountedRow[] {
    return countedRows(this.#events.after(COUNTED_COLUMNS, after, limit, 'id <= ?', [upTo]));
  }

  #count(rows: readonly CountedRow[]): void {
    if (rows.length === 0) return;
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
}
