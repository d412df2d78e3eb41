/** How long to wait before the next try. Pure: chance comes in as an argument. */

/** The first delay, milliseconds. */
export const FIRST_DELAY_MS = 200;
/** The longest delay, milliseconds. */
export const LAST_DELAY_MS = 30_000;

/**
 * The delay before try number `tries` + 1 after `tries` failures: full jitter over a range that doubles, from
 * FIRST_DELAY_MS up to LAST_DELAY_MS. At the cap the whole range is still drawn from, so that a fleet that lost
 * its server never falls into step. `chance` is from 0 (inside) to 1 (outside).
 */
export function delayMs(tries: number, chance: number): number {
  const range = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(tries, 30));
  return Math.round(FIRST_DELAY_MS / 2 + chance * (range - FIRST_DELAY_MS / 2));
}
