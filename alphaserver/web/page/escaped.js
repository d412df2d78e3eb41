/** Text that somebody outside may have chosen, made safe to look at. Pure. */

/** Limit of a text that is shown, in characters; the rest is counted. */
export const SHOWN_LIMIT = 240;

// The same set as HIDDEN of service/escape.ts, and spaces at the ends of a name. A test compares the two.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|[^\S ]|^ | $/gu;

/**
 * Splits a text into pieces: those to be shown as they are, and characters that do not show, or change how others show,
 * written out (`\u202e`).
 * @param {string} text
 * @returns {{ text: string, escaped: boolean }[]}
 */
export function escaped(text) {
  if (text === '') return [{ text: '(empty)', escaped: true }];
  const cut = text.length > SHOWN_LIMIT ? text.slice(0, SHOWN_LIMIT) : text;
  /** @type {{ text: string, escaped: boolean }[]} */
  const pieces = [];
  let from = 0;
  for (const { 0: unseen, index } of cut.matchAll(UNSEEN)) {
    if (index > from) pieces.push({ text: cut.slice(from, index), escaped: false });
    pieces.push({ text: written(unseen), escaped: true });
    from = index + unseen.length;
  }
  if (from < cut.length) pieces.push({ text: cut.slice(from), escaped: false });
  if (cut.length < text.length) pieces.push({ text: ` and ${text.length - cut.length} more`, escaped: true });
  return pieces;
}

/**
 * Gives the pieces as one string, for attributes.
 * @param {string} text
 */
export function escapedText(text) {
  return escaped(text)
    .map((piece) => piece.text)
    .join('');
}

/** @param {string} character */
function written(character) {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).padStart(4, '0');
  return code > 0xffff ? `\\u{${hex}}` : `\\u${hex}`;
}
