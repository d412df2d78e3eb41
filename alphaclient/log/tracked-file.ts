/** One file of the log that the follower knows, with its reader while it is open. */

import { NO_BLOCKS } from './block-hashes.ts';
import { type CandidateFile, isSystemError } from './candidate-file.ts';
import { CompressedFileReader, type FileReader, PlainFileReader, type ReadOutcome } from './file-reader.ts';
import { type Fingerprint, lineHashes, NO_FINGERPRINT } from './fingerprint.ts';
import { LineSplitter, type Lines } from './lines.ts';
import type { Continuation } from './log-copy.ts';
import { type KnownFile, LINES_AFTER_MOVE_LIMIT } from './position.ts';
import type { Compression, LogFile } from './rotation.ts';

/** The most skipped bytes that are read at once where the copy with them is lost. More are reported as a gap. */
const SKIPPED_LIMIT_BYTES = 1024 * 1024;

/** A known file, and its reader while it is open. */
export class TrackedFile {
  #file: KnownFile;
  #reader: FileReader | null = null;
  #compression: Compression | null = null;
  /** The offset up to which it was emitted when it was last found at the log's path, and the fingerprint of the bytes before that. */
  #verified: { readonly offset: number; readonly before: Fingerprint | null };
  /** True once it is not at the log's path any more, as far as known. */
  #isMoved: boolean;
  /** The hashes of the lines between that offset and `#hashedEnd`, once it has moved; null where they are too many. */
  #linesAfterMove: readonly string[] | null;
  #hashedEnd: number;
  /** The copy in which part of its content is read. */
  #copy: TrackedFile | null = null;
  #shorterCopyBytes: number | null = null;
  /** The time at which something was last read from it, or it was rotated away, Unix milliseconds. */
  activeMs = 0;
  /** Since when reading it fails, Unix milliseconds; null while it does not. */
  #failingMs: number | null = null;
  /** Its size when it was given up since this start; 0 where it was not. Until it has more, it is not opened again. */
  #givenUpBytes = 0;

  constructor(file: KnownFile) {
    this.#file = file;
    this.#verified = file.afterMove ?? file;
    this.#linesAfterMove = file.afterMove?.lines ?? [];
    this.#hashedEnd = file.offset;
    this.#isMoved = file.state !== 'current';
  }

  /** Makes the tracked file of a candidate that is to be read from `offset` on. It is not open yet. */
  static unread({ file }: CandidateFile, offset = 0): TrackedFile {
    return new TrackedFile({
      ...commonOf(file),
      state: file.current ? 'current' : 'old',
      offset,
      head: NO_FINGERPRINT,
      before: NO_FINGERPRINT,
      blocks: NO_BLOCKS,
    });
  }

  /** Makes the tracked file of a candidate that is not to be read, and only known so that others are distinguished from it. */
  static skipped(candidate: CandidateFile): TrackedFile {
    const { size } = candidate.file;
    const fingerprints = candidate.fingerprints(size) ?? { head: null, before: null };
    return new TrackedFile({ ...commonOf(candidate.file), state: 'done', offset: size, blocks: null, ...fingerprints });
  }

