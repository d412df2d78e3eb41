/** Text that others chose, made fit for a terminal: nothing in it moves the cursor, hides, or turns around. */

/** Control characters, bidirectional overrides, invisible and private ones. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The text with every such character written as `\xNN` or `\u{N}`; cut with `…` when longer than the limit. */
export function printable(text: string, limitChars = 60): string {
  const cut = text.length > limitChars ? `${text.slice(0, limitChars - 1)}…` : text;
  return cut.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** A value as JSON on one line, in which every such character is written as `\uNNNN`: the same value, and nothing hidden. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
