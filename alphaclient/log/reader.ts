/** Reading one file of the log on from a place, line by line, and noticing when it is not the same text any more. */

import { closeSync, fstatSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { bytesAt, FINGERPRINT_BYTES, type FileFacts, type Fingerprint, factsOf, fingerprintOf } from './fingerprint.ts';
import { LineBuffer, type Lines } from './lines.ts';
import type { Packing } from './rotation.ts';
import { unpacked } from './unpack.ts';

/** One read: large enough that the system calls do not count, and with a half line before it below a chunk's 1 MiB. */
const READ_BYTES = 512 * 1024;

/** What a read found. `changed`: the file was cut, or what was read before stands there no more. */
export type ReadResult = { readonly kind: 'lines'; readonly lines: Lines } | { readonly kind: 'end' | 'changed' };

/** A file of the log that is open. */
export interface Reader {
  /** End of the last line that was handed out. */
  readonly offset: number;
  /** Bytes behind `offset` that end no line yet. */
  readonly halfBytes: number;
  readonly head: Fingerprint;
  readonly before: Fingerprint;
  /** Its first bytes, as far as read. */
  readonly headBytes: Buffer;
  /** The facts as of now. */
  facts(): FileFacts;
  /** Whether the file is not what was read any more. */
  changed(): boolean;
  /** The next lines. Throws what reading or unpacking throws; the place is kept then. */
  read(): Promise<ReadResult> | ReadResult;
  /** The half line as a line, which is then handed out. */
  end(): Lines;
  close(): void;
}

/** What both kinds of reader remember of what they read. */
class Trail {
  readonly lines = new LineBuffer();
  offset: number;
  /** Up to where bytes were taken in: `offset`, and the half line. */
  scanned: number;
  headBytes: Buffer;
  /** The last bytes before `scanned`, and before `offset`. */
  recent: Buffer;
  #before: Buffer;
  #head = fingerprintOf(Buffer.alloc(0));

  constructor(offset: number, headBytes: Buffer, before: Buffer) {
    this.offset = offset;
    this.scanned = offset;
    this.headBytes = headBytes;
    this.recent = before;
    this.#before = before;
  }

  get head(): Fingerprint {
    if (this.#head.bytes !== this.headBytes.length) this.#head = fingerprintOf(this.headBytes);
    return this.#head;
  }

  get before(): Fingerprint {
    return fingerprintOf(this.#before);
  }

  /** Takes in bytes that were handed out before. */
  pass(bytes: Buffer): void {
    this.#see(bytes);
    this.offset = this.scanned;
    this.#before = this.recent;
  }

  add(bytes: Buffer): Lines {
    const recent = this.recent;
    this.#see(bytes);
    const lines = this.lines.add(bytes);
    if (lines.taken > 0) this.#before = lastOf(recent, bytes.subarray(0, bytes.length - this.lines.halfBytes));
    this.offset += lines.taken;
    return lines;
  }

  end(): Lines {
    const lines = this.lines.end();
    this.offset += lines.taken;
    this.#before = this.recent;
    return lines;
  }

  #see(bytes: Buffer): void {
    if (this.headBytes.length < FINGERPRINT_BYTES && this.headBytes.length === this.scanned) {
      this.headBytes = Buffer.concat([this.headBytes, bytes]).subarray(0, FINGERPRINT_BYTES);
    }
    this.recent = lastOf(this.recent, bytes);
    this.scanned += bytes.length;
  }
}

/** Reads a file that is not packed, and goes on reading as it grows. */
export class FileReader implements Reader {
  readonly #fd: number;
  readonly #trail: Trail;

  /** Takes over `fd`. Throws what reading throws, and has closed `fd` then. */
  constructor(fd: number, offset: number) {
    this.#fd = fd;
    try {
      const head = bytesAt(fd, 0, Math.min(FINGERPRINT_BYTES, offset));
      this.#trail = new Trail(offset, head, bytesAt(fd, Math.max(0, offset - FINGERPRINT_BYTES), offset));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  get offset(): number {
    return this.#trail.offset;
  }

  get halfBytes(): number {
    return this.#trail.lines.halfBytes;
  }

  get head(): Fingerprint {
    return this.#trail.head;
  }

  get before(): Fingerprint {
    return this.#trail.before;
  }

  get headBytes(): Buffer {
    return this.#trail.headBytes;
  }

  facts(): FileFacts {
    return factsOf(fstatSync(this.#fd, { bigint: true }));
  }

  changed(): boolean {
    const { recent, scanned } = this.#trail;
    return !bytesAt(this.#fd, scanned - recent.length, scanned).equals(recent);
  }

  read(): ReadResult {
    const { recent, scanned } = this.#trail;
    const size = Number(fstatSync(this.#fd, { bigint: true }).size);
    if (size < scanned) return { kind: 'changed' };
    // One read gives the bytes that must still stand there and the new ones behind them: nothing comes between the two.
    const want = Buffer.allocUnsafeSlow(recent.length + Math.min(READ_BYTES, size - scanned));
    const got = readSync(this.#fd, want, 0, want.length, scanned - recent.length);
    if (got < recent.length || !want.subarray(0, recent.length).equals(recent)) return { kind: 'changed' };
    if (got === recent.length) return { kind: 'end' };
    return { kind: 'lines', lines: this.#trail.add(want.subarray(recent.length, got)) };
  }

  end(): Lines {
    return this.#trail.end();
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Reads what is in a packed file, once, from `offset` (of what is in it) on. */
export class PackedReader implements Reader {
  readonly #fd: number;
  readonly #stream: Readable;
  readonly #bytes: AsyncIterator<Buffer>;
  readonly #facts: FileFacts;
  #toSkip: number;
  #trail: Trail;

  /** Takes over `fd`. */
  constructor(fd: number, packing: Packing, offset: number) {
    this.#fd = fd;
    this.#facts = factsOf(fstatSync(fd, { bigint: true }));
    this.#stream = unpacked(fd, packing);
    // An error may come before anybody reads; the next read tells it.
    this.#stream.on('error', () => undefined);
    this.#bytes = (this.#stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    this.#toSkip = offset;
    this.#trail = new Trail(0, Buffer.alloc(0), Buffer.alloc(0));
  }

  get offset(): number {
    return this.#trail.offset + this.#toSkip;
  }

  get halfBytes(): number {
    return this.#trail.lines.halfBytes;
  }

  get head(): Fingerprint {
    return this.#trail.head;
  }

  get before(): Fingerprint {
    return this.#trail.before;
  }

  get headBytes(): Buffer {
    return this.#trail.headBytes;
  }

  facts(): FileFacts {
    return this.#facts;
  }

  changed(): boolean {
    return false;
  }

  async read(): Promise<ReadResult> {
    const next = await this.#bytes.next();
    if (next.done === true) return { kind: 'end' };
    const skipped = Math.min(this.#toSkip, next.value.length);
    if (skipped > 0) {
      this.#trail.pass(next.value.subarray(0, skipped));
      this.#toSkip -= skipped;
    }
    return { kind: 'lines', lines: this.#trail.add(next.value.subarray(skipped)) };
  }

  end(): Lines {
    return this.#trail.end();
  }

  close(): void {
    this.#stream.destroy();
    closeSync(this.#fd);
  }
}

/** The last bytes of `a` followed by `b`, as many as are remembered; a copy, so that nothing larger is held by it. */
function lastOf(a: Buffer, b: Buffer): Buffer {
  if (b.length >= FINGERPRINT_BYTES) return Buffer.from(b.subarray(-FINGERPRINT_BYTES));
  return Buffer.concat([a.subarray(Math.max(0, a.length + b.length - FINGERPRINT_BYTES)), b]);
}
