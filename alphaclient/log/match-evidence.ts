/** Judges the evidence that a file has the content of a known one, or is a copy of it. */

import type { CandidateFile } from './candidate-file.ts';
import { type FileFacts, sameInode } from './fingerprint.ts';
import type { KnownFile } from './position.ts';
import { isCompressed, type LogFile } from './rotation.ts';
import type { TrackedFile } from './tracked-file.ts';

/** Content of fewer bytes, less than a line of sshd, is found in many a file. */
export const FEW_BYTES = 48;

/** A file last written this much before the last position was saved has nothing newer; the clock may have been set meanwhile. */
export const OLDER_MS = 2000;

/** Returns whether the file with the inode of an empty one can be that one: made at the same time, or not written since. */
export function isUnchangedInode(known: KnownFile, file: FileFacts): boolean {
  if (known.born !== null && file.born !== null) return true;
  return file.size === known.size && file.mtimeMs === known.mtimeMs;
}

/** Returns whether a file has the inode of a known one, or is the compressed copy that the known one, deleted and open, was found in. */
export function hasInodeOf(one: TrackedFile, file: LogFile): boolean {
  const { file: known, reader, compressed } = one;
  // Without birth times the inode of a file that a copy replaced may be that of another copy by now.
  const isOwn = reader !== null || !known.replaced || isUnchangedInode(known, file);
  // Only the inode that is open cannot be another file's.
  if (sameInode(file, reader?.facts() ?? known) && isOwn) return true;
  // The deleted file may have grown since, so that its content is no longer that of the copy.
  if (compressed || file.compression === null || !isCompressed(known.path)) return false;
  return sameInode(file, known) && file.size === known.size && file.mtimeMs === known.mtimeMs;
}

/** Returns whether a file of so many bytes of log can be a copy of all of a known file. */
export function hasLengthOf(one: TrackedFile, rewritten: boolean, contentBytes: number | null): boolean {
  const { state, offset, path, size } = one.file;
  // It was read to its end, and ends there.
  if (state === 'done') return contentBytes === offset;
  // What the open descriptor shows is all of it.
  if (one.reader !== null && !rewritten) return contentBytes === one.reader.facts().size;
  // A copy of the log may have been made before the last of it was written, where there is content to show that it is one.
  if (state === 'current' && (offset > 0 || evidenceBytes(one.file) >= FEW_BYTES)) return true;
  // It could grow, but not shrink (the size of a compressed one is that on the disk).
  return isCompressed(path) || contentBytes === null || contentBytes >= size;
}

export function evidenceBytes({ head, before }: KnownFile): number {
  return (head?.bytes ?? 0) + (before?.bytes ?? 0);
}

/** Returns whether the file with the inode of `one` still has its content. A file that cannot be read just now is believed to. */
export async function hasStillContent(one: TrackedFile, file: CandidateFile): Promise<boolean> {
  if (one.reader !== null) return true;
  const { size, mtimeMs, compression } = file.file;
  const { state, offset } = one.file;
  const isSettled = state === 'done' || isCompressed(one.file.path);
  if (isSettled && size === one.file.size && mtimeMs === one.file.mtimeMs) return true;
  // Nothing is known of one that was empty when it could not be read: it may be a copy that was just begun.
  if (one.file.head === null && one.file.size === 0) return false;
  return (await file.contains(one.file)) || (file.problem !== null && (compression !== null || size >= offset));
}

/** Returns whether a known file that has no match has no content either: it is not open, or its content was replaced. */
export function isWithoutContent({ reader }: TrackedFile): boolean {
  return reader === null || reader.changed();
}

/** Returns whether a lost file that nothing was emitted of begins an unread one, too short to be matched with it. */
export async function isReadAnyway({ file }: TrackedFile, unread: readonly CandidateFile[]): Promise<boolean> {
  if (file.offset > 0 || evidenceBytes(file) === 0) return false;
  for (const candidate of unread)
    if ((await candidate.contains(file)) && ((await candidate.contentBytes()) ?? 0) >= (file.seen ?? 0)) return true;
  return false;
}

/** Returns whether a file is a copy that was made before the last of what was read was written: it has nothing unread. */
export async function isShortCopy(current: TrackedFile, file: CandidateFile): Promise<boolean> {
  const bytes = await file.contentBytes();
  if (bytes === null || bytes === 0 || bytes >= current.file.offset) return false;
  return file.beginsLike(current.file);
}

/** Returns whether a file is a copy of the log that is being made for a truncation still to come, or was made without one. */
export async function isCopyInProgress(file: CandidateFile, log: CandidateFile): Promise<boolean> {
  const [born, logBorn] = [file.file.born, log.file.born];
  // A file that was renamed away is older than the log that took its place.
  if (born !== null && logBorn !== null && BigInt(born) < BigInt(logBorn)) return false;
  return (await file.contentBytes()) !== 0 && (await file.isBeginningOf(log));
}

/**
 * [L12] A file that was gone, found nowhere, has come back where its inode has its content: a folder was mounted again, or what was
 * mounted over it was taken away.
 */
export async function returnedFiles(
  all: readonly TrackedFile[],
  files: readonly CandidateFile[],
): Promise<ReadonlyMap<TrackedFile, CandidateFile>> {
  const returned = new Map<TrackedFile, CandidateFile>();
  const inodes = all.filter(({ file }) => !file.gone).map(({ file, reader }) => reader?.facts() ?? file);
  for (const one of all.filter(({ file }) => file.gone)) {
    const file = files.find((candidate) => sameInode(candidate.file, one.file));
    if (file === undefined || inodes.some((inode) => sameInode(inode, file.file))) continue;
    // Without birth times a copy of it may have its inode by now.
    if (isUnchangedInode(one.file, file.file) && (await file.contains(one.file))) returned.set(one, file);
  }
  return returned;
}
