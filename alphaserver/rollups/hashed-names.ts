/** The names of hosts, and a hash of texts that is the store's own. */
import type { Database } from '../store/database.ts';
import { RowNames } from '../store/event-rows.ts';
import type { Names } from './counts.ts';
import { hasher } from './distinct-sketch.ts';
import { factIn } from './schema.ts';

/** Reads names from one connection and keeps what it read: a host never changes its number. */
export class HashedNames implements Names {
  readonly hash: (text: string) => number;
  readonly #names: RowNames;
  readonly #hashes = new Map<number, number>();

  /** `rollups` is a connection to the file that has the seed of the hash. */
  constructor(events: Database, rollups: Database) {
    this.hash = hasher(factIn(rollups, 'hashSeed'));
    this.#names = new RowNames(events);
  }

  host(id: number): string {
    return this.#names.host(id);
  }

  hostHash(id: number): number {
    const known = this.#hashes.get(id);
    if (known !== undefined) return known;
    const hash = this.hash(this.host(id));
    this.#hashes.set(id, hash);
    return hash;
  }
}
