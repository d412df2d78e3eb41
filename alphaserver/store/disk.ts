/** Measures the space that a store takes on its disk, and the space left there. */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes; null where the system does not say. */
export interface DiskUse {
  readonly sizeBytes: number | null;
  /** Bytes that a process without special rights may still write. */
  readonly freeBytes: number | null;
}

/** SQLite's files and their write-ahead logs, which are gone while nothing has a file open. */
const STORE_FILE = /\.db(-wal)?$/;

/** Measures a store's folder. Never rejects. */
export async function diskUse(folder: string): Promise<DiskUse> {
  const size = (name: string): Promise<number> => stat(join(folder, name)).then(({ size }) => size);
  const names = await readdir(folder).catch(() => []);
  const [sizes, disk] = await Promise.all([
    Promise.all(names.filter((name) => STORE_FILE.test(name)).map((name) => size(name).catch(() => 0))),
    statfs(folder).catch(() => null),
  ]);
  return {
    sizeBytes: sizes.length === 0 ? null : sizes.reduce((sum, bytes) => sum + bytes, 0),
    freeBytes: disk && disk.bavail * disk.bsize,
  };
}
