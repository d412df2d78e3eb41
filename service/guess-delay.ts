/** Slows down whoever guesses tokens or passwords, by address. Pure: the clock comes in. */
import { peerSourceOf } from './ip-network.ts';

/** The first wrong guess of an address waits so long, each further one twice as long, up to the bound. */
const FIRST_DELAY_MS = 250;
/** The bound, where whoever guesses waits for the answer however late it is. */
const DELAY_LIMIT_MS = 15_000;
/** An address that guesses nothing for so long begins anew. */
const FORGET_AFTER_MS = 600_000;
/**
 * Answers that wait for one address. Whoever guesses may send the next guess before the answer to this one, and drop what is not
 * answered at once: beyond so many, nothing of the address should be looked at until some have waited.
 */
export const WAITING_PER_ADDRESS_LIMIT = 32;
/** Addresses that are remembered; the one that guessed longest ago goes first. An entry takes some 400 bytes. */
export const GUESSERS_LIMIT = 10_000;

interface Guesser {
  guesses: number;
  lastMs: number;
  /** When each answer has waited that waits now. */
  readonly endsMs: number[];
}

/** Counts wrong guesses of each IPv4 address and each IPv6 /64. */
export class GuessDelay {
  readonly #guessers = new Map<string, Guesser>();
  readonly #limitMs: number;

  /** `limitMs`: the longest that an answer waits. */
  constructor(limitMs = DELAY_LIMIT_MS) {
    this.#limitMs = limitMs;
  }

  /** Notes a wrong guess; gives how long its answer has to wait, milliseconds. */
  wrong(address: string, nowMs: number): number {
    const key = peerSourceOf(address);
    const before = this.#guessers.get(key);
    const isKnown = before !== undefined && nowMs - before.lastMs < FORGET_AFTER_MS;
    const guesses = isKnown ? before.guesses + 1 : 1;
    const delayMs = Math.min(this.#limitMs, FIRST_DELAY_MS * 2 ** Math.min(guesses - 1, 16));
    const endsMs = [...(before?.endsMs ?? []), nowMs + delayMs].slice(-WAITING_PER_ADDRESS_LIMIT);
    this.#guessers.delete(key);
    this.#guessers.set(key, { guesses, lastMs: nowMs, endsMs });
    if (this.#guessers.size > GUESSERS_LIMIT) this.#guessers.delete(this.#guessers.keys().next().value as string);
    return delayMs;
  }

  /** Gives for how long so many answers of this address still wait that no further guess should be looked at, milliseconds; else 0. */
  fullForMs(address: string, nowMs: number): number {
    const { endsMs = [] } = this.#guessers.get(peerSourceOf(address)) ?? {};
    // A clock that was set back lets nobody wait for longer than the longest delay.
    const leftMs = endsMs.map((at) => at - nowMs).filter((left) => left > 0 && left <= this.#limitMs);
    return leftMs.length < WAITING_PER_ADDRESS_LIMIT ? 0 : Math.min(...leftMs);
  }

  /** Counts the addresses that are remembered. */
  get size(): number {
    return this.#guessers.size;
  }
}
