/** SQLite for the outbox: a durable file, a lock that ends with its process, and SQLite's errors as an OutboxError. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { checkFault, errcode, isDamage, namesReadError, openingFault } from '../../service/sqlite-errors.ts';

/** An open SQLite file. */
export type Database = DatabaseSync;

/** The outbox cannot be used: it is in use by another agent, damaged, or reading or writing it failed. */
export class OutboxError extends Error {
  readonly code: 'in use' | 'damaged' | 'failed';
  constructor(code: 'in use' | 'damaged' | 'failed', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** True for an error that no retry mends: the outbox has to be replaced. */
export const isDamaged = (error: unknown): error is OutboxError =>
  error instanceof OutboxError && error.code === 'damaged';

const SQLITE_BUSY = 5;

/** Turns an error into an OutboxError. A value that is no JSON is damage too: SQLite's quick check sees no wrong byte in a text. */
function asOutboxError(error: unknown, message = error instanceof Error ? error.message : String(error)): OutboxError {
  if (error instanceof OutboxError) return error;
  const code = isDamage(error) || error instanceof SyntaxError ? 'damaged' : 'failed';
  return new OutboxError(code, message, error);
}

/** SQLite names a table or a column that is not there so: a schema of which some bytes are wrong passes its quick check. */
const SQLITE_ERROR = 1;

/** Turns an error from reading what an outbox must have into an OutboxError. A table or a column that is not there is damage too. */
export function asOpeningError(error: unknown): OutboxError {
  const isWrong = errcode(error) === SQLITE_ERROR;
  return isWrong ? new OutboxError('damaged', (error as Error).message, error) : asOutboxError(error);
}

/** Faults that a check lists: those of a page that could not be read come with one that says why. */
const FAULTS_LIMIT = 10;

/** Returns what SQLite's quick check finds wrong in a file, or null. */
function faultOf(db: DatabaseSync): string | null {
  const rows = db.prepare(`PRAGMA quick_check(${FAULTS_LIMIT})`).all() as { quick_check: string }[];
  return checkFault(rows.map(({ quick_check }) => quick_check).join('\n'));
}

/**
 * Checks a file. Throws an OutboxError, `damaged`, where two checks in a row find a fault: a disk that fails to give a page once makes
 * one too. Where the disk is named as its reason the error is `failed`, since what stands in the file may be whole.
 */
function check(db: DatabaseSync): void {
  if (faultOf(db) === null) return;
  const fault = faultOf(db);
  if (fault === null) return;
  if (namesReadError(fault)) throw new OutboxError('failed', `disk I/O error (${fault})`);
  throw new OutboxError('damaged', fault);
}

/** Opens or creates a database whose commits survive a power failure. Throws an OutboxError, `damaged` when quick checks fail. */
export function openDurable(file: string, schema: string): Database {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(file);
    db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    check(db);
    db.exec(schema);
    return db;
  } catch (error) {
    db?.close();
    throw asOutboxError(error, openingFault(error, dirname(file)));
  }
}

/** Runs `work` outside a transaction. Throws its errors as an OutboxError, `damaged` where a value is no JSON. */
export function withOutboxErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asOutboxError(error);
  }
}

/** Opens a database, which another process may be writing, for reading. Throws an OutboxError. */
export function openForReading(file: string): Database {
  return withOutboxErrors(() => new DatabaseSync(file, { readOnly: true }));
}

/** Runs `work` as one transaction: all of it is durable when this returns, none of it when this throws an OutboxError. */
export function transaction<T>(db: Database, work: () => T): T {
  try {
    db.exec('BEGIN IMMEDIATE');
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw asOutboxError(error);
  }
}

/** Runs `work`, which reads alone, on one state of the database: what another process commits meanwhile is not seen. Throws an OutboxError. */
export function readTransaction<T>(db: Database, work: () => T): T {
  return withOutboxErrors(() => {
    // WAL: a reader keeps the state of its first read, and keeps nobody from writing.
    db.exec('BEGIN');
    try {
      return work();
    } finally {
      if (db.isTransaction) db.exec('ROLLBACK');
    }
  });
}

const LOCK_FILE = 'lock.db';
/** Longer than `isLocked` takes: who only looks must not keep an agent from starting. */
const LOCK_TIMEOUT_MS = 500;

/** Returns whether an agent uses this folder at the moment. Throws an OutboxError where that cannot be known. */
export function isLocked(folder: string): boolean {
  const file = join(folder, LOCK_FILE);
  if (!existsSync(file)) return false;
  const db = openForReading(file);
  try {
    // Any read needs the lock that the agent's exclusive one excludes.
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (errcode(error) === SQLITE_BUSY) return true;
    throw asOutboxError(error);
  } finally {
    db.close();
  }
}

/** Locks a folder for this process, and makes it where it is not there; the kernel releases the lock when the process ends, however it ends. Throws an OutboxError, `in use`. */
export function lockFolder(folder: string): Database {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(join(folder, LOCK_FILE), { timeout: LOCK_TIMEOUT_MS });
  try {
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    const inUse = errcode(error) === SQLITE_BUSY;
    const message = inUse ? 'another alphaclient uses this folder' : openingFault(error, folder);
    throw new OutboxError(inUse ? 'in use' : 'failed', message, error);
  }
}
