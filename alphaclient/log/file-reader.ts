/** Reading one file of the log on from a place, line by line, and noticing when it is not the same text any more. */

import { closeSync, fstatSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { bytesAt, FINGERPRINT_BYTES, type FileFacts, type Fingerprint, factsOf } from './fingerprint.ts';
import { beginsAs, endsAs, isShorterStart } from './likeness.ts';
import type { Lines } from './lines.ts';
import type { KnownFile } from './position.ts';
import { replaced } from './replaced.ts';
import type { Packing } from './rotation.ts';
import { Trail } from './trail.ts';
import { unpacked } from './decompress.ts';

/** One read: large enough that the system calls do not count, and with a half line before it below a chunk's 1 MiB. */
const READ_BYTES = 512 * 1024;

/** What a read found. `changed`: the file was cut, or what was read before stands there no more. */
export type ReadResult =
  | { readonly kind: 'lines'; readonly lines: Lines }
  | { readonly kind: 'end' }
  | { readonly kind: 'changed' };

/** A file of the log that is open. */
export interface Reader {
  /** End of the last line that was handed out. */
  readonly offset: number;
  /** Bytes behind `offset` that end no line yet. */
  readonly halfBytes: number;
  readonly head: Fingerprint;
  readonly before: Fingerprint;
  /** The bytes of `head`, base64. */
  readonly start: string;
  /** The first bytes of what is in it now, at most `FINGERPRINT_BYTES`; packed: as far as read. */
  beginning(): Buffer;
  /** The facts as of now. */
  facts(): FileFacts;
  /** Takes note of its beginning as it stands there now, also of what is not read yet. Throws what reading throws. */
  learn(): void;
  /** Whether the file is not what was read any more. */
  changed(): boolean;
  /** The next lines. Throws what reading or unpacking throws; the place is kept then. */
  read(): Promise<ReadResult> | ReadResult;
  /** The half line as a line, which is then handed out. */
  end(): Lines;
  close(): void;
}

/** Reads a file that is not packed, and goes on reading as it grows. */
export class FileReader implements Reader {
  readonly #fd: number;
  readonly #trail: Trail;

  /**
   * Takes over `fd`, to read `known` on in it. Throws what reading throws, and where the file has another text by now; has
   * closed `fd` then.
   */
  constructor(fd: number, known: KnownFile) {
    this.#fd = fd;
    const { path, offset } = known;
    try {
      // Also what is not read yet: it shows whether that stands there still.
      const head = bytesAt(fd, 0, FINGERPRINT_BYTES);
      const before = bytesAt(fd, Math.max(0, offset - FINGERPRINT_BYTES), offset);
      // Looked at here, in the bytes that are kept: the log may be emptied after any look before.
      if (!isText(known, head, before)) throw replaced(path);
      this.#trail = new Trail(offset, head, before);
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

  get start(): string {
    return this.#trail.start;
  }

  beginning(): Buffer {
    return bytesAt(this.#fd, 0, FINGERPRINT_BYTES);
  }

  facts(): FileFacts {
    return factsOf(fstatSync(this.#fd, { bigint: true }));
  }

  learn(): void {
    if (this.#trail.headBytes.length < FINGERPRINT_BYTES) this.#trail.learn(this.beginning());
  }

  changed(): boolean {
    const { headBytes, recent, scanned } = this.#trail;
    if (this.facts().size < scanned || !bytesAt(this.#fd, 0, headBytes.length).equals(headBytes)) return true;
    return !bytesAt(this.#fd, scanned - recent.length, scanned).equals(recent);
  }

  read(): ReadResult {
    const { headBytes, recent, scanned } = this.#trail;
    const size = Number(fstatSync(this.#fd, { bigint: true }).size);
    if (size < scanned) return { kind: 'changed' };
    // One read gives the bytes that must still stand there and the new ones behind them: nothing comes between the two.
    const want = Buffer.allocUnsafeSlow(recent.length + Math.min(READ_BYTES, size - scanned));
    const got = readSync(this.#fd, want, 0, want.length, scanned - recent.length);
    if (got < recent.length || !want.subarray(0, recent.length).equals(recent)) return { kind: 'changed' };
    const bytes = want.subarray(recent.length, got);
    const seen = headBytes.subarray(scanned);
    if (!bytes.subarray(0, seen.length).equals(seen)) return { kind: 'changed' };
    if (bytes.length === 0) return { kind: 'end' };
    return { kind: 'lines', lines: this.#trail.add(bytes) };
  }

  end(): Lines {
    return this.#trail.end();
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Whether a file that begins with `head` and has `before` at the offset of `known` can be that one, or an earlier copy. */
function isText(known: KnownFile, head: Buffer, before: Buffer): boolean {
  if (before.length < Math.min(known.offset, FINGERPRINT_BYTES)) return false;
  return (beginsAs(known, head) || isShorterStart(known, head)) && endsAs(known, before);
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

  get start(): string {
    return this.#trail.start;
  }

  beginning(): Buffer {
    return this.#trail.headBytes;
  }

  facts(): FileFacts {
    return this.#facts;
  }

  learn(): void {}

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
