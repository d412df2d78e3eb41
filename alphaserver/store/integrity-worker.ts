/** `integrity-worker.ts FILE...`: the process that checks all of a store's files while the server runs. Sends a CheckResult. */
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { yieldToOthers } from '../../service/priority.ts';
import { isDamage, openingFault } from '../../service/sqlite-errors.ts';
import { arrays, type Database, isReadError, openReadOnly } from './database.ts';
import { type CheckResult, tableFault } from './integrity.ts';

/** The lowest priority there is: nobody waits for it. */
const NICE_STEPS = 19;
/** Events read at once. A transaction that read all of them would keep the write-ahead log from being reset meanwhile. */
const BATCH_EVENTS = 8_192;

yieldToOthers(NICE_STEPS);
// The server is gone.
process.once('disconnect', () => process.exit());
process.send?.(await check(process.argv.slice(2)), () => process.disconnect());

/** Only damage is a fault of the store: that SQLite has no room for its shared memory, or no memory, says nothing about the files. */
async function check(files: readonly string[]): Promise<CheckResult> {
  try {
    return { fault: await firstFault(files) };
  } catch (error) {
    const message = openingFault(error, dirname(files[0] as string));
    return isDamage(error) || isReadError(error) ? { fault: message } : { unchecked: message };
  }
}

async function firstFault(files: readonly string[]): Promise<string | null> {
  for (const file of files) {
    const db = openReadOnly(file);
    try {
      const found = await fileFault(db);
      if (found !== null) return found;
    } finally {
      db.close();
    }
  }
  return null;
}

async function fileFault(db: Database): Promise<string | null> {
  const tables = arrays(db, "SELECT name FROM sqlite_schema WHERE type = 'table'") as [string][];
  for (const [name] of tables) {
    // The end of the server is heard in between.
    await turn();
    if (/^events_\d+$/.test(name)) await readEvents(db, name);
    else {
      const found = tableFault(db, 'main', name);
      if (found !== null) return found;
    }
  }
  return null;
}

/** Reads all events, range by range. Throws what SQLite says of a damaged page. */
async function readEvents(db: Database, table: string): Promise<void> {
  // The texts have to be touched, or pages that only hold the end of a long one are not read.
  const sql = `SELECT max(id), total(length(method || user || ip || key || reason)) FROM
    (SELECT * FROM ${table} WHERE id > ? ORDER BY id LIMIT ?)`;
  for (let after: number | null = 0; after !== null; ) {
    const [row]: unknown[][] = arrays(db, sql, after, BATCH_EVENTS);
    after = row?.[0] as number | null;
    await turn();
  }
}
