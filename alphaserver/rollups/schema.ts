/** `rollups.db`: its tables, one step a version, and how it is opened. */
import { join } from 'node:path';
import { type Database, migrate, openForWriting } from '../store/database.ts';
import { INDEX_BLOCKS, INDEX_DIGITS, INDEX_TABLE } from './event-index.ts';

/** Its name in the store's folder. */
export const ROLLUPS_FILE = 'rollups.db';

/**
 * Queries are answered from these tables, which the rollup thread alone writes, in the order of the events' ids. Events up to
 * `facts.rolledTo` are in all counts, those up to `facts.indexedTo` in the index (`event-index.ts`); queries read later ones from
 * the log. `facts.horizon` is a day's start: before it, single minutes and the top values of hours are gone.
 * `hostCounts.minutes` holds an hour's minutes: see `time-counts.ts`. The values of a bucket have the ids from `buckets.id` times
 * SLOTS on, in `tops` and, with the hosts and users of a source, in `met`: numbers are found and written at a fraction of what
 * texts cost. `facts.lastBucket` is the highest `buckets.id` there ever was.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO facts VALUES ('rolledTo', 0), ('indexedTo', 0), ('horizon', -9007199254740991), ('hashSeed', random() & 0x7fffffff);
  CREATE TABLE times (
    at INTEGER NOT NULL, id INTEGER NOT NULL, outcome INTEGER NOT NULL, host INTEGER NOT NULL,
    PRIMARY KEY (at, id)
  ) WITHOUT ROWID;
  CREATE TABLE segments (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, minAt INTEGER NOT NULL, maxAt INTEGER NOT NULL);
  CREATE TABLE postings (id INTEGER PRIMARY KEY, lists BLOB NOT NULL);
  CREATE TABLE counts (
    step INTEGER NOT NULL, at INTEGER NOT NULL,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL,
    PRIMARY KEY (step, at)
  ) WITHOUT ROWID;
  CREATE TABLE hostCounts (
    step INTEGER NOT NULL, at INTEGER NOT NULL, host INTEGER NOT NULL,
    accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL, minutes BLOB,
    PRIMARY KEY (step, at, host)
  ) WITHOUT ROWID;
  CREATE TABLE buckets (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL,
    floor INTEGER NOT NULL, sketch BLOB NOT NULL,
    UNIQUE (kind, step, at)
  );
  CREATE TABLE tops (
    id INTEGER PRIMARY KEY, value TEXT NOT NULL, accepted INTEGER NOT NULL, failed INTEGER NOT NULL, probes INTEGER NOT NULL,
    firstAt INTEGER NOT NULL, lastAt INTEGER NOT NULL, error INTEGER NOT NULL
  );
  CREATE TABLE met (id INTEGER PRIMARY KEY, hosts BLOB NOT NULL, users BLOB NOT NULL);
  `,
  // Segments from this event on have postings of networks too.
  `
  INSERT INTO facts SELECT 'networksFrom', value + 1 FROM facts WHERE name = 'indexedTo';
  `,
  // The index is made again from the events, with FTS5; it finds events by their time too.
  `
  DROP TABLE times; DROP TABLE segments; DROP TABLE postings;
  DELETE FROM facts WHERE name = 'networksFrom';
  UPDATE facts SET value = 0 WHERE name = 'indexedTo';
  ${INDEX_TABLE};
  `,
  // Parts from now on find networks of any length.
  `
  ${INDEX_DIGITS};
  `,
  // Events from now on are in blocks.
  `
  ${INDEX_BLOCKS};
  `,
  // The number of the newest bucket there ever was: a number, and with it the ids in `tops` and `met`, is given out once.
  `
  INSERT INTO facts SELECT 'lastBucket', max(coalesce((SELECT max(id) FROM buckets), 0), coalesce((SELECT max(id) FROM tops), 0) / 65536);
  `,
];

/** The words that `kind` numbers from 0 in `tops` and `buckets`. */
export const KINDS = ['host', 'ip', 'user'] as const;

/**
 * How many values of a kind a bucket keeps, by the bucket's size in milliseconds (0: of all time). It grows to twice as
 * many, then the smallest go. Up to there counts are exact; above it a count may lack at most 1/kept of the bucket's events,
 * and no value with more than that is missing.
 */
export const KEPT: readonly { readonly [step: number]: number }[] = [
  { 3600000: 2_500, 86400000: 5_000, 0: 20_000 },
  { 3600000: 250, 86400000: 1_000, 0: 5_000 },
  { 3600000: 250, 86400000: 1_000, 0: 5_000 },
];
/** Each bucket has so many ids for its values: more than the largest keeps at once. */
export const SLOTS = 65_536;
/** The sizes of the sketches that count different values: in a bucket, and among one source's hosts and users. */
export const BUCKET_SKETCH = 2_048;
export const SOURCE_SKETCH = 128;

/** Opens the file for the one thread that writes it, makes it where there is none and brings it up to date. Throws what SQLite says. */
export function openRollups(folder: string): Database {
  // As durable as the events: what is counted here may be deleted there.
  const db = openForWriting(join(folder, ROLLUPS_FILE));
  try {
    migrate(db, MIGRATIONS);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The numbers that the file keeps of itself. */
export type Fact = 'rolledTo' | 'indexedTo' | 'horizon' | 'hashSeed' | 'lastBucket';

/** Reads one of these numbers. */
export function factIn(db: Database, name: Fact): number {
  return (db.prepare('SELECT value FROM facts WHERE name = ?').get(name) as { value: number }).value;
}
