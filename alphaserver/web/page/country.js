/** Names of countries. Pure. */

const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'code' });

/**
 * `Germany` for `DE`; a code that is none as it is.
 * @param {string} code ISO 3166
 */
export function countryName(code) {
  return /^[A-Z]{2}$/.test(code) ? (names.of(code) ?? code) : code;
}
