/** Makes files longer than they have to be, so that what is written to them later does not change their length. */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { freeBytesOn } from './disk-room.ts';

const ZEROS = Buffer.alloc(65_536);
/** The share of what is free on the disk that may be taken. */
const FREE_SHARE = 1 / 8;

/**
 * Writes zeros after the end of a file, up to a length, and no more than a share of `freeBytes`. fsync after a write that makes a
 * file longer waits for the file system's own journal too, and takes twice as long. A file that is not there stays so; one that
 * cannot grow, as on a full disk, stays as it is.
 */
export function addSpareRoom(path: string, lengthBytes: number, freeBytes = freeBytesOn(path) ?? 0): void {
  let file: number | null = null;
  try {
    file = openSync(path, 'r+');
    let { size } = fstatSync(file);
    const length = Math.min(lengthBytes, size + Math.floor(freeBytes * FREE_SHARE));
    while (size < length) size += writeSync(file, ZEROS, 0, Math.min(ZEROS.length, length - size), size);
  } catch {
    // It is only slower then.
  } finally {
    if (file !== null) closeSync(file);
  }
}
