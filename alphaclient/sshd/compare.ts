/** Bytes compared eight at a time: JavaScript takes as long to look at eight as at one. */

/** Bytes to look at one or eight at a time. The length is kept, since V8 asks a DataView for its own each time. */
export class Bytes {
  readonly view: DataView;
  readonly length: number;

  constructor(view: DataView) {
    this.view = view;
    this.length = view.byteLength;
  }

  /** The byte at `at`, which is below `length`: a RangeError otherwise. */
  byte(at: number): number {
    return this.view.getUint8(at);
  }
}

/**
 * True when `count` bytes of `a` from `at` are those of `b` from `from`; false when `a` ends before. `b` is ASCII: its
 * bytes, read as a number, are neither NaN nor zero, so that equal numbers are equal bytes.
 */
export function same(a: Bytes, at: number, b: Bytes, from: number, count: number): boolean {
  if (at + count > a.length) return false;
  const left = a.view;
  const right = b.view;
  let i = 0;
  for (; i + 8 <= count; i += 8) if (left.getFloat64(at + i, true) !== right.getFloat64(from + i, true)) return false;
  for (; i < count; i++) if (left.getUint8(at + i) !== right.getUint8(from + i)) return false;
  return true;
}

/** An ASCII text as bytes to compare with. */
export function ascii(text: string): Bytes {
  return new Bytes(new DataView(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer));
}

/** Room for so many bytes. */
export function room(count: number): Bytes {
  return new Bytes(new DataView(new ArrayBuffer(count)));
}
