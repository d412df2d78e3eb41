/** Gives pairs of numbers places in columns. */

const LEAST_SLOTS = 64;
/** The table grows when it is so full: linear probing slows down beyond it. */
const LOAD_LIMIT = 0.6;

/**
 * A hash table with open addressing and linear probing. A Map of pairs needs a text or a boxed number a lookup, and a lookup
 * is most of what an event costs that belongs to a key of its own. Places are small numbers, given again once they are free:
 * whoever keeps something of each pair keeps it in columns. Probing looks at the pair of a place only where the hash is the
 * same: it is a place in memory that was not looked at for long.
 */
export class KeyIndex {
  /** By slot: the hash of its pair, 0 where it is empty; and its place. */
  #hashes = new Int32Array(LEAST_SLOTS);
  #places = new Int32Array(LEAST_SLOTS);
  #mask = LEAST_SLOTS - 1;
  /** By place. */
  #firsts = new Int32Array(LEAST_SLOTS);
  #seconds = new Int32Array(LEAST_SLOTS);
  readonly #free: number[] = [];
  #used = 0;

  get size(): number {
    return this.#used - this.#free.length;
  }

  /** Places are below this number: columns need no more. */
  get capacity(): number {
    return this.#firsts.length;
  }

  first(place: number): number {
    return this.#firsts[place] as number;
  }

  second(place: number): number {
    return this.#seconds[place] as number;
  }

  /** The place of a pair; -1 where it has none. */
  find(first: number, second: number): number {
    const hashes = this.#hashes;
    const mask = this.#mask;
    const wanted = hash(first, second);
    for (let slot = wanted & mask; ; slot = (slot + 1) & mask) {
      const found = hashes[slot];
      if (found === 0) return -1;
      if (found !== wanted) continue;
      const place = this.#places[slot] as number;
      if (this.#firsts[place] === first && this.#seconds[place] === second) return place;
    }
  }

  /** Gives a place to a pair that has none. */
  add(first: number, second: number): number {
    if (this.size >= this.#hashes.length * LOAD_LIMIT) this.#grow();
    const place = this.#free.pop() ?? this.#used++;
    if (place >= this.#firsts.length) {
      this.#firsts = grown(this.#firsts);
      this.#seconds = grown(this.#seconds);
    }
    this.#firsts[place] = first;
    this.#seconds[place] = second;
    this.#put(hash(first, second), place);
    return place;
  }

  /** Frees a place that a pair has. */
  delete(place: number): void {
    const hashes = this.#hashes;
    const places = this.#places;
    const mask = this.#mask;
    let hole = hash(this.first(place), this.second(place)) & mask;
    while (hashes[hole] === 0 || places[hole] !== place) hole = (hole + 1) & mask;
    this.#free.push(place);
    // Entries after the hole move up where probing would stop at it.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const next = hashes[slot] as number;
      if (next === 0) break;
      if (((slot - next) & mask) < ((slot - hole) & mask)) continue;
      places[hole] = places[slot] as number;
      hashes[hole] = next;
      hole = slot;
    }
    hashes[hole] = 0;
  }

  #put(hashed: number, place: number): void {
    let slot = hashed & this.#mask;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#places[slot] = place;
    this.#hashes[slot] = hashed;
  }

  #grow(): void {
    const [hashes, places] = [this.#hashes, this.#places];
    this.#hashes = new Int32Array(2 * hashes.length);
    this.#places = new Int32Array(2 * hashes.length);
    this.#mask = this.#hashes.length - 1;
    for (let slot = 0; slot < hashes.length; slot += 1)
      if (hashes[slot] !== 0) this.#put(hashes[slot] as number, places[slot] as number);
  }
}

function grown(column: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * column.length);
  larger.set(column);
  return larger;
}

/** Mixes the bits of both numbers (the multipliers and shifts of MurmurHash3's finalizer). Never 0. */
function hash(first: number, second: number): number {
  let mixed = Math.imul(first, 0x85ebca6b) ^ Math.imul(second, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return mixed ^ (mixed >>> 13) || 1;
}
