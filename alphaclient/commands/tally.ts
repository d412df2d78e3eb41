/** Counts events by name in bounded memory, whatever names an attacker makes up, to list the largest counts. */

import type { Outcome } from '../../protocol/event.ts';

/** Names held at most; beyond them those counted once are evicted. */
export const NAMES_LIMIT = 200_000;

/** The counts of one name. */
export interface Counted {
  readonly name: string;
  accepted: number;
  failed: number;
  probe: number;
}

/** Counts the events of up to NAMES_LIMIT names. Beyond that, names counted once are evicted first, and `full` is true. */
export class Tally {
  readonly #names = new Map<string, Counted>();
  #full = false;

  /** The number of names that are held. */
  get size(): number {
    return this.#names.size;
  }

  /** True once names were evicted: small counts may be too low. */
  get full(): boolean {
    return this.#full;
  }

  count(name: string, outcome: Outcome): void {
    let counted = this.#names.get(name);
    if (counted === undefined) {
      if (this.#names.size >= NAMES_LIMIT) this.#evict();
      counted = { name, accepted: 0, failed: 0, probe: 0 };
      this.#names.set(name, counted);
    }
    counted[outcome]++;
  }

  #evict(): void {
    this.#full = true;
    for (const one of this.#names.values())
      if (one.accepted === 0 && one.failed + one.probe <= 1) this.#names.delete(one.name);
    // All were counted more than once: the oldest half is evicted.
    let over = this.#names.size - NAMES_LIMIT / 2;
    for (const name of this.#names.keys()) {
      if (over-- <= 0) break;
      this.#names.delete(name);
    }
  }

  /** Returns the names with the most attempts, then the most probes. */
  top(limit: number): readonly Counted[] {
    return Array.from(this.#names.values())
      .sort((a, b) => b.accepted + b.failed - a.accepted - a.failed || b.probe - a.probe || (a.name < b.name ? -1 : 1))
      .slice(0, limit);
  }
}
