/** Deletes what was made from old events, a little at a time, and keeps the counts. */
import { arrays, type Database, transaction } from '../store/database.ts';
import type { RetentionBounds } from '../store/retention.ts';
import { RANKED_KINDS } from './counts.ts';
import type { RollupWriter } from './rollup-writer.ts';
import { factIn } from './schema.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './time-buckets.ts';

/** Runs on the rollup thread. */
export class RollupRetention {
  readonly #db: Database;
  readonly #writer: RollupWriter;
  #forgottenTo = 0;

  constructor(rollups: Database, writer: RollupWriter) {
    this.#db = rollups;
    this.#writer = writer;
  }

  /** The rollups hold only counts of events up to this id: they may be deleted. */
  get forgottenTo(): number {
    return this.#forgottenTo;
  }

  /** Does a bounded part of the work. True when there is more. Throws a StoreError when the disk does not take it. */
  step({ cutoffMs, upTo }: RetentionBounds): boolean {
    // An event must be counted before it is deleted.
    if (upTo > this.#forgottenTo) this.#writer.dropIndex(upTo);
    this.#forgottenTo = Math.max(this.#forgottenTo, upTo);
    return this.#dropFineCounts(floorTo(cutoffMs, DAY_MS));
  }

  /** Moves the horizon, then deletes behind it: a query between the two sees what will be there after both. */
  #dropFineCounts(wanted: number): boolean {
    const behind = this.#moveHorizon(wanted);
    const oldest = Math.min(
      this.#first('counts', MINUTE_MS, ''),
      this.#first('hostCounts', HOUR_MS, ''),
      ...RANKED_KINDS.map((kind) => this.#first('buckets', HOUR_MS, `AND kind = ${kind}`)),
    );
    if (oldest >= behind) return false;
    const until = floorTo(oldest, HOUR_MS) + HOUR_MS;
    transaction(this.#db, () => {
      this.#db.prepare('DELETE FROM counts WHERE step = ? AND at < ?').run(MINUTE_MS, until);
      this.#db.prepare('DELETE FROM hostCounts WHERE step = ? AND at < ?').run(HOUR_MS, until);
      this.#writer.dropHours(until);
    });
    return true;
  }

  /**
   * Moves the horizon to a day's start and gives it. Where a clock stood ahead it comes back as far as it can: to the end of the last
   * day that has fewer events in its minutes than in all, some of which are deleted. From there on nothing is.
   */
  #moveHorizon(wanted: number): number {
    const stored = factIn(this.#db, 'horizon');
    const horizon = wanted > stored ? wanted : Math.max(wanted, this.#lastWithoutMinutes(wanted, stored) + DAY_MS);
    if (horizon !== stored)
      transaction(this.#db, () => this.#db.prepare("UPDATE facts SET value = ? WHERE name = 'horizon'").run(horizon));
    return horizon;
  }

  /** Finds the last day of a span that lacks minutes. One transaction deletes a time's minutes, its hours of hosts and its top values. */
  #lastWithoutMinutes(from: number, to: number): number {
    const [row] = arrays(
      this.#db,
      `SELECT at FROM counts AS day WHERE step = ? AND at >= ? AND at < ? AND accepted + failed + probes >
         (SELECT total(accepted + failed + probes) FROM counts WHERE step = ? AND at >= day.at AND at < day.at + ?)
       ORDER BY at DESC LIMIT 1`,
      ...[DAY_MS, from, to, MINUTE_MS, DAY_MS],
    ) as [number][];
    return row?.[0] ?? Number.NEGATIVE_INFINITY;
  }

  #first(table: string, step: number, and: string): number {
    const [row] = arrays(this.#db, `SELECT min(at) FROM ${table} WHERE step = ? ${and}`, step) as [number | null][];
    return row?.[0] ?? Number.POSITIVE_INFINITY;
  }
}
