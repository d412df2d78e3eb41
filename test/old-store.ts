/**
 * A store that the version before wrote, kept compressed in `fixtures/stores/version-4`: a real server's, after 9,044 events
 * of three agents over 40 days, an attack of each kind, an acknowledged break-in, gaps, unknown messages and two channels that
 * could not be reached. `answers.json` is what that server's API answered then.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const FOLDER = join(import.meta.dirname, 'fixtures', 'stores', 'version-4');
const unpacked = (name: string): Buffer => brotliDecompressSync(readFileSync(join(FOLDER, `${name}.br`)));

/** The files that a store of that version had. */
export type OldFile = 'asgard.db' | 'rollups.db' | 'memory.db';
export const OLD_FILES: readonly OldFile[] = ['asgard.db', 'rollups.db', 'memory.db'];

/** Puts the old store into a folder, without the files that are left out. */
export function unpackOldStore(folder: string, files: readonly OldFile[] = OLD_FILES): void {
  mkdirSync(folder, { recursive: true });
  for (const file of files) writeFileSync(join(folder, file), unpacked(file));
}

/** The answers of the old server's API, by path. A page of events has only its ids, as `{ ids, next }`. */
export const oldAnswers = (): Readonly<Record<string, unknown>> =>
  JSON.parse(unpacked('answers.json').toString()) as Record<string, unknown>;

/** Takes from an answer of the API what no clock changes, in the form that `oldAnswers` has. */
export function comparable(path: string, answer: unknown): unknown {
  const {
    state: _,
    why: __,
    because: ___,
    asOf: ____,
    coverage: _____,
    doubt: ______,
    ...rest
  } = answer as Record<string, unknown>;
  if (!path.startsWith('/api/events')) return rest;
  const { events, next } = answer as { events: readonly { id: number }[]; next: string | null };
  return { ids: events.map(({ id }) => id), next };
}
