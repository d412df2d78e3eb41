/** What a store takes on its disk, and what is left there. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE } from './database.ts';

/** Bytes; null where the system does not say. */
export interface DiskUse {
  readonly sizeBytes: number | null;
  /** What a process without special rights may still write. */
  readonly freeBytes: number | null;
}

/** Looks at a store's folder. Never rejects. */
export async function diskUse(folder: string): Promise<DiskUse> {
  const size = (name: string): Promise<number> => stat(join(folder, name)).then((found) => found.size);
  const [file, log, disk] = await Promise.all([
    size(FILE).catch(() => null),
    // Gone while nothing has it open.
    size(`${FILE}-wal`).catch(() => 0),
    statfs(folder).catch(() => null),
  ]);
  return { sizeBytes: file === null ? null : file + log, freeBytes: disk && disk.bavail * disk.bsize };
}
