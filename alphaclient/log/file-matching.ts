/**
 * Decides which file on the disk has the content of which known file, after any rotation. The follower acts on the result.
 * Evidence, strongest first: the same inode with the same content before the position; the same content in another file, in
 * the order that rotation keeps; and, for content that identifies nothing, such as one line repeated, that a file which was not
 * there before is a copy of the one that was. The steps are numbered in docs/log-rotation.md.
 */

import type { CandidateFile } from './candidate-file.ts';
import { type FileFacts, sameInode } from './fingerprint.ts';
import type { KnownFile } from './position.ts';
import { isCompressed } from './rotation.ts';
import type { TrackedFile } from './tracked-file.ts';

/** The file of each known one, and the other files on the disk. */
export interface FileMatches {
  /** The file that has the content of each known one. An open file that was deleted has none, and is not lost. */
  readonly files: ReadonlyMap<TrackedFile, CandidateFile>;
  /** Files that are newer than the known ones: to be read from the beginning. */
  readonly unread: readonly CandidateFile[];
  /** Known files whose content is found nowhere. */
  readonly lost: readonly TrackedFile[];
  /**
   * Files to be known and not to be read as they are: copies of the log with nothing unread, and files that are empty while
   * the log is not, each a copy just begun or a generation that nothing was written to yet.
   */
  readonly skipped: readonly CandidateFile[];
  /** Whether the lost current file has a copy with nothing unread: only what came after the copying is lost. */
  readonly currentHasCopy: boolean;
  /** Files taken for copies of what is read elsewhere, although their content is too repetitive to be sure. */
  readonly uncertainCopies: readonly CandidateFile[];
}

/** A file last written this much before the last position was saved has nothing newer; the clock may have been set meanwhile. */
const OLDER_MS = 2000;

/** Content of fewer bytes, less than a line of sshd, is found in many a file. */
const FEW_BYTES = 48;

/** Matches the known files (oldest first) with those on the disk (oldest first). */
export async function matchFiles(known: readonly TrackedFile[], files: readonly CandidateFile[]): Promise<FileMatches> {
  const matching = new FileMatching(known, files);
  await matching.byInode();
  await matching.byContent();
  await matching.emptyFiles();
  await matching.truncatedWithSameContent();
  return matching.result();
}

class FileMatching {
  readonly #known: readonly TrackedFile[];
  readonly #files: readonly CandidateFile[];
  readonly #current: TrackedFile | undefined;
  /** The known files other than the current one. */
  readonly #older: readonly TrackedFile[];
  /** Known files that are open and whose content was replaced: their inode does not identify them any more. */
  readonly #rewritten: ReadonlySet<TrackedFile>;
  /** Known files with content, or open, and those without either. */
  readonly #identifiable: readonly TrackedFile[];
  readonly #unidentifiable: readonly TrackedFile[];
  /** The file at the log's path. */
  readonly #logFile: CandidateFile | undefined;
  readonly #matches = new Map<TrackedFile, CandidateFile>();
  readonly #taken = new Set<CandidateFile>();
  readonly #uncertainCopies: CandidateFile[] = [];
  /** The file with the inode of the current one. */
  #currentByInode: CandidateFile | undefined;

  constructor(known: readonly TrackedFile[], files: readonly CandidateFile[]) {
    this.#known = known;
    this.#files = files;
    this.#current = known.findLast(({ file }) => file.state === 'current');
    this.#older = known.filter((one) => one !== this.#current);
    this.#rewritten = new Set(known.filter(({ reader }) => reader?.changed() === true));
    this.#identifiable = known.filter((one) => one.reader !== null || evidenceBytes(one.file) > 0);
    this.#unidentifiable = known.filter((one) => !this.#identifiable.includes(one)).reverse();
    this.#logFile = files.find(({ file }) => file.current);
  }

