/** Follows a log through its files: finds out what became of them, and emits their lines in order. It never waits. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type CandidateFile, CandidateFiles } from './candidate-file.ts';
import { countContent, type FileMatches, inOrder } from './file-matches.ts';
import { matchFiles } from './file-matching.ts';
import { factsOf, sameInode } from './fingerprint.ts';
import { firstFiles } from './first-files.ts';
import { FolderChanges } from './folder-changes.ts';
import { gapOfLostFile, gapOfShortCopy, gapOfUnreadableFile, UncertainCopies } from './gaps.ts';
import { joinLines, type Lines } from './lines.ts';
import { compareOpen } from './log-copy.ts';
import { isWithoutContent } from './match-evidence.ts';
import { PathChanges } from './path-changes.ts';
import { filesToKeep, isSkipped, type KnownFile, positionOf } from './position.ts';
import { generations, isFileReplaced, type LogFile, NotRegularError } from './rotation.ts';
import type { Chunk, Gap, SourceLogger } from './source.ts';
import { TrackedFile } from './tracked-file.ts';
import { UNREADABLE_LIMIT_MS, UndecidedFiles } from './undecided-files.ts';

/**
 * How long a file that was rotated away must be quiet before its partial line is taken for its last line and it is closed. It is
 * still looked at, and read on should it grow. Programs that are to reopen their log do so within a second or two.
 */
export const QUIET_MS = 5_000;

/** Other work gets a turn after this many reads that ended no line: a line of 1 GB takes a second. */
const READS_IN_A_ROW = 32;

/** The settings and the saved state that a follower starts with. */
export interface FollowerOptions {
  readonly path: string;
  /** The place to begin at in a log never followed before. */
  readonly from: 'start' | 'end';
  /** The files as saved; null for a log never followed before. */
  readonly files: readonly KnownFile[] | null;
  /** True where `files` were saved for another path: if none of them is found here, the log counts as never followed before. */
  readonly foreign: boolean;
  readonly log: SourceLogger;
}

/** A file at the log's path that is empty, or has the beginning of the previous log and no more. */
interface PendingCopy {
  readonly copy: TrackedFile;
  readonly previous: TrackedFile;
  /** True while the content of `previous` is found nowhere else: it is not read, and not given up yet. */
  readonly isPreviousLost: boolean;
  /** Its size, and since when it has that, Unix milliseconds. */
  readonly bytes: number;
  readonly sinceMs: number;
  logged: boolean;
}

