/** Counts connections, by address and in all, so that nobody holds more of them than a limit. Pure. */
import { peerSourceOf } from './ip-network.ts';

/** The most connections of one IPv4 address or IPv6 /64, and of all. */
export interface ConnectionLimits {
  readonly perAddress: number;
  readonly all: number;
}

/** Counts connections by their peers' names. */
export class ConnectionCounts {
  readonly #limits: ConnectionLimits;
  readonly #sourceOf = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Counts a new connection; false where it is one too many, and not counted. `peer` is `IP:PORT`. */
  enter(peer: string, address: string): boolean {
    const source = peerSourceOf(address);
    const count = this.#counts.get(source) ?? 0;
    if (count >= this.#limits.perAddress || this.#sourceOf.size >= this.#limits.all) return false;
    this.#sourceOf.set(peer, source);
    this.#counts.set(source, count + 1);
    return true;
  }

  /** Counts a connection no longer. */
  leave(peer: string): void {
    const source = this.#sourceOf.get(peer);
    if (source === undefined) return;
    this.#sourceOf.delete(peer);
    const count = (this.#counts.get(source) ?? 1) - 1;
    if (count === 0) this.#counts.delete(source);
    else this.#counts.set(source, count);
  }

  /** How many there are now. */
  get size(): number {
    return this.#sourceOf.size;
  }
}
