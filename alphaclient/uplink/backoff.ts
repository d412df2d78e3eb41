/** How long to wait before the next try. Pure: chance comes in as an argument. */

/** The first delay, milliseconds. */
export const FIRST_DELAY_MS = 200;
/** The longest delay, milliseconds. */
export const LAST_DELAY_MS = 30_000;
/**
 * A connection that worked and broke is taken for so many failures: whoever loses a server loses it together with all others,
 * and a server that is back within a second should meet them spread over 1.6 s, not over 0.2 s.
 */
export const LOST_TRIES = 3;

/**
 * The delay before try number `tries` + 1 after `tries` failures: full jitter over a range that doubles, from
 * FIRST_DELAY_MS up to LAST_DELAY_MS. At the cap the whole range is still drawn from, so that a fleet that lost
 * its server never falls into step. `chance` is from 0 (inside) to 1 (outside).
 */
export function delayMs(tries: number, chance: number): number {
  const range = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(tries, 30));
  return Math.round(FIRST_DELAY_MS / 2 + chance * (range - FIRST_DELAY_MS / 2));
}

/** How a connection ended: it never worked; it worked and broke; or the server sent the agent away. */
export type Ending = 'failed' | 'lost' | 'refused';

/** Counts the failures of one agent. */
export class Backoff {
  #tries = 0;

  /** The delay after a connection that ended so, milliseconds. */
  next(ending: Ending, chance: number): number {
    if (ending === 'lost') this.#tries = LOST_TRIES;
    const delay = delayMs(this.#tries, chance);
    this.#tries += 1;
    return delay;
  }

  /** The next try is a first one. */
  reset(): void {
    this.#tries = 0;
  }
}
