/** The state of the rules in alerts.db: blocks that the rules pack, all as of one position in the event log. */

import type { CheckpointBlock } from '../detection/checkpoint.ts';
import type { Database, Statement } from '../store/database.ts';
import type { Marks } from './schema.ts';

/** The marks of the position that the blocks are of, and of the last checkpoint that is complete. */
const POSITION = 'checkpoint';
const COMPLETE = 'checkpointNumber';
/** The mark that is 1 until the first save after all state was lost. */
export const LOST_MARK = 'stateLost';
/** Blocks deleted at once that a newer checkpoint has: some ten MiB. */
const DELETED_AT_ONCE = 64;

/**
 * A checkpoint is written in pieces under a number of its own, and is in force with the one mark that completes it: a crash
 * before that leaves the checkpoint before, whose blocks are deleted only after it. Writing calls belong inside a
 * transaction of the caller.
 */
export class Checkpoint {
  readonly #db: Database;
  readonly #marks: Marks;
  readonly #put: Statement;
  readonly #deleteOld: Statement;
  /** The blocks that a complete checkpoint has replaced may be there still. */
  #hasOld = true;

  constructor(db: Database, marks: Marks) {
    this.#db = db;
    this.#marks = marks;
    this.#put = db.prepare('INSERT OR REPLACE INTO checkpoint (kind, block, number, data) VALUES (?, ?, ?, ?)');
    const other = 'SELECT 1 FROM checkpoint n WHERE n.kind = o.kind AND n.block = o.block AND n.number';
    // That a block is no more is known by its row until no older one is left.
    const replaced = `EXISTS (${other} > o.number AND n.number <= ?1)`;
    const ended = `(data IS NULL AND number <= ?1 AND NOT EXISTS (${other} < o.number))`;
    this.#deleteOld = db.prepare(
      `DELETE FROM checkpoint WHERE (kind, block, number) IN
         (SELECT kind, block, number FROM checkpoint o WHERE ${replaced} OR ${ended} LIMIT ${DELETED_AT_ONCE})`,
    );
  }

  /** The position that the blocks are of, 0 where there are none: events after it are replayed on start. */
  get position(): number {
    return this.#marks.get(POSITION) ?? 0;
  }

  /** True when all state was lost: what agents had lost before is not known to be old. */
  get isLost(): boolean {
    return this.#marks.get(LOST_MARK) === 1;
  }

  get #complete(): number {
    return this.#marks.get(COMPLETE) ?? 0;
  }

  /** Writes blocks of the next checkpoint. */
  add(blocks: Iterable<CheckpointBlock>): void {
    const number = this.#complete + 1;
    for (const { kind, block, data } of blocks) this.#put.run(kind, block, number, data);
  }

  /** Puts the next checkpoint in force, of which all blocks that changed were added. */
  complete(position: number): void {
    this.#marks.set(COMPLETE, this.#complete + 1);
    this.#marks.set(POSITION, position);
    if (this.isLost) this.#marks.set(LOST_MARK, 0);
    this.#hasOld = true;
  }

  /** Deletes some of the blocks that the checkpoint in force has replaced; false where none was left. */
  deleteOld(): boolean {
    if (this.#hasOld) this.#hasOld = this.#deleteOld.run(this.#complete).changes > 0;
    return this.#hasOld;
  }

  /** Deletes what was written of a checkpoint that was not completed: a crash leaves it behind. */
  deleteIncomplete(): void {
    this.#db.prepare('DELETE FROM checkpoint WHERE number > ?').run(this.#complete);
  }

  /** Gives the blocks in force, one at a time: all together they can take hundreds of MiB. */
  *blocks(): Generator<CheckpointBlock> {
    const newest = 'SELECT kind, block, max(number) AS number FROM checkpoint GROUP BY kind, block';
    const sql = `SELECT kind, block, data FROM (${newest}) JOIN checkpoint USING (kind, block, number) WHERE data IS NOT NULL`;
    for (const row of this.#db.prepare(sql).iterate()) yield row as unknown as CheckpointBlock;
  }

  /** Drops all blocks: the whole event log is replayed then. */
  drop(): void {
    this.#db.exec('DELETE FROM checkpoint');
    this.#marks.set(POSITION, 0);
    this.#marks.set(LOST_MARK, 1);
  }
}
