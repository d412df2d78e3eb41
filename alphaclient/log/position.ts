/** The position of a followed file as it is saved: which files of the log are known, and how far each was handed out. */

import type { Fingerprint } from './fingerprint.ts';
import { isPacked } from './rotation.ts';
import type { LogPosition } from './source.ts';

/**
 * One file of a log, as far as it is known. `current`: it stood at the log's path; `old`: rotated away, its end may still
 * come; `done`: handed out, or left out on purpose, up to `offset`. A `done` file that grows is read on.
 */
export interface KnownFile {
  readonly state: 'current' | 'old' | 'done';
  /** Device and inode, and the inode's birth, where it was last seen. */
  readonly id: string;
  readonly born: string | null;
  /** The path it last had, symbolic links resolved: also found there when a link at the log's path is moved. */
  readonly path: string;
  /** Bytes handed out, or left out, from its beginning on: always the end of a line. In a compressed file: of what is in it. */
  readonly offset: number;
  /** Its size when last seen (compressed: as it is on the disk), which shows whether it changed. */
  readonly size: number;
  /** Bytes of log that it was seen to hold: what a gap is measured by. Null where it was never read through but packed. */
  readonly seen: number | null;
  readonly mtimeMs: number;
  /** Its beginning, and the bytes just before `offset`; null where it was never read. */
  readonly head: Fingerprint | null;
  readonly before: Fingerprint | null;
  /** Of the file at the log's path the bytes of `head` themselves, base64: they tell a copy that is shorter. */
  readonly start: string | null;
}

/** What a `FileSource` gives as `Chunk.position`. */
export interface FilePosition extends LogPosition {
  readonly source: 'file';
  readonly version: 1;
  /** The path that was followed. */
  readonly path: string;
  /** Oldest first. */
  readonly files: readonly KnownFile[];
}

/**
 * How many files that are done are remembered beside those that are not: enough to see how far rotation has moved the names
 * on, and few, because this is written with every commit. Older ones are known by standing behind a remembered one.
 */
export const DONE_FILES_KEPT = 4;

/**
 * Those of a log's files, oldest first, that are to be remembered: of those that are done the last ones, and the last that had
 * text, since an empty one is not known again once it is packed.
 */
export function remembered<T>(files: readonly T[], fileOf: (one: T) => KnownFile): T[] {
  const done = files.filter((one) => fileOf(one).state === 'done');
  const kept = new Set(done.slice(-DONE_FILES_KEPT));
  const hasText = (one: T): boolean => (fileOf(one).before?.bytes ?? 0) > 0;
  const text = [...kept].some(hasText) ? undefined : done.findLast(hasText);
  return files.filter((one) => fileOf(one).state !== 'done' || kept.has(one) || one === text);
}

/** The position, with no more files than are needed to find the place again. */
export function positionOf(path: string, files: readonly KnownFile[]): FilePosition {
  return {
    source: 'file',
    version: 1,
    path,
    // Nobody copies an old one for a truncation, and this is written with every commit.
    files: remembered(files, (file) => file).map((file) =>
      file.state === 'current' ? file : { ...file, start: null },
    ),
  };
}

/** A position as it came back from where it was saved. */
export interface SavedPosition {
  readonly path: string | null;
  readonly files: readonly KnownFile[];
  /** Null where all of it was understood, else what is wrong with it, for a person. */
  readonly damage: string | null;
}

/** Reads a saved position; keeps of a damaged one what is whole. */
export function readPosition(saved: LogPosition): SavedPosition {
  if (saved['source'] !== 'file') {
    return { path: null, files: [], damage: `it is not a file's position (source ${JSON.stringify(saved['source'])})` };
  }
  if (saved['version'] !== 1) {
    return { path: null, files: [], damage: `its version ${JSON.stringify(saved['version'])} is not known here` };
  }
  const path = typeof saved['path'] === 'string' ? saved['path'] : null;
  const all: readonly unknown[] = Array.isArray(saved['files']) ? saved['files'] : [];
  const files = all
    .filter(isKnownFile)
    .map((file) => ({ ...file, seen: file.seen ?? seenOf(file), start: file.start ?? null }));
  const damage =
    path === null || !Array.isArray(saved['files'])
      ? 'it has no path or no list of files'
      : files.length < all.length
        ? `${all.length - files.length} of its ${all.length} files make no sense`
        : null;
  // Without the file that was being read the others would only say that all of it is new.
  return { path, files: damage === null || files.some((file) => file.state === 'current') ? files : [], damage };
}

/** What a position says that was saved before `seen` and `start` were part of it. */
function seenOf({ path, size }: KnownFile): number | null {
  return isPacked(path) ? null : size;
}

function isKnownFile(value: unknown): value is KnownFile {
  if (typeof value !== 'object' || value === null) return false;
  const file: Partial<Record<keyof KnownFile, unknown>> = value;
  return (
    (file.state === 'current' || file.state === 'old' || file.state === 'done') &&
    typeof file.id === 'string' &&
    (file.born === null || typeof file.born === 'string') &&
    typeof file.path === 'string' &&
    isCount(file.offset) &&
    isCount(file.size) &&
    (file.seen === null || file.seen === undefined || isCount(file.seen)) &&
    typeof file.mtimeMs === 'number' &&
    (file.head === null || isFingerprint(file.head)) &&
    (file.before === null || isFingerprint(file.before)) &&
    (file.start === null || file.start === undefined || typeof file.start === 'string')
  );
}

function isFingerprint(value: unknown): value is Fingerprint {
  if (typeof value !== 'object' || value === null) return false;
  const print: Partial<Record<keyof Fingerprint, unknown>> = value;
  return isCount(print.bytes) && typeof print.hash === 'string';
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
