/** One log file, open and read in order. Knows nothing of rotation. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type Fingerprint, fingerprint, matches } from './fingerprint.ts';
import { LINE_LIMIT_BYTES } from './source.ts';

/** Bytes handed out at once, at most. */
export const CHUNK_BYTES = 1_048_576;
const NEWLINE = 0x0a;

/** Whole lines, and how many of them were cut. */
export interface Lines {
  readonly bytes: Uint8Array;
  readonly cutLines: number;
}

/** What identifies a file and where reading stands in it. */
export interface FileMark extends Fingerprint {
  readonly dev: number;
  readonly ino: number;
  /** Bytes of an overlong line's beginning that were handed out already, its end still to come. */
  readonly skipping: boolean;
  readonly writtenMs: number;
}

/** A file held open: a rename or a removal does not take it away. */
export class LogFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  readonly #descriptor: number;
  #offset: number;
  #skipping: boolean;
  #print: Fingerprint | null = null;
  #buffer = Buffer.alloc(0);

  /** Throws what the system says when the file cannot be opened. */
  constructor(path: string, offset = 0, skipping = false) {
    this.path = path;
    this.#descriptor = openSync(path, 'r');
    const { dev, ino } = fstatSync(this.#descriptor);
    this.dev = dev;
    this.ino = ino;
    this.#offset = offset;
    this.#skipping = skipping;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Size now, and when it was last written. */
  stat(): { readonly bytes: number; readonly writtenMs: number; readonly links: number } {
    const { size: bytes, mtimeMs: writtenMs, nlink: links } = fstatSync(this.#descriptor);
    return { bytes, writtenMs, links };
  }

  /** True when what was read no longer stands before the position: the file was truncated, whether or not it has grown again. */
  replaced(): boolean {
    return this.stat().bytes < this.#offset || !matches(this.#readAt, this.#fingerprint());
  }

  /** True when this file is the one of a mark, read up to there or grown since. */
  is(mark: Fingerprint): boolean {
    return this.stat().bytes >= mark.offset && matches(this.#readAt, mark);
  }

  /** Goes to a position, such as one from a mark. */
  seek(offset: number, skipping = false): void {
    this.#offset = offset;
    this.#skipping = skipping;
    this.#print = null;
  }

  /** The next whole lines, or null when none has come to its end. `last`: nothing will be added; a half line is given as a whole one. */
  read(last = false): Lines | null {
    for (;;) {
      if (this.#buffer.length === 0) this.#buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      const got = readSync(this.#descriptor, this.#buffer, 0, CHUNK_BYTES, this.#offset);
      if (got === 0) return this.#letGo();
      const bytes = this.#buffer.subarray(0, got);
      if (this.#skipping) {
        const end = bytes.indexOf(NEWLINE);
        this.#advance(end === -1 ? got : end + 1);
        this.#skipping = end === -1;
        continue;
      }
      const end = bytes.lastIndexOf(NEWLINE) + 1;
      if (end > 0) {
        this.#advance(end);
        return cut(Uint8Array.prototype.slice.call(bytes, 0, end));
      }
      if (got > LINE_LIMIT_BYTES) {
        this.#advance(got);
        this.#skipping = true;
        return { bytes: ended(bytes.subarray(0, LINE_LIMIT_BYTES)), cutLines: 1 };
      }
      if (!last) return this.#letGo();
      this.#advance(got);
      return { bytes: ended(bytes), cutLines: 0 };
    }
  }

  mark(): FileMark {
    return {
      ...this.#fingerprint(),
      dev: this.dev,
      ino: this.ino,
      skipping: this.#skipping,
      writtenMs: this.stat().writtenMs,
    };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  readonly #readAt = (at: number, length: number): Uint8Array => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(this.#descriptor, bytes, 0, length, at));
  };

  #fingerprint(): Fingerprint {
    this.#print ??= fingerprint(this.#readAt, this.#offset);
    return this.#print;
  }

  #advance(bytes: number): void {
    this.#offset += bytes;
    this.#print = null;
  }

  /** A file at its end holds no buffer: an idle agent is small. */
  #letGo(): null {
    this.#buffer = Buffer.alloc(0);
    return null;
  }
}

function ended(bytes: Uint8Array): Uint8Array {
  const line = new Uint8Array(bytes.length + 1);
  line.set(bytes);
  line[bytes.length] = NEWLINE;
  return line;
}

/** Cuts lines above the limit; nearly always there are none, and the bytes are given back as they came. */
function cut(bytes: Uint8Array): Lines {
  const kept: Uint8Array[] = [];
  let cutLines = 0;
  let from = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end - start > LINE_LIMIT_BYTES) {
      kept.push(bytes.subarray(from, start + LINE_LIMIT_BYTES));
      from = end;
      cutLines += 1;
    }
    start = end + 1;
  }
  if (cutLines === 0) return { bytes, cutLines };
  return { bytes: Buffer.concat([...kept, bytes.subarray(from)]), cutLines };
}
