/** Bytes compared eight at a time: JavaScript takes as long to look at eight as at one. */

/** Bytes to look at one or eight at a time. The length is kept, since V8 asks a DataView for its own each time. */
export class Bytes {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly length: number;

  constructor(view: DataView) {
    this.view = view;
    this.bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.length = view.byteLength;
  }

  /** The byte at `at`, which is below `length`: what is read behind it is no number, and equal to none. */
  byte(at: number): number {
    return this.bytes[at] as number;
  }

  /** Takes over `count` bytes of `from` from `start`, printable ASCII: others may change on the way. */
  copy(at: number, from: Bytes, start: number, count: number): void {
    const { view } = this;
    const other = from.view;
    let i = 0;
    for (; i + 8 <= count; i += 8) view.setFloat64(at + i, other.getFloat64(start + i, true), true);
    for (; i < count; i++) this.bytes[at + i] = from.bytes[start + i] as number;
  }
}

/**
 * True when `count` bytes of `a` from `at` are those of `b` from `from`; false when `a` ends before. `b` is ASCII: its
 * bytes, read as a number, are neither NaN nor zero, so that equal numbers are equal bytes.
 */
export function same(a: Bytes, at: number, b: Bytes, from: number, count: number): boolean {
  if (at + count > a.length) return false;
  if (count < 8) {
    const left = a.bytes;
    const right = b.bytes;
    for (let i = 0; i < count; i++) if (left[at + i] !== right[from + i]) return false;
    return true;
  }
  const left = a.view;
  const right = b.view;
  const last = count - 8;
  for (let i = 0; i < last; i += 8)
    if (left.getFloat64(at + i, true) !== right.getFloat64(from + i, true)) return false;
  // The last eight, of which some have been compared before.
  return left.getFloat64(at + last, true) === right.getFloat64(from + last, true);
}

/** An ASCII text as bytes to compare with. */
export function ascii(text: string): Bytes {
  return new Bytes(new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer));
}

/** Room for so many bytes. */
export function room(count: number): Bytes {
  return new Bytes(new DataView(new ArrayBuffer(count)));
}
