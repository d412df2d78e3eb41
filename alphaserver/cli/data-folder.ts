/** Writes into the data folder for a command, beside a running server or before its first start. */
import { existsSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { escapeText } from '../../service/escape.ts';
import { folderFault } from '../../service/files.ts';
import { UserError } from '../../service/user-error.ts';

/**
 * Runs what writes into the folder. Says so where the folder had to be made: it may not be the server's. Rejects with a
 * UserError of exit code 2 where the folder cannot be used.
 */
export async function inDataFolder<T>(
  folder: string,
  command: string,
  stderr: Writable,
  work: () => T | Promise<T>,
): Promise<T> {
  const isNew = !existsSync(folder);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    const fault = (error as NodeJS.ErrnoException).syscall === undefined ? null : folderFault(folder);
    if (fault === null) throw error;
    throw new UserError(`ALPHASERVER_DATA=${folder} cannot be used: ${fault}`, 2, { cause: error });
  }
  if (isNew)
    stderr.write(
      `alphaserver ${command}: ${escapeText(folder)} was not there and is made; a server on another data folder does not know of this\n`,
    );
  return result;
}
