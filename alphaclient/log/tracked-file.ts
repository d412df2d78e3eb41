/** A file of the log that the follower knows, open or not. */

import { fingerprintOf } from './fingerprint.ts';
import type { Inspection } from './candidate-file.ts';
import type { Known } from './file-matching.ts';
import type { KnownFile } from './position.ts';
import { FileReader, PackedReader, type Reader } from './file-reader.ts';
import type { LogFile, Packing } from './rotation.ts';

/** Says nothing: the file was not read yet. */
const NONE = fingerprintOf(Buffer.alloc(0));

/** What the follower knows of one file, and its reader while it is open. */
export class TrackedFile implements Known {
  #file: KnownFile;
  #reader: Reader | null = null;
  #packing: Packing | null = null;
  /** When something was last read from it, or it was rotated away, Unix milliseconds. */
  activeMs = 0;

  constructor(file: KnownFile) {
    this.#file = file;
  }

  /** A file of which nothing, or only what stands before `offset`, is to be left out. Not open yet. */
  static unread({ file }: Inspection, offset = 0): TrackedFile {
    const { id, born, path, size, mtimeMs } = file;
    const state = file.current ? 'current' : 'old';
    const seen = file.packing === null ? size : null;
    return new TrackedFile({
      state,
      id,
      born,
      path,
      offset,
      size,
      seen,
      mtimeMs,
      head: NONE,
      before: NONE,
      start: null,
    });
  }

  /** As it is to be saved: with an open file, up to what was handed out last. */
  get file(): KnownFile {
    const reader = this.#reader;
    if (reader === null) return this.#file;
    const { offset, head, before } = reader;
    // Once it is an old one, what it was before: it may be on its way into a shorter copy.
    const start = this.#file.state === 'current' ? reader.start : this.#file.start;
    return { ...this.#file, offset, head, before, start };
  }

  get reader(): Reader | null {
    return this.#reader;
  }

  get packed(): boolean {
    return this.#packing !== null;
  }

  /** Bytes known to be unread while it is open, without a half line at the end (packed: as they are on the disk). */
  get behindBytes(): number {
    const reader = this.#reader;
    if (reader === null) return 0;
    return Math.max(0, reader.facts().size - (this.packed ? 0 : reader.offset + reader.halfBytes));
  }

  /**
   * Whether what is open of it is not to be read on, because its text stands in `file` now. A deleted one that was packed is
   * read on as it is.
   */
  isElsewhere(file: LogFile): boolean {
    const reader = this.#reader;
    if (reader === null) return false;
    const { id, links } = reader.facts();
    return reader.changed() || (id !== file.id && (links > 0 || file.packing === null));
  }

  /**
   * How what stands in the open file now is to what is known of it, which grows by its beginning as it stands there.
   * Throws what fstat and reading throw.
   */
  standing(): 'empty' | 'same' | 'other' {
    this.#reader?.learn();
    if (this.#reader?.changed() === true) return 'other';
    return this.file.head?.bytes === 0 ? 'empty' : 'same';
  }

  /**
   * Takes note of the file that it is in now, and of what it is to the log. `total`: the bytes of log in that one, null where
   * they were not counted.
   */
  settle(inspection: Inspection, state: KnownFile['state'], total: number | null, nowMs: number): void {
    const { id, born, path, size, mtimeMs } = inspection.file;
    this.#reader?.learn();
    this.retire(state, nowMs);
    this.#file = {
      ...this.file,
      id,
      // Not seen without a break, an inode whose birth cannot be told now may be another file's.
      born: born ?? (this.#reader !== null && id === this.#file.id ? this.#file.born : null),
      path,
      size,
      seen: total ?? this.#file.seen,
      mtimeMs,
    };
  }

  /** Takes note of what it is to the log. Its writer has time from when it is no longer at the log's path. */
  retire(state: KnownFile['state'], nowMs: number): void {
    if (this.#file.state === 'current' && state !== 'current') this.activeMs = nowMs;
    this.#file = { ...this.file, state };
  }

  /** Takes note of its size and time of now, and of its beginning. Throws what fstat and reading throw. */
  refresh(): void {
    if (this.#reader === null) return;
    const { id, born, size, mtimeMs } = this.#reader.facts();
    // After the size: what is known to have been there can be told from other text.
    this.#reader.learn();
    // A deleted file is known by its packed copy, which has a birth of its own.
    this.#file = {
      ...this.#file,
      born: id === this.#file.id ? (born ?? this.#file.born) : this.#file.born,
      size,
      seen: this.packed ? this.#file.seen : size,
      mtimeMs,
    };
  }

  /** Opens it, to be read on from its offset. Throws what opening throws; it is as before then. */
  open(inspection: Inspection, nowMs: number): void {
    const packing = inspection.file.packing;
    const known = this.file;
    const fd = inspection.open();
    const reader = packing === null ? new FileReader(fd, known) : new PackedReader(fd, packing, known.offset);
    this.close();
    this.#reader = reader;
    this.#packing = packing;
    // It may have been emptied since it was listed: its size then would be missed as unread.
    if (packing === null) this.refresh();
    // A clock that was set back makes times of the future, which would never be long ago.
    this.activeMs = Math.min(nowMs, inspection.file.current ? nowMs : inspection.file.mtimeMs);
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

/**
 * The bytes of log in the files that known ones are in now. A packed one, which was unpacked to find the known one there, only
 * where the count may be needed: what is open or done is not unpacked again for it. Null where it is damaged.
 */
export async function totalsOf(
  holders: ReadonlyMap<TrackedFile, Inspection>,
): Promise<ReadonlyMap<TrackedFile, number | null>> {
  const totals = new Map<TrackedFile, number | null>();
  for (const [tracked, inspection] of holders) {
    const counts = inspection.file.packing === null || (tracked.reader === null && tracked.file.state !== 'done');
    if (counts) totals.set(tracked, await inspection.total());
  }
  return totals;
}
