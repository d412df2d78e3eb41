/** Examines a file of the log on the disk, to tell which known file has its content. */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { type BlockHashes, matchesBlocks } from './block-hashes.ts';
import { decompress } from './decompress.ts';
import {
  bytesAt,
  COMPARE_BYTES,
  commonEnd,
  FINGERPRINT_BYTES,
  type Fingerprint,
  factsOf,
  fingerprintOf,
  isShorterStart,
  lastOf,
  matchesEnd,
  matchesHead,
  NO_FINGERPRINT,
  type ReadBytes,
} from './fingerprint.ts';
import type { KnownFile } from './position.ts';
import { fileReplaced, isFileReplaced, type LogFile } from './rotation.ts';

/** Bytes at each end of a content that are searched for different lines. */
const REPETITION_BYTES = 4 * FINGERPRINT_BYTES;

/** The content of a plain file. */
export interface LogContent {
  readonly size: number;
  readonly read: ReadBytes;
}

/** A part of the content of a file. */
interface ContentPart {
  readonly head: Buffer;
  readonly before: Buffer;
  readonly bytes: Buffer;
  /** True where the content ends behind it. */
  readonly isEnd: boolean;
}

/** The result of one pass over the content of a compressed file. */
interface DecompressedContent {
  /** Bytes decompressed. */
  readonly bytes: number;
  /** False where the file is damaged behind those bytes. */
  readonly complete: boolean;
  readonly head: Buffer;
  /** The bytes before each offset that was asked for. */
  readonly before: ReadonlyMap<number, Buffer>;
}

/**
 * A file on the disk that may have the content of a known one. It is read only when asked, and decompressed only once. A file
 * that cannot be opened, read or decompressed contains nothing, and `problem` says why.
 */
export class CandidateFile {
  readonly file: LogFile;
  readonly #offsets: readonly number[];
  #decompressed: Promise<DecompressedContent | null> | null = null;
  /** Why it could not be read, for a person; null while it could. */
  problem: string | null = null;
  /** True where it could not be opened or read, as opposed to decompressed: it may have any content, and show it at the next look. */
  isUnreadable = false;

  /** `offsets`: those that `contains` may be asked about, so that a compressed file is decompressed once for all of them. */
  constructor(file: LogFile, offsets: readonly number[]) {
    this.file = file;
    this.#offsets = offsets;
  }

  /** Returns how many bytes of log it has (once decompressed); null where they cannot be counted. */
  async contentBytes(): Promise<number | null> {
    if (this.file.compression === null) return this.file.size;
    const content = await this.#decompress();
    return content?.complete === true ? content.bytes : null;
  }

