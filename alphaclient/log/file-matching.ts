/**
 * Decides which file on the disk has the content of which known file, after any rotation. The follower acts on the result.
 * Evidence, strongest first: the same inode with the same content before the position; the same content in another file, in
 * the order that rotation keeps; and, for content that identifies nothing, such as one line repeated, that a file which was not
 * there before is a copy of the one that was. The steps are numbered in docs/log-rotation.md.
 */

import type { CandidateFile } from './candidate-file.ts';
import type { FileMatches } from './file-matches.ts';
import { sameInode } from './fingerprint.ts';
import { type Comparison, type Continuation, compareWithLog, type PossibleCopy, withContent } from './log-copy.ts';
import {
  evidenceBytes,
  FEW_BYTES,
  hasInodeOf,
  hasLengthOf,
  hasStillContent,
  isCopyInProgress,
  isReadAnyway,
  isShortCopy,
  isUnchangedInode,
  OLDER_MS,
  returnedFiles,
} from './match-evidence.ts';
import { isSkipped } from './position.ts';
import { isCompressed } from './rotation.ts';
import type { TrackedFile } from './tracked-file.ts';
import { undecidedFiles } from './undecided-files.ts';

/** Matches the known files (oldest first) with those on the disk (oldest first). */
export async function matchFiles(all: readonly TrackedFile[], files: readonly CandidateFile[]): Promise<FileMatches> {
  const matching = new FileMatching(all, files, await returnedFiles(all, files));
  await matching.byInode();
  await matching.copyOfLog(false);
  await matching.byContent();
  await matching.emptyFiles();
  await matching.copyOfLog(true);
  await matching.foundPrevious();
  await matching.truncatedWithSameContent();
  return matching.result();
}

class FileMatching {
  /** All known files, with those that are gone. */
  readonly #all: readonly TrackedFile[];
  /** Those that are not gone. */
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
  readonly #continuations: Continuation[] = [];
  /** Files that have the beginning of a known one, and no more. */
  readonly #shorterCopies = new Map<CandidateFile, TrackedFile>();
  /** The file with the inode of the current one. */
  #currentByInode: CandidateFile | undefined;

  constructor(
    all: readonly TrackedFile[],
    files: readonly CandidateFile[],
    returned: ReadonlyMap<TrackedFile, CandidateFile>,
  ) {
    const known = all.filter((one) => !one.file.gone || returned.has(one));
    this.#all = all;
    this.#known = known;
    this.#files = files;
    this.#current = known.findLast(({ file }) => file.state === 'current');
    this.#older = known.filter((one) => one !== this.#current);
    this.#rewritten = new Set(known.filter(({ reader }) => reader?.changed() === true));
    this.#identifiable = known.filter((one) => one.reader !== null || evidenceBytes(one.file) > 0);
    this.#unidentifiable = known.filter((one) => !this.#identifiable.includes(one)).reverse();
    this.#logFile = files.find(({ file }) => file.current);
    for (const [one, file] of returned) this.#match(one, file);
  }

  /**
   * [L1] A known file is the file with its inode, where that still has its content. The newest first: while a copy is written over
   * a log in place, the inode of both is that of the copy. Files that are neither open nor the log's last, whose inode may be reused,
   * come after the question whether the log goes on in a copy.
   */
  async byInode(): Promise<void> {
    const newestFirst = this.#identifiable.toReversed();
    const isSure = (one: TrackedFile): boolean => one.reader !== null || one === this.#current;
    for (const one of newestFirst.filter(isSure)) await this.#matchInode(one, this.#files);
    this.#currentByInode = this.#current && this.#matches.get(this.#current);
    await this.#copyAtPath();
    for (const one of newestFirst) {
      if (isSure(one)) continue;
      // Without birth times to tell, the inode of a skipped copy may be that of another copy of the same content.
      const between = this.#between(one);
      const isSureInode = ({ file }: CandidateFile): boolean => file.born !== null && file.born === one.file.born;
      const among = this.#files.filter((file) => isSureInode(file) || between.includes(file));
      await this.#matchInode(one, isSkipped(one.file) ? among : this.#files);
    }
  }

