/** What the rules remember of events, in a file of its own: their thread writes it, so that nobody who stores waits for it. */

import { join } from 'node:path';
import type { Kind } from '../detection/detectors.ts';
import type { PackedStory } from '../detection/keyed-state.ts';
import type { DirtyStory } from '../detection/keyed-state-map.ts';
import { type Database, openDatabase, type Statement, transaction } from '../store/database.ts';
import type { Remembered } from './rule-runner.ts';
import { type Database as AlertTables, Marks, MEMORY_TABLES } from './schema.ts';

/** The file's name in the store's folder. */
export const MEMORY_FILE = 'memory.db';
/** Its log of writes is taken into the file at this size, in pages: 16 MiB. */
const MEMORY_LOG_PAGES = 4_096;

/** Opens or makes what the rules remember, for writing. Throws an Error with one sentence when it cannot be used. */
function openMemory(folder: string): Database {
  const file = join(folder, MEMORY_FILE);
  const db = openDatabase(file);
  try {
    // Durable at a checkpoint only: what a power cut takes back is made anew, and each sync keeps those of the events waiting.
    db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=${MEMORY_LOG_PAGES}`);
    return db;
  } catch (error) {
    db.close();
    const why = (error as Error).message;
    throw new Error(`${file} cannot be used (${why}): without it, it is made anew from the events`, { cause: error });
  }
}

interface Row {
  readonly kind: Kind;
  readonly key: string;
  readonly touched: number;
  readonly touchedMs: number;
  readonly packed: string;
}

/**
 * Stories, one row each. Of its marks, `kept` is an event id: up to it all events are in the stories; what is after it is
 * thought again after a crash, and gives the same stories. `store` is the number of the store that they are of.
 */
export class Memory {
  readonly #db: Database;
  readonly #marks: Marks;
  readonly #put: Statement;
  readonly #drop: Statement;

  /**
   * Opens or makes the file of a folder. `store` is the number of the store beside it, and up to `told` its incidents are
   * written: what belongs to another store, or knows more than that (a backup was put back), is let go of.
   */
  constructor(folder: string, store: number, told: number) {
    const db = openMemory(folder);
    this.#db = db;
    db.exec(MEMORY_TABLES);
    this.#marks = new Marks(db as unknown as AlertTables);
    this.#put = db.prepare(
      'INSERT OR REPLACE INTO alertStories (kind, key, touched, touchedMs, packed) VALUES (?, ?, ?, ?, ?)',
    );
    this.#drop = db.prepare('DELETE FROM alertStories WHERE kind = ? AND key = ?');
    if (this.#marks.get('store') === store && this.kept <= told) return;
    transaction(db, () => {
      db.exec('DELETE FROM alertStories; DELETE FROM alertMarks');
      this.#marks.set('store', store);
    });
  }

  /** Up to this event all is kept. */
  get kept(): number {
    return this.#marks.get('kept') ?? 0;
  }

  /** Keeps stories as they are now, or forgets them, in one transaction; a power cut may take back what is not settled. Throws a StoreError when the disk does not take it. */
  keep({ stories, kept }: Remembered): void {
    transaction(this.#db, () => {
      for (const { kind, key, touched, touchedMs, packed } of stories)
        if (packed) this.#put.run(kind, key, touched, touchedMs, JSON.stringify(packed));
        else this.#drop.run(kind, key);
      this.#marks.set('kept', kept);
    });
  }

  /** Makes all that was kept durable. Throws an Error when the disk does not take it. */
  settle(): void {
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  /** All stories, the least recently touched first. */
  *stories(): Generator<DirtyStory> {
    const rows = this.#db.prepare('SELECT * FROM alertStories ORDER BY touched').all() as unknown as Row[];
    for (const row of rows) yield { ...row, packed: JSON.parse(row.packed) as PackedStory<unknown> };
  }

  /** Takes over what an older version kept in the store's own file, where nothing is kept here. */
  takeOver(rows: readonly unknown[], kept: number): void {
    if (this.#marks.get('kept') !== null) return;
    transaction(this.#db, () => {
      for (const { kind, key, touched, touchedMs, packed } of rows as Row[])
        this.#put.run(kind, key, touched, touchedMs, packed);
      this.#marks.set('kept', kept);
    });
  }

  /** Lets go of the file. */
  close(): void {
    this.#db.close();
  }
}