  /**
   * Returns whether it begins as `known` does and has, before the offset of `known`, the bytes that were emitted last; of a plain
   * file also whether the blocks between them are the same.
   */
  async contains(known: KnownFile): Promise<boolean> {
    const { head, before, offset } = known;
    if (head === null || before === null) return false;
    if (this.file.compression !== null) {
      const content = await this.#decompress();
      const bytes = content?.before.get(offset);
      return content !== null && bytes !== undefined && matchesHead(head, content.head) && matchesEnd(before, bytes);
    }
    return (
      this.#read(
        (fd) =>
          fstatSync(fd).size >= offset &&
          matchesHead(head, bytesAt(fd, 0, head.bytes)) &&
          matchesEnd(before, bytesAt(fd, offset - before.bytes, offset)) &&
          (known.blocks === null || matchesBlocks(known.blocks, offset, (from, to) => bytesAt(fd, from, to))),
      ) ?? false
    );
  }

  /**
   * Returns whether it has all that was emitted of `known` and ends before the rest that was seen: a copy made before that was
   * written. Only where it is shorter than a fingerprint; else `contains` finds it.
   */
  async isEarlierCopyOf(known: KnownFile): Promise<boolean> {
    const head = await this.head();
    return head.length >= known.offset && isShorterStart(known.start, head);
  }

  /** Returns whether its first bytes, as many as both have, are those of `known`: it may be a copy made before `known` grew. */
  async beginsLike(known: KnownFile): Promise<boolean> {
    if (known.head === null) return false;
    const head = await this.head();
    return head.length < known.head.bytes ? isShorterStart(known.start, head) : matchesHead(known.head, head);
  }

  /** Calls `use` with its present content; null where it is compressed, or cannot be read. */
  async withContent<T>(use: (content: LogContent) => Promise<T>): Promise<T | null> {
    if (this.file.compression !== null) return null;
    return this.#using((fd) => use({ size: fstatSync(fd).size, read: (from, to) => bytesAt(fd, from, to) }));
  }

  /** Returns its first bytes, at most `FINGERPRINT_BYTES`. */
  async head(): Promise<Buffer> {
    if (this.file.compression !== null) return (await this.#decompress())?.head ?? Buffer.alloc(0);
    return this.#read((fd) => bytesAt(fd, 0, FINGERPRINT_BYTES)) ?? Buffer.alloc(0);
  }

  /** Returns the fingerprints of a file that is skipped, so that it is recognised later; null where it is compressed. */
  fingerprints(offset: number): { head: Fingerprint; before: Fingerprint } | null {
    if (this.file.compression !== null) return null;
    return this.#read((fd) => ({
      head: fingerprintOf(bytesAt(fd, 0, Math.min(FINGERPRINT_BYTES, offset))),
      before: fingerprintOf(bytesAt(fd, Math.max(0, offset - FINGERPRINT_BYTES), offset)),
    }));
  }

  /** Returns whether `other` begins, byte for byte, with all of its content. False where `other` is compressed. */
  async isBeginningOf(other: CandidateFile): Promise<boolean> {
    if (other.file.compression !== null) return false;
    // Each opens its own file, so that a problem of the other is not recorded as a problem of this one.
    const mine = this.#tryOpen();
    const theirs = other.#tryOpen();
    try {
      if (mine === null || theirs === null) return false;
      let at = 0;
      for await (const bytes of this.#content(mine)) {
        if (!bytesAt(theirs, at, at + bytes.length).equals(bytes)) return false;
        at += bytes.length;
      }
      return true;
    } catch (error) {
      this.#setProblem(error);
      return false;
    } finally {
      if (mine !== null) closeSync(mine);
      if (theirs !== null) closeSync(theirs);
    }
  }

  /**
   * Compares its content with what was emitted of `known`: `continues` where it begins with all of that, `shorter` where all of its
   * content is the beginning of that, else `other`. Reads a bounded number of bytes of a plain file.
   */
  async compareWithEmitted(known: KnownFile): Promise<'continues' | 'shorter' | 'other'> {
    const size = await this.contentBytes();
    if (size === null || known.before === null || known.head === null) return 'other';
    if (size < known.offset) {
      if (size === 0) return 'shorter';
      if (!(await this.beginsLike(known))) return 'other';
      return (await this.#hasBlocksOf(known, size)) ? 'shorter' : 'other';
    }
    if (await this.contains(known)) return 'continues';
    // The head may reach beyond what was emitted, and differ there. So short a content is in `before` as a whole.
    if (known.offset === 0 || known.offset >= known.head.bytes || this.file.compression !== null) return 'other';
    const emitted = this.#read((fd) => bytesAt(fd, 0, known.offset)) ?? Buffer.alloc(0);
    return emitted.length === known.offset && matchesEnd(known.before, emitted) ? 'continues' : 'other';
  }

  /**
   * Returns the end of the lines that it has in common with `known`, at least up to where that was emitted when it was last found at
   * the log's path, and whether nothing but a partial line follows. Null where not so much, or nothing, is the same.
   */
  async commonLines(known: KnownFile): Promise<{ readonly end: number; readonly isAll: boolean } | null> {
    const { afterMove } = known;
    const part = afterMove && (await this.#part(afterMove.offset, known.offset));
    if (afterMove === null || part === null) return null;
    const { offset, before, lines } = afterMove;
    // `before` is all of so short a content, and the head may reach beyond it.
    const head = known.head !== null && offset < known.head.bytes ? NO_FINGERPRINT : known.head;
    if (!matchesHead(head, part.head) || !matchesEnd(before, part.before)) return null;
    if (!(await this.#hasBlocksOf(known, offset))) return null;
    let end = 0;
    for (const hash of lines) {
      const at = part.bytes.indexOf(10, end);
      if (at < 0 || fingerprintOf(part.bytes.subarray(end, at)).hash !== hash) break;
      end = at + 1;
    }
    // A partial line alone shows nothing.
    return offset + end === 0 ? null : { end: offset + end, isAll: part.isEnd && part.bytes.indexOf(10, end) < 0 };
  }

  /** Returns its first bytes, those before `from`, those up to `to`, and whether it ends there; null where it is shorter than `from`. */
  async #part(from: number, to: number): Promise<ContentPart | null> {
    if (this.file.compression === null) {
      return this.#read((fd) => {
        const { size } = fstatSync(fd);
        const before = bytesAt(fd, Math.max(0, from - FINGERPRINT_BYTES), from);
        const head = bytesAt(fd, 0, FINGERPRINT_BYTES);
        return size < from ? null : { head, before, bytes: bytesAt(fd, from, to), isEnd: size <= to };
      });
    }
    const pieces: Buffer[] = [];
    let head: Buffer = Buffer.alloc(0);
    let end = 0;
    const start = Math.max(0, from - FINGERPRINT_BYTES);
    return this.#using(async (fd) => {
      for await (const bytes of this.#content(fd)) {
        if (head.length < FINGERPRINT_BYTES) head = Buffer.concat([head, bytes]).subarray(0, FINGERPRINT_BYTES);
        pieces.push(Buffer.from(bytes.subarray(Math.max(0, start - end), Math.max(0, to - end))));
        end += bytes.length;
        if (end > to) break;
      }
      const part = Buffer.concat(pieces);
      if (end < from) return null;
      return { head, before: part.subarray(0, from - start), bytes: part.subarray(from - start), isEnd: end <= to };
    });
  }

  /**
   * Returns up to where its content is the same as another one, `theirs`, at most `to`. Of a plain file's content up to `verified`
   * only the first and last bytes and the blocks between them are compared; null where those differ.
   */
  async commonEnd(theirs: ReadBytes, blocks: BlockHashes, verified: number, to: number): Promise<number | null> {
    if (this.file.compression !== null) return this.#commonEndOfDecompressed(theirs, to);
    const { size } = this.file;
    const known = Math.min(size, verified);
    return this.#read((fd) => {
      const mine: ReadBytes = (from, until) => bytesAt(fd, from, until);
      const firstEnd = Math.min(known, FINGERPRINT_BYTES);
      const lastStart = Math.max(0, known - FINGERPRINT_BYTES);
      if (commonEnd(0, firstEnd, mine, theirs) < firstEnd || commonEnd(lastStart, known, mine, theirs) < known)
        return null;
      if (!matchesBlocks(blocks, known, mine)) return null;
      return commonEnd(known, Math.min(size, to), mine, theirs);
    });
  }

  async #commonEndOfDecompressed(theirs: ReadBytes, to: number): Promise<number | null> {
    return this.#using(async (fd) => {
      let at = 0;
      for await (const bytes of this.#content(fd)) {
        const start = at;
        at = Math.min(to, start + bytes.length);
        const same = commonEnd(start, at, (from, until) => bytes.subarray(from - start, until - start), theirs);
        if (same < at || at === to) return same;
      }
      return at;
    });
  }

  async #hasBlocksOf({ blocks }: KnownFile, size: number): Promise<boolean> {
    if (blocks === null || this.file.compression !== null) return true;
    return this.#read((fd) => matchesBlocks(blocks, size, (from, to) => bytesAt(fd, from, to))) ?? false;
  }

  /**
   * Returns whether its content is so repetitive that another file may begin with all of it by chance: no more than two
   * different lines at its two ends, as in a log without times when one attacker repeats himself.
   */
  async isRepetitive(): Promise<boolean> {
    return new Set(await this.#linesIn(this.file.size)).size <= 2;
  }

  /** Returns whether its first `bytes` are one line, again and again. */
  async isRepeatedLine(bytes: number): Promise<boolean> {
    const lines = await this.#linesIn(Math.min(bytes, this.file.size));
    return lines.length > 1 && new Set(lines).size === 1;
  }

  /** Returns the whole lines at the two ends of its first `size` bytes. */
  async #linesIn(size: number): Promise<string[]> {
    if (this.file.compression !== null) return linesOf(await this.head());
    const lines = this.#read((fd) => {
      const first = linesOf(bytesAt(fd, 0, Math.min(size, REPETITION_BYTES)));
      if (size <= REPETITION_BYTES) return first;
      // The second part may begin within a line.
      const last = linesOf(bytesAt(fd, Math.max(REPETITION_BYTES, size - REPETITION_BYTES), size));
      return [...first, ...last.slice(1)];
    });
    return lines ?? [];
  }

  /** Opens the file for reading. Throws open's errors, and a `fileReplaced` where another file is at its path by now. */
  open(): number {
    const fd = openSync(this.file.path, 'r');
    if (factsOf(fstatSync(fd, { bigint: true })).id === this.file.id) return fd;
    closeSync(fd);
    throw fileReplaced(this.file.path);
  }

  *#plainContent(fd: number): Generator<Buffer> {
    for (let at = 0; at < this.file.size; at += COMPARE_BYTES) {
      yield bytesAt(fd, at, Math.min(this.file.size, at + COMPARE_BYTES));
    }
  }

  #content(fd: number): Iterable<Buffer> | AsyncIterable<Buffer> {
    return this.file.compression === null ? this.#plainContent(fd) : decompress(fd, this.file.compression);
  }

  #tryOpen(): number | null {
    try {
      return this.open();
    } catch (error) {
      this.#setProblem(error);
      return null;
    }
  }

  #setProblem(error: unknown): void {
    this.problem = error instanceof Error ? error.message : String(error);
    this.isUnreadable ||= isSystemError(error);
  }

  async #using<T>(use: (fd: number) => Promise<T>): Promise<T | null> {
    const fd = this.#tryOpen();
    if (fd === null) return null;
    try {
      return await use(fd);
    } catch (error) {
      this.#setProblem(error);
      return null;
    } finally {
      closeSync(fd);
    }
  }

  #read<T>(read: (fd: number) => T): T | null {
    const fd = this.#tryOpen();
    if (fd === null) return null;
    try {
      return read(fd);
    } catch (error) {
      this.#setProblem(error);
      return null;
    } finally {
      closeSync(fd);
    }
  }

  #decompress(): Promise<DecompressedContent | null> {
    this.#decompressed ??= this.#decompressOnce();
    return this.#decompressed;
  }

  async #decompressOnce(): Promise<DecompressedContent | null> {
    const { compression } = this.file;
    if (compression === null) return null;
    let fd: number | null = null;
    let complete = true;
    let end = 0;
    let head: Buffer = Buffer.alloc(0);
    let recent: Buffer = Buffer.alloc(0);
    const before = new Map<number, Buffer>([[0, recent]]);
    try {
      fd = this.open();
      for await (const bytes of decompress(fd, compression) as AsyncIterable<Buffer>) {
        if (head.length < FINGERPRINT_BYTES) head = Buffer.concat([head, bytes]).subarray(0, FINGERPRINT_BYTES);
        const window = Buffer.concat([recent, bytes]);
        for (const offset of this.#offsets) {
          if (offset < end || offset > end + bytes.length) continue;
          before.set(offset, Buffer.from(lastOf(window.subarray(0, recent.length + offset - end), FINGERPRINT_BYTES)));
        }
        end += bytes.length;
        recent = Buffer.from(lastOf(window, FINGERPRINT_BYTES));
      }
    } catch (error) {
      this.#setProblem(error);
      complete = false;
    } finally {
      if (fd !== null) closeSync(fd);
    }
    return end > 0 || complete ? { bytes: end, complete, head, before } : null;
  }
}

/** Returns whether an error is the system's own, by its code, as EACCES and EMFILE are. ENOENT is none: a file or a program is not there. */
export function isSystemError(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && 'code' in cause && /^E[A-Z0-9]+$/.test(String(cause.code)) && !isFileReplaced(cause);
}

function linesOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').split('\n').slice(0, -1);
}

/**
 * The candidates of a log, kept from one look to the next so that an unchanged compressed file is not decompressed again, unless it
 * could not be read.
 */
export class CandidateFiles {
  #compressed = new Map<string, CandidateFile>();

  /** Returns a candidate for each file, in their order. `offsets`: as for a `CandidateFile`. */
  of(files: readonly LogFile[], offsets: readonly number[]): CandidateFile[] {
    const before = this.#compressed;
    this.#compressed = new Map();
    return files.map((file) => {
      const key = `${file.path} ${file.id} ${file.size} ${file.mtimeMs} ${[...new Set(offsets)].join()}`;
      const kept = before.get(key);
      const candidate = kept === undefined || kept.isUnreadable ? new CandidateFile(file, offsets) : kept;
      if (file.compression !== null) this.#compressed.set(key, candidate);
      return candidate;
    });
  }
}