/** The files of one log. `look` and `take` are called in turn, never while the other runs. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #uncertainCopies = new UncertainCopies(QUIET_MS);
  readonly #undecided = new UndecidedFiles();
  /** Messages about older files that could not be opened, each logged once. */
  readonly #logged = new Set<string>();
  readonly #candidates = new CandidateFiles();
  readonly #folderChanges: FolderChanges;
  readonly #pathChanges: PathChanges;
  #tracked: TrackedFile[];
  #started: boolean;
  /** The files on the disk when they were matched last. */
  #listing = '';
  /** Gaps and partial lines of lost files, for the next chunk. */
  readonly #gaps: Gap[] = [];
  readonly #lostLines: Lines[] = [];
  /** True once the position changed without a line being read. */
  #positionChanged = false;
  /** The file at the log's path that may be read from its beginning: its content was matched, and is no copy. */
  #newLog: TrackedFile | null = null;
  /** A file at the log's path that may become a copy of the previous log, and its size when that was decided. */
  #pendingCopy: PendingCopy | null = null;
  /** True while the file at the log's path has no name any more: it is a mount of one that was deleted where it was mounted from. */
  isDeletedMount = false;
  /** True while the known files may no longer match those on the disk: the next `look` matches them anew. */
  stale = true;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#folderChanges = new FolderChanges(options.path);
    this.#pathChanges = new PathChanges(options.path);
    this.#tracked = (options.files ?? []).map((file) => new TrackedFile(file));
    for (const tracked of this.#tracked) tracked.linkCopy(this.#tracked);
    this.#started = options.files !== null;
  }

  /** The file at the log's path, where it is open. */
  get current(): TrackedFile | null {
    return this.#tracked.findLast((file) => file.file.state === 'current' && file.reader !== null) ?? null;
  }

  /** True while the log's folder is on another device than the log, which was in it, as when it was unmounted. Throws stat's errors. */
  get isFolderReplaced(): boolean {
    const folder = dirname(this.#options.path);
    const last = this.#tracked.findLast(({ file }) => dirname(file.path) === folder);
    const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
    return last !== undefined && stat !== undefined && !last.file.id.startsWith(`${stat.dev}:`);
  }

  /** Bytes known to be unread, without a partial line at the end (compressed: bytes on the disk), and without a pending copy. */
  get behindBytes(): number {
    const pending = this.#pendingCopy?.copy;
    return this.#tracked.reduce((sum, file) => sum + (file === pending ? 0 : file.behindBytes), 0);
  }

  /** A file that cannot be read and may have unread lines: newer ones wait for it. Null without one. */
  get waitsFor(): UndecidedFiles['waiting'] {
    return this.#undecided.waiting;
  }

  /**
   * Finds out what became of the files; cheap where nothing changed. `thorough` also looks at all older files. Throws where the
   * log or its folder may not be read: the known files stay, and the next look tries again.
   */
  async look(nowMs: number, thorough: boolean): Promise<void> {
    if (thorough) this.#pathChanges.note();
    const stat = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false });
    if (stat !== undefined && !stat.isFile()) throw new NotRegularError();
    const { current } = this;
    const sameFile = (current?.file.id ?? '') === (stat === undefined ? '' : factsOf(stat).id);
    if (sameFile) current?.verify();
    else current?.setMoved();
    this.isDeletedMount = stat !== undefined && stat.nlink === 0n;
    if (!this.#folderChanges.changed() && !this.stale && !thorough && sameFile) return;
    const files = this.#generations();
    const waiting = this.#tracked.some(({ file, reader }) => file.state !== 'done' && reader === null);
    if (this.stale || waiting || this.#listingOf(files) !== this.#listing) {
      this.stale = true;
      if (!(await this.#reconcile(files, nowMs))) return;
      this.stale = false;
      this.#listing = this.#listingOf(files);
    }
    this.#gaps.push(...this.#uncertainCopies.gapsDue(nowMs));
    this.#logPendingCopy(nowMs);
  }

  /**
   * Returns whether another `look` and `take` would find nothing, as far as the log's path and its folders show: the log is open, all
   * other files are done with, and nothing was changed since the last thorough look, after which `take` found nothing. It
   * does not see that an older file was written to, which only a thorough look does. Throws stat's errors.
   */
  isUnchanged(): boolean {
    const isSettled = !this.stale && this.#pendingCopy === null && this.#uncertainCopies.isDeclared;
    if (!isSettled || this.#positionChanged || this.#gaps.length + this.#lostLines.length > 0) return false;
    return this.current !== null && this.#tracked.every((one) => one.isSettled) && this.#pathChanges.isUnchanged();
  }

  /** Reads the next chunk; null where there is none for now. Throws the errors of reading the log itself; nothing is lost then. */
  async take(nowMs: number): Promise<Chunk | null> {
    if (this.#lostLines.length > 0) return this.#chunk(joinLines(this.#lostLines.splice(0)), nowMs);
    for (const tracked of this.#tracked) {
      if (tracked === this.#pendingCopy?.previous && this.#pendingCopy.isPreviousLost) continue;
      const waits = tracked.reader?.offset === 0 && !this.#mayBegin(tracked);
      // Newer files wait too: the end of a session would come before its login.
      if (waits && tracked.file.state !== 'current' && tracked.reader.facts().size > 0) break;
      if (waits) continue;
      const result = await this.#read(tracked, nowMs);
      if (result === 'changed') {
        this.stale = true;
        return null;
      }
      const lines = result ?? this.#finish(tracked, nowMs);
      if (lines !== null) return this.#chunk(lines, tracked.file.mtimeMs);
    }
    const nothing = { bytes: Buffer.alloc(0), cutLines: 0 };
    return this.#positionChanged || this.#gaps.length > 0 ? this.#chunk(nothing, nowMs) : null;
  }

  /** Closes all files. */
  close(): void {
    for (const tracked of this.#tracked) tracked.close();
  }

  /**
   * Returns whether the first lines of a file may be read now. The log may have been copied, truncated and written anew since
   * the last look, and while nothing of it was read, nothing shows it. So its content is recorded first, and then the folder is
   * searched for a copy. The content itself may be a copy of the previous log, which matching decides.
   */
  #mayBegin(tracked: TrackedFile): boolean {
    if (tracked.file.state !== 'current') return !this.stale || tracked.reader?.head.bytes !== 0;
    if (tracked.compareContent() === 'empty' || this.stale) return false;
    if (tracked !== this.#newLog) {
      this.stale = this.#pendingCopy?.copy !== tracked || this.#pendingCopy.bytes !== tracked.reader?.facts().size;
      return false;
    }
    this.stale = this.#listingOf(this.#generations()) !== this.#listing;
    return !this.stale;
  }

  /** Reads the next lines of a file; null at its end. */
  async #read(tracked: TrackedFile, nowMs: number): Promise<Lines | 'changed' | null> {
    try {
      for (let reads = 1; tracked.reader !== null; reads += 1) {
        const result = await tracked.reader.read();
        if (result.kind === 'changed') return 'changed';
        tracked.refreshAfter(result);
        if (result.kind === 'end') return null;
        for (const other of this.#tracked) other.otherWasRead(tracked);
        tracked.activeMs = nowMs;
        if (result.lines.consumedBytes > 0) {
          // After the read: a copy may have taken its place since the last look, without what its writer wrote to it then.
          if (tracked.file.state === 'current' && !this.#isAtPath(tracked)) tracked.setMoved();
          return result.lines;
        }
        if (reads % READS_IN_A_ROW === 0) await setImmediate();
      }
      return null;
    } catch (error) {
      const mayPass = tracked.mayPass(error, nowMs, UNREADABLE_LIMIT_MS);
      this.stale ||= tracked.reader === null;
      if (mayPass) throw error;
      const gap = gapOfUnreadableFile(tracked.file, error);
      if (gap !== null) this.#gaps.push(gap);
      tracked.giveUp(nowMs);
      return null;
    }
  }

  /** Returns whether a file is the one at the log's path; false where that may not be looked at. Never throws: lines were just read. */
  #isAtPath({ file }: TrackedFile): boolean {
    try {
      const stat = statSync(this.#options.path, { bigint: true, throwIfNoEntry: false });
      return stat !== undefined && factsOf(stat).id === file.id;
    } catch {
      return false;
    }
  }

  /** Closes a file that was rotated away and is at its end, once nobody will end its partial line, which is returned as a line. */
  #finish(tracked: TrackedFile, nowMs: number): Lines | null {
    const { reader, file } = tracked;
    if (reader === null || file.state === 'current') return null;
    if (!tracked.compressed) {
      // Without a new log the writer does not know yet that it is to reopen it, even where the old one is deleted.
      if (
        this.#tracked.findLast(({ file: { gone } }) => !gone) === tracked ||
        Math.abs(nowMs - tracked.activeMs) < QUIET_MS
      )
        return null;
    }
    const lines = reader.flush();
    tracked.setState('done', nowMs);
    tracked.close();
    this.#positionChanged = true;
    return lines.consumedBytes > 0 ? lines : null;
  }

  #chunk({ bytes, cutLines }: Pick<Lines, 'bytes' | 'cutLines'>, writtenMs: number): Chunk {
    this.#positionChanged = false;
    const files = this.#tracked.map(({ file }) => file);
    const position = positionOf(this.#options.path, files);
    return { bytes, position, writtenMs, gaps: this.#gaps.splice(0), cutLines };
  }

  #generations(): LogFile[] {
    const also = this.#options.foreign ? [] : this.#tracked.map(({ file }) => file.path);
    return generations(this.#options.path, also);
  }

  /** Describes the files on the disk: equal descriptions need no matching. An open file may grow. */
  #listingOf(files: readonly LogFile[]): string {
    const open = new Set(this.#tracked.filter(({ reader }) => reader !== null).map(({ file }) => file.id));
    return files
      .map((file) => `${file.path} ${file.id} ${open.has(file.id) ? '' : `${file.size} ${file.mtimeMs}`}`)
      .join('\n');
  }

  /** Describes the known files and their states. */
  #states(): string {
    return this.#tracked.map(({ file }) => `${file.state} ${file.id} ${file.path}`).join('\n');
  }

  /**
   * Matches the known files with those on the disk, and opens, closes and gives up files accordingly. Returns false where that
   * must be done again: the files changed meanwhile, or the log was not open until now.
   */
  async #reconcile(files: readonly LogFile[], nowMs: number): Promise<boolean> {
    this.#decideDeletedCopy();
    const { current } = this;
    const content = current?.compareContent();
    const offsets = this.#tracked.map(({ file }) => file.offset);
    const candidates = this.#candidates.of(files, offsets);
    const matches = await matchFiles(this.#tracked, candidates);
    const contentBytes = await countContent(matches.files);
    // A copy or a new name of what seems lost or new may have been made after the files were listed.
    if (this.#listingOf(this.#generations()) !== this.#listingOf(files)) return false;
    // If the log's content changed, the files were compared with another one.
    if (current?.compareContent() !== content) return false;
    if (this.#undecided.mustWait(this.#started ? matches.undecided : [], nowMs)) return false;
    if (this.#options.foreign && matches.files.size === 0) this.#started = false;
    if (!this.#started) {
      // None of them was read: nothing waits for what is left out.
      this.#undecided.giveUp();
      this.#tracked = firstFiles(candidates, this.#options.from, nowMs);
      this.#newLog = this.current;
      this.#started = true;
      this.#positionChanged = true;
      return true;
    }
    const states = this.#states();
    const added = new Map<TrackedFile, CandidateFile>();
    const unread = new Map<CandidateFile, TrackedFile>();
    const copies = new Map<CandidateFile, TrackedFile>();
    for (const continuation of matches.continuations) {
      const { file } = continuation;
      const known = [...matches.files].find(([, candidate]) => candidate === file)?.[0];
      const tracked = known ?? TrackedFile.unread(file);
      tracked.continueLog(continuation);
      copies.set(file, tracked);
      if (known === undefined) unread.set(file, tracked);
    }
    // Files are opened before any is given up: where the log cannot be opened this throws, and the next look starts over.
    try {
      for (const candidate of matches.unread) {
        const tracked = unread.get(candidate) ?? TrackedFile.unread(candidate);
        added.set(tracked, candidate);
        this.#open(tracked, candidate, nowMs);
      }
      for (const [tracked, candidate] of matches.files)
        this.#moveTo(tracked, candidate, contentBytes.get(tracked) ?? null, nowMs);
      await this.#skipCommon(matches, copies, nowMs);
    } catch (error) {
      for (const tracked of added.keys()) tracked.close();
      throw error;
    }
    this.#gaps.push(...this.#undecided.giveUp());
    for (const tracked of matches.lost) {
      this.#giveUp(tracked, matches.currentHasCopy);
      // Where another content is in its inode, it was truncated.
      const isTruncated = files.some((file) => sameInode(file, tracked.file));
      if (tracked.file.offset > 0 && !isSkipped(tracked.file) && !isTruncated) tracked.setGone();
    }
    for (const tracked of matches.superseded) {
      const { file } = tracked;
      const continuation = matches.continuations.find(({ previous }) => previous === tracked);
      // What was seen behind lines that the copy does not have is not in the copy either.
      const isBehind = continuation !== undefined && continuation.commonEnd < file.offset;
      const gap = isBehind ? gapOfLostFile(file, 0, true, true) : null;
      if (gap !== null) this.#gaps.push(gap);
      tracked.close();
    }
    for (const candidate of matches.skipped) added.set(TrackedFile.skipped(candidate), candidate);
    const all = inOrder(this.#tracked, matches, candidates, added);
    for (const tracked of all) {
      const isDeletedAndOpen = !matches.files.has(tracked) && !added.has(tracked);
      // The lost previous log of a pending copy stays `current`: when it is given up, the gap behind it is that of the log.
      if (tracked === matches.pendingCopy?.previous && isDeletedAndOpen && isWithoutContent(tracked)) continue;
      if (tracked.file.state === 'current' && isDeletedAndOpen) tracked.setState('old', nowMs);
    }
    this.#tracked = filesToKeep(all, ({ file }) => file);
    if (this.#states() !== states) this.#positionChanged = true;
    this.#uncertainCopies.replace(matches.uncertainCopies, nowMs);
    this.#decideBeginning(matches, candidates, nowMs);
    // The log may have been truncated after it was compared with what seems to be its copy, and before it was opened.
    return this.current === current || this.current?.file.offset !== 0;
  }

  /** Makes the previous log, where it is still read, skip what it has in common with the copy that the log goes on in. */
  async #skipCommon(
    { continuations, superseded, files }: FileMatches,
    copies: ReadonlyMap<CandidateFile, TrackedFile>,
    nowMs: number,
  ): Promise<void> {
    for (const { previous, file, commonEnd } of continuations) {
      if (previous.reader === null || superseded.includes(previous)) continue;
      const place = files.get(previous);
      const copy = copies.get(file);
      if (!previous.compressed && copy !== undefined) previous.skipTo(commonEnd, copy, place !== undefined);
      // A compressed file is not compared beyond what was emitted: all of it is in the copy, or it is read in both.
      else if (place !== undefined && (await place.isBeginningOf(file))) {
        previous.setState('done', nowMs);
        previous.close();
      }
    }
  }

  /** Decides about a pending copy that was deleted: it may have passed the previous log before that. */
  #decideDeletedCopy(): void {
    if (this.#pendingCopy === null) return;
    const { copy, previous } = this.#pendingCopy;
    if (copy.file.offset > 0 || copy.plainReader?.facts().links !== 0) return;
    const comparison = compareOpen(previous, copy);
    if (comparison.kind === 'shorter') copy.setShorterCopy(copy.plainReader.facts().size);
    if (comparison.kind !== 'continues') return;
    copy.skipEmitted(comparison.offset);
    previous.skipTo(comparison.commonEnd, copy, false);
    this.#pendingCopy = null;
  }

  /** Records whether the file at the log's path may be read from its beginning, or may become a copy of the previous log. */
  #decideBeginning(matches: FileMatches, candidates: readonly CandidateFile[], nowMs: number): void {
    const { current } = this;
    const bytes = candidates.find(({ file }) => file.current)?.file.size ?? 0;
    const before = this.#pendingCopy;
    this.#newLog = matches.pendingCopy === null && bytes > 0 ? current : null;
    this.#pendingCopy = null;
    if (matches.pendingCopy === null || current === null) return;
    const { previous } = matches.pendingCopy;
    if (bytes > 0) current.setShorterCopy(bytes);
    const isSame = before?.previous === previous && before.copy === current && before.bytes === bytes;
    const sinceMs = isSame ? before.sinceMs : nowMs;
    this.#pendingCopy = {
      copy: current,
      previous,
      isPreviousLost: !matches.files.has(previous) && isWithoutContent(previous),
      bytes,
      sinceMs,
      logged: isSame && before.logged,
    };
  }

  /** Warns once about a copy that stays shorter than what was emitted: it may be one that was cut on purpose. */
  #logPendingCopy(nowMs: number): void {
    const pending = this.#pendingCopy;
    if (pending === null || pending.logged || pending.bytes === 0 || Math.abs(nowMs - pending.sinceMs) < QUIET_MS)
      return;
    pending.logged = true;
    this.#options.log.warn(
      `${this.#options.path} has the first ${pending.bytes} of the ${pending.previous.file.offset} bytes that were read of it, and no more: nothing of it is read until it passes them`,
    );
  }

  /** Records the file that has a known one's content now, and opens it where there is more to read. */
  #moveTo(tracked: TrackedFile, candidate: CandidateFile, contentBytes: number | null, nowMs: number): void {
    const { file, reader } = tracked;
    const hasGrown = candidate.file.compression === null && tracked.hasLessThan(candidate.file.size);
    const state = candidate.file.current ? 'current' : file.state === 'done' && !hasGrown ? 'done' : 'old';
    const mustReopen = tracked.hasMovedTo(candidate.file);
    // An open file that is written anew in place may have been listed while it was short; its reader shows what it has lost.
    const gap = mustReopen || reader === null ? gapOfShortCopy(file, contentBytes) : null;
    if (gap !== null) this.#gaps.push(gap);
    tracked.moveTo(candidate, state, contentBytes, nowMs);
    if (mustReopen || (reader === null && state !== 'done')) this.#open(tracked, candidate, nowMs);
  }

  /** Opens a file to read on in it. An older file that cannot be opened waits, logged once; the log itself throws. */
  #open(tracked: TrackedFile, candidate: CandidateFile, nowMs: number): void {
    try {
      tracked.open(candidate, nowMs);
    } catch (error) {
      if (candidate.file.current || isFileReplaced(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const message = `${candidate.file.path} cannot be opened, and is read once it can: ${why}`;
      if (!this.#logged.has(message)) this.#options.log.error(message);
      this.#logged.add(message);
    }
  }

  /** Declares what is missing of a lost file, and keeps its partial line where that was read already. */
  #giveUp(tracked: TrackedFile, hasCopy: boolean): void {
    const { file, reader } = tracked;
    // What was to be read in a lost copy is read in the file that it is a copy of.
    const [skipped] = this.#tracked.map((other) => other.skippedIn(tracked)).filter((lines) => lines !== null);
    const lines = skipped ?? reader?.flush() ?? null;
    if (lines !== null && lines.consumedBytes > 0) this.#lostLines.push(lines);
    const gap = gapOfLostFile(file, lines?.consumedBytes ?? 0, reader !== null, hasCopy);
    if (gap !== null) this.#gaps.push(gap);
    else if (file.state === 'current')
      this.#options.log.warn(`${file.path} was truncated; all that was seen of it until then has been read`);
    tracked.close();
  }
}
