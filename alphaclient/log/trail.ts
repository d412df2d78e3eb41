/** What is remembered of a file while it is read: enough to know it again, and to find the place. */

import { FINGERPRINT_BYTES, type Fingerprint, fingerprintOf } from './fingerprint.ts';
import { LineBuffer, type Lines } from './lines.ts';

/** What both kinds of reader remember of what they read. */
export class Trail {
  /** Keeps the half line. */
  readonly lines: LineBuffer;
  /** End of the last line that was handed out. */
  offset: number;
  /** Up to where bytes were taken in: `offset`, and the half line. */
  scanned: number;
  /** The first bytes of the file, as far as seen. */
  headBytes: Buffer;
  /** The last bytes before `scanned`, and before `offset`. */
  recent: Buffer;
  #before: Buffer;
  #head = fingerprintOf(Buffer.alloc(0));
  #start = '';

  /** `headBytes`: the first bytes of the file, as far as seen; `before`: the last ones before `offset`. */
  constructor(offset: number, headBytes: Buffer, before: Buffer) {
    this.lines = new LineBuffer(before);
    this.offset = offset;
    this.scanned = offset;
    this.headBytes = headBytes;
    this.recent = before;
    this.#before = before;
  }

  /** The fingerprint of the first bytes, as far as seen. */
  get head(): Fingerprint {
    this.#notice();
    return this.#head;
  }

  /** The first bytes themselves, base64. */
  get start(): string {
    this.#notice();
    return this.#start;
  }

  /** Both are asked for many times as often as they change: the first bytes only grow. */
  #notice(): void {
    if (this.#head.bytes === this.headBytes.length) return;
    this.#head = fingerprintOf(this.headBytes);
    this.#start = this.headBytes.toString('base64');
  }

  /** The fingerprint of what stands before `offset`. */
  get before(): Fingerprint {
    return fingerprintOf(this.#before);
  }

  /** The file begins with these bytes now: they are kept where they go on from what was seen. */
  learn(beginning: Buffer): void {
    const { headBytes } = this;
    if (beginning.length <= headBytes.length || !beginning.subarray(0, headBytes.length).equals(headBytes)) return;
    this.headBytes = beginning;
  }

  /** Takes in bytes that were handed out before. */
  pass(bytes: Buffer): void {
    this.#see(bytes);
    this.offset = this.scanned;
    this.#before = this.recent;
  }

  /** Takes in the next bytes; gives the lines that they end. */
  add(bytes: Buffer): Lines {
    const recent = this.recent;
    this.#see(bytes);
    const lines = this.lines.add(bytes);
    if (lines.taken > 0) this.#before = lastOf(recent, bytes.subarray(0, bytes.length - this.lines.halfBytes));
    this.offset += lines.taken;
    return lines;
  }

  /** The half line as a line, which is then handed out. */
  end(): Lines {
    const lines = this.lines.end();
    this.offset += lines.taken;
    this.#before = this.recent;
    return lines;
  }

  #see(bytes: Buffer): void {
    const known = this.headBytes.length - this.scanned;
    if (this.headBytes.length < FINGERPRINT_BYTES && known >= 0 && known < bytes.length) {
      this.headBytes = Buffer.concat([this.headBytes, bytes.subarray(known)]).subarray(0, FINGERPRINT_BYTES);
    }
    this.recent = lastOf(this.recent, bytes);
    this.scanned += bytes.length;
  }
}

/** The last bytes of `a` followed by `b`, as many as are remembered; a copy, so that nothing larger is held by it. */
function lastOf(a: Buffer, b: Buffer): Buffer {
  if (b.length >= FINGERPRINT_BYTES) return Buffer.from(b.subarray(-FINGERPRINT_BYTES));
  return Buffer.concat([a.subarray(Math.max(0, a.length + b.length - FINGERPRINT_BYTES)), b]);
}
