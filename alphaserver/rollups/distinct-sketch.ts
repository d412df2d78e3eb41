/** KMV sketches: how many different values there were, in bounded memory, from the smallest hashes of all values. Pure. */

/**
 * A sketch of at most `size` hashes, ascending. Exact while there were fewer different values than `size`; above it the
 * standard error is 1/sqrt(size - 2): 2.2 % for 2,048, 8.9 % for 128. (Bar-Yossef et al. 2002, Beyer et al. 2007: KMV.)
 */
export type Sketch = readonly number[];

/** Hashes are whole numbers below this: they fit a double, and 2,048 of them meet in one case of four million. */
const HASHES = 2 ** 52;

/** The sketch of no value. */
export const EMPTY_SKETCH: Sketch = [];

/**
 * Hashes texts with a store's own secret, so that nobody can choose names that make a count come out wrong.
 * Murmur3's finish over two FNV-like halves.
 */
export function hasher(seed: number): (text: string) => number {
  return (text) => {
    let a = (seed ^ 0x9e3779b9) | 0;
    let b = Math.imul(seed ^ 0x85ebca6b, 0xc2b2ae35) | 0;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      a ^= a >>> 15;
      b = Math.imul(b ^ unit, 0x5bd1e995);
      b ^= b >>> 13;
    }
    return (finish(a ^ text.length) >>> 0) * 2 ** 20 + (finish(b + a) >>> 12);
  };
}

function finish(half: number): number {
  let mixed = half ^ (half >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** Makes the sketch of hashes; some may come more than once. */
export function sketchOf(hashes: Iterable<number>, size: number): Sketch {
  const all = [...hashes];
  if (all.length < 2) return all;
  const sorted = Float64Array.from(all).sort();
  const different: number[] = [];
  for (const hash of sorted) {
    if (hash !== different.at(-1)) different.push(hash);
    if (different.length === size) break;
  }
  return different;
}

/** Makes the sketch of the values of either. */
export function union(a: Sketch, b: Sketch, size: number): Sketch {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const merged: number[] = [];
  for (let i = 0, j = 0; merged.length < size && (i < a.length || j < b.length); ) {
    const left = a[i] ?? HASHES;
    const right = b[j] ?? HASHES;
    merged.push(Math.min(left, right));
    if (left <= right) i += 1;
    if (right <= left) j += 1;
  }
  return merged;
}

/** Adds hashes to a sketch; gives the same object where they change nothing. */
export function grown(sketch: Sketch, hashes: Iterable<number>, size: number): Sketch {
  const most = sketch.length < size ? HASHES : (sketch[size - 1] as number);
  const fresh: number[] = [];
  for (const hash of hashes) if (hash < most && !holds(sketch, hash)) fresh.push(hash);
  return fresh.length === 0 ? sketch : union(sketch, sketchOf(fresh, size), size);
}

function holds(sketch: Sketch, hash: number): boolean {
  let low = 0;
  let high = sketch.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sketch[middle] as number) < hash) low = middle + 1;
    else high = middle;
  }
  return sketch[low] === hash;
}

/** The union of many sketches, made in place: what a ranking joins by the thousand. */
export class SketchUnion {
  readonly #size: number;
  #hashes: Float64Array;
  #spare: Float64Array;
  #length = 0;

  /** Holds at most `size` hashes, as many as each of the sketches does. */
  constructor(size: number) {
    this.#size = size;
    this.#hashes = new Float64Array(size);
    this.#spare = new Float64Array(size);
  }

  /** Begins again with no value. */
  clear(): void {
    this.#length = 0;
  }

  /** Adds the hashes of a sketch, ascending. */
  add(hashes: Float64Array | Sketch): void {
    const [ours, size, length] = [this.#hashes, this.#size, this.#length];
    if (hashes.length === 0 || (length === size && (hashes[0] as number) >= (ours[size - 1] as number))) return;
    const merged = this.#spare;
    let count = 0;
    for (let i = 0, j = 0; count < size && (i < length || j < hashes.length); ) {
      const left = i < length ? (ours[i] as number) : HASHES;
      const right = j < hashes.length ? (hashes[j] as number) : HASHES;
      merged[count] = left < right ? left : right;
      count += 1;
      if (left <= right) i += 1;
      if (right <= left) j += 1;
    }
    this.#hashes = merged;
    this.#spare = ours;
    this.#length = count;
  }

  /** Estimates how many different values the sketches stand for together. */
  distinct(): number {
    if (this.#length < this.#size) return this.#length;
    return estimate(this.#hashes[this.#size - 1] as number, this.#size);
  }
}

/** Estimates how many different values a sketch of this `size` stands for. */
export function distinct(sketch: Sketch, size: number): number {
  return sketch.length < size ? sketch.length : estimate(sketch[size - 1] as number, size);
}

/** The estimate from the highest hash of a sketch that is full, which has seen `size` values at least: what is below it is exact. */
const estimate = (highest: number, size: number): number => Math.max(size, Math.round(((size - 1) * HASHES) / highest));

/** Writes a sketch as little-endian doubles. */
export function packSketch(sketch: Sketch): Uint8Array {
  return new Uint8Array(Float64Array.from(sketch).buffer);
}

/** Reads the hashes of a written sketch, ascending, without a copy where it can. */
export function hashesIn(bytes: Uint8Array): Float64Array {
  // Doubles stand at whole multiples of eight only; SQLite's bytes need not.
  const { buffer, byteOffset, byteLength } = isAligned(bytes) ? bytes : bytes.slice();
  return new Float64Array(buffer, byteOffset, byteLength / 8);
}

const isAligned = ({ byteOffset }: Uint8Array): boolean => byteOffset % 8 === 0;

/** Reads a written sketch; null is the one of no value. */
export function unpackSketch(bytes: Uint8Array | null): Sketch {
  return bytes === null ? EMPTY_SKETCH : Array.from(hashesIn(bytes));
}
