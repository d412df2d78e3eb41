/** The thread that looks at the whole of a store's files. */
import { parentPort, workerData } from 'node:worker_threads';
import { openReader } from './database.ts';
import { tableFault } from './integrity.ts';

const port = parentPort;
if (port) {
  const db = openReader((workerData as { folder: string }).folder);
  const names = ['main', 'rollups'].map((file) => `SELECT name FROM ${file}.sqlite_schema WHERE type = 'table'`);
  const tables = db.prepare(names.join(' UNION ALL ')).all() as { name: string }[];
  let fault: string | null = null;
  // One by one: a look that held one moment of the file for long would let its log grow meanwhile.
  for (const { name } of tables) {
    try {
      fault ??= tableFault(db, name);
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
  }
  db.close();
  port.postMessage(fault);
}
