/** Finds how much room a disk has. */
import { statfsSync } from 'node:fs';

/** Gives the bytes that a process without special rights may still write on the disk of a path; null where the system does not say. */
export function freeBytesOn(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}