  async #matchInode(one: TrackedFile, among: readonly CandidateFile[]): Promise<void> {
    if (this.#matches.has(one)) return;
    const isFree = (file: CandidateFile): boolean => !this.#taken.has(file) && !this.#isContinuation(file);
    const file = among.find((candidate) => hasInodeOf(one, candidate.file) && isFree(candidate));
    if (file !== undefined && !this.#rewritten.has(one) && (await hasStillContent(one, file))) this.#match(one, file);
  }

  /**
   * [L2] A file that begins with all that was emitted of the log is the log going on, as after a mirror, an editor or a move of a
   * symbolic link; one that only has the beginning of that may become so. Asked of the file at the log's path while nothing of it
   * was emitted, and of newer files that rotation has moved away from that path since the last look. `isSearched`: whether known files
   * without a match are found nowhere.
   */
  async copyOfLog(isSearched: boolean): Promise<void> {
    await this.#copyAtPath();
    const log = this.#logFile;
    const unread = this.#unreadLog();
    const read = unread === undefined ? this.#known : this.#older;
    for (const file of this.#files.slice(this.#lastIndex(read) + 1).toReversed()) {
      if (file === log || this.#taken.has(file) || this.#isDecided(file) || (await file.contentBytes()) === 0) continue;
      // A closed file that has no match yet is found by its content in [L3], at any length.
      const isFound = (one: TrackedFile): boolean => isSearched || one.reader !== null || this.#matches.has(one);
      const previous = (await this.#previousOf(file)).filter(isFound);
      await this.#decide(previous, file, async (one, comparison) => {
        // A compressed file with the same content is the log itself.
        const isSame = comparison.kind === 'continues' && comparison.commonEnd === (await file.contentBytes());
        return (
          !(file.file.compression !== null && isSame) && !(comparison.kind === 'continues' && this.#isContinued(one))
        );
      });
    }
  }

  /** Compares again where the previous log was found in another file meanwhile: its unread content may be in the copy, too. */
  async foundPrevious(): Promise<void> {
    for (const [i, continuation] of this.#continuations.entries()) {
      const { previous, file } = continuation;
      if (previous.reader !== null || !this.#matches.has(previous)) continue;
      const comparison = await this.#compare(previous, file);
      if (comparison.kind === 'continues') this.#continuations[i] = { previous, file, ...comparison };
    }
  }

  /** Decides about the file of a log that nothing was emitted of, wherever it is, and about a new one at the log's path. */
  async #copyAtPath(): Promise<void> {
    const unread = this.#unreadLog();
    for (const file of [unread && this.#matches.get(unread), this.#logFile]) {
      if (file === undefined || this.#isDecided(file)) continue;
      if (this.#taken.has(file) && file !== (unread && this.#matches.get(unread))) continue;
      await this.#decide(await this.#previousOf(file), file);
    }
  }

  /**
   * Returns the known files that a file can be a copy of, the newest first: the newest one that something was emitted of, and newer ones
   * that are open to be read. A log that nothing was emitted of yet, and that may be a copy itself, only counts for files that come
   * after it.
   */
  async #previousOf(file: CandidateFile): Promise<TrackedFile[]> {
    const unread = this.#unreadLog();
    const unreadFile = unread && this.#matches.get(unread);
    const isBeforeUnread = unreadFile !== undefined && this.#files.indexOf(file) <= this.#files.indexOf(unreadFile);
    const isUnreadCopy = unreadFile !== undefined && this.#shorterCopies.has(unreadFile);
    const previous: TrackedFile[] = [];
    for (const one of this.#all.toReversed()) {
      if (one === unread && (isBeforeUnread || isUnreadCopy)) continue;
      if (!(await this.#canBePrevious(one))) continue;
      previous.push(one);
      if (one.file.offset > 0) break;
    }
    return previous;
  }

  /** Returns the known file that was the log's at the last look, if nothing was emitted of it. */
  #unreadLog(): TrackedFile | undefined {
    return this.#current?.file.offset === 0 ? this.#current : undefined;
  }

  /** Records which of these known files, the newest first, a file is a copy of. `counts`: whether the result of a comparison does. */
  async #decide(
    known: readonly TrackedFile[],
    file: CandidateFile,
    counts: (previous: TrackedFile, comparison: Comparison) => Promise<boolean> = async () => true,
  ): Promise<void> {
    for (const previous of known) {
      const comparison = await this.#compare(previous, file);
      if (comparison.kind === 'other') continue;
      if (!(await counts(previous, comparison))) return;
      if (comparison.kind === 'continues') this.#continuations.push({ previous, file, ...comparison });
      else this.#shorterCopies.set(file, previous);
      return;
    }
  }

  #compare(previous: TrackedFile, file: CandidateFile): Promise<Comparison> {
    return compareWithLog(previous, file, this.#matches.get(previous), this.#existsElsewhere(previous));
  }

  #isDecided(file: CandidateFile): boolean {
    return this.#isContinuation(file) || this.#shorterCopies.has(file);
  }

  #isContinued(one: TrackedFile): boolean {
    return this.#continuations.some(({ previous }) => previous === one);
  }

  #isContinuation(one: CandidateFile): boolean {
    return this.#continuations.some(({ file }) => file === one);
  }

  /** Returns whether a known file has content that a copy can be recognised by: emitted, or open to be read. */
  async #canBePrevious(one: TrackedFile): Promise<boolean> {
    const { head, before, offset, replaced } = one.file;
    if (head === null || replaced || isSkipped(one.file) || (one.isShorterCopy && !this.#matches.has(one)))
      return false;
    if (offset > 0 && (before?.bytes ?? 0) > 0) return true;
    return ((await withContent(one, this.#matches.get(one), async ({ size }) => size)) ?? 0) > 0;
  }

  /** Returns whether a known file is on the disk under another name, found or not. */
  #existsElsewhere(one: TrackedFile): boolean {
    if (this.#matches.has(one)) return true;
    return one.reader !== null && !this.#rewritten.has(one) && one.reader.facts().links > 0;
  }

  /**
   * [L3] Else it is the first file, in the order of rotation, that has its content. Files with much evidence are matched first:
   * a few bytes are found in many a file.
   */
  async byContent(): Promise<void> {
    const byEvidence = this.#identifiable.toSorted((a, b) => evidenceBytes(b.file) - evidenceBytes(a.file));
    for (const one of byEvidence) await this.#matchContent(one);
  }

  async #matchContent(one: TrackedFile): Promise<void> {
    if (this.#matches.has(one) || one.file.replaced) return;
    const rewritten = this.#rewritten.has(one);
    const firstBytes = one.reader !== null && !rewritten ? one.reader.firstBytes() : null;
    // An empty file is found nowhere; only the log may have been written since it was seen last. A file that was compressed
    // when nothing of it was known yet is not compressed again.
    if (firstBytes?.length === 0) return;
    const noEvidence = evidenceBytes(one.file) === 0 && firstBytes === null;
    if (noEvidence && one !== this.#current && (one.file.size === 0 || isCompressed(one.file.path))) return;
    let earlier: CandidateFile | null = null;
    for (const candidate of this.#between(one)) {
      if (this.#isTaken(candidate, noEvidence || firstBytes !== null) || this.#isContinuation(candidate)) continue;
      if (candidate.file.compression === null && !this.#mayBeCopiedPlain(one, firstBytes !== null)) continue;
      const contains = await candidate.contains(one.file);
      if (!contains && !(await candidate.isEarlierCopyOf(one.file))) continue;
      if (firstBytes !== null && !(await candidate.head()).equals(firstBytes)) continue;
      const bytes = await candidate.contentBytes();
      if (!hasLengthOf(one, rewritten, bytes)) continue;
      if (contains) return this.#match(one, candidate);
      if (earlier === null || (bytes ?? 0) > ((await earlier.contentBytes()) ?? 0)) earlier = candidate;
    }
    // Of copies that were made before the last of it was written, the longest has most of it.
    if (earlier !== null) this.#match(one, earlier);
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
   * [L4] A known file without content is matched last, the newest first, by an inode between its neighbours' that shows no
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
   * [L5] A log that was copied, truncated, and has grown past the position with the very same content is given away by the copy
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
    const unread: CandidateFile[] = [];
    const skipped: CandidateFile[] = [];
    const superseded: TrackedFile[] = [];
    const pendingCopy = this.#decideCopy(superseded, skipped);
    const lost = this.#known.filter(
      (one) => this.#isLost(one) && one !== pendingCopy?.previous && !superseded.includes(one),
    );
    let currentHasCopy = false;
    let mayBeCopy = this.#current !== undefined && lost.includes(this.#current);
    for (const file of this.#newer()) {
      if (file === this.#logFile) {
        unread.push(file);
        continue;
      }
      // [L8] The first new file behind a lost log may be a copy of it that was made before the last of it was written.
      if (mayBeCopy && this.#current !== undefined) {
        currentHasCopy = await isShortCopy(this.#current, file);
        mayBeCopy = !currentHasCopy && (await file.contentBytes()) === 0;
        if (currentHasCopy) {
          skipped.push(file);
          continue;
        }
      }
      if (this.#shorterCopies.has(file) || (await this.#isBeginningOfNewer(file))) {
        skipped.push(file);
        continue;
      }
      if (await this.#isCopyOfLog(file)) {
        if (await file.isRepetitive()) this.#uncertainCopies.push(file);
        continue;
      }
      // [L11] An empty file beside a log that is not is known and not read: it is a copy just begun, or is written to later.
      const isBlank = file.file.size === 0 && (this.#logFile?.file.size ?? 0) > 0;
      (isBlank ? skipped : unread).push(file);
    }
    // [L13] What cannot be read may be a known file.
    const missing = this.#known.filter((one) => !this.#matches.has(one) && !superseded.includes(one));
    const untaken = this.#files.filter((file) => !this.#taken.has(file));
    const undecided = undecidedFiles(missing, untaken, unread, (one) => this.#between(one));
    skipped.push(...unread.filter((file) => undecided.some((one) => one.file === file && one.previous !== null)));
    for (const one of lost) if (await isReadAnyway(one, unread)) superseded.push(one);
    return {
      files: this.#matches,
      unread: unread.filter((file) => !skipped.includes(file)),
      lost: lost.filter((one) => !superseded.includes(one)),
      superseded,
      continuations: this.#continuations,
      pendingCopy,
      skipped,
      currentHasCopy,
      undecided,
      uncertainCopies: this.#uncertainCopies,
    };
  }

  /** Decides what becomes of a copy of the log, and of the files that it supersedes; returns a copy that is still pending. */
  #decideCopy(superseded: TrackedFile[], skipped: CandidateFile[]): PossibleCopy | null {
    const unread = this.#unreadLog();
    for (const { previous, file } of this.#continuations) {
      // Open in the same inode, where a copy was written over it, it would read on beside the copy.
      const isSameInode = previous.reader !== null && sameInode(previous.reader.facts(), file.file);
      if (this.#isLost(previous) || isSameInode) superseded.push(previous);
      // Saved while it was empty, and not recognised now.
      if (file === this.#logFile && unread !== undefined && this.#isLost(unread)) superseded.push(unread);
    }
    // A shorter copy that was replaced before it passed the log has nothing either.
    if (unread?.isShorterCopy === true && !this.#matches.has(unread)) superseded.push(unread);
    // What was rotated away has nothing that was not emitted, or is not read in the previous log.
    const unreadFile = unread && this.#matches.get(unread);
    if (unreadFile !== undefined && unreadFile !== this.#logFile && unreadFile.file.size > 0) {
      if (this.#shorterCopies.has(unreadFile)) {
        this.#matches.delete(unread as TrackedFile);
        superseded.push(unread as TrackedFile);
        skipped.push(unreadFile);
      }
    }
    const log = this.#logFile;
    const previous = log && this.#shorterCopies.get(log);
    if (log === undefined || previous === undefined) return null;
    // An empty log is nothing to wait for, unless the previous content was overwritten, and may come back in it.
    return log.file.size > 0 || this.#isLost(previous) ? { previous, file: log } : null;
  }

  /** [L6] A known file that has no match and is not open, or was rewritten, is lost. */
  #isLost(one: TrackedFile): boolean {
    return !this.#matches.has(one) && (one.reader === null || this.#rewritten.has(one));
  }

  /**
   * [L7] Files that come after the last matched one are newer. Of a log that nothing was read of, every file that is not older
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

  /**
   * [L9] A new file that a newer one begins with is a copy that was replaced by a longer one between two looks. Two logs of one
   * repeated line, without a time or a port in it, may begin alike.
   */
  async #isBeginningOfNewer(file: CandidateFile): Promise<boolean> {
    if ((await file.contentBytes()) === 0 || (await file.isRepeatedLine(Number.POSITIVE_INFINITY))) return false;
    const unread = this.#unreadLog();
    for (const newer of this.#files.slice(this.#files.indexOf(file) + 1)) {
      // A file that lines were emitted of would not be read again.
      const isToBeRead =
        !this.#taken.has(newer) || this.#isContinuation(newer) || (unread && this.#matches.get(unread) === newer);
      if (isToBeRead && (await file.isBeginningOf(newer))) return true;
    }
    return false;
  }

  /** [L10] A file that the log begins with is a copy, made for a truncation still to come, unless the log is known and was read. */
  async #isCopyOfLog(file: CandidateFile): Promise<boolean> {
    const log = this.#logFile;
    if (log === undefined || (this.#taken.has(log) && this.#current?.file.offset !== 0)) return false;
    return isCopyInProgress(file, log);
  }

  /**
   * Returns whether a file is that of another known one. A skipped copy gives way to what it is a copy of, but with `keepsCopies` only
   * where it was empty: a log of which nothing was known was empty when the copy was skipped, and one that is open needs no copy.
   */
  #isTaken(file: CandidateFile, keepsCopies: boolean): boolean {
    if (!this.#taken.has(file)) return false;
    return [...this.#matches].some(
      ([one, taken]) => taken === file && (!isSkipped(one.file) || (keepsCopies && one.file.size > 0)),
    );
  }

  #match(one: TrackedFile, file: CandidateFile): void {
    for (const [other, taken] of this.#matches) if (taken === file) this.#matches.delete(other);
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
    const older = this.#known.slice(0, at).filter(({ file }) => !isSkipped(file));
    return this.#files.slice(this.#lastIndex(older) + 1, to);
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
