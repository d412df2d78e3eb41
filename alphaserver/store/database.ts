/** The store's two files, and who may have them open. The one place that knows node:sqlite. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { checkNewest, DAMAGE_ADVICE, DamagedError } from './integrity.ts';
import { RunningMark } from './running-mark.ts';
import { MIGRATIONS, ROLLUP_MIGRATIONS } from './schema.ts';
import { StoreError } from './store.ts';

/** A connection to one of the store's files. */
export type Database = DatabaseSync;
/** A prepared statement. */
export type Statement = ReturnType<Database['prepare']>;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
/**
 * The store's files in its folder, SQLite's write-ahead logs beside them: what came, and what is made from it. Two, because
 * SQLite lets one connection write a file at a time.
 */
export const FILE = 'asgard.db';
export const ROLLUPS_FILE = 'rollups.db';
/** What the alert rules remember: their thread writes it. Made anew from the events where it is gone. */
export const MEMORY_FILE = 'memory.db';
/** Where the thread that rolls up does not empty the log of writes, whoever stores does it at this size, in pages: 64 MiB. */
export const LOG_LIMIT_PAGES = 16_384;
/** The same of what the rules remember: 16 MiB. */
const MEMORY_LOG_PAGES = 4_096;
const BUSY_LIMIT_MS = 5_000;
const errcode = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;
const isDamage = (error: unknown): boolean => [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode(error) & 0xff);
const hasTables = (db: Database): boolean =>
  db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'gaps'").get() !== undefined;

/** The connection that writes events, with the lock that keeps other processes out. */
export interface Writer {
  readonly db: Database;
  /** True when the store was not closed in good order before: it should be looked at as a whole. */
  readonly unclean: boolean;
  /** Events up to this id are counted. */
  readonly rolledTo: number;
  close(): void;
}

/**
 * Opens or makes the files of a folder, and events for writing. Throws an Error with one sentence when another process
 * has them, when one is damaged, or of a newer version.
 */
export function openWriter(folder: string, logLimitPages = LOG_LIMIT_PAGES): Writer {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = lockIn(folder);
  const db = new DatabaseSync(join(folder, FILE), { timeout: BUSY_LIMIT_MS });
  const close = (): void => {
    db.close();
    lock.close();
  };
  try {
    db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    const mark = new RunningMark(folder);
    if (mark.unclean && hasTables(db)) checkNewest(db);
    db.exec(`PRAGMA wal_autocheckpoint=${logLimitPages}`);
    migrate(db, MIGRATIONS);
    return {
      db,
      unclean: mark.unclean,
      rolledTo: makeRollups(folder),
      close: () => {
        close();
        mark.clear();
      },
    };
  } catch (error) {
    close();
    const damaged = error instanceof DamagedError || isDamage(error);
    throw new Error(
      damaged
        ? `The store in ${folder} is damaged (${(error as Error).message}): ${DAMAGE_ADVICE}`
        : `The store in ${folder} cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function makeRollups(folder: string): number {
  const db = openRollups(folder);
  try {
    migrate(db, ROLLUP_MIGRATIONS);
    return (db.prepare("SELECT value FROM facts WHERE name = 'rolledTo'").get() as { value: number }).value;
  } finally {
    db.close();
  }
}

/** Opens what is made from the events for writing: one thread at a time may. */
export function openRollups(folder: string): Database {
  const db = new DatabaseSync(join(folder, ROLLUPS_FILE), { timeout: BUSY_LIMIT_MS });
  // Durable as events are: what is counted here may be deleted there.
  db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
  return db;
}

/** Opens or makes what the rules remember, for writing. Throws an Error with one sentence when it cannot be used. */
export function openMemory(folder: string): Database {
  const db = new DatabaseSync(join(folder, MEMORY_FILE), { timeout: BUSY_LIMIT_MS });
  try {
    // Durable at a checkpoint only: what a power cut takes back is made anew, and each sync keeps those of the events waiting.
    db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=${MEMORY_LOG_PAGES}`);
    return db;
  } catch (error) {
    db.close();
    const why = (error as Error).message;
    throw new Error(
      `${join(folder, MEMORY_FILE)} cannot be used (${why}): without it, it is made anew from the events`,
      {
        cause: error,
      },
    );
  }
}

/** Opens the events beside the connection that writes them: to read, and to take its log of writes into the file. */
export function openEvents(folder: string): Database {
  return new DatabaseSync(join(folder, FILE), { timeout: BUSY_LIMIT_MS });
}

/** Opens both files for reading beside the process, or the threads, that write them. */
export function openReader(folder: string): Database {
  const db = new DatabaseSync(join(folder, FILE), { readOnly: true, timeout: BUSY_LIMIT_MS });
  const rollups = join(folder, ROLLUPS_FILE);
  // A store of an older version has none.
  if (existsSync(rollups)) db.prepare('ATTACH ? AS rollups').run(rollups);
  return db;
}

/**
 * Runs `work` in one durable transaction, or not at all. Throws a StoreError when the disk does not take it, and what
 * `work` throws.
 */
export function transaction<T>(db: Database, work: () => T): T {
  try {
    db.exec('BEGIN IMMEDIATE');
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    if (errcode(error) === 0) throw error;
    throw new StoreError(isDamage(error) ? 'damaged' : errcode(error) === SQLITE_FULL ? 'full' : 'failed', error);
  }
}

function migrate(db: Database, steps: readonly string[]): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > steps.length)
    throw new Error(`it is of version ${version}, newer than this program knows (${steps.length})`);
  for (const [i, step] of steps.entries()) {
    if (i >= version) transaction(db, () => db.exec(`${step}; PRAGMA user_version=${i + 1}`));
  }
}

/** Holds a lock that the kernel lets go of when the process dies, however it dies. */
function lockIn(folder: string): Database {
  const lock = new DatabaseSync(join(folder, 'lock.db'));
  try {
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw new Error(
      errcode(error) === SQLITE_BUSY
        ? `The store in ${folder} is in use by another alphaserver`
        : `The store in ${folder} cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
