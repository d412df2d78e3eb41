/** The tables of alerts.db for tests, in memory or in a file. */
import { DatabaseSync } from 'node:sqlite';
import { NotificationQueue, type QueueOptions } from '../../../alphaserver/alerting/notification-queue.ts';
import { ALERT_MIGRATIONS, Marks } from '../../../alphaserver/alerting/schema.ts';
import type { Database } from '../../../alphaserver/store/database.ts';
import { MIGRATIONS } from '../../../alphaserver/store/schema.ts';

/** Makes the tables in a database, and a queue whose transactions are the database's own. */
export function alertTables(options: Partial<QueueOptions> = {}, db = new DatabaseSync(':memory:')) {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'marks'").get() === undefined)
    for (const step of ALERT_MIGRATIONS) db.exec(step);
  const marks = new Marks(db);
  const queue = new NotificationQueue({
    db,
    marks,
    durably: (work) => work(),
    record: async () => {},
    reached: () => ({ position: 1_000, clockMs: 1_000 }),
    ...options,
  });
  return { db, marks, queue };
}

/** Makes the tables of decisions, which are in the file of the events, in this one too. */
export function decisionTables(db: Database): void {
  db.exec('CREATE TABLE decisions (id INTEGER PRIMARY KEY, at INTEGER, kind TEXT, subject TEXT, by TEXT, body TEXT)');
  db.exec(MIGRATIONS.find((step) => step.includes('CREATE TABLE standingDecisions')) ?? '');
}
