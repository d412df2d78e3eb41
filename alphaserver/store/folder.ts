/** A store's folder: which files are in it, who may have it open, and whether it was closed in good order. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mustBeOpen } from '../../service/files.ts';
import { addSpareRoom } from '../../service/spare-room.ts';
import { isDamage, openingFault } from '../../service/sqlite-errors.ts';
import { type Database, type Lock, openDatabase, openForWriting, openLock, openReadOnly } from './database.ts';
import { checkNewest, DAMAGE_ADVICE, DamagedError } from './integrity.ts';

/**
 * The log of events, with SQLite's write-ahead log beside it. What is made from the events stands in files of its own:
 * SQLite lets one connection write a file at a time.
 */
export const EVENTS_FILE = 'asgard.db';
/** The rollup thread empties the write-ahead log of events. Where it does not, a commit does at this size, in pages: 64 MiB. */
export const WAL_LIMIT_PAGES = 16_384;
const PAGE_BYTES = 4_096;
/** Its file is that share of the limit long from the start: 16 MiB, which 1,300 commits of one event fill. */
export const WAL_SPARE_SHARE = 1 / 4;
/**
 * Stands in the folder while a process has it open: found at the next start, that process was killed. It stays where one that found it ends
 * before all of the store was checked, so that the next one checks it.
 */
const RUNNING_FILE = 'running';
/** Held by the kernel, so that it is free when the process dies, however it dies. */
const LOCK_FILE = 'lock.db';

/** True where a folder has a store. Throws a UserError where this user may not look into it. */
export function hasStore(folder: string): boolean {
  if (existsSync(join(folder, EVENTS_FILE))) return true;
  mustBeOpen(folder);
  return false;
}

/** A folder that this process alone has open for writing. */
export interface OpenFolder {
  /** The connection that writes events. */
  readonly db: Database;
  /** True when whoever had the store open before did not close it: killed, or the power was cut. */
  readonly unclean: boolean;
  /** Notes that all of the store was checked: the next start need not. */
  checked(): void;
  /** Closes the connection and lets others in. */
  close(): void;
}

/**
 * Opens or makes a folder and its events, and keeps other processes out. Throws an Error with one sentence when another
 * process has it, or when the file is damaged.
 */
export function openFolder(folder: string, walLimitPages: number): OpenFolder {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = lockIn(folder);
  return usable(folder, () => {
    try {
      const db = openForWriting(join(folder, EVENTS_FILE));
      const running = join(folder, RUNNING_FILE);
      const close = (): void => {
        db.close();
        lock.close();
      };
      try {
        const unclean = existsSync(running);
        touch(running);
        // The first read of a new store makes its write-ahead log, which is to have spare room from the first commit on.
        const isMade = hasTables(db);
        if (unclean && isMade) checkNewest(db);
        db.exec(`PRAGMA wal_autocheckpoint=${walLimitPages}`);
        addSpareRoom(join(folder, `${EVENTS_FILE}-wal`), walLimitPages * PAGE_BYTES * WAL_SPARE_SHARE);
        let isChecked = !unclean || !isMade;
        const checked = (): void => {
          isChecked = true;
        };
        const closeInOrder = (): void => {
          close();
          if (isChecked) rmSync(running, { force: true });
        };
        return { db, unclean, checked, close: closeInOrder };
      } catch (error) {
        db.close();
        throw error;
      }
    } catch (error) {
      lock.close();
      throw error;
    }
  });
}

/** True while another process has the folder open. */
export function isInUse(folder: string): boolean {
  const lock = tryLock(folder);
  lock?.close();
  return lock === null;
}

/** Keeps other processes from opening the folder until the lock is closed. Null where another process has it; throws SQLite's error. */
export function tryLock(folder: string): Lock | null {
  return openLock(join(folder, LOCK_FILE), 0);
}

/** Runs what opens or upgrades a store's files. Throws an Error with one sentence that names the folder and says what to do. */
export function usable<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const damaged = error instanceof DamagedError || isDamage(error);
    throw new Error(
      damaged
        ? `The store in ${folder} is damaged (${(error as Error).message}): ${DAMAGE_ADVICE}`
        : `The store in ${folder} cannot be used: ${openingFault(error, folder)}`,
      { cause: error },
    );
  }
}

/** Opens the events beside the connection that writes them: to read, and to take their write-ahead log into the file. */
export function openEvents(folder: string): Database {
  return openDatabase(join(folder, EVENTS_FILE));
}

/** Opens the events for reading alone. */
export function openEventsReader(folder: string): Database {
  return openReadOnly(join(folder, EVENTS_FILE));
}

const hasTables = (db: Database): boolean =>
  db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'gaps'").get() !== undefined;

function touch(file: string): void {
  const descriptor = openSync(file, 'w', 0o600);
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function lockIn(folder: string): Lock {
  let lock: Lock | null;
  try {
    lock = tryLock(folder);
  } catch (cause) {
    throw new Error(`The store in ${folder} cannot be used: ${openingFault(cause, folder)}`, { cause });
  }
  if (lock === null) throw new Error(`The store in ${folder} is in use by another alphaserver`);
  return lock;
}
