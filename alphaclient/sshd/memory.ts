/**
 * One piece of memory for all that is compared: the stretch of the log that is being read, and what its lines are compared with.
 * So whatever is compared is two numbers, and bytes are looked at eight at a time: JavaScript takes as long for one.
 */

import { latin1 } from './latin1.ts';

/** More than is looked at behind the end of what is compared. */
const SLACK_BYTES = 16;

/**
 * Memory that is given out once and never taken back. Reading beyond what was given out is harmless, by SLACK_BYTES.
 */
export class Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
  #used: number;

  /** Begins with `texts`, and has room for so many bytes more. */
  constructor(texts: Uint8Array, roomBytes: number) {
    const all = new ArrayBuffer(texts.length + roomBytes + SLACK_BYTES);
    this.bytes = Buffer.from(all);
    this.view = new DataView(all);
    this.bytes.set(texts);
    this.#used = texts.length;
  }

  /** Where there are `count` bytes that nobody else has. Throws when there is no room left. */
  room(count: number): number {
    const at = this.#used;
    this.#used += count;
    if (this.#used > this.bytes.length - SLACK_BYTES) throw new RangeError(`no room for ${count} bytes more`);
    return at;
  }

  /**
   * True when the `count` bytes at `at`, whatever they are, are those at `known`: printable ASCII, which as numbers are neither
   * NaN nor zero, so that equal numbers are equal bytes. It looks no further than eight bytes behind the first that differs.
   */
  same(at: number, known: number, count: number): boolean {
    if (count < 8) {
      const { bytes } = this;
      for (let i = 0; i < count; i++) if (bytes[at + i] !== bytes[known + i]) return false;
      return true;
    }
    const { view } = this;
    const last = count - 8;
    for (let i = 0; i < last; i += 8)
      if (view.getFloat64(at + i, true) !== view.getFloat64(known + i, true)) return false;
    // The last eight, of which some have been compared before.
    return view.getFloat64(at + last, true) === view.getFloat64(known + last, true);
  }

  /** Puts the `count` bytes at `from` to `to`, and perhaps up to three that stand behind them. */
  copy(to: number, from: number, count: number): void {
    const { view } = this;
    for (let i = 0; i < count; i += 4) view.setInt32(to + i, view.getInt32(from + i));
  }

  /** The text of the bytes from `from` to `end`, one character a byte. */
  text(from: number, end: number): string {
    return latin1(this.bytes, from, end);
  }
}
