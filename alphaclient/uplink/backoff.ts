/** Calculates the delay before the next connection attempt: exponential backoff with jitter. Pure. */

/** The first delay, milliseconds. */
export const FIRST_DELAY_MS = 200;
/** The longest delay, milliseconds. */
export const LAST_DELAY_MS = 30_000;
/**
 * A connection that was welcomed and broke counts as this many failures: all agents lose a server together, and one that is
 * back within a second should meet them spread over 1.6 s, not over 0.2 s.
 */
export const LOST_FAILURES = 3;

/** The least share of a delay's range. From 0 on, some agents would fail again and again within a second, and come back when all others have. */
const LEAST_SHARE = 1 / 4;

/**
 * Returns the delay after so many failures in a row, milliseconds. It is drawn from LEAST_SHARE of a range to all of it; the range
 * doubles from FIRST_DELAY_MS up to LAST_DELAY_MS, and is drawn from at the cap too, so that a fleet that lost its server never comes
 * back in step. `random` is from 0 (inclusive) to 1 (exclusive). [P13]
 */
export function delayMs(failures: number, random: number): number {
  const range = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 30));
  const least = Math.max(FIRST_DELAY_MS / 2, range * LEAST_SHARE);
  return Math.round(least + random * (range - least));
}

/** How a connection ended: `failed` before a welcome, `lost` after it, or `refused` by the server with an error. */
export type Ending = 'failed' | 'lost' | 'refused';

/** Counts the failures of one agent. */
export class Backoff {
  #failures = 0;

  /** Returns the delay after a connection that ended so, milliseconds. */
  next(ending: Ending, random: number): number {
    if (ending === 'lost') this.#failures = LOST_FAILURES;
    const delay = delayMs(this.#failures, random);
    this.#failures += 1;
    return delay;
  }

  /** Forgets the failures. */
  reset(): void {
    this.#failures = 0;
  }
}
