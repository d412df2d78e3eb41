/** Counts connections that have not said an admitted hello: strangers may hold so many, by address and in all. Pure. */
import { sourceOf } from '../../service/ip-network.ts';

/** Connections of one IPv4 address or IPv6 /64 at once: a thousand agents behind one address come back together after an outage. */
export const UNADMITTED_PER_ADDRESS_LIMIT = 1_024;
/** Connections of all addresses at once. Each holds a few KiB, and at most one partial line. */
export const UNADMITTED_LIMIT = 16_384;
const IPV6_PREFIX = 64;

/** The bounds, which tests lower. */
export interface UnadmittedLimits {
  readonly perAddress: number;
  readonly all: number;
}

/** Counts the connections that nobody is admitted on yet, by their peers' names. */
export class Unadmitted {
  readonly #limits: UnadmittedLimits;
  readonly #sourceOf = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(limits: Partial<UnadmittedLimits> = {}) {
    this.#limits = { perAddress: UNADMITTED_PER_ADDRESS_LIMIT, all: UNADMITTED_LIMIT, ...limits };
  }

  /** Counts a new connection; false where it is one too many, and not counted. `peer` is `IP:PORT`. */
  enter(peer: string, address: string): boolean {
    const source = sourceOf(address, IPV6_PREFIX) ?? address;
    const count = this.#counts.get(source) ?? 0;
    if (count >= this.#limits.perAddress || this.#sourceOf.size >= this.#limits.all) return false;
    this.#sourceOf.set(peer, source);
    this.#counts.set(source, count + 1);
    return true;
  }

  /** Counts a connection no longer: its agent is admitted, or it is closed. */
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
