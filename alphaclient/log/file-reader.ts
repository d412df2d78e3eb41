/** Reads one open file of the log, line by line, and detects that its content was replaced. */

import { closeSync, fstatSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { addBlocks, type BlockHashes, blocksOf, blocksUpTo, isComplete, NO_BLOCKS } from './block-hashes.ts';
import { decompress } from './decompress.ts';
import {
  bytesAt,
  FINGERPRINT_BYTES,
  type FileFacts,
  type Fingerprint,
  factsOf,
  fingerprintOf,
  isShorterStart,
  matchesEnd,
  matchesHead,
  NO_FINGERPRINT,
} from './fingerprint.ts';
import { LineSplitter, type Lines } from './lines.ts';
import type { KnownFile } from './position.ts';
import { type Compression, fileReplaced } from './rotation.ts';

/** One read: large enough that system calls do not count, and with a partial line before it below a chunk's 1 MiB. */
const READ_BYTES = 512 * 1024;

/** The result of a read. `changed`: the file was truncated, or the bytes before the read position are different now. */
export type ReadOutcome =
  | { readonly kind: 'lines'; readonly lines: Lines }
  | { readonly kind: 'end' }
  | { readonly kind: 'changed' };

/** A reader of one open file of the log. */
export interface FileReader {
  /** The end of the last line that was emitted. */
  readonly offset: number;
  /** Bytes after `offset` that end no line yet. */
  readonly partialBytes: number;
  readonly head: Fingerprint;
  readonly before: Fingerprint;
  /** The bytes of `head`, base64. */
  readonly start: string;
  /** The hashes of blocks up to `offset`. */
  readonly blocks: BlockHashes;
  /** Returns the first bytes of its present content, at most `FINGERPRINT_BYTES`; of a compressed file as far as it was read. */
  firstBytes(): Buffer;
  /** Returns its present metadata. */
  facts(): FileFacts;
  /** Extends `head` by what the file has now, read or not. Throws read's errors. */
  updateHead(): void;
  /** Returns whether the content that was read is no longer there. */
  changed(): boolean;
  /** Reads the next lines. Throws read's and decompression's errors; the offset is kept then. */
  read(): Promise<ReadOutcome> | ReadOutcome;
  /** Returns the partial line as a whole one, and counts it as emitted. */
  flush(): Lines;
  close(): void;
}

/** The content that a reader remembers: what identifies the file, and where reading is. */
class ReadState {
  /** Holds the partial line. */
  readonly lines: LineSplitter;
  /** The end of the last line that was emitted. */
  offset: number;
  /** The end of the bytes that were read: `offset` and the partial line. */
  readEnd: number;
  /** The first bytes of the file, as far as known. */
  headBytes: Buffer;
  /** The last bytes before `readEnd`. */
  recent: Buffer;
  /** The hashes of blocks up to `readEnd`. */
  #blocks: BlockHashes;
  /** The last bytes before `offset`. */
  #beforeBytes: Buffer;
  #head = NO_FINGERPRINT;
  #start = '';

  /** `headBytes`: the first bytes of the file, as far as known; `before`, `blocks`: the last ones before `offset`, and the hashes up to it. */
  constructor(offset: number, headBytes: Buffer, before: Buffer, blocks: BlockHashes) {
    this.lines = new LineSplitter(before);
    this.offset = offset;
    this.readEnd = offset;
    this.headBytes = headBytes;
    this.recent = before;
    this.#beforeBytes = before;
    this.#blocks = blocks;
  }

  get blocks(): BlockHashes {
    return blocksUpTo(this.#blocks, this.offset);
  }

  get head(): Fingerprint {
    this.#hashHead();
    return this.#head;
  }

  get start(): string {
    this.#hashHead();
    return this.#start;
  }

  /** Both are asked for many times as often as they change: the first bytes only grow. */
  #hashHead(): void {
    if (this.#head.bytes === this.headBytes.length) return;
    this.#head = fingerprintOf(this.headBytes);
    this.#start = this.headBytes.toString('base64');
  }

  get before(): Fingerprint {
    return fingerprintOf(this.#beforeBytes);
  }

  /** Replaces `headBytes` by these where they continue them. */
  updateHead(firstBytes: Buffer): void {
    const { headBytes } = this;
    if (firstBytes.length <= headBytes.length || !firstBytes.subarray(0, headBytes.length).equals(headBytes)) return;
    this.headBytes = firstBytes;
  }

  /** Adds bytes that were emitted before. */
  skip(bytes: Buffer): void {
    this.#advance(bytes);
    this.offset = this.readEnd;
    this.#beforeBytes = this.recent;
  }

  /** Adds the next bytes; returns the lines that they end. */
  add(bytes: Buffer): Lines {
    const recent = this.recent;
    this.#advance(bytes);
    const lines = this.lines.add(bytes);
    if (lines.consumedBytes > 0)
      this.#beforeBytes = joinedEnd(recent, bytes.subarray(0, bytes.length - this.lines.partialBytes));
    this.offset += lines.consumedBytes;
    return lines;
  }

  flush(): Lines {
    const lines = this.lines.flush();
    this.offset += lines.consumedBytes;
    this.#beforeBytes = this.recent;
    return lines;
  }

  #advance(bytes: Buffer): void {
    const known = this.headBytes.length - this.readEnd;
    if (this.headBytes.length < FINGERPRINT_BYTES && known >= 0 && known < bytes.length) {
      this.headBytes = Buffer.concat([this.headBytes, bytes.subarray(known)]).subarray(0, FINGERPRINT_BYTES);
    }
    this.#blocks = addBlocks(this.#blocks, this.readEnd, this.recent, bytes);
    this.recent = joinedEnd(this.recent, bytes);
    this.readEnd += bytes.length;
  }
}

/** Returns the last FINGERPRINT_BYTES of `a` followed by `b`; a copy, so that it keeps no larger buffer in memory. */
function joinedEnd(a: Buffer, b: Buffer): Buffer {
  if (b.length >= FINGERPRINT_BYTES) return Buffer.from(b.subarray(-FINGERPRINT_BYTES));
  return Buffer.concat([a.subarray(Math.max(0, a.length + b.length - FINGERPRINT_BYTES)), b]);
}

/** The part of a reader that does not depend on how its file is read. */
abstract class StatefulReader {
  protected state: ReadState;

  constructor(state: ReadState) {
    this.state = state;
  }

  get partialBytes(): number {
    return this.state.lines.partialBytes;
  }

  get head(): Fingerprint {
    return this.state.head;
  }

  get before(): Fingerprint {
    return this.state.before;
  }

  get start(): string {
    return this.state.start;
  }

  get blocks(): BlockHashes {
    return this.state.blocks;
  }

  flush(): Lines {
    return this.state.flush();
  }
}

/** Reads a plain file, and goes on as it grows. */
export class PlainFileReader extends StatefulReader implements FileReader {
  readonly #fd: number;

  /**
   * Takes over `fd`, to read `known` on in it. Throws read's errors, and a `fileReplaced` where the content is another by now;
   * `fd` is closed then.
   */
  constructor(fd: number, known: KnownFile) {
    super(stateOf(fd, known));
    this.#fd = fd;
  }

  get offset(): number {
    return this.state.offset;
  }

  firstBytes(): Buffer {
    return bytesAt(this.#fd, 0, FINGERPRINT_BYTES);
  }

  facts(): FileFacts {
    return factsOf(fstatSync(this.#fd, { bigint: true }));
  }

  updateHead(): void {
    if (this.state.headBytes.length < FINGERPRINT_BYTES) this.state.updateHead(this.firstBytes());
  }

  changed(): boolean {
    const { headBytes, recent, readEnd } = this.state;
    if (this.facts().size < readEnd || !bytesAt(this.#fd, 0, headBytes.length).equals(headBytes)) return true;
    return !bytesAt(this.#fd, readEnd - recent.length, readEnd).equals(recent);
  }

  read(): ReadOutcome {
    const { headBytes, recent, readEnd } = this.state;
    const size = Number(fstatSync(this.#fd, { bigint: true }).size);
    if (size < readEnd) return { kind: 'changed' };
    // One read returns the old bytes, which must be the same, and the new ones behind them: nothing happens between the two.
    const want = Buffer.allocUnsafeSlow(recent.length + Math.min(READ_BYTES, size - readEnd));
    const got = readSync(this.#fd, want, 0, want.length, readEnd - recent.length);
    if (got < recent.length || !want.subarray(0, recent.length).equals(recent)) return { kind: 'changed' };
    const bytes = want.subarray(recent.length, got);
    const known = headBytes.subarray(readEnd);
    if (!bytes.subarray(0, known.length).equals(known)) return { kind: 'changed' };
    if (bytes.length === 0) return { kind: 'end' };
    return { kind: 'lines', lines: this.state.add(bytes) };
  }

  /** Returns the bytes from `from` up to `to` of its present content; fewer where it is shorter. Throws read's errors. */
  bytes(from: number, to: number): Buffer {
    return bytesAt(this.#fd, from, to);
  }

  /** Moves the offset on, past bytes that are read elsewhere. A partial line is dropped. Throws read's errors. */
  skipTo(offset: number): void {
    const before = this.bytes(Math.max(0, offset - FINGERPRINT_BYTES), offset);
    this.state = new ReadState(
      offset,
      this.firstBytes(),
      before,
      blocksOf(offset, (from, to) => this.bytes(from, to)),
    );
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Reads what a reader remembers of an open file, to read `known` on in it. Closes `fd` where it throws. */
function stateOf(fd: number, known: KnownFile): ReadState {
  const { path, offset } = known;
  try {
    // The head includes what is not read yet: it shows whether that is still there.
    const head = bytesAt(fd, 0, FINGERPRINT_BYTES);
    const before = bytesAt(fd, Math.max(0, offset - FINGERPRINT_BYTES), offset);
    // Checked here, on the bytes that are kept: the log may have been truncated after any check before.
    if (!isContentOf(known, head, before)) throw fileReplaced(path);
    const isKnown = known.blocks !== null && isComplete(known.blocks, offset);
    const blocks = isKnown ? known.blocks : blocksOf(offset, (from, to) => bytesAt(fd, from, to));
    return new ReadState(offset, head, before, blocks);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Returns whether a file with this head, and these bytes before the offset of `known`, can be `known` or an earlier copy of it. */
function isContentOf(known: KnownFile, head: Buffer, before: Buffer): boolean {
  if (before.length < Math.min(known.offset, FINGERPRINT_BYTES)) return false;
  return (matchesHead(known.head, head) || isShorterStart(known.start, head)) && matchesEnd(known.before, before);
}

/** Reads the content of a compressed file once, from `offset` in it on. */
export class CompressedFileReader extends StatefulReader implements FileReader {
  readonly #fd: number;
  readonly #stream: Readable;
  readonly #content: AsyncIterator<Buffer>;
  readonly #facts: FileFacts;
  #toSkip: number;

  /** Takes over `fd`. */
  constructor(fd: number, compression: Compression, offset: number) {
    super(new ReadState(0, Buffer.alloc(0), Buffer.alloc(0), NO_BLOCKS));
    this.#fd = fd;
    this.#facts = factsOf(fstatSync(fd, { bigint: true }));
    this.#stream = decompress(fd, compression);
    // An error may come while nobody reads, and would end the process; the next read throws it.
    this.#stream.on('error', () => undefined);
    this.#content = (this.#stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    this.#toSkip = offset;
  }

  get offset(): number {
    return this.state.offset + this.#toSkip;
  }

  firstBytes(): Buffer {
    return this.state.headBytes;
  }

  facts(): FileFacts {
    return this.#facts;
  }

  updateHead(): void {}

  changed(): boolean {
    return false;
  }

  async read(): Promise<ReadOutcome> {
    const next = await this.#content.next();
    if (next.done === true) return { kind: 'end' };
    const skipped = Math.min(this.#toSkip, next.value.length);
    if (skipped > 0) {
      this.state.skip(next.value.subarray(0, skipped));
      this.#toSkip -= skipped;
    }
    return { kind: 'lines', lines: this.state.add(next.value.subarray(skipped)) };
  }

  close(): void {
    this.#stream.destroy();
    closeSync(this.#fd);
  }
}
