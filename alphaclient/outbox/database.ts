/** SQLite for the outbox: a durable file, a lock that ends with its process, and SQLite's errors as an OutboxError. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

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

const errcode = (error: unknown): number => (error as { errcode?: number }).errcode ?? 0;
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function asOutboxError(error: unknown): OutboxError {
  if (error instanceof OutboxError) return error;
  const damaged = errcode(error) === SQLITE_CORRUPT || errcode(error) === SQLITE_NOTADB;
  return new OutboxError(damaged ? 'damaged' : 'failed', error instanceof Error ? error.message : String(error), error);
}

/** SQLite names a table or a column that is not there so: a schema of which some bytes are wrong passes its quick check. */
const SQLITE_ERROR = 1;

/**
 * Turns an error from reading what an outbox must have into an OutboxError. Tables and values that are not what was written are damage
 * too, and so is a value that is no JSON.
 */
export function asOpeningError(error: unknown): OutboxError {
  const isWrong = errcode(error) === SQLITE_ERROR || error instanceof SyntaxError;
  return isWrong ? new OutboxError('damaged', (error as Error).message, error) : asOutboxError(error);
}

/** Opens or creates a database whose commits survive a power failure. Throws an OutboxError, `damaged` when a quick check fails. */
export function openDurable(file: string, schema: string): Database {
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(file);
    db.exec('PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');
    const { quick_check } = db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (quick_check !== 'ok') throw new OutboxError('damaged', quick_check);
    db.exec(schema);
    return db;
  } catch (error) {
    db?.close();
    throw asOutboxError(error);
  }
}

/** Runs `work` outside a transaction. Throws its errors as an OutboxError. */
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
export function transaction(db: Database, work: () => void): void {
  try {
    db.exec('BEGIN IMMEDIATE');
    work();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw asOutboxError(error);
  }
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

/** Locks a folder for this process; the kernel releases the lock when the process ends, however it ends. Throws an OutboxError, `in use`. */
export function lockFolder(folder: string): Database {
  const lock = new DatabaseSync(join(folder, LOCK_FILE), { timeout: LOCK_TIMEOUT_MS });
  try {
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    const inUse = errcode(error) === SQLITE_BUSY;
    const message = inUse ? 'another alphaclient uses this folder' : (error as Error).message;
    throw new OutboxError(inUse ? 'in use' : 'failed', message, error);
  }
}
