/** The saved position of a followed file: which files of the log are known, and how far each was emitted. */

import { BLOCK_BYTES, BLOCKS_LIMIT, type BlockHashes, NO_BLOCKS } from './block-hashes.ts';
import type { Fingerprint } from './fingerprint.ts';
import { isCompressed } from './rotation.ts';
import type { LogPosition } from './source.ts';

/**
 * One known file of a log. `current`: it was at the log's path; `old`: rotated away, more of it may come; `done`: emitted, or
 * skipped on purpose, up to `offset`. A `done` file that grows is read on.
 */
export interface KnownFile {
  readonly state: 'current' | 'old' | 'done';
  /** True once its inode was found nowhere. It is `done`; it may come back, as when a folder is mounted again, or in a copy. */
  readonly gone: boolean;
  /** True once a copy is read in its place: its content identifies that, and only its inode identifies the file itself. */
  readonly replaced: boolean;
  /** Device and inode, and the inode's birth time, of the file that had its content last. */
  readonly id: string;
  readonly born: string | null;
  /** Its last path, symbolic links resolved: it is also searched there when a link at the log's path is moved. */
  readonly path: string;
  /** Bytes emitted, or skipped on purpose, from its beginning on: always the end of a line. Of a compressed file: in its content. */
  readonly offset: number;
  /** Its last size (of a compressed file: on the disk), which reveals a change. */
  readonly size: number;
  /** Bytes of log that it was known to have: a gap is measured by it. Null while it is only known compressed. */
  readonly seen: number | null;
  readonly mtimeMs: number;
  /** The fingerprints of its first bytes and of those just before `offset`; null where it was never read. */
  readonly head: Fingerprint | null;
  readonly before: Fingerprint | null;
  /** The bytes of `head`, base64: they identify a copy that is shorter. Null where they are not kept. */
  readonly start: string | null;
  /** The hashes of blocks up to `offset`: they identify a copy of any length. None where they are not kept, null of a skipped file. */
  readonly blocks: BlockHashes | null;
  /**
   * The part that was skipped because it is read in a copy of this file, and the copy's `id`. Null once the copy was read so far.
   */
  readonly skipped: { readonly from: number; readonly to: number; readonly copyId: string } | null;
  /** The lines that were emitted of it after it was last found at the log's path. Null where there are none, or too many. */
  readonly afterMove: EmittedAfterMove | null;
  /**
   * Its size when its end was declared missing, since it could not be read; 0 where it was not. After a restart its end is read where it
   * can be; else it is not declared again.
   */
  readonly givenUpBytes: number;
}

/**
 * The lines that were emitted of a file after it was last found at the log's path. A copy that was put there in its place, made before
 * they were written, does not have them, and may have others.
 */
export interface EmittedAfterMove {
  /** The offset at which they begin, and the fingerprint of the bytes just before. */
  readonly offset: number;
  readonly before: Fingerprint;
  /** Their hashes, up to the file's own `offset`. */
  readonly lines: readonly string[];
}

/** The most lines emitted after a move that are kept, since they are written with every commit. */
export const LINES_AFTER_MOVE_LIMIT = 256;

/** Returns whether nothing was emitted of a file, on purpose: it is a copy, or older than the first look. */
export function isSkipped({ state, blocks }: KnownFile): boolean {
  return state === 'done' && blocks === null;
}

/** Returns whether a file was read, and is recognised by its content wherever it is. */
export function isSearched(known: KnownFile): boolean {
  return (known.offset > 0 || (known.head?.bytes ?? 0) > 0) && !known.gone && !known.replaced && !isSkipped(known);
}

/** The `Chunk.position` of a `FileSource`. */
export interface FilePosition extends LogPosition {
  readonly source: 'file';
  readonly version: 1;
  /** The path that was followed. */
  readonly path: string;
  /** Oldest first. */
  readonly files: readonly KnownFile[];
}

/**
 * How many `done` files are kept: enough to see how far rotation has moved the names on, and few, because they are written
 * with every commit. Older ones are recognised by sorting before a kept one.
 */
export const DONE_FILES_KEPT = 4;

/** The number of files that are gone and kept: the one that is hidden by a mount, and the one that was mounted there. */
const GONE_FILES_KEPT = 2;

/** The `done` files with text that are kept, be they older: an empty file is not recognised once it is compressed, and one may be deleted. */
const TEXT_FILES_KEPT = 2;

/**
 * Returns those of a log's files (oldest first) that are kept: all that are not `done`, the last `done` ones, the last of these that had
 * text, and the last that are gone.
 */
export function filesToKeep<T>(files: readonly T[], fileOf: (one: T) => KnownFile): T[] {
  const done = files.filter((one) => fileOf(one).state === 'done' && !fileOf(one).gone);
  const gone = files.filter((one) => fileOf(one).gone);
  const text = done.filter((one) => (fileOf(one).before?.bytes ?? 0) > 0);
  const kept = new Set([
    ...done.slice(-DONE_FILES_KEPT),
    ...text.slice(-TEXT_FILES_KEPT),
    ...gone.slice(-GONE_FILES_KEPT),
  ]);
  return files.filter((one) => fileOf(one).state !== 'done' || kept.has(one));
}

