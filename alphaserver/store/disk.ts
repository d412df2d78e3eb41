/** What a store takes on its disk, and what is left there. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { FILE, MEMORY_FILE, ROLLUPS_FILE } from './database.ts';

/** Bytes; null where the system does not say. */
export interface DiskUse {
  readonly sizeBytes: number | null;
  /** What a process without special rights may still write. */
  readonly freeBytes: number | null;
}

/** Looks at a store's folder. Never rejects. */
export async function diskUse(folder: string): Promise<DiskUse> {
  const size = (name: string): Promise<number> => stat(join(folder, name)).then((found) => found.size);
  // Logs are gone while nothing has a file open.
  const names = [`${FILE}-wal`, ...[ROLLUPS_FILE, MEMORY_FILE].flatMap((name) => [name, `${name}-wal`])];
  const beside = names.map((name) => size(name).catch(() => 0));
  const [file, others, disk] = await Promise.all([
    size(FILE).catch(() => null),
    Promise.all(beside),
    statfs(folder).catch(() => null),
  ]);
  return {
    sizeBytes: file && others.reduce((sum, bytes) => sum + bytes, file),
    freeBytes: disk && disk.bavail * disk.bsize,
  };
}
