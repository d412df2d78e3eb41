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
 * is most of what an event costs that belongs to a key of its own.
 */
export class KeyIndex<T extends Entry> {
  #slots: (T | null)[] = empty(LEAST_SLOTS);
  #mask = LEAST_SLOTS - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(first: number, second: number): T | undefined {
    for (let slot = hash(first, second) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = this.#slots[slot];
      if (!entry) return undefined;
      if (entry.first === first && entry.second === second) return entry;
    }
  }

  /** Adds an entry whose numbers no other one has. */
  add(entry: T): void {
    if (this.#size >= this.#slots.length * LOAD_LIMIT) this.#grow();
    this.#size += 1;
    this.#put(entry);
  }

  /** Takes out an entry. */
  delete(entry: T): void {
    let hole = hash(entry.first, entry.second) & this.#mask;
    while (this.#slots[hole] !== entry) {
      if (!this.#slots[hole]) return;
      hole = (hole + 1) & this.#mask;
    }
    this.#size -= 1;
    // Entries after the hole move up where probing would stop at it.
    for (let slot = (hole + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const next = this.#slots[slot];
      if (!next) break;
      const home = hash(next.first, next.second) & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = next;
      hole = slot;
    }
    this.#slots[hole] = null;
  }

  #put(entry: T): void {
    let slot = hash(entry.first, entry.second) & this.#mask;
    while (this.#slots[slot]) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = entry;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = empty(2 * before.length);
    this.#mask = this.#slots.length - 1;
    for (const entry of before) if (entry) this.#put(entry);
  }
}

const empty = (slots: number): null[] => new Array<null>(slots).fill(null);

/** Mixes the bits of both numbers (the multipliers and shifts of MurmurHash3's finalizer). */
function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x85ebca6b) ^ Math.imul(second, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}
