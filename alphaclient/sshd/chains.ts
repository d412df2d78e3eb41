/** Small numbers (the places of connections in the table), found by a hash: what a Map does, without its garbage. */

const NONE = 0;

/** Numbers by hash, in memory that is taken once. A hash may be shared: whoever asks compares. */
export class Chains {
  /** One more than the number; 0 where there is none. */
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #mask: number;

  /** Takes numbers below `limit`, a power of two. */
  constructor(limit: number) {
    this.#heads = new Int32Array(limit);
    this.#next = new Int32Array(limit);
    this.#mask = limit - 1;
  }

  /** Adds a number, which must not be there. */
  add(number: number, hash: number): void {
    const head = hash & this.#mask;
    this.#next[number] = this.#heads[head] as number;
    this.#heads[head] = number + 1;
  }

  /** Takes a number out that was added with this hash; nothing happens where it is not there. */
  remove(number: number, hash: number): void {
    const head = hash & this.#mask;
    let at = this.#heads[head] as number;
    if (at === number + 1) {
      this.#heads[head] = this.#next[number] as number;
      return;
    }
    while (at !== NONE) {
      const next = this.#next[at - 1] as number;
      if (next === number + 1) {
        this.#next[at - 1] = this.#next[number] as number;
        return;
      }
      at = next;
    }
  }

  /** The newest number that may have this hash, or -1. */
  first(hash: number): number {
    return (this.#heads[hash & this.#mask] as number) - 1;
  }

  /** The one added before it that may have the same hash, or -1. */
  after(number: number): number {
    return (this.#next[number] as number) - 1;
  }
}

/** A hash of a short text; 64 characters of it are looked at. */
export function hashOf(text: string): number {
  let hash = 0;
  const end = Math.min(text.length, 64);
  for (let i = 0; i < end; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i);
  return hash ^ (hash >>> 15);
}

/** A hash of a process of a host. */
export function pidHash(host: number, pid: number): number {
  return pid + Math.imul(host, 0x9e37_79b1);
}

/** A hash of an address and a port. */
export function peerHash(ip: string, port: number): number {
  return hashOf(ip) + Math.imul(port, 0x9e37_79b1);
}
