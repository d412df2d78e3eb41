/** User names as clients sent them, from what sshd logs of them. */

/**
 * sshd escapes what it logs (vis(3) with VIS_OCTAL, and VIS_CSTYLE towards syslog): a backslash as two, other bytes as three octal digits or
 * a letter.
 */
const ESCAPED = /^(?:[^\\]|\\(?:[\\nrtbavfs]|[0-3][0-7]{2}))*$/;
/** A backslash, or bytes beyond ASCII. */
const ESCAPE = /\\\\|(?:\\[23][0-7]{2})+/g;
const ESCAPE_CHARS = 4;
const UTF8_LIMIT_BYTES = 4;

/**
 * Returns a name as the client sent it, its bytes as Latin-1. `times`: how often sshd may have escaped it. Escapes of control characters
 * and of bytes that are no UTF-8 stay, so that every name can be shown and none is taken for another: `DOMAIN\nick` has a backslash.
 * A name that no sshd escaped (a backslash in it begins no escape) stays as it is.
 */
export function sentName(logged: string, times: 1 | 2): string {
  if (!logged.includes('\\') || !ESCAPED.test(logged)) return logged;
  const once = logged.replace(ESCAPE, (found) => (found === '\\\\' ? '\\' : decoded(found)));
  // What is escaped once looks escaped again only where the client sent two backslashes, or one before digits.
  return times === 2 ? sentName(once, 1) : once;
}

/** The bytes of `\303\274...`, each as a character, where they are characters of UTF-8; the others stay escaped. */
function decoded(escapes: string): string {
  const bytes = Buffer.from(
    escapes
      .split('\\')
      .slice(1)
      .map((digits) => Number.parseInt(digits, 8)),
  );
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    let length = 2;
    while (length <= UTF8_LIMIT_BYTES && !isCharacter(bytes.subarray(at, at + length), length)) length++;
    if (length > UTF8_LIMIT_BYTES) {
      text += escapes.slice(at * ESCAPE_CHARS, (at + 1) * ESCAPE_CHARS);
      at++;
    } else {
      text += bytes.toString('latin1', at, at + length);
      at += length;
    }
  }
  return text;
}

/** True for `length` bytes that are UTF-8. */
function isCharacter(bytes: Buffer, length: number): boolean {
  return bytes.length === length && Buffer.from(bytes.toString('utf8')).equals(bytes);
}
