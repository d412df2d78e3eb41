/** Prepares alerts.db before the alert thread opens it: upgrades a store of the version before, and drops a file of another store. */

import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { arrays, type Database, transaction } from '../store/database.ts';
import { appendDecisions, lastDecision, type NewDecision } from '../store/decisions.ts';
import { readerOf } from '../store/event-tables.ts';
import { LOST_MARK } from './checkpoint.ts';
import { ALERTS_FILE, Marks, openAlerts } from './schema.ts';
import { hasOldAlerts, upgradeAlerts } from './upgrade.ts';

/** The most that `randomInt` gives: 48 bits. */
const STORE_NUMBERS = 2 ** 48 - 1;

/** The store that alerts are a projection of. */
export interface PreparedStore {
  readonly folder: string;
  /** The connection that writes events and decisions. */
  readonly db: Database;
  /** The id of the newest event that ever was. */
  readonly lastId: number;
  readonly nowMs: number;
}

/**
 * Makes alerts.db where there is none. A file of another store, or one that is ahead of the logs since they were restored
 * from a backup, is deleted: the thread rebuilds it from the logs. Throws an Error with one sentence when it cannot be used.
 */
export function prepareAlerts(store: PreparedStore): void {
  const { folder, db, lastId, nowMs } = store;
  if (hasOldAlerts(db)) {
    deleteAlerts(folder);
    upgradeAlerts(folder, db);
  }
  const first = storeDecision(db);
  const { number, sinceMs } = first ?? begun(db, nowMs);
  let alerts = openAlerts(folder);
  try {
    let marks = new Marks(alerts);
    if (marks.get('store') === number && !isAhead(marks, lastId, db)) return;
    alerts.close();
    deleteAlerts(folder);
    alerts = openAlerts(folder);
    marks = new Marks(alerts);
    const made = marks;
    transaction(alerts, () => {
      made.set('store', number);
      made.set('sinceMs', sinceMs);
      if (first === null) return;
      // Of a channel that no decision names, nothing is known to be due.
      made.set('rebuiltTo', lastId);
      made.set('rebuiltMs', nowMs);
      made.set(LOST_MARK, 1);
    });
  } finally {
    alerts.close();
  }
}

/** Returns the first decision of a new store, which gives it its number; null where the store has one. */
export function firstDecision(db: Database, nowMs: number): NewDecision | null {
  return storeDecision(db) === null ? decisionOf(newFacts(db, nowMs)) : null;
}

const isAhead = (marks: Marks, lastId: number, db: Database): boolean =>
  (marks.get('position') ?? 0) > lastId || (marks.get('decided') ?? 0) > lastDecision(db);

function deleteAlerts(folder: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(join(folder, `${ALERTS_FILE}${end}`), { force: true });
}

/** The content of the first of all decisions, about the store. */
interface StoreFacts {
  readonly number: number;
  /** The time at which the rules first ran: of what was over by then, nobody is notified. */
  readonly sinceMs: number;
}

function storeDecision(db: Database): StoreFacts | null {
  const sql = "SELECT subject, body FROM decisions WHERE kind = 'store' ORDER BY id LIMIT 1";
  const [row] = arrays(db, sql) as [string, string][];
  if (!row) return null;
  return { number: Number(row[0]), sinceMs: (JSON.parse(row[1]) as { sinceMs: number }).sinceMs };
}

/** Gives the store its number, which alerts.db has too. */
function begun(db: Database, nowMs: number): StoreFacts {
  const facts = newFacts(db, nowMs);
  recordStore(db, facts, nowMs);
  return facts;
}

function newFacts(db: Database, nowMs: number): StoreFacts {
  return { number: randomInt(STORE_NUMBERS), sinceMs: readerOf(db).bounds().first === null ? 0 : nowMs };
}

const decisionOf = ({ number, sinceMs }: StoreFacts): NewDecision => ({
  kind: 'store',
  subject: String(number),
  by: null,
  body: { sinceMs },
});

/** Appends the decision that a store has this number. */
export function recordStore(db: Database, facts: StoreFacts, nowMs: number): void {
  transaction(db, () => appendDecisions(db, [decisionOf(facts)], nowMs));
}
