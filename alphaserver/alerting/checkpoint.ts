/** The state of the rules in alerts.db: blocks that the rules pack, all as of one position in the event log. */

import type { CheckpointBlock } from '../detection/checkpoint.ts';
import type { Database, Statement } from '../store/database.ts';
import type { Marks } from './schema.ts';

/** The mark of the position that the blocks are of. */
const POSITION = 'checkpoint';
/** The mark that is 1 until the first save after all state was lost. */
export const LOST_MARK = 'stateLost';

/** Writing calls belong inside a transaction of the caller. */
export class Checkpoint {
  readonly #db: Database;
  readonly #marks: Marks;
  readonly #put: Statement;
  readonly #delete: Statement;

  constructor(db: Database, marks: Marks) {
    this.#db = db;
    this.#marks = marks;
    this.#put = db.prepare('INSERT OR REPLACE INTO checkpoint (kind, block, data) VALUES (?, ?, ?)');
    this.#delete = db.prepare('DELETE FROM checkpoint WHERE kind = ? AND block = ?');
  }

  /** The position that the blocks are of, 0 where there are none: events after it are replayed on start. */
  get position(): number {
    return this.#marks.get(POSITION) ?? 0;
  }

  /** True when all state was lost: what agents had lost before is not known to be old. */
  get isLost(): boolean {
    return this.#marks.get(LOST_MARK) === 1;
  }

  /** Saves the blocks that changed since the last call. */
  save(blocks: Iterable<CheckpointBlock>, position: number): void {
    for (const { kind, block, data } of blocks)
      if (data === null) this.#delete.run(kind, block);
      else this.#put.run(kind, block, data);
    this.#marks.set(POSITION, position);
    if (this.isLost) this.#marks.set(LOST_MARK, 0);
  }

  /** Gives all blocks, one at a time: all together they can take hundreds of MiB. */
  *blocks(): Generator<CheckpointBlock> {
    for (const row of this.#db.prepare('SELECT kind, block, data FROM checkpoint').iterate())
      yield row as unknown as CheckpointBlock;
  }

  /** Drops all blocks: the whole event log is replayed then. */
  drop(): void {
    this.#db.exec('DELETE FROM checkpoint');
    this.#marks.set(POSITION, 0);
    this.#marks.set(LOST_MARK, 1);
  }
}
