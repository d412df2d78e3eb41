/** The alerts' own tables in the store's file, and what of a database they need. */

import { randomInt } from 'node:crypto';

/** A value a row may hold. */
export type Value = string | number | null;

/** A connection to the store's file. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
}

/** A prepared statement; each call throws what SQLite says. */
export interface Statement {
  run(...values: Value[]): unknown;
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
}

/** Marks by name, and what is remembered: in the store's file, and in that of the rules' own memory. */
export const MEMORY_TABLES = `
  CREATE TABLE IF NOT EXISTS alertMarks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS alertStories (
    kind TEXT NOT NULL, key TEXT NOT NULL, touched INTEGER NOT NULL, touchedMs INTEGER NOT NULL, packed TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  ) WITHOUT ROWID;
`;

/**
 * Version 1. Times are Unix milliseconds. `alertMarks` holds an event id, `told`: up to it the incidents are in the table
 * and their notices beside them. `alertStories` has what is known of agents; stories of events are in a file of their own,
 * which may be behind: what lies between is thought again after a crash, silently, and gives the same stories.
 */
const TABLES = `
  ${MEMORY_TABLES}
  CREATE TABLE IF NOT EXISTS incidents (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, key TEXT NOT NULL, ordinal INTEGER NOT NULL, severity TEXT NOT NULL,
    source TEXT, openedAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, closedAt INTEGER, partOf TEXT, raisedBy INTEGER NOT NULL,
    body TEXT NOT NULL, told INTEGER NOT NULL, acknowledgedAt INTEGER, acknowledgedBy TEXT
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS incidentsByTime ON incidents (openedAt, id);
  CREATE INDEX IF NOT EXISTS incidentsByKey ON incidents (rule, key, ordinal);
  CREATE INDEX IF NOT EXISTS incidentsOpen ON incidents (severity) WHERE closedAt IS NULL;
  CREATE INDEX IF NOT EXISTS incidentsToLookAt ON incidents (lastAt) WHERE severity = 'critical' AND acknowledgedAt IS NULL;
  CREATE INDEX IF NOT EXISTS incidentParts ON incidents (partOf) WHERE partOf IS NOT NULL;
  CREATE TABLE IF NOT EXISTS alertNotices (
    n INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, incident TEXT NOT NULL, kind TEXT NOT NULL,
    severity TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS alertNoticesByChannel ON alertNotices (channel, severity);
  CREATE TABLE IF NOT EXISTS alertMessages (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, body TEXT NOT NULL, madeAt INTEGER NOT NULL,
    attempts INTEGER NOT NULL, nextAt INTEGER NOT NULL, fault TEXT
  ) WITHOUT ROWID;
`;
const VERSION = 1;
/** The most that `randomInt` gives: 48 bits. */
const STORE_NUMBERS = 2 ** 48 - 1;

/** Makes the tables that are not there. Throws an Error with one sentence when they are of a newer version. */
export function makeTables(db: Database): void {
  db.exec(TABLES);
  const marks = new Marks(db);
  const version = marks.get('version');
  if (version !== null && version > VERSION)
    throw new Error(`The alerts' tables are of version ${version}, newer than this program knows (${VERSION})`);
  if (version !== null) return;
  marks.set('version', VERSION);
  // Goes into the names of incidents: those of another store are others.
  marks.set('store', randomInt(STORE_NUMBERS));
}

/** How many incidents ever opened, those forgotten too, is a mark of this and the rule and the severity: `opened break-in critical`. */
export const OPENED_MARK = 'opened ';

/** Numbers with names. */
export class Marks {
  readonly #get: Statement;
  readonly #set: Statement;
  readonly #all: Statement;

  constructor(db: Database) {
    this.#get = db.prepare('SELECT value FROM alertMarks WHERE name = ?');
    this.#set = db.prepare('INSERT OR REPLACE INTO alertMarks VALUES (?, ?)');
    this.#all = db.prepare('SELECT name, value FROM alertMarks WHERE substr(name, 1, ?) = ? ORDER BY name');
  }

  get(name: string): number | null {
    return (this.#get.get(name) as { value: number } | undefined)?.value ?? null;
  }

  set(name: string, value: number): void {
    this.#set.run(name, value);
  }

  add(name: string, value: number): void {
    this.#set.run(name, (this.get(name) ?? 0) + value);
  }

  /** All whose names begin so, without that beginning. */
  named(beginning: string): [name: string, value: number][] {
    const rows = this.#all.all(beginning.length, beginning) as { name: string; value: number }[];
    return rows.map(({ name, value }) => [name.slice(beginning.length), value]);
  }
}
