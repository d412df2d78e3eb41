/** Read-only access to a data folder for commands, with or without a running server. Takes no lock. */
import { NO_ORIGIN, type OriginOf } from '../../service/origin.ts';
import { ALERT_MIGRATIONS } from '../alerting/schema.ts';
import { MIGRATIONS as ROLLUP_MIGRATIONS } from '../rollups/schema.ts';
import { arrays, type Database, isAttached } from '../store/database.ts';
import { hasStore } from '../store/folder.ts';
import { MIGRATIONS } from '../store/schema.ts';
import type { AlertQueries, FleetAnswer } from './alert-results.ts';
import { stateNow } from './alert-views.ts';
import { Queries } from './queries.ts';
import type { QueryThread } from './query-thread.ts';
import type { Views } from './results.ts';
import { openReader } from './snapshot.ts';
import { StoreViews } from './views.ts';

/** The store cannot be read; the message is one sentence that says what to do. */
export class OfflineError extends Error {}

/**
 * Opens a folder's files for reading. Throws an OfflineError when there are none, or they are of another version than this program's,
 * and a UserError when this user may not look into the folder.
 */
export function openOffline(folder: string): Database {
  if (!hasStore(folder))
    throw new OfflineError(`There is no store in ${folder}: set ALPHASERVER_DATA to the folder of an alphaserver`);
  let db: Database | null = null;
  let fault: string | null;
  try {
    db = openReader(folder);
    fault = versionFault(db);
  } catch (error) {
    db?.close();
    throw new OfflineError(`The store in ${folder} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (fault === null) return db;
  db.close();
  throw new OfflineError(`The store in ${folder} is of a version ${fault}`);
}

function versionFault(db: Database): string | null {
  const versions = [
    { schema: 'main', known: MIGRATIONS.length },
    { schema: 'rollups', known: ROLLUP_MIGRATIONS.length },
    { schema: 'alerts', known: ALERT_MIGRATIONS.length },
  ];
  for (const { schema, known } of versions) {
    // A store that no rules ever ran on, or whose alerts.db was deleted, can be read all the same.
    if (schema === 'alerts' && !isAttached(db, schema)) continue;
    const [row] = isAttached(db, schema) ? (arrays(db, `PRAGMA ${schema}.user_version`) as [number][]) : [];
    const version = row?.[0] ?? 0;
    if (version < known) return "older than this program's: start this alphaserver once, and it is brought up to date";
    if (version > known) return 'newer than this program knows';
  }
  return null;
}

/** Runs queries at once, on this thread. */
function queriesOn(db: Database, originOf = NO_ORIGIN): Pick<QueryThread, 'run'> {
  const queries = new Queries(db, originOf);
  return { run: async (query, ...values) => (queries[query] as (...given: unknown[]) => never)(...values) };
}

/** Gives the results that the page's API has. Which agents are connected is not known here, only when each was last heard of. */
export function offlineViews(db: Database, originOf: OriginOf, now: () => number): Views {
  return new StoreViews({ thread: queriesOn(db, originOf), connected: () => null, away: () => [], now });
}

/** The state of a fleet whose events no rules have judged. */
const NOT_JUDGED: FleetAnswer = {
  state: 'quiet',
  because: [],
  asOf: { stored: null, rules: null },
  doubt: 'No rules have judged what is stored',
};

/** Gives the state of the fleet as the page's API does. A store whose alerts.db is not there has no incidents, and nothing to vouch for it. */
export function offlineAlerts(db: Database, now: () => number): Pick<AlertQueries, 'state'> {
  if (!isAttached(db, 'alerts')) return { state: async () => NOT_JUDGED };
  return { state: () => stateNow(queriesOn(db), now()) };
}
