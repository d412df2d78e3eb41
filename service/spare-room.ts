/** Makes files longer than they have to be, so that what is written to them later does not change their length. */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';

const ZEROS = Buffer.alloc(65_536);

/**
 * Writes zeros after the end of a file, up to a length. fsync after a write that makes a file longer waits for the file system's
 * own journal too, and takes twice as long. A file that is not there stays so; one that cannot grow, as on a full disk, stays as it is.
 */
export function addSpareRoom(path: string, lengthBytes: number): void {
  let file: number | null = null;
  try {
    file = openSync(path, 'r+');
    let { size } = fstatSync(file);
    while (size < lengthBytes) size += writeSync(file, ZEROS, 0, Math.min(ZEROS.length, lengthBytes - size), size);
  } catch {
    // It is only slower then.
  } finally {
    if (file !== null) closeSync(file);
  }
}
