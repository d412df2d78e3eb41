/** Finds what a dying disk or a stray write left in a store's files. */
import { fork } from 'node:child_process';
import { checkFault } from '../../service/sqlite-errors.ts';
import { arrays, type Database } from './database.ts';
import { eventTables, tableName } from './event-tables.ts';

/** Events read before the store is used: a crash may have torn what was written last. */
const NEWEST_EVENTS = 8_192;
/** Tables that are read into memory at the start, or as large as the fleet: checked whole before the store is used. */
const SMALL_TABLES = ['agents', 'hosts', 'gaps'];

/** A store's file is not whole. */
export class DamagedError extends Error {}

/** What the check of all of a store's files found: what is wrong or null, or why they could not be checked. */
export type CheckResult = { readonly fault: string | null } | { readonly unchecked: string };

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
  return checkFault(result);
}

/**
 * Checks all tables of these files in a process of its own, which `signal` ends: SQLite walks over a table in one call, for minutes where
 * it is large, and neither a thread nor a process that has one ends before that. Gives what is wrong, or null. Rejects when it cannot
 * check, and when it is ended.
 */
export async function checkWhole(files: readonly string[], signal?: AbortSignal): Promise<string | null> {
  const worker = fork(new URL('./integrity-worker.ts', import.meta.url), files, {
    ...{ execArgv: [], env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
    ...(signal && { signal, killSignal: 'SIGKILL' }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<string | null>();
  worker.on('message', (result: CheckResult) =>
    'fault' in result ? resolve(result.fault) : reject(new Error(result.unchecked)),
  );
  worker.on('error', reject);
  worker.on('close', (code, killedBy) => reject(new Error(`the check ended with ${killedBy ?? code}`)));
  return promise;
}
