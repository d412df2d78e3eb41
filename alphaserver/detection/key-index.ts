/** Finds entries by a pair of numbers. */

interface Entry {
  readonly first: number;
  readonly second: number;
}

const LEAST_SLOTS = 64;
/** The table grows when it is so full: linear probing slows down beyond it. */
const LOAD_LIMIT = 0.6;

/**
 * A hash table with open addressing and linear probing. A Map of pairs needs a text or a boxed number a lookup, and a lookup
 * is most of what an event costs that belongs to a key of its own. The hashes of the entries stand in an array of their own:
 * an entry is a place in memory that was not looked at for long, so that only one with the same hash is looked at.
 */
export class KeyIndex<T extends Entry> {
  #slots: (T | null)[] = empty(LEAST_SLOTS);
  /** By slot; 0 where it is empty. */
  #hashes = new Int32Array(LEAST_SLOTS);
  #mask = LEAST_SLOTS - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(first: number, second: number): T | undefined {
    const hashes = this.#hashes;
    const mask = this.#mask;
    const wanted = hash(first, second);
    for (let slot = wanted & mask; ; slot = (slot + 1) & mask) {
      const found = hashes[slot];
      if (found === 0) return undefined;
      if (found !== wanted) continue;
      const entry = this.#slots[slot] as T;
      if (entry.first === first && entry.second === second) return entry;
    }
  }

  /** Adds an entry whose numbers no other one has. */
  add(entry: T): void {
    if (this.#size >= this.#slots.length * LOAD_LIMIT) this.#grow();
    this.#size += 1;
    this.#put(entry, hash(entry.first, entry.second));
  }

  /** Takes out an entry. */
  delete(entry: T): void {
    const hashes = this.#hashes;
    const mask = this.#mask;
    let hole = hash(entry.first, entry.second) & mask;
    while (this.#slots[hole] !== entry) {
      if (hashes[hole] === 0) return;
      hole = (hole + 1) & mask;
    }
    this.#size -= 1;
    // Entries after the hole move up where probing would stop at it.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const next = hashes[slot] as number;
      if (next === 0) break;
      const home = next & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole] = this.#slots[slot] as T;
      hashes[hole] = next;
      hole = slot;
    }
    this.#slots[hole] = null;
    hashes[hole] = 0;
  }

  #put(entry: T, hashed: number): void {
    let slot = hashed & this.#mask;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = entry;
    this.#hashes[slot] = hashed;
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    this.#slots = empty(2 * slots.length);
    this.#hashes = new Int32Array(2 * slots.length);
    this.#mask = this.#slots.length - 1;
    for (const [slot, entry] of slots.entries()) if (entry) this.#put(entry, hashes[slot] as number);
  }
}

const empty = (slots: number): null[] => new Array<null>(slots).fill(null);

/** Mixes the bits of both numbers (the multipliers and shifts of MurmurHash3's finalizer). Never 0. */
function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x85ebca6b) ^ Math.imul(second, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13) || 1;
}
