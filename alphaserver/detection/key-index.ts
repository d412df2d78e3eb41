/** Finds places in columns by the pair of numbers that each has. */
import type { StateColumns } from './state-columns.ts';

const LEAST_SLOTS = 64;
/** The table grows when it is so full: linear probing slows down beyond it. */
const LOAD_LIMIT = 0.6;
/** The numbers of a slot: the hash of its pair, 0 where it is empty, and its place. */
const SLOT = 2;

/**
 * A hash table with open addressing and linear probing. A Map of pairs needs a text or a boxed number a lookup, and a lookup
 * is most of what an event costs that belongs to a key of its own. Probing looks at the pair of a place only where the hash is
 * the same: it is a place in memory that was not looked at for long.
 */
export class KeyIndex {
  readonly #pairs: Pick<StateColumns, 'first' | 'second'>;
  #slots = new Int32Array(LEAST_SLOTS * SLOT);
  #mask = LEAST_SLOTS - 1;
  #size = 0;

  constructor(pairs: Pick<StateColumns, 'first' | 'second'>) {
    this.#pairs = pairs;
  }

  get size(): number {
    return this.#size;
  }

  /** The place of a pair; -1 where it has none. */
  find(first: number, second: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const wanted = hash(first, second);
    for (let slot = wanted & mask; ; slot = (slot + 1) & mask) {
      const found = slots[slot * SLOT];
      if (found === 0) return -1;
      if (found !== wanted) continue;
      const place = slots[slot * SLOT + 1] as number;
      if (this.#pairs.first(place) === first && this.#pairs.second(place) === second) return place;
    }
  }

  /** Adds a place whose pair no other one has. */
  add(place: number): void {
    if (this.#size > this.#mask * LOAD_LIMIT) this.#grow();
    this.#size += 1;
    this.#put(this.#hashOf(place), place);
  }

  /** Takes out a place, which still has its pair. */
  delete(place: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#hashOf(place) & mask;
    for (; slots[hole * SLOT + 1] !== place || slots[hole * SLOT] === 0; hole = (hole + 1) & mask)
      if (slots[hole * SLOT] === 0) return;
    this.#size -= 1;
    // Entries after the hole move up where probing would stop at it.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const next = slots[slot * SLOT] as number;
      if (next === 0) break;
      if (((slot - next) & mask) < ((slot - hole) & mask)) continue;
      slots[hole * SLOT] = next;
      slots[hole * SLOT + 1] = slots[slot * SLOT + 1] as number;
      hole = slot;
    }
    slots[hole * SLOT] = 0;
  }

  #hashOf(place: number): number {
    return hash(this.#pairs.first(place), this.#pairs.second(place));
  }

  #put(hashed: number, place: number): void {
    const slots = this.#slots;
    let slot = hashed & this.#mask;
    while (slots[slot * SLOT] !== 0) slot = (slot + 1) & this.#mask;
    slots[slot * SLOT] = hashed;
    slots[slot * SLOT + 1] = place;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    this.#mask = this.#slots.length / SLOT - 1;
    for (let at = 0; at < before.length; at += SLOT)
      if (before[at] !== 0) this.#put(before[at] as number, before[at + 1] as number);
  }
}

/** Mixes the bits of both numbers (the multipliers and shifts of MurmurHash3's finalizer). Never 0. */
function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x85ebca6b) ^ Math.imul(second, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13) || 1;
}
