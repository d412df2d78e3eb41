/** Finds what a dying disk or a stray write left in a store's files. */
import { Thread } from '../../service/thread.ts';
import { arrays, type Database } from './database.ts';
import { eventTables, tableName } from './event-tables.ts';
import type { IntegrityMessages } from './integrity-worker.ts';

/** Events read before the store is used: a crash may have torn what was written last. */
const NEWEST_EVENTS = 8_192;
/** Tables that are read into memory at the start, or as large as the fleet: checked whole before the store is used. */
const SMALL_TABLES = ['agents', 'hosts', 'gaps'];

/** A store's file is not whole. */
export class DamagedError extends Error {}

/** Advice about a damaged store, for the end of a sentence. */
export const DAMAGE_ADVICE =
  'agents keep what is not stored; stop alphaserver, put a backup in its place or move the folder away, and start again ' +
  '(docs/exactly-once.md tells what can be saved of a damaged store)';

/**
 * Checks what can be checked at once, whatever the store's size: the small tables, and the events stored last, in full.
 * Throws a DamagedError, or what SQLite says of a damaged page.
 */
export function checkNewest(db: Database): void {
  for (const table of SMALL_TABLES) {
    const fault = tableFault(db, 'main', table);
    if (fault !== null) throw new DamagedError(fault);
  }
  const [row] = arrays(db, "SELECT name FROM sqlite_schema WHERE name = 'eventTables'");
  // One of an older version has one table.
  const tables = row ? eventTables(db).map(({ number }) => tableName(number)) : ['events'];
  let left = NEWEST_EVENTS;
  for (const table of tables.reverse()) {
    if (left <= 0) break;
    left -= db.prepare(`SELECT * FROM ${table} ORDER BY id DESC LIMIT ?`).all(left).length;
  }
}

/** Walks over the pages of a table and its indexes. Gives what is wrong with them, or null. */
export function tableFault(db: Database, schema: string, table: string): string | null {
  const { quick_check: result } = db.prepare(`PRAGMA ${schema}.quick_check('${table}')`).get() as {
    quick_check: string;
  };
  // It begins with a line that names the database.
  return result === 'ok' ? null : result.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ');
}

/** Checks all tables of these files, on a thread of its own. Gives what is wrong, or null. Rejects when it cannot check. */
export async function checkWhole(files: readonly string[]): Promise<string | null> {
  const thread = new Thread<IntegrityMessages>({
    script: new URL('./integrity-worker.ts', import.meta.url),
    data: () => files,
    closeLimitMs: 0,
  });
  try {
    return await thread.request('check');
  } finally {
    await thread.close();
  }
}
