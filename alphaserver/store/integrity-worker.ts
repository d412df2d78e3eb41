/** The thread that checks all of a store's files while the server runs. */
import { runThread } from '../../service/thread.ts';
import { arrays, type Database, openReadOnly } from './database.ts';
import { tableFault } from './integrity.ts';

/** Messages between the two sides: the reply names the damage, or is null. */
export interface IntegrityMessages {
  readonly post: never;
  readonly emit: never;
  readonly request: 'check';
  readonly reply: string | null;
}

/** The lowest priority there is: nobody waits for it. */
const NICE_STEPS = 19;
/** Events read at once. A transaction that read all of them would keep the write-ahead log from being reset meanwhile. */
const BATCH_EVENTS = 8_192;

runThread<IntegrityMessages>(NICE_STEPS, (files: readonly string[]) => ({
  answer: () => {
    for (const file of files) {
      const db = openReadOnly(file);
      try {
        const fault = fileFault(db);
        if (fault !== null) return fault;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      } finally {
        db.close();
      }
    }
    return null;
  },
}));

function fileFault(db: Database): string | null {
  const tables = arrays(db, "SELECT name FROM sqlite_schema WHERE type = 'table'") as [string][];
  for (const [name] of tables) {
    if (/^events_\d+$/.test(name)) readEvents(db, name);
    else {
      const fault = tableFault(db, 'main', name);
      if (fault !== null) return fault;
    }
  }
  return null;
}

/** Reads all events, range by range. Throws what SQLite says of a damaged page. */
function readEvents(db: Database, table: string): void {
  // The texts have to be touched, or pages that only hold the end of a long one are not read.
  const sql = `SELECT max(id), total(length(method || user || ip || key || reason)) FROM
    (SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ?)`;
  for (let after: number | null = 0; after !== null; ) {
    const [row]: unknown[][] = arrays(db, sql, after, BATCH_EVENTS);
    after = row?.[0] as number | null;
  }
}
