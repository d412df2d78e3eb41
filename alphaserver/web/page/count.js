/** Numbers for people. Pure. */

const whole = new Intl.NumberFormat('en-US');
const rounded = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/**
 * `12,034`, and from a million on `1.23M`.
 * @param {number} number
 */
export function count(number) {
  return number < 1_000_000 ? whole.format(number) : rounded.format(number);
}

/**
 * `1 host`, `3 hosts`.
 * @param {number} number
 * @param {string} noun
 * @param {string} [plural]
 */
export function counted(number, noun, plural = `${noun}s`) {
  return `${count(number)} ${number === 1 ? noun : plural}`;
}

/** The number of different hosts or users of a source from which on the server estimates it; below that it is exact. */
export const ESTIMATED_FROM = 128;

/**
 * `12`, and `about 131` where the server has estimated it.
 * @param {number} number of different hosts or users of a source
 */
export function estimated(number) {
  return number < ESTIMATED_FROM ? count(number) : `about ${count(number)}`;
}

/**
 * Begins a text with a capital letter.
 * @param {string} words
 */
export function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const SIZES = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/**
 * `512 bytes`, `1.2 MB`.
 * @param {number} bytes
 */
export function size(bytes) {
  const power = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const number = bytes / 1_000 ** power;
  return `${number.toLocaleString('en-US', { maximumFractionDigits: number < 10 && power > 0 ? 1 : 0 })} ${SIZES[power]}`;
}
