/** Says whose a request is, and adds up what each owner holds, so that nobody takes all of it from the others. */
import type { FastifyRequest } from 'fastify';
import { peerSourceOf } from '../../service/ip-network.ts';
import { addressOf } from './access.ts';

/** Whose a request is. */
export interface Owner {
  /** A user's or a token's name; null where nobody has one. */
  readonly name: string | null;
  readonly address: string;
}

/** Returns whose a request is; before its actor is known, that of its address. */
export const ownerOf = (request: FastifyRequest): Owner => ({
  name: (request.actor as FastifyRequest['actor'] | undefined)?.name ?? null,
  address: addressOf(request),
});

/**
 * Returns one text for all owners that are counted together. A name may be chosen to look like an address. The network that one
 * customer of a provider gets is one address.
 */
export const keyOf = ({ name, address }: Owner): string => (name === null ? `@${peerSourceOf(address)}` : `:${name}`);

/** Adds up an amount, such as bytes, that owners hold for a while. */
export class Holdings {
  readonly #ofOwner = new Map<string, number>();
  #all = 0;

  /** What all hold together. */
  get all(): number {
    return this.#all;
  }

  /** What one owner holds, by a text such as that of `keyOf`. */
  of(key: string): number {
    return this.#ofOwner.get(key) ?? 0;
  }

  /** Adds what an owner holds from now on. Returns what takes it away again; it is to be called once. */
  hold(key: string, amount: number): () => void {
    this.#add(key, amount);
    return () => this.#add(key, -amount);
  }

  #add(key: string, amount: number): void {
    this.#all += amount;
    const sum = this.of(key) + amount;
    if (sum === 0) this.#ofOwner.delete(key);
    else this.#ofOwner.set(key, sum);
  }
}
