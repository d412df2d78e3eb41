/** Numbers found by a hash, in memory that only grows. */

/** The number of chains: a power of two. */
const CHAINS = 4_096;
const MASK = CHAINS - 1;
/** So many numbers have room from the beginning: an idle agent has few connections. */
const FIRST_ROOM = 256;

/**
 * Numbers by hash, each at most once. A hash may be shared: the caller compares. V8's Map, which does the same, makes a new table
 * after every few insertions and deletions; its tables point at one another and so outlive the young generation, with all that they
 * hold, and collecting that took a fifth of the time of a scan.
 */
export class HashChains {
  /** The first number of each chain, plus one; 0 where there is none. */
  readonly #first = new Int32Array(CHAINS);
  /** The number behind each number in its chain, plus one. */
  #next = new Int32Array(FIRST_ROOM);

  /** Adds a number that is not there, in front of its chain. */
  add(number: number, hash: number): void {
    if (number >= this.#next.length) this.#next = grown(this.#next, number);
    const chain = hash & MASK;
    this.#next[number] = this.#first[chain] as number;
    this.#first[chain] = number + 1;
  }

  /** Removes a number that was added with this hash. Does nothing where it is not there. */
  remove(number: number, hash: number): void {
    const chain = hash & MASK;
    const next = this.#next;
    let at = this.#first[chain] as number;
    if (at === number + 1) {
      this.#first[chain] = next[number] as number;
      return;
    }
    for (; at > 0; at = next[at - 1] as number)
      if (next[at - 1] === number + 1) {
        next[at - 1] = next[number] as number;
        return;
      }
  }

  /** The number added last of those that may have this hash; -1 where there is none. */
  first(hash: number): number {
    return (this.#first[hash & MASK] as number) - 1;
  }

  /** The number added before this one that may have the same hash; -1 where there is none. */
  after(number: number): number {
    return (this.#next[number] as number) - 1;
  }
}

/** A copy with room for this index, at least twice as large. */
export function grown(array: Int32Array, index: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(array.length * 2, index + 1));
  larger.set(array);
  return larger;
}

/** A hash covers so many characters of a text: addresses are shorter. */
const HASHED_CHARS = 48;
/** 2^32 divided by the golden ratio: spreads numbers that follow one another. */
const SPREAD = 0x9e37_79b1;

/** A hash of a text. */
export function hashOfText(text: string): number {
  let hash = 0;
  const end = Math.min(text.length, HASHED_CHARS);
  for (let i = 0; i < end; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash ^ (hash >>> 15);
}

/** A hash of a hash and a number. */
export function hashOfBoth(hash: number, number: number): number {
  return (hash + Math.imul(number, SPREAD)) | 0;
}
