/**
 * A piece of a log that is read, as a string and as bytes. Engines compare strings character by character, several times as slowly as
 * numbers: so words are compared with the bytes, four at a time, and strings are only cut out for what is kept.
 */

import { detached } from './latin1.ts';

/** A string of Latin-1 and its bytes: a character has the same index in both. */
export class LogText {
  readonly text: string;
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly #recent: RecentTexts | null;

  /** `text` is what `bytes` are in Latin-1. */
  constructor(bytes: Buffer, text: string, recent: RecentTexts | null = null) {
    this.text = text;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#recent = recent;
  }

  /** The text from `from` to `end`. It may share the memory of the whole. */
  slice(from: number, end: number): string {
    return this.text.slice(from, end);
  }

  /** The text from `from` to `end`, in memory of its own: whoever keeps it needs no copy. */
  detached(from: number, end: number): string {
    return this.#recent === null ? detached(this.slice(from, end)) : this.#recent.of(this, from, end);
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

const CARRIAGE_RETURN = 13;
const INT_BYTES = 4;

/** Words that are looked for in logs. */
export class Words {
  readonly text: string;
  readonly length: number;
  readonly #first: number;
  /** Fewer than four bytes. */
  readonly #few: readonly number[];
  /** The bytes by four, little endian; the last four may overlap those before. */
  readonly #ints: readonly number[];

  /** `text` is Latin-1. */
  constructor(text: string) {
    const bytes = Buffer.from(text, 'latin1');
    this.text = text;
    this.length = bytes.length;
    this.#first = bytes[0] ?? -1;
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

  /** The first index from `from` on at which they stand, before `end`; -1 where there is none. */
  indexIn(log: LogText, from: number, end: number): number {
    const { bytes } = log;
    const last = end - this.length;
    for (let at = from; at <= last; at++) if (bytes[at] === this.#first && this.areAt(log, at, end)) return at;
    return -1;
  }
}

/** Makes words of a text of Latin-1. */
export const words = (text: string): Words => new Words(text);

/** The longest text that a ByteCopy keeps: longer than the time of any header. */
const COPY_LIMIT_BYTES = 64;

/** A copy of a few bytes of a log, with which others are compared. */
export class ByteCopy {
  /** 0 where it has none. */
  length = 0;
  readonly #ints = new Int32Array(COPY_LIMIT_BYTES / INT_BYTES);
  /** The last four bytes, which may overlap those before. */
  #last = 0;

  /** Copies the `length` bytes that stand at `at`; none where they are fewer than four, or more than COPY_LIMIT_BYTES. */
  take({ view }: LogText, at: number, length: number): void {
    this.length = length >= INT_BYTES && length <= COPY_LIMIT_BYTES ? length : 0;
    if (this.length === 0) return;
    const last = length - INT_BYTES;
    for (let i = 0; i < last; i += INT_BYTES) this.#ints[i / INT_BYTES] = view.getInt32(at + i, true);
    this.#last = view.getInt32(at + last, true);
  }

  /** Returns true where the same bytes stand at `at`. */
  isAt({ bytes, view }: LogText, at: number): boolean {
    const { length } = this;
    if (length === 0 || at + length > bytes.length) return false;
    const last = length - INT_BYTES;
    const ints = this.#ints;
    let next = 0;
    for (let i = 0; i < last; i += INT_BYTES) if (view.getInt32(at + i, true) !== ints[next++]) return false;
    return view.getInt32(at + last, true) === this.#last;
  }
}

/** The texts that are kept: a power of two. */
const RECENT_LIMIT_TEXTS = 512;
const RECENT_BITS = 9;
const RECENT_MIN_BYTES = 4;
const RECENT_LIMIT_BYTES = 16;
/** An odd number without a pattern in its bits (2^32 divided by the golden ratio). */
const SPREAD = 0x9e37_79b1;

/**
 * The texts of 4 to 16 bytes that were cut out of a log last. The lines of a connection repeat its address: found here, it takes no new
 * string, and is compared with that of the line before as one object.
 */
export class RecentTexts {
  readonly #texts: string[] = Array<string>(RECENT_LIMIT_TEXTS).fill('');
  /** The bytes of each text, as four numbers of four bytes, which overlap where there are fewer than sixteen. */
  readonly #ints = new Int32Array(RECENT_LIMIT_TEXTS * 4);

  /** The text from `from` to `end`, in memory of its own. */
  of(log: LogText, from: number, end: number): string {
    const length = end - from;
    if (length < RECENT_MIN_BYTES || length > RECENT_LIMIT_BYTES) return detached(log.slice(from, end));
    const { view } = log;
    const last = end - INT_BYTES;
    const a = view.getInt32(from, true);
    const b = view.getInt32(Math.min(from + INT_BYTES, last), true);
    const c = view.getInt32(Math.min(from + 2 * INT_BYTES, last), true);
    const d = view.getInt32(last, true);
    const hash = Math.imul(Math.imul(Math.imul(a ^ length, SPREAD) ^ b, SPREAD) ^ c, SPREAD) ^ d;
    const slot = Math.imul(hash, SPREAD) >>> (32 - RECENT_BITS);
    const ints = this.#ints;
    const at = slot * 4;
    const known = this.#texts[slot] as string;
    const isKnown = ints[at] === a && ints[at + 1] === b && ints[at + 2] === c && ints[at + 3] === d;
    if (isKnown && known.length === length) return known;
    const text = detached(log.slice(from, end));
    this.#texts[slot] = text;
    ints[at] = a;
    ints[at + 1] = b;
    ints[at + 2] = c;
    ints[at + 3] = d;
    return text;
  }
}
