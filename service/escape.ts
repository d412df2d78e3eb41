/**
 * Escapes hostile text for a log line, a terminal, a mail, a webhook or an alert: nothing in the result makes a second
 * line, moves a cursor, is invisible, or changes the order in which the rest is shown. Pure.
 *
 * web/page/escaped.js holds the page's copy of the set; a test compares the two over all of Unicode.
 */

/**
 * Characters that are escaped: controls, formats (bidirectional marks, zero widths), surrogates without a partner, private
 * and unassigned ones, line and paragraph separators, whatever else Unicode lets a renderer leave out, and every space but
 * U+0020.
 */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|[^\S ]/gu;

/** Text of printable ASCII alone, which is most of it: found ten times as fast as that nothing is hidden. */
const PLAIN = /^[ -~]*$/;

/**
 * Returns the text with each such character written as `\uNNNN`, or `\u{NNNNN}` above U+FFFF. A text longer than the limit,
 * in UTF-16 units before escaping, ends in `…`. Text that is escaped already stays as it is.
 */
export function escapeText(text: string, limitChars = Number.POSITIVE_INFINITY): string {
  const cut = text.length > limitChars ? `${text.slice(0, cutAt(text, limitChars - 1))}…` : text;
  if (PLAIN.test(cut)) return cut;
  return cut.replace(HIDDEN, (character) => {
    const hex = hexOf(character.codePointAt(0) ?? 0);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex}`;
  });
}

/** Returns a value as one line of JSON that parses to the same value, with each such character written as `\uNNNN`. */
export const escapeJson = (value: unknown): string => escapeJsonText(JSON.stringify(value));

/** Returns a line of JSON in the same way; it must have no such character outside of its strings. */
export function escapeJsonText(json: string): string {
  if (PLAIN.test(json)) return json;
  return json.replace(HIDDEN, (character) =>
    Array.from({ length: character.length }, (_, i) => `\\u${hexOf(character.charCodeAt(i))}`).join(''),
  );
}

const hexOf = (code: number): string => code.toString(16).padStart(4, '0');

/** The offset, or the one before it where it would split a surrogate pair. */
function cutAt(text: string, at: number): number {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? at - 1 : at;
}
