/** Deletes what was made from old events, a little at a time, and keeps the counts. */
import { arrays, type Database, transaction } from '../store/database.ts';
import type { RetentionBounds } from '../store/retention.ts';
import { RANKED_KINDS } from './counts.ts';
import type { RollupWriter } from './rollup-writer.ts';
import { factIn, SLOTS } from './schema.ts';
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
  #dropFineCounts(horizon: number): boolean {
    if (horizon > factIn(this.#db, 'horizon'))
      transaction(this.#db, () => this.#db.prepare("UPDATE facts SET value = ? WHERE name = 'horizon'").run(horizon));
    const behind = factIn(this.#db, 'horizon');
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
      const old = 'FROM buckets WHERE step = ? AND at < ?';
      for (const [id] of RANKED_KINDS.flatMap((kind) =>
        arrays(this.#db, `SELECT id ${old} AND kind = ?`, HOUR_MS, until, kind),
      ) as [number][])
        for (const table of ['tops', 'met'])
          this.#db.prepare(`DELETE FROM ${table} WHERE id >= ? AND id < ?`).run(id * SLOTS, (id + 1) * SLOTS);
      for (const kind of RANKED_KINDS) this.#db.prepare(`DELETE ${old} AND kind = ?`).run(HOUR_MS, until, kind);
    });
    return true;
  }

  #first(table: string, step: number, and: string): number {
    const [row] = arrays(this.#db, `SELECT min(at) FROM ${table} WHERE step = ? ${and}`, step) as [number | null][];
    return row?.[0] ?? Number.POSITIVE_INFINITY;
  }
}
