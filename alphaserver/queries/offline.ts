/** A store's files read beside the process that writes them, or while nothing runs: for commands. Keeps nobody out. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, FILE, openReader } from '../store/database.ts';
import { MIGRATIONS, ROLLUP_MIGRATIONS } from '../store/schema.ts';
import { type AlertsView, NO_ALERTS } from './alert-results.ts';
import { stateNow } from './alert-views.ts';
import { Answers } from './answers.ts';
import type { ReadingThread } from './query-thread.ts';
import type { Views } from './results.ts';
import { arrays } from './snapshot.ts';
import { StoreViews } from './views.ts';

/** The store cannot be read; the message is one sentence that says what to do. */
export class BesideError extends Error {}

/** Opens a folder's files for reading. Throws a BesideError when there are none, or they are of another version than this program's. */
export function openBeside(folder: string): Database {
  if (!existsSync(join(folder, FILE)))
    throw new BesideError(`There is no store in ${folder}: set ALPHASERVER_DATA to the folder of an alphaserver`);
  let db: Database | null = null;
  let fault: string | null;
  try {
    db = openReader(folder);
    fault = versionFault(db);
  } catch (error) {
    db?.close();
    throw new BesideError(`The store in ${folder} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (fault === null) return db;
  db.close();
  throw new BesideError(`The store in ${folder} is of a version ${fault}`);
}

function versionFault(db: Database): string | null {
  const versions = [
    { schema: 'main', known: MIGRATIONS.length },
    { schema: 'rollups', known: ROLLUP_MIGRATIONS.length },
  ];
  const attached = arrays(db, 'PRAGMA database_list').map(([, name]) => name);
  for (const { schema, known } of versions) {
    const [row] = attached.includes(schema) ? (arrays(db, `PRAGMA ${schema}.user_version`) as [number][]) : [];
    const version = row?.[0] ?? 0;
    if (version < known) return "older than this program's: start this alphaserver once, and it is brought up to date";
    if (version > known) return 'newer than this program knows';
  }
  return null;
}

/** What is asked here is answered at once, for nobody else waits. */
function asking(db: Database): Pick<ReadingThread, 'ask'> {
  const answers = new Answers(db);
  return { ask: async (question, ...values) => (answers[question] as (...given: unknown[]) => never)(...values) };
}

/** The views that the page's API has. Nobody knows here who is connected: an agent is known by when it was last heard of. */
export function viewsBeside(db: Database, now: () => number): Views {
  return new StoreViews({ thread: asking(db), connected: () => false, now });
}

/** The state of the fleet as the page's API tells it. A store that no rules ever ran on has no incidents. */
export function alertsBeside(db: Database, now: () => number): Pick<AlertsView, 'state'> {
  const [ran] = arrays(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'incidents'");
  if (!ran) return NO_ALERTS;
  return { state: () => stateNow(asking(db), now()) };
}
