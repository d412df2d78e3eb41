/** SQLite: connections, transactions, migrations, free space. The one place that knows node:sqlite. */
import { DatabaseSync } from 'node:sqlite';
import { errcode, isDamage } from '../../service/sqlite-errors.ts';
import { StoreError } from './store.ts';

/** A connection to one of a store's files. */
export type Database = DatabaseSync;
/** A prepared statement. */
export type Statement = ReturnType<Database['prepare']>;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
/** Errors of reads, which a disk without room does not cause: SQLITE_IOERR_READ, _SHORT_READ and _CORRUPTFS. */
const READ_ERRORS = [266, 522, 8_458];
const BUSY_LIMIT_MS = 5_000;
/** Is never written to a disk. */
const LOCK_VERSION = 1;

/** True where the disk, or its file system, does not give a page back. */
export const isReadError = (error: unknown): boolean => READ_ERRORS.includes(errcode(error));
/** True where another connection holds the lock. */
export const isBusy = (error: unknown): boolean => errcode(error) === SQLITE_BUSY;

/** Tells whether a connection has a file attached under this name. */
export const isAttached = (db: Database, schema: string): boolean =>
  arrays(db, 'PRAGMA database_list').some(([, name]) => name === schema);

/** Opens a file, or makes it. Waits a few seconds for a lock of another connection. */
export function openDatabase(file: string): Database {
  return new DatabaseSync(file, { timeout: BUSY_LIMIT_MS });
}

/** What keeps others out of a file until it is closed. */
export type Lock = Pick<Database, 'close'>;

/**
 * Locks a file that holds nothing, and makes it where it is not there. The kernel holds the lock: it is free when the process dies,
 * however it dies. Null where another connection holds it for all of `limitMs`. Throws SQLite's error, also where this user may not
 * write the file.
 */
export function openLock(file: string, limitMs: number): Lock | null {
  const lock = openDatabase(file);
  try {
    // The write, which stays in memory, fails where this user may only read the file: BEGIN would share the lock then without a word.
    lock.exec(
      `PRAGMA busy_timeout=${limitMs}; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version=${LOCK_VERSION}`,
    );
    return lock;
  } catch (error) {
    lock.close();
    if (isBusy(error)) return null;
    throw error;
  }
}

/** Opens a file that is there, for reading beside the connection that writes it. */
export function openReadOnly(file: string): Database {
  return new DatabaseSync(file, { readOnly: true, timeout: BUSY_LIMIT_MS });
}

/** Opens a file, or makes it, for the one connection that writes it: with a write-ahead log, each commit on the disk when it returns. */
export function openForWriting(file: string): Database {
  const db = openDatabase(file);
  try {
    db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
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

/** Runs `work`, which only reads, on the state that the file has at one moment. Throws what it throws. */
export function readTransaction<T>(db: Database, work: () => T): T {
  db.exec('BEGIN');
  try {
    return work();
  } finally {
    // SQLite itself ends it after some errors of the disk: https://www.sqlite.org/lang_transaction.html, section 3.
    if (db.isTransaction) db.exec('COMMIT');
  }
}

/**
 * Brings a file up to date: runs the steps that it has not had, each in a transaction with its number, and `fill` in that of the
 * version it is for. Throws for a file of a newer version.
 */
export function migrate(db: Database, steps: readonly string[], fill: Readonly<Record<number, () => void>> = {}): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > steps.length)
    throw new Error(`it is of version ${version}, newer than this program knows (${steps.length})`);
  for (const [i, step] of steps.entries()) {
    if (i < version) continue;
    transaction(db, () => {
      db.exec(`${step}; PRAGMA user_version=${i + 1}`);
      fill[i + 1]?.();
    });
  }
}

/** Runs a query and gives its rows as arrays: half the cost of objects, for what reads thousands of them. */
export function arrays(db: Database, sql: string, ...values: (string | number)[]): unknown[][] {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  return statement.all(...values) as unknown as unknown[][];
}

/** Runs a query and gives its rows as arrays, one after the other: what is read whole need not be held whole. */
export function each(db: Database, sql: string): Iterable<unknown[]> {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  return statement.iterate() as Iterable<unknown> as Iterable<unknown[]>;
}

/** Pages given back to the file system at once: some milliseconds of work. */
export const STEP_PAGES = 64;
/** Free pages are used again first. Only above this share of the file, and this number, some are given back. */
export const SPARE_SHARE = 1 / 8;
export const SPARE_PAGES = 1_024;

/** Gives back a few pages where more than a spare are free. True when there is more to give. Not inside a transaction: it is one. */
export function giveBack(db: Database): boolean {
  const number = (pragma: string): number => (arrays(db, `PRAGMA ${pragma}`)[0]?.[0] as number | undefined) ?? 0;
  const spare = Math.max(SPARE_PAGES, number('page_count') * SPARE_SHARE);
  if (number('freelist_count') <= spare) return false;
  arrays(db, `PRAGMA incremental_vacuum(${STEP_PAGES})`);
  return number('freelist_count') > spare;
}
