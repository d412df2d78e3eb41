/** Whether a store's file is whole: SQLite's own walk over its pages, which finds what a dying disk or a stray write left. */
import { Worker } from 'node:worker_threads';
import type { Database } from './database.ts';

/** Events looked at before the store is used: what was written last is what a crash may have torn. */
const NEWEST_EVENTS = 8_192;
/** Tables that are read into memory at the start, or as large as the fleet: walked whole before the store is used. */
const SMALL_TABLES = ['agents', 'hosts', 'gaps'];

/** A store's file is not whole. */
export class DamagedError extends Error {}

/** What to do about a damaged store, for the end of a sentence. */
export const DAMAGE_ADVICE =
  'agents keep what is not stored; stop alphaserver, put a backup in its place or move the folder away, and start again ' +
  '(docs/exactly-once.md tells what can be saved of a damaged store)';

/**
 * What can be looked at at once, whatever the store's size: the small tables, and the events stored last, in full. Throws a
 * DamagedError, or what SQLite says of a damaged page.
 */
export function checkNewest(db: Database): void {
  for (const table of SMALL_TABLES) {
    const fault = tableFault(db, table);
    if (fault !== null) throw new DamagedError(fault);
  }
  db.prepare('SELECT * FROM events ORDER BY id DESC LIMIT ?').all(NEWEST_EVENTS);
}

/** What is wrong with a table and its indexes, or null. */
export function tableFault(db: Database, table: string): string | null {
  const { quick_check: said } = db.prepare(`PRAGMA quick_check('${table}')`).get() as { quick_check: string };
  // It begins with a line that names the database.
  return said === 'ok' ? null : said.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ');
}

/** What is wrong with a folder's store, or null. Looks at all of it, on a thread of its own. Rejects when it cannot. */
export function checkWhole(folder: string): Promise<string | null> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL('./integrity-worker.ts', import.meta.url), { workerData: { folder } });
    // A process that has nothing else to do may end.
    worker.unref();
    worker.once('message', (fault: string | null) => done(fault));
    worker.once('error', failed);
    worker.once('exit', () => failed(new Error('the check was ended')));
  });
}