  /** [L1] A known file is the file with its inode, where that still has its content. */
  async byInode(): Promise<void> {
    for (const one of this.#identifiable) await this.#matchInode(one, this.#files);
    this.#currentByInode = this.#current && this.#matches.get(this.#current);
  }

  async #matchInode(one: TrackedFile, among: readonly CandidateFile[]): Promise<void> {
    // A deleted file that is open is known by its compressed copy; only the inode that is open cannot be another file's.
    const inode = one.reader?.facts() ?? one.file;
    const file = among.find((candidate) => sameInode(candidate.file, inode) && !this.#taken.has(candidate));
    if (file !== undefined && !this.#rewritten.has(one) && (await hasStillContent(one, file))) this.#match(one, file);
  }

  /**
   * [L2] Else it is the first file, in the order of rotation, that has its content. Files with much evidence are matched first:
   * a few bytes are found in many a file.
   */
  async byContent(): Promise<void> {
    const byEvidence = this.#identifiable.toSorted((a, b) => evidenceBytes(b.file) - evidenceBytes(a.file));
    for (const one of byEvidence) await this.#matchContent(one);
  }

  async #matchContent(one: TrackedFile): Promise<void> {
    if (this.#matches.has(one)) return;
    const rewritten = this.#rewritten.has(one);
    const firstBytes = one.reader !== null && !rewritten ? one.reader.firstBytes() : null;
    // An empty file is found nowhere; only the log may have been written since it was seen last. A file that was compressed
    // when nothing of it was known yet is not compressed again.
    if (firstBytes?.length === 0) return;
    const noEvidence = evidenceBytes(one.file) === 0 && firstBytes === null;
    if (noEvidence && one !== this.#current && (one.file.size === 0 || isCompressed(one.file.path))) return;
    for (const candidate of this.#between(one)) {
      if (this.#taken.has(candidate)) continue;
      if (candidate.file.compression === null && !this.#mayBeCopiedPlain(one, firstBytes !== null)) continue;
      if (!((await candidate.contains(one.file)) || (await candidate.isEarlierCopyOf(one.file)))) continue;
      if (firstBytes !== null && !(await candidate.head()).equals(firstBytes)) continue;
      if (hasLengthOf(one, rewritten, await candidate.contentBytes())) return this.#match(one, candidate);
    }
  }

  /**
   * Returns whether a plain file of another inode may be a copy of a known one. What was rotated away is compressed or deleted,
   * and only a log that is still there, truncated, was copied: else the plain file must show a line that was read, or more than
   * a few bytes.
   */
  #mayBeCopiedPlain(one: TrackedFile, openAndUnchanged: boolean): boolean {
    if (openAndUnchanged || one.file.offset > 0 || evidenceBytes(one.file) >= FEW_BYTES) return true;
    if (this.#rewritten.has(one)) return true;
    return one === this.#current && this.#files.some(({ file }) => sameInode(file, one.file));
  }

  /**
   * [L3] A known file without content is matched last, the newest first, by an inode between its neighbours' that shows no
   * other use: it may be another file's by now.
   */
  async emptyFiles(): Promise<void> {
    for (const one of this.#unidentifiable) {
      const between = this.#between(one);
      const unchanged =
        one === this.#current
          ? between
          : between.filter(({ file }) => !file.current && isUnchangedInode(one.file, file));
      // It was empty when it was first listed and now has the log's content, so it is a copy in progress.
      const sameFile =
        one !== this.#current && one.file.size === 0 && unchanged.find(({ file }) => sameInode(file, one.file));
      if (sameFile && this.#logFile !== undefined && (await isCopyInProgress(sameFile, this.#logFile))) continue;
      await this.#matchInode(one, unchanged);
    }
    for (const one of this.#unidentifiable) await this.#matchContent(one);
  }

  /**
   * [L4] A log that was copied, truncated, and has grown past the position with the very same content is given away by the copy
   * alone, which was not there before: the known file is the copy, unless the log still begins with all of it.
   */
  async truncatedWithSameContent(): Promise<void> {
    const [current, same] = [this.#current, this.#currentByInode];
    if (current === undefined || same === undefined || evidenceBytes(current.file) === 0) return;
    for (const copy of this.#files.slice(this.#lastIndex(this.#older) + 1, this.#files.indexOf(same))) {
      if (this.#taken.has(copy) || (await copy.contentBytes()) === 0 || !(await copy.contains(current.file))) continue;
      if (await copy.isBeginningOf(same)) {
        if (await copy.isRepetitive()) this.#uncertainCopies.push(copy);
        continue;
      }
      return this.#match(current, copy);
    }
  }

  /** Returns the matches, and sorts out the files that are newer than all known ones. */
  async result(): Promise<FileMatches> {
    const lost = this.#lost();
    const unread: CandidateFile[] = [];
    const skipped: CandidateFile[] = [];
    let currentHasCopy = false;
    let mayBeCopy = this.#current !== undefined && lost.includes(this.#current);
    for (const file of this.#newer()) {
      if (file === this.#logFile) {
        unread.push(file);
        continue;
      }
      // [L7] The first new file behind a lost log may be a copy of it that was made before the last of it was written.
      if (mayBeCopy && this.#current !== undefined) {
        currentHasCopy = await isShortCopy(this.#current, file);
        mayBeCopy = !currentHasCopy && (await file.contentBytes()) === 0;
        if (currentHasCopy) {
          skipped.push(file);
          continue;
        }
      }
      if (await this.#isCopyOfLog(file)) {
        if (await file.isRepetitive()) this.#uncertainCopies.push(file);
        continue;
      }
      // [L9] An empty file beside a log that is not is known and not read: it is a copy just begun, or is written to later.
      const isBlank = file.file.size === 0 && (this.#logFile?.file.size ?? 0) > 0;
      (isBlank ? skipped : unread).push(file);
    }
    return { files: this.#matches, unread, lost, skipped, currentHasCopy, uncertainCopies: this.#uncertainCopies };
  }

  /** [L5] A known file that has no match and is not open, or was rewritten, is lost. */
  #lost(): TrackedFile[] {
    return this.#known.filter((one) => !this.#matches.has(one) && (one.reader === null || this.#rewritten.has(one)));
  }

  /**
   * [L6] Files that come after the last matched one are newer. Of a log that nothing was read of, every file that is not older
   * than the other known ones counts, since it may be a generation that was never seen.
   */
  #newer(): CandidateFile[] {
    const current = this.#current;
    const nothingRead = current?.file.offset === 0;
    const reference = nothingRead
      ? this.#older
      : current !== undefined && this.#matches.has(current)
        ? [current]
        : this.#known;
    const last = this.#lastIndex(reference);
    const newer = this.#files.slice(last + 1).filter((file) => !this.#taken.has(file));
    // Where no match shows which files are older, their times have to.
    const unordered = this.#matches.size === 0 || (reference.length > 0 && last < 0);
    if (!unordered || current === undefined) return newer;
    return newer.filter((file) => file === this.#logFile || file.file.mtimeMs >= current.file.mtimeMs - OLDER_MS);
  }

  /** [L8] A file that the log begins with is a copy, made for a truncation still to come, unless the log is known and was read. */
  async #isCopyOfLog(file: CandidateFile): Promise<boolean> {
    const log = this.#logFile;
    if (log === undefined || (this.#taken.has(log) && this.#current?.file.offset !== 0)) return false;
    return isCopyInProgress(file, log);
  }

  #match(one: TrackedFile, file: CandidateFile): void {
    const before = this.#matches.get(one);
    if (before !== undefined) this.#taken.delete(before);
    this.#matches.set(one, file);
    this.#taken.add(file);
  }

  /** Returns the files that can be `one` if rotation kept the order: newer than those of older known files, older than newer ones'. */
  #between(one: TrackedFile): readonly CandidateFile[] {
    const at = this.#known.indexOf(one);
    const newer = this.#known.slice(at + 1).map((other) => this.#indexOf(other));
    const to = Math.min(this.#files.length, ...newer.filter((index) => index >= 0));
    return this.#files.slice(this.#lastIndex(this.#known.slice(0, at)) + 1, to);
  }

  /** Returns the index of the newest file of these known ones; -1 where none has a match. */
  #lastIndex(known: readonly TrackedFile[]): number {
    return Math.max(-1, ...known.map((one) => this.#indexOf(one)));
  }

  #indexOf(one: TrackedFile): number {
    const file = this.#matches.get(one);
    return file === undefined ? -1 : this.#files.indexOf(file);
  }
}

/**
 * Returns the known files that are not lost and the new ones, oldest first. A known file without a match, deleted and still
 * open, stays behind the file that it was behind.
 */
export function inOrder(
  known: readonly TrackedFile[],
  matches: FileMatches,
  files: readonly CandidateFile[],
  added: ReadonlyMap<TrackedFile, CandidateFile>,
): TrackedFile[] {
  const places: { readonly one: TrackedFile; readonly at: number }[] = [];
  for (const one of known) {
    if (matches.lost.includes(one)) continue;
    const file = matches.files.get(one);
    places.push({ one, at: file === undefined ? (places.at(-1)?.at ?? -1) : files.indexOf(file) });
  }
  for (const [one, file] of added) places.push({ one, at: files.indexOf(file) });
  return places.sort((a, b) => a.at - b.at).map(({ one }) => one);
}

/** Returns whether the file with the inode of an empty one can be that one: made at the same time, or not written since. */
function isUnchangedInode(known: KnownFile, file: FileFacts): boolean {
  if (known.born !== null && file.born !== null) return true;
  return file.size === known.size && file.mtimeMs === known.mtimeMs;
}

/** Returns whether a file of so many bytes of log can be a copy of all of a known file. */
function hasLengthOf(one: TrackedFile, rewritten: boolean, contentBytes: number | null): boolean {
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

function evidenceBytes({ head, before }: KnownFile): number {
  return (head?.bytes ?? 0) + (before?.bytes ?? 0);
}

/** Returns whether the file with the inode of `one` still has its content. A file that cannot be read just now is believed to. */
async function hasStillContent(one: TrackedFile, file: CandidateFile): Promise<boolean> {
  if (one.reader !== null) return true;
  const { size, mtimeMs, compression } = file.file;
  const { state, offset } = one.file;
  if (state === 'done' && size === one.file.size && mtimeMs === one.file.mtimeMs) return true;
  return (await file.contains(one.file)) || (file.problem !== null && (compression !== null || size >= offset));
}

/** Returns whether a file is a copy that was made before the last of what was read was written: it has nothing unread. */
async function isShortCopy(current: TrackedFile, file: CandidateFile): Promise<boolean> {
  const bytes = await file.contentBytes();
  if (bytes === null || bytes === 0 || bytes >= current.file.offset) return false;
  return file.beginsLike(current.file);
}

/** Returns whether a file is a copy of the log that is being made for a truncation still to come, or was made without one. */
async function isCopyInProgress(file: CandidateFile, log: CandidateFile): Promise<boolean> {
  const [born, logBorn] = [file.file.born, log.file.born];
  // A file that was renamed away is older than the log that took its place.
  if (born !== null && logBorn !== null && BigInt(born) < BigInt(logBorn)) return false;
  return (await file.contentBytes()) !== 0 && (await file.isBeginningOf(log));
}
