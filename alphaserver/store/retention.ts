/** Lets old events go, a little at a time, and keeps the counts. */
import { type Database, transaction } from './database.ts';
import { arrays, factIn } from './reading/snapshot.ts';
import type { Roller } from './roller.ts';
import { RANKED } from './rollup.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from './span.ts';

/** Events deleted in one transaction: a few milliseconds that a commit may have to wait. */
const STEP_EVENTS = 1_000;
/** Free pages given back to the file system after each step; more than a step frees, so that the file shrinks. */
const STEP_PAGES = 256;

/** Deletes on the connection that writes, one `step` after the other. */
export class Retention {
  readonly #db: Database;
  readonly #roller: Roller;
  readonly #retentionMs: number;
  readonly #holds: readonly (() => number)[];

  /** Events above the least of `holds` stay, however old they are. */
  constructor(db: Database, roller: Roller, retentionMs: number, holds: readonly (() => number)[]) {
    this.#db = db;
    this.#roller = roller;
    this.#retentionMs = retentionMs;
    this.#holds = holds;
  }

  /** Does a bounded part of what is to be done. True when there is more. Throws a StoreError when the disk does not take it. */
  step(nowMs: number): boolean {
    const cutoff = nowMs - this.#retentionMs;
    const events = this.#events(cutoff);
    const fine = this.#fine(floorTo(cutoff, DAY_MS));
    // Costs nothing where nothing is free. Outside of any transaction: it is one itself.
    arrays(this.#db, `PRAGMA incremental_vacuum(${STEP_PAGES})`);
    const [row] = arrays(this.#db, 'PRAGMA freelist_count') as [number][];
    return events || fine || (row?.[0] ?? 0) > STEP_PAGES;
  }

  /** An event is kept by when it was stored, so that an old log read today can be looked at as long as today's. */
  #events(cutoff: number): boolean {
    const oldest = arrays(this.#db, 'SELECT id, storedAt FROM events ORDER BY id LIMIT ?', STEP_EVENTS) as [
      number,
      number,
    ][];
    const held = Math.min(...this.#holds.map((upTo) => upTo()));
    const stays = oldest.findIndex(([id, storedAt]) => storedAt >= cutoff || id > held);
    const goes = stays === -1 ? oldest : oldest.slice(0, stays);
    const last = goes.at(-1)?.[0];
    if (last === undefined) return false;
    // What goes must have been counted.
    while (this.#roller.rolledTo < last) this.#roller.roll(last);
    transaction(this.#db, () => {
      this.#db.prepare('DELETE FROM events WHERE id <= ?').run(last);
      this.#db.prepare('DELETE FROM postings WHERE segment IN (SELECT first FROM segments WHERE last <= ?)').run(last);
      this.#db.prepare('DELETE FROM segments WHERE last <= ?').run(last);
    });
    return stays === -1;
  }

  /** Moves the horizon, then deletes behind it: whoever reads between the two sees what will be there after both. */
  #fine(horizon: number): boolean {
    if (horizon > factIn(this.#db, 'horizon'))
      transaction(this.#db, () => this.#db.prepare("UPDATE facts SET value = ? WHERE name = 'horizon'").run(horizon));
    const behind = factIn(this.#db, 'horizon');
    const [minute] = arrays(this.#db, 'SELECT min(at) FROM counts WHERE step = ?', MINUTE_MS) as [number | null][];
    const [hour] = arrays(
      this.#db,
      `SELECT min(at) FROM (${RANKED.map((kind) => `SELECT min(at) AS at FROM buckets WHERE kind = ${kind} AND step = ${HOUR_MS}`).join(' UNION ALL ')})`,
    ) as [number | null][];
    const oldest = Math.min(minute?.[0] ?? Infinity, hour?.[0] ?? Infinity);
    if (oldest >= behind) return false;
    const until = floorTo(oldest, HOUR_MS) + HOUR_MS;
    transaction(this.#db, () => {
      for (const table of ['counts', 'hostCounts'])
        this.#db.prepare(`DELETE FROM ${table} WHERE step = ? AND at < ?`).run(MINUTE_MS, until);
      for (const kind of RANKED)
        for (const table of ['tops', 'buckets'])
          this.#db.prepare(`DELETE FROM ${table} WHERE kind = ? AND step = ? AND at < ?`).run(kind, HOUR_MS, until);
    });
    return true;
  }
}