/** Returns the position to save, with no more files than are needed to go on from it. */
export function positionOf(path: string, files: readonly KnownFile[]): FilePosition {
  const lastEmitted = files.findLast((file) => file.offset > 0 && !isSkipped(file));
  return {
    source: 'file',
    version: 1,
    path,
    // `start`, `blocks` and `afterMove` are written with every commit, and dropped where no copy is expected: of all files but the current one,
    // and the last one that lines were emitted of, whose copy may be at the log's path.
    files: filesToKeep(files, (file) => file).map((file) =>
      file.state === 'current' || file === lastEmitted
        ? file
        : { ...file, start: null, blocks: file.blocks && NO_BLOCKS, afterMove: null },
    ),
  };
}

/** The result of reading a saved position. */
export interface SavedPosition {
  readonly path: string | null;
  readonly files: readonly KnownFile[];
  /** Null where all of it was understood, else what is wrong with it, for a person. */
  readonly damage: string | null;
}

/** Parses a saved position; keeps the sound part of a damaged one. */
export function readPosition(saved: LogPosition): SavedPosition {
  if (saved['source'] !== 'file') {
    return { path: null, files: [], damage: `it is not a file's position (source ${JSON.stringify(saved['source'])})` };
  }
  if (saved['version'] !== 1) {
    return {
      path: null,
      files: [],
      damage: `its version ${JSON.stringify(saved['version'])} is unknown to this version`,
    };
  }
  const path = typeof saved['path'] === 'string' ? saved['path'] : null;
  const all: readonly unknown[] = Array.isArray(saved['files']) ? saved['files'] : [];
  const files = all.filter(isKnownFile).map((file) => ({
    ...file,
    seen: file.seen ?? seenOf(file),
    start: file.start ?? null,
    // Saved by a version that did not know them.
    blocks: file.blocks === undefined ? NO_BLOCKS : file.blocks,
    gone: file.gone ?? false,
    replaced: file.replaced ?? false,
    skipped: file.skipped ?? null,
    afterMove: file.afterMove ?? null,
    givenUpBytes: file.givenUpBytes ?? 0,
  }));
  const damage =
    path === null || !Array.isArray(saved['files'])
      ? 'it has no path or no list of files'
      : files.length < all.length
        ? `${all.length - files.length} of its ${all.length} files are not valid`
        : null;
  // Without the file that was being read, the others would only make all of the log look new.
  return { path, files: damage === null || files.some((file) => file.state === 'current') ? files : [], damage };
}

/** Returns `seen` of a file in a position that was saved before `seen` existed. */
function seenOf({ path, size }: KnownFile): number | null {
  return isCompressed(path) ? null : size;
}

function isKnownFile(value: unknown): value is KnownFile {
  if (typeof value !== 'object' || value === null) return false;
  const file: Partial<Record<keyof KnownFile, unknown>> = value;
  return (
    (file.state === 'current' || file.state === 'old' || file.state === 'done') &&
    (file.gone === undefined || typeof file.gone === 'boolean') &&
    (file.replaced === undefined || typeof file.replaced === 'boolean') &&
    typeof file.id === 'string' &&
    (file.born === null || typeof file.born === 'string') &&
    typeof file.path === 'string' &&
    isCount(file.offset) &&
    isCount(file.size) &&
    (file.seen === null || file.seen === undefined || isCount(file.seen)) &&
    typeof file.mtimeMs === 'number' &&
    (file.head === null || isFingerprint(file.head)) &&
    (file.before === null || isFingerprint(file.before)) &&
    (file.start === null || file.start === undefined || typeof file.start === 'string') &&
    (file.blocks === null || file.blocks === undefined || isBlockHashes(file.blocks)) &&
    (file.skipped === null || file.skipped === undefined || isSkippedPart(file.skipped)) &&
    (file.afterMove === null || file.afterMove === undefined || isEmittedAfterMove(file.afterMove)) &&
    (file.givenUpBytes === undefined || isCount(file.givenUpBytes))
  );
}

function isFingerprint(value: unknown): value is Fingerprint {
  if (typeof value !== 'object' || value === null) return false;
  const print: Partial<Record<keyof Fingerprint, unknown>> = value;
  return isCount(print.bytes) && typeof print.hash === 'string';
}

function isBlockHashes(value: unknown): value is BlockHashes {
  if (typeof value !== 'object' || value === null) return false;
  const blocks: Partial<Record<keyof BlockHashes, unknown>> = value;
  return (
    isCount(blocks.every) &&
    blocks.every >= BLOCK_BYTES &&
    Array.isArray(blocks.hashes) &&
    blocks.hashes.length <= BLOCKS_LIMIT &&
    blocks.hashes.every((hash) => typeof hash === 'string')
  );
}

function isSkippedPart(value: unknown): value is KnownFile['skipped'] {
  if (typeof value !== 'object' || value === null) return false;
  const { from, to, copyId }: { from?: unknown; to?: unknown; copyId?: unknown } = value;
  return isCount(from) && isCount(to) && typeof copyId === 'string';
}

function isEmittedAfterMove(value: unknown): value is EmittedAfterMove {
  if (typeof value !== 'object' || value === null) return false;
  const { offset, before, lines }: Partial<Record<keyof EmittedAfterMove, unknown>> = value;
  return (
    isCount(offset) &&
    isFingerprint(before) &&
    Array.isArray(lines) &&
    lines.length <= LINES_AFTER_MOVE_LIMIT &&
    lines.every((line) => typeof line === 'string')
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
