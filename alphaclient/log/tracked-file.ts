/** One file of the log that the follower knows, with its reader while it is open. */

import { NO_BLOCKS } from './block-hashes.ts';
import type { CandidateFile } from './candidate-file.ts';
import { CompressedFileReader, type FileReader, PlainFileReader } from './file-reader.ts';
import { NO_FINGERPRINT } from './fingerprint.ts';
import type { Continuation } from './log-copy.ts';
import type { KnownFile } from './position.ts';
import type { Compression, LogFile } from './rotation.ts';

/** A known file, and its reader while it is open. */
export class TrackedFile {
  #file: KnownFile;
  #reader: FileReader | null = null;
  #compression: Compression | null = null;
  #verifiedOffset: number;
  #shorterCopyBytes: number | null = null;
  /** Whether its content is no evidence any more, because a copy is read in its place. */
  #isReplaced = false;
  /** When something was last read from it, or it was rotated away, Unix milliseconds. */
  activeMs = 0;

  constructor(file: KnownFile) {
    this.#file = file;
    this.#verifiedOffset = file.offset;
  }

  /** Makes the tracked file of a candidate that is to be read from `offset` on. It is not open yet. */
  static unread({ file }: CandidateFile, offset = 0): TrackedFile {
    const { id, born, path, size, mtimeMs } = file;
    return new TrackedFile({
      state: file.current ? 'current' : 'old',
      id,
      born,
      path,
      offset,
      size,
      seen: file.compression === null ? size : null,
      mtimeMs,
      head: NO_FINGERPRINT,
      before: NO_FINGERPRINT,
      start: null,
      blocks: NO_BLOCKS,
    });
  }

  /** Makes the tracked file of a candidate that is not to be read, and only known so that others are told from it. */
  static skipped(candidate: CandidateFile): TrackedFile {
    const { id, born, path, size, mtimeMs, compression } = candidate.file;
    const seen = compression === null ? size : null;
    const fingerprints = candidate.fingerprints(size) ?? { head: null, before: null };
    return new TrackedFile({
      state: 'done',
      id,
      born,
      path,
      offset: size,
      size,
      seen,
      mtimeMs,
      start: null,
      blocks: null,
      ...fingerprints,
    });
  }

  /** The known file as it is to be saved: while it is open, up to what was emitted last. */
  get file(): KnownFile {
    const reader = this.#reader;
    if (reader === null) return this.#file;
    const { offset, head, before, blocks } = reader;
    // A file that was rotated away keeps the `start` it had: it may be on its way into a shorter copy.
    const start = this.#file.state === 'current' ? reader.start : this.#file.start;
    const file = { ...this.#file, offset, head, before, start, blocks };
    return this.#isReplaced ? { ...file, head: null, before: null, start: null, blocks: NO_BLOCKS } : file;
  }

  get reader(): FileReader | null {
    return this.#reader;
  }

  /** Whether the file that it is open in is compressed. */
  get compressed(): boolean {
    return this.#compression !== null;
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
  }

  /** Updates size, time and `head` from the open file. Throws the errors of fstat and read. */
  refresh(): void {
    if (this.#reader === null) return;
    const { id, born, size, mtimeMs } = this.#reader.facts();
    // After the size: whatever counts as seen must also be in the head, to be told from other text.
    this.#reader.updateHead();
    this.#file = {
      ...this.#file,
      // A deleted file is known by its compressed copy, which has a birth time of its own.
      born: id === this.#file.id ? (born ?? this.#file.born) : this.#file.born,
      size,
      seen: this.compressed ? this.#file.seen : size,
      mtimeMs,
    };
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
  }

  /** Whether it is open, and was found to be a shorter copy of the previous log as it is. */
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

  /** How much of it was emitted when the log's path was looked at last and it was the file there. */
  get verifiedOffset(): number {
    return Math.min(this.#verifiedOffset, this.file.offset);
  }

  /** Records that it is the file at the log's path. */
  verify(): void {
    this.#verifiedOffset = this.file.offset;
  }

  /** Returns its open plain file, whose content can be compared; null where it has none. */
  get plainReader(): PlainFileReader | null {
    return this.#reader instanceof PlainFileReader ? this.#reader : null;
  }

  /**
   * Skips the unread content up to `end`, which is read in a copy. `isOnDisk`: whether it is still there under another name. Throws
   * read's errors.
   */
  skipTo(end: number, isOnDisk: boolean): void {
    const reader = this.plainReader;
    if (reader === null) return;
    // From here on its content identifies the copy. It is not recognised by it again: not once it is deleted, and not if none of it
    // was emitted.
    this.#isReplaced ||= !isOnDisk || (reader.offset === 0 && end > 0);
    if (end > reader.offset) reader.skipTo(end);
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
