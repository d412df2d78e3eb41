/** Computes the width of text on a screen. Pure. */

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{Mn}|\p{Me}/u;

/** Returns the columns of one character: East Asian wide ones take two, accents of the one before none. */
function widthOf(character: string): number {
  if (character < '\u0300') return 1;
  return WIDE.test(character) ? 2 : COMBINING.test(character) ? 0 : 1;
}

/** Returns the columns of a printable text. */
export function width(text: string): number {
  let sum = 0;
  for (const character of text) sum += widthOf(character);
  return sum;
}

/** Cuts a text to what fits, with `…` where something is missing. */
export function fitted(text: string, columns: number): string {
  if (columns === Number.POSITIVE_INFINITY || width(text) <= columns) return text;
  let kept = '';
  let room = columns - 1;
  for (const character of text) {
    room -= widthOf(character);
    if (room < 0) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : '';
}

/** Cuts a text, or fills it with spaces, to exactly this many columns. */
export function padded(text: string, columns: number): string {
  const cut = fitted(text, columns);
  return cut + ' '.repeat(Math.max(0, columns - width(cut)));
}

/**
 * A text in lines of at most so many columns, broken between words, those after the first indented. A word that is
 * longer than a line stands alone and is left to the terminal. Without a width it is one line.
 */
export function wrapped(text: string, columns: number | undefined, indent = ''): string {
  if (columns === undefined) return text;
  const lines: string[] = [];
  const [begun = ''] = /^ */.exec(text) ?? [];
  let line = begun;
  let empty = true;
  for (const word of text.slice(begun.length).split(' ')) {
    if (!empty && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = indent + word;
    } else line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].join('\n');
}
