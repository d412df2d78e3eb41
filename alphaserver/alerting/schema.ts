/** The tables of alerts.db, which the alert thread alone writes. */

import { join } from 'node:path';
import { errcode, isDamage, openingFault } from '../../service/sqlite-errors.ts';
import { type Database, migrate, openForWriting, type Statement } from '../store/database.ts';
import { StoreError } from '../store/store.ts';

/** The file in the store's folder. It is a projection: deleted, it is rebuilt from the logs of events and of decisions. */
export const ALERTS_FILE = 'alerts.db';
/** The write-ahead log is checkpointed at this size: 16 MiB. */
const WAL_LIMIT_PAGES = 4_096;

/**
 * Times are Unix milliseconds.
 *
 * `marks` holds numbers by name:
 * - `position`, up to which event all incidents are written, and `clockMs`, the moment up to which closed ones are;
 * - `checkpoint`, up to which event the blocks of `checkpoint` hold the rules' state; `checkpointNumber`, the last that is
 *   complete; `stateLost`, 1 from the loss of all state to the next complete one;
 * - `decided`, the last decision that is applied;
 * - `store`, the number of the store that this is a projection of, and `sinceMs`, when the rules first ran on it;
 * - `rebuiltTo`, `rebuiltMs`: the newest event, and the time, when the file was made anew for a store that had decisions;
 * - `opened RULE SEVERITY`, how many incidents ever opened;
 * - for each channel C `made C`, when its last message was made; `dropped C`, how many notifications its bound cost since then;
 *   `settled C` with `settledMs C`, up to where it needs no notification any more; `routing C`, a hash of what it is sent.
 *
 * `incidents.notified` counts the notifications decided for an incident, on whatever channel: odd means that receivers know
 * it as open. A `provisional` incident was judged ahead of the position. `aliases` has the ids by which receivers know
 * incidents: an event out of order can give an incident another deciding event, and so another id.
 *
 * `acknowledgements`, `notified`, `aliases` and `named` are projected from the decisions, and may be ahead of the incidents.
 * `unrecorded` holds decisions of this thread until the main thread has appended them.
 */
export const ALERT_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE checkpoint (kind TEXT NOT NULL, block INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (kind, block)) WITHOUT ROWID;
  CREATE TABLE incidents (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, key TEXT NOT NULL, severity TEXT NOT NULL, source TEXT, openedAt INTEGER NOT NULL,
    lastAt INTEGER NOT NULL, closedAt INTEGER, partOf TEXT, provisional INTEGER NOT NULL, body TEXT NOT NULL,
    notified INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX incidentsByTime ON incidents (openedAt, id);
  CREATE INDEX incidentsOpen ON incidents (severity, openedAt) WHERE closedAt IS NULL;
  CREATE INDEX incidentsCritical ON incidents (lastAt) WHERE severity = 'critical';
  CREATE INDEX incidentParts ON incidents (partOf) WHERE partOf IS NOT NULL;
  CREATE INDEX incidentsProvisional ON incidents (id) WHERE provisional = 1;
  CREATE TABLE acknowledgements (incident TEXT PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE notified (
    incident TEXT NOT NULL, channel TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (incident, channel, number)
  ) WITHOUT ROWID;
  CREATE TABLE aliases (incident TEXT PRIMARY KEY, notifiedAs TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX aliasesByName ON aliases (notifiedAs);
  CREATE TABLE named (
    rule TEXT NOT NULL, key TEXT NOT NULL, openedAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, raisedBy INTEGER NOT NULL,
    id TEXT NOT NULL, PRIMARY KEY (rule, key, openedAt)
  ) WITHOUT ROWID;
  CREATE TABLE notifications (
    n INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, incident TEXT NOT NULL, number INTEGER NOT NULL,
    kind TEXT NOT NULL, severity TEXT NOT NULL, at INTEGER NOT NULL, position INTEGER NOT NULL, clockMs INTEGER NOT NULL,
    body TEXT NOT NULL
  );
  CREATE INDEX notificationsByChannel ON notifications (channel, severity, at);
  CREATE TABLE messages (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, body TEXT NOT NULL, count INTEGER NOT NULL, madeAt INTEGER NOT NULL,
    attempts INTEGER NOT NULL, nextAt INTEGER NOT NULL, fault TEXT,
    position INTEGER NOT NULL, clockMs INTEGER NOT NULL, notifications TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE unrecorded (n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL);
  `,
  // Checkpoints have numbers, so that one can be written in pieces. Null: the block is no more.
  `
  ALTER TABLE checkpoint RENAME TO unnumbered;
  CREATE TABLE checkpoint (
    kind TEXT NOT NULL, block INTEGER NOT NULL, number INTEGER NOT NULL, data TEXT, PRIMARY KEY (kind, block, number)
  ) WITHOUT ROWID;
  INSERT INTO checkpoint SELECT kind, block, 0, data FROM unnumbered;
  DROP TABLE unnumbered;
  `,
  // Why a delivery failed is the sender's to say; nothing read or wrote it here any more.
  `
  ALTER TABLE messages DROP COLUMN fault;
  `,
];

/**
 * Opens or makes alerts.db in a store's folder, for the one connection that writes it. A commit survives a crash of the
 * process at once and a power failure only after the next durable one: what is lost is derived again. Throws an Error with
 * one sentence when the file cannot be used.
 */
export function openAlerts(folder: string): Database {
  const file = join(folder, ALERTS_FILE);
  let db: Database | null = null;
  try {
    db = openForWriting(file);
    migrate(db, ALERT_MIGRATIONS);
    db.exec(`PRAGMA wal_autocheckpoint=${WAL_LIMIT_PAGES}; PRAGMA synchronous=NORMAL`);
    return db;
  } catch (error) {
    db?.close();
    const advice = isFaultOfFile(error) ? ': deleted, it is rebuilt from the events and decisions' : '';
    throw new Error(`${file} cannot be used (${openingFault(error, folder)})${advice}`, { cause: error });
  }
}

/** True where the file itself is damaged or of a newer version, false where the disk has no room or no right for it. */
const isFaultOfFile = (error: unknown): boolean =>
  error instanceof StoreError ? error.code === 'damaged' : isDamage(error) || errcode(error) === 0;

/** The mark of how many incidents of a rule and severity ever opened begins so: `opened break-in critical`. */
export const OPENED_MARK = 'opened ';

/** Numbers by name. */
export class Marks {
  readonly #get: Statement;
  readonly #set: Statement;
  readonly #all: Statement;

  constructor(db: Database) {
    this.#get = db.prepare('SELECT value FROM marks WHERE name = ?');
    this.#set = db.prepare('INSERT OR REPLACE INTO marks VALUES (?, ?)');
    this.#all = db.prepare('SELECT name, value FROM marks WHERE substr(name, 1, ?) = ? ORDER BY name');
  }

  /** Returns a number, or null where there is none of this name. */
  get(name: string): number | null {
    return (this.#get.get(name) as { value: number } | undefined)?.value ?? null;
  }

  set(name: string, value: number): void {
    this.#set.run(name, value);
  }

  add(name: string, value: number): void {
    this.#set.run(name, (this.get(name) ?? 0) + value);
  }

  /** Returns all whose names begin so, without that beginning. */
  named(beginning: string): [name: string, value: number][] {
    const rows = this.#all.all(beginning.length, beginning) as { name: string; value: number }[];
    return rows.map(({ name, value }) => [name.slice(beginning.length), value]);
  }
}
