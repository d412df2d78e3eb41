/**
 * A piece of a log that is read, as a string and as bytes. Engines compare strings character by character, several times as slowly as
 * numbers: so words are compared with the bytes, four at a time, and strings are only cut out for what is kept.
 */

import { latin1 } from './latin1.ts';

/** A string of Latin-1 and its bytes: a character has the same index in both. */
export class LogText {
  readonly text: string;
  readonly bytes: Buffer;
  readonly view: DataView;

  /** `text` is what `bytes` are in Latin-1. */
  constructor(bytes: Buffer, text: string) {
    this.text = text;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The text from `from` to `end`. It may share the memory of the whole. */
  slice(from: number, end: number): string {
    return this.text.slice(from, end);
  }

  /** The index `end`, or that of the CR before it. */
  endWithoutCr(from: number, end: number): number {
    return end > from && this.bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
  }

  /** Returns true where the same `length` bytes stand at both indexes. */
  isSame(a: number, b: number, length: number): boolean {
    const { bytes, view } = this;
    const last = length - INT_BYTES;
    let i = 0;
    for (; i <= last; i += INT_BYTES) if (view.getInt32(a + i, true) !== view.getInt32(b + i, true)) return false;
    for (; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
    return true;
  }
}

/** Makes it of a string of Latin-1. */
export const logText = (text: string): LogText => new LogText(Buffer.from(text, 'latin1'), text);

/** Makes it of bytes. */
export const logTextOf = (bytes: Buffer): LogText => new LogText(bytes, latin1(bytes));

const CARRIAGE_RETURN = 13;
const INT_BYTES = 4;

/** Words that are looked for in logs. */
export class Words {
  readonly text: string;
  readonly length: number;
  /** Fewer than four bytes. */
  readonly #few: readonly number[];
  /** The bytes by four, little endian; the last four may overlap those before. */
  readonly #ints: readonly number[];

  /** `text` is Latin-1. */
  constructor(text: string) {
    const bytes = Buffer.from(text, 'latin1');
    this.text = text;
    this.length = bytes.length;
    const last = bytes.length - INT_BYTES;
    const ints: number[] = [];
    for (let i = 0; i < last; i += INT_BYTES) ints.push(bytes.readInt32LE(i));
    if (last >= 0) ints.push(bytes.readInt32LE(last));
    this.#ints = ints;
    this.#few = last < 0 ? [...bytes] : [];
  }

  /** Returns true where they stand at `at`, before `end`. */
  areAt({ bytes, view }: LogText, at: number, end: number): boolean {
    const { length } = this;
    if (at + length > end) return false;
    const ints = this.#ints;
    const last = length - INT_BYTES;
    if (last < 0) {
      for (let i = 0; i < length; i++) if (bytes[at + i] !== this.#few[i]) return false;
      return true;
    }
    let next = 0;
    for (let i = 0; i < last; i += INT_BYTES) if (view.getInt32(at + i, true) !== ints[next++]) return false;
    return view.getInt32(at + last, true) === ints[next];
  }
}

/** Makes words of a text of Latin-1. */
export const words = (text: string): Words => new Words(text);
