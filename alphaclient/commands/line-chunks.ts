/** A stream of bytes as stretches of whole lines, in one buffer that is used again and again. */

import { LINE_LIMIT_BYTES } from '../log/source.ts';

const LF = 10;
/** Large enough that a stretch is hundreds of lines, small enough that what it gives is gone before memory is tidied up. */
export const STRETCH_BYTES = 65_536;

/**
 * Takes bytes as they come and hands on whole lines, with what a line has beyond LINE_LIMIT_BYTES cut off. Its memory
 * does not grow.
 */
export class LineChunks {
  readonly #buffer: Buffer = Buffer.allocUnsafe(STRETCH_BYTES + LINE_LIMIT_BYTES);
  #filled = 0;
  /** True while the rest of a line that was too long is thrown away. */
  #skipping = false;
  #cut = 0;

  /** How many lines were longer than the limit and are cut. */
  get cutLines(): number {
    return this.#cut;
  }

  /** Where the next bytes may be written, and after that `filled` is to be called. Never empty. */
  get room(): Buffer {
    return this.#buffer.subarray(this.#filled, this.#buffer.length - 1);
  }

  /** `count` bytes were written into `room`; hands on the whole lines there are now, valid until `each` returns. */
  filled(count: number, each: (lines: Buffer) => void): void {
    const from = this.#filled;
    this.#filled += count;
    if (this.#skipping && !this.#skip(from)) return;
    const last = this.#buffer.lastIndexOf(LF, this.#filled - 1);
    if (last >= 0 && last < this.#filled) {
      each(this.#buffer.subarray(0, last + 1));
      this.#buffer.copy(this.#buffer, 0, last + 1, this.#filled);
      this.#filled -= last + 1;
    }
    if (this.#filled <= LINE_LIMIT_BYTES) return;
    // A line without an end in sight: what there is of it counts as the line.
    this.#buffer[LINE_LIMIT_BYTES] = LF;
    each(this.#buffer.subarray(0, LINE_LIMIT_BYTES + 1));
    this.#cut++;
    this.#filled = 0;
    this.#skipping = true;
  }

  /** Drops bytes up to the end of the line that is too long; false when that is not there yet. */
  #skip(from: number): boolean {
    const end = this.#buffer.indexOf(LF, from);
    if (end < 0 || end >= this.#filled) {
      this.#filled = 0;
      return false;
    }
    this.#buffer.copy(this.#buffer, 0, end + 1, this.#filled);
    this.#filled -= end + 1;
    this.#skipping = false;
    return true;
  }

  /** The stream ended: a last line without an end is a line. */
  end(each: (lines: Buffer) => void): void {
    if (this.#filled === 0) return;
    this.#buffer[this.#filled] = LF;
    each(this.#buffer.subarray(0, this.#filled + 1));
    this.#filled = 0;
  }
}
