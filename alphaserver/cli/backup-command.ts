/** `alphaserver backup` and `alphaserver restore`. */
import { resolve } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import type { ProgramIo } from '../../service/command-line.ts';
import { escapeText } from '../../service/escape.ts';
import { makeBackup, restoreBackup } from '../backup.ts';
import type { ServerConfig } from '../config.ts';

/** Only the owner can read the copy. */
const PRIVATE = 0o077;
const MIB = 1_048_576;
const sizeOf = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;

/** Copies the data folder, beside a running server or without one. Throws a UserError. */
export function backup(folder: string, config: ServerConfig, { stdout, stderr, nowMs }: ProgramIo): number {
  process.umask(PRIVATE);
  const { files, bytes } = makeBackup(config.dataFolder, folder, manifest.version, nowMs);
  stdout.write(`${files} files, ${sizeOf(bytes)}, in ${escapeText(resolve(folder))}\n`);
  if (config.storeUrl !== null)
    stderr.write('alphaserver backup: the events are in PostgreSQL, which needs a backup of its own\n');
  return 0;
}

/** Puts a backup into the data folder. Throws a UserError. */
export function restore(folder: string, dataFolder: string, { stdout }: ProgramIo): number {
  process.umask(PRIVATE);
  const { files, bytes, madeAt } = restoreBackup(folder, dataFolder);
  stdout.write(`${files} files, ${sizeOf(bytes)}, as they were at ${madeAt}; start alphaserver now\n`);
  return 0;
}
