/** The store's file, and who may have it open. The one place that knows node:sqlite. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { checkNewest, DAMAGE_ADVICE, DamagedError } from './check.ts';
import { RunningMark } from './running-mark.ts';
import { MIGRATIONS } from './schema.ts';
import { StoreError } from './store.ts';

/** A connection to the store's file. */
export type Database = DatabaseSync;
/** A prepared statement. */
export type Statement = ReturnType<Database['prepare']>;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
/** The store's file in its folder; SQLite puts its write-ahead log beside it. */
export const FILE = 'asgard.db';
const errcode = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;
const isDamage = (error: unknown): boolean => [SQLITE_CORRUPT, SQLITE_NOTADB].includes(errcode(error) & 0xff);
const hasTables = (db: Database): boolean =>
  db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'gaps'").get() !== undefined;

/** The connection that writes, with the lock that keeps other processes out. */
export interface Writer {
  readonly db: Database;
  /** True when the store was not closed in good order before: it should be looked at as a whole. */
  readonly unclean: boolean;
  close(): void;
}

/**
 * Opens or makes the file of a folder for writing. Throws an Error with one sentence when another process has it, when it
 * is damaged, or of a newer version.
 */
export function openWriter(folder: string): Writer {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = lockIn(folder);
  const db = new DatabaseSync(join(folder, FILE));
  const close = (): void => {
    db.close();
    lock.close();
  };
  try {
    db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    const mark = new RunningMark(folder);
    if (mark.unclean && hasTables(db)) checkNewest(db);
    migrate(db);
    return {
      db,
      unclean: mark.unclean,
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

/** Opens a folder's file for reading beside the process, or the thread, that writes it. */
export function openReader(folder: string): Database {
  return new DatabaseSync(join(folder, FILE), { readOnly: true, timeout: 5_000 });
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

function migrate(db: Database): void {
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > MIGRATIONS.length)
    throw new Error(`it is of version ${version}, newer than this program knows (${MIGRATIONS.length})`);
  for (const [i, step] of MIGRATIONS.entries()) {
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