  /** The known file as it is to be saved: while it is open, up to what was emitted last. */
  get file(): KnownFile {
    const reader = this.#reader;
    if (reader === null) return { ...this.#file, skipped: this.#skipped };
    const { offset, head, before, blocks } = reader;
    // A file that was rotated away keeps the `start` it had: it may be on its way into a shorter copy.
    const start = this.#file.state === 'current' ? reader.start : this.#file.start;
    const { offset: movedAt, before: beforeMove } = this.#verified;
    const lines = this.#linesAfterMove;
    const isKept = lines !== null && lines.length > 0 && beforeMove !== null;
    const afterMove = isKept ? { offset: movedAt, before: beforeMove, lines } : null;
    return { ...this.#file, offset, head, before, start, blocks, afterMove, skipped: this.#skipped };
  }

  get #skipped(): KnownFile['skipped'] {
    const { skipped } = this.#file;
    return skipped && this.#copy ? { ...skipped, copyId: this.#copy.file.id } : null;
  }

  /** Finds the copy in which part of its content is read among the known files, after a restart. */
  linkCopy(all: readonly TrackedFile[]): void {
    this.#copy = all.find(({ file }) => file.id === this.#file.skipped?.copyId) ?? null;
  }

  get reader(): FileReader | null {
    return this.#reader;
  }

  /** True where the file that it is open in is compressed. */
  get compressed(): boolean {
    return this.#compression !== null;
  }

  /** True where nothing but a change makes it read, closed or given up: it is the open log, or done with. */
  get isSettled(): boolean {
    return this.#file.state === 'current'
      ? this.#reader !== null
      : this.#file.state === 'done' && this.#reader === null;
  }

  /** Bytes known to be unread while it is open, without a partial line at the end (compressed: bytes on the disk). */
  get behindBytes(): number {
    const reader = this.#reader;
    if (reader === null) return 0;
    return Math.max(0, reader.facts().size - (this.compressed ? 0 : reader.offset + reader.partialBytes));
  }

  /**
   * Returns whether it must be opened again because `file` has its content now. A deleted file that was compressed is read on
   * in the open descriptor.
   */
  hasMovedTo(file: LogFile): boolean {
    const reader = this.#reader;
    if (reader === null) return false;
    const { id, links } = reader.facts();
    return reader.changed() || (id !== file.id && (links > 0 || file.compression === null));
  }

  /**
   * Compares the content of the open file with what is known of it: `empty` while nothing is known, `same` or `other`. Extends
   * `head` by what the file has now. Throws the errors of fstat and read.
   */
  compareContent(): 'empty' | 'same' | 'other' {
    this.#reader?.updateHead();
    if (this.#reader?.changed() === true) return 'other';
    return this.file.head?.bytes === 0 ? 'empty' : 'same';
  }

  /**
   * Records the file that has its content now, and its new state. `contentBytes`: the bytes of log in that file, null where
   * they were not counted.
   */
  moveTo(candidate: CandidateFile, state: KnownFile['state'], contentBytes: number | null, nowMs: number): void {
    const { id, born, path, size, mtimeMs } = candidate.file;
    this.#reader?.updateHead();
    this.setState(state, nowMs);
    this.#file = {
      ...this.file,
      gone: false,
      id,
      // Unless it stayed open, an inode whose birth time is unknown now may be another file's.
      born: born ?? (this.#reader !== null && id === this.#file.id ? this.#file.born : null),
      path,
      size,
      seen: contentBytes ?? this.#file.seen,
      mtimeMs,
    };
  }

  /** Sets its state. Leaving `current` counts as activity: its writer gets the whole quiet time to end its last line. */
  setState(state: KnownFile['state'], nowMs: number): void {
    if (this.#file.state === 'current' && state !== 'current') this.activeMs = nowMs;
    // From `this.file`: leaving `current` freezes `start` as the reader has it.
    this.#file = { ...this.file, state };
    if (state !== 'current') this.setMoved();
  }

  /** Records that it is not the file at the log's path any more: what is emitted of it from now on may not be in a copy there. */
  setMoved(): void {
    this.#isMoved = true;
    this.#hashLinesAfterMove();
  }

  #hashLinesAfterMove(): void {
    const reader = this.plainReader;
    const hashed = this.#linesAfterMove;
    if (!this.#isMoved || reader === null || hashed === null) return;
    try {
      const lines = lineHashes(
        reader.bytes(this.#hashedEnd, reader.offset),
        LINES_AFTER_MOVE_LIMIT + 1 - hashed.length,
      );
      // Where the file was truncated since, these are other lines than those that were emitted.
      const isKept = hashed.length + lines.length <= LINES_AFTER_MOVE_LIMIT && !reader.changed();
      this.#linesAfterMove = isKept ? [...hashed, ...lines] : null;
      this.#hashedEnd = reader.offset;
    } catch {
      // Reading on meets with the same error; the lines are only evidence.
      this.#linesAfterMove = null;
    }
  }

  /** Closes it and records that it is found nowhere. */
  setGone(): void {
    this.close();
    this.#file = { ...this.#file, state: 'done', gone: true };
  }

  /** Updates size, time and `head` from the open file. Throws the errors of fstat and read. */
  refresh(): void {
    if (this.#reader === null) return;
    const { id, born, size, mtimeMs } = this.#reader.facts();
    // After the size: whatever counts as seen must also be in the head, to be distinguished from other text.
    this.#reader.updateHead();
    const seen = this.compressed ? this.#file.seen : size;
    // A deleted file is known by its compressed copy, which has metadata of its own.
    this.#file =
      id === this.#file.id
        ? { ...this.#file, born: born ?? this.#file.born, size, seen, mtimeMs }
        : { ...this.#file, seen };
    this.#hashLinesAfterMove();
  }

  /**
   * Returns whether it may still be read after a read that failed so: the log always, a file that was rotated away while errors of the
   * system have lasted less than `limitMs`. Those pass, as on a network file system that comes back; a damaged file stays damaged.
   */
  mayPass(error: unknown, nowMs: number, limitMs: number): boolean {
    if (this.#file.state === 'current') return true;
    if (!isSystemError(error)) return false;
    this.#failingMs ??= nowMs;
    if (Math.abs(nowMs - this.#failingMs) >= limitMs) return false;
    // A stream ends by its error: the file is to be opened again.
    if (this.compressed) this.close();
    return true;
  }

  /** Records that it is read no more, and that what it has now is declared missing. */
  giveUp(nowMs: number): void {
    this.setState('done', nowMs);
    this.#givenUpBytes = this.#file.size;
    this.#file = { ...this.#file, givenUpBytes: this.#file.size };
    this.#failingMs = null;
    this.close();
  }

  /** Returns whether a plain file of so many bytes has more than was read of it, or given up. */
  hasLessThan(bytes: number): boolean {
    return bytes > Math.max(this.file.offset, this.#givenUpBytes);
  }

  /** Updates it after a read. Lines that it gave are kept where that fails: the next read meets with the same error. */
  refreshAfter(result: ReadOutcome): void {
    const isLines = result.kind === 'lines';
    // What a file that was opened again has before its offset may be read well each time.
    if (!isLines || result.lines.consumedBytes > 0) this.#failingMs = null;
    try {
      this.refresh();
    } catch (error) {
      if (!isLines) throw error;
    }
  }

  /** Makes it, in its next `open`, the file in which the log goes on; what it has up to the offset is emitted of the previous log. */
  continueLog({ previous, file: candidate, offset }: Continuation): void {
    const { head, before, start, blocks, offset: emitted } = previous.file;
    this.close();
    const isAllEmitted = offset === emitted && offset >= (head?.bytes ?? 0);
    this.#file = isAllEmitted
      ? { ...this.#file, offset, head, before, start, blocks }
      : // The heads, or what comes before the offset, may differ: those of the copy itself are verified when it is opened.
        {
          ...this.#file,
          offset,
          start: null,
          blocks: NO_BLOCKS,
          ...(candidate.fingerprints(offset) ?? { head: null, before: null }),
        };
    this.verify();
    this.#isMoved = this.#file.state !== 'current';
  }

  /** True while it is open, and was found to be a shorter copy of the previous log as it is. */
  get isShorterCopy(): boolean {
    return this.#shorterCopyBytes !== null && this.plainReader?.facts().size === this.#shorterCopyBytes;
  }

  /** Records that with so many bytes it is a shorter copy of the previous log. */
  setShorterCopy(bytes: number): void {
    this.#shorterCopyBytes = bytes;
  }

  /** Skips what was emitted of the previous log, whose copy it is. Throws read's errors. */
  skipEmitted(offset: number): void {
    if (offset > 0) this.plainReader?.skipTo(offset);
  }

  /** The offset up to which it was emitted when the log's path was looked at last and it was the file there. */
  get verifiedOffset(): number {
    return Math.min(this.#verified.offset, this.file.offset);
  }

  /** Records that it is the file at the log's path. */
  verify(): void {
    const { offset, before } = this.file;
    this.#verified = { offset, before };
    this.#isMoved = false;
    this.#linesAfterMove = [];
    this.#hashedEnd = offset;
  }

  /** Returns its open plain file, whose content can be compared; null where it has none. */
  get plainReader(): PlainFileReader | null {
    return this.#reader instanceof PlainFileReader ? this.#reader : null;
  }

  /**
   * Skips the unread content up to `end`, which is read in a copy. `isOnDisk`: whether it is still there under another name. Throws
   * read's errors.
   */
  skipTo(end: number, copy: TrackedFile, isOnDisk: boolean): void {
    const reader = this.plainReader;
    if (reader === null) return;
    // From here on its content identifies the copy. It is not recognised by it again: not once it is deleted, and not if none of it
    // was emitted.
    const replaced = this.#file.replaced || !isOnDisk || (reader.offset === 0 && end > 0);
    this.#file = { ...this.#file, replaced };
    if (end <= reader.offset) return;
    const from = this.#skipped?.from ?? reader.offset;
    this.#copy = copy;
    this.#file = { ...this.#file, skipped: { from, to: end, copyId: copy.file.id } };
    reader.skipTo(end);
  }

  /** Records how far another file was read, which may be the copy in which part of this one's content is read. */
  otherWasRead(other: TrackedFile): void {
    if (other === this.#copy && other.file.offset >= (this.#skipped?.to ?? 0)) this.#copy = null;
  }

  /**
   * Returns the lines that were skipped to be read in a copy, if that is this lost file and was not read so far. Null where nothing is
   * missing, or it cannot be read here either. Throws read's errors.
   */
  skippedIn(lost: TrackedFile): Lines | null {
    const skipped = this.#skipped;
    if (lost !== this.#copy || skipped === null || this.plainReader === null) return null;
    this.#copy = null;
    const from = Math.max(skipped.from, lost.file.offset);
    if (skipped.to - from > SKIPPED_LIMIT_BYTES) return null;
    return new LineSplitter().add(this.plainReader.bytes(from, skipped.to));
  }

  /** Opens the candidate, to read on from the offset. Throws open's and read's errors; nothing changes then. */
  open(candidate: CandidateFile, nowMs: number): void {
    const { compression, current, mtimeMs } = candidate.file;
    const known = this.file;
    const fd = candidate.open();
    const reader =
      compression === null ? new PlainFileReader(fd, known) : new CompressedFileReader(fd, compression, known.offset);
    this.close();
    this.#reader = reader;
    this.#compression = compression;
    // It may have been truncated since it was listed: the size of then would count as unread.
    if (compression === null) this.refresh();
    // A clock that was set back leaves times in the future, which would never be long ago.
    this.activeMs = Math.min(nowMs, current ? nowMs : mtimeMs);
  }

  /** Closes it; what is known of it stays. */
  close(): void {
    const reader = this.#reader;
    if (reader === null) return;
    this.#file = this.file;
    this.#reader = null;
    reader.close();
  }
}

/** Returns the fields that a file which the follower has just found has, whether it is read or not. */
function commonOf({ id, born, path, size, mtimeMs, compression }: LogFile) {
  const seen = compression === null ? size : null;
  return {
    id,
    born,
    path,
    size,
    mtimeMs,
    seen,
    gone: false,
    replaced: false,
    start: null,
    skipped: null,
    afterMove: null,
    givenUpBytes: 0,
  };
}
