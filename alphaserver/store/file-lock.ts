/**
 * Locks for files that several processes replace as a whole. Each reads such a file, makes its change and renames a new file over it:
 * without a lock the one that is later takes back what another one changed since it read. The kernel holds a lock, so that it is free
 * when its process dies, however it dies. Its file stands beside the one that it is for, is empty, and stays: if it were removed, one
 * process could hold the removed file and another the next one of its name.
 */
import { closeSync, fchmodSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { asOwnerOf } from '../../service/files.ts';
import { UserError } from '../../service/user-error.ts';
import { type Lock, openLock } from './database.ts';

/** A command waits this long for one that changes the same file, which takes some milliseconds. */
export const LOCK_LIMIT_MS = 10_000;
/** Whoever could read it could hold it. */
const FILE_MODE = 0o600;
/** The mode of a lock for all who may write into its folder. */
export const GROUP_MODE = 0o660;

/**
 * Takes the lock of a file whose folder is there; where root runs it, the lock is for the owner of the folder. Null where another
 * process holds it for all of `limitMs`, during which this one waits and does nothing else. Throws the system's Error where the file of
 * the lock cannot be made, and a UserError where it cannot be used. `mode`: that of the lock's file.
 */
export function tryFileLock(file: string, limitMs = 0, mode = FILE_MODE): Lock | null {
  const path = `${resolve(file)}.lock`;
  return asOwnerOf(dirname(path), () => {
    try {
      const fd = openSync(path, 'wx', FILE_MODE);
      // The umask would take the group's rights away.
      if (mode !== FILE_MODE) fchmodSync(fd, mode);
      closeSync(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    try {
      return openLock(path, limitMs);
    } catch (cause) {
      throw new UserError(`${path} cannot be locked: ${(cause as Error).message}`, 1, { cause });
    }
  });
}

/** Takes the lock of a file as `tryFileLock` does. Throws a UserError where another process holds it for all of `limitMs`. */
export function lockFile(file: string, limitMs = LOCK_LIMIT_MS, mode = FILE_MODE): Lock {
  const lock = tryFileLock(file, limitMs, mode);
  if (lock !== null) return lock;
  throw new UserError(
    `${file} is being changed by another command, which has not ended within ${limitMs / 1_000} s: nothing is changed, try again`,
  );
}

/** Runs `work`, which reads a file again and replaces it, while no other process does. Throws what `lockFile` and `work` throw. */
export function whileLocked<T>(file: string, work: () => T): T {
  const lock = lockFile(file);
  try {
    return work();
  } finally {
    lock.close();
  }
}
