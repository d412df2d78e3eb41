/** Counts by name, of which the largest are wanted: bounded, whatever an attacker makes up. */

import type { Outcome } from '../../protocol/event.ts';

/** More names than a summary's memory should hold; then those seen once give way. */
export const NAME_LIMIT = 200_000;

/** One name's events. */
export interface Counted {
  readonly name: string;
  accepted: number;
  failed: number;
  probe: number;
}

/** Counts up to NAME_LIMIT names; beyond that those seen once are forgotten first, and `full` says that it happened. */
export class Tally {
  readonly #names = new Map<string, Counted>();
  #full = false;

  /** How many different names are held. */
  get size(): number {
    return this.#names.size;
  }

  /** True once there were too many names to hold: small counts may be too low. */
  get full(): boolean {
    return this.#full;
  }

  count(name: string, outcome: Outcome): void {
    let counted = this.#names.get(name);
    if (counted === undefined) {
      if (this.#names.size >= NAME_LIMIT) this.#makeRoom();
      counted = { name, accepted: 0, failed: 0, probe: 0 };
      this.#names.set(name, counted);
    }
    counted[outcome]++;
  }

  #makeRoom(): void {
    this.#full = true;
    for (const one of this.#names.values())
      if (one.accepted === 0 && one.failed + one.probe <= 1) this.#names.delete(one.name);
    // All were seen more than once: the oldest half goes.
    let over = this.#names.size - NAME_LIMIT / 2;
    for (const name of this.#names.keys()) {
      if (over-- <= 0) break;
      this.#names.delete(name);
    }
  }

  /** The names with the most attempts, then the most probes. */
  top(limit: number): readonly Counted[] {
    return Array.from(this.#names.values())
      .sort((a, b) => b.accepted + b.failed - a.accepted - a.failed || b.probe - a.probe || (a.name < b.name ? -1 : 1))
      .slice(0, limit);
  }
}
