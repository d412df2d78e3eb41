/** Remembers the interned numbers of IPv4 addresses. */
import { ipv4Number } from '../../service/ip-network.ts';

/** 2^17 slots are a MiB, and keep two of three addresses in an attack by 100,000 sources. */
const SLOT_BITS = 17;
/** The numbers of a slot: an address as its 32 bits, and the number of its text, 0 where the slot is empty. */
const SLOT = 2;

/**
 * A direct-mapped cache in front of the StringInterner: an address that takes a slot evicts the one that was there. A look here
 * touches one place in memory, where a Map has to touch four to compare texts.
 */
export class AddressCache {
  readonly #slots = new Int32Array(SLOT << SLOT_BITS);

  /** The number of an address; 0 where it is not remembered, or is no IPv4 address. */
  number(text: string): number {
    const address = ipv4Number(text);
    if (address === null) return 0;
    const at = slotOf(address);
    return this.#slots[at] === address ? (this.#slots[at + 1] as number) : 0;
  }

  /** Remembers the number of an address. What is no IPv4 address is left out. */
  remember(text: string, number: number): void {
    const address = ipv4Number(text);
    if (address === null) return;
    const at = slotOf(address);
    this.#slots[at] = address;
    this.#slots[at + 1] = number;
  }

  /** Forgets all: to be called when numbers of texts are given to other texts, or other addresses are allowed. */
  clear(): void {
    this.#slots.fill(0);
  }
}

/** Where the slot of an address begins: Knuth's multiplicative hashing, by 2^32 divided by the golden ratio. */
const slotOf = (address: number): number => (Math.imul(address, 0x9e3779b1) >>> (32 - SLOT_BITS)) * SLOT;
