/** Slows down whoever guesses tokens or passwords, by address. Pure: the clock comes in. */
import { sourceOf } from './ip-network.ts';

/** The first wrong guess of an address waits so long, each further one twice as long, up to the bound. */
const FIRST_DELAY_MS = 250;
const DELAY_LIMIT_MS = 15_000;
/** An address that guesses nothing for so long begins anew. */
const FORGET_AFTER_MS = 600_000;
/** Addresses that are remembered; the one that guessed longest ago goes first. An entry takes some 150 bytes. */
export const GUESSERS_LIMIT = 10_000;

/** The IPv6 network that one customer of a provider gets. */
const IPV6_PREFIX = 64;

interface Guesser {
  guesses: number;
  lastMs: number;
}

/** Counts wrong guesses of each IPv4 address and each IPv6 /64. A right one is never asked to wait, whoever guesses beside it. */
export class GuessDelay {
  readonly #guessers = new Map<string, Guesser>();

  /** Notes a wrong guess; gives how long its answer has to wait, milliseconds. */
  wrong(address: string, nowMs: number): number {
    const key = sourceOf(address, IPV6_PREFIX) ?? address;
    const before = this.#guessers.get(key);
    const isKnown = before !== undefined && nowMs - before.lastMs < FORGET_AFTER_MS;
    const guesses = isKnown ? before.guesses + 1 : 1;
    this.#guessers.delete(key);
    this.#guessers.set(key, { guesses, lastMs: nowMs });
    if (this.#guessers.size > GUESSERS_LIMIT) this.#guessers.delete(this.#guessers.keys().next().value as string);
    return Math.min(DELAY_LIMIT_MS, FIRST_DELAY_MS * 2 ** Math.min(guesses - 1, 16));
  }

  /** Counts the addresses that are remembered. */
  get size(): number {
    return this.#guessers.size;
  }
}
