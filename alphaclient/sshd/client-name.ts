/** User names as clients sent them, from what sshd logs of them, and when two that are logged are one. */

/**
 * sshd escapes what it logs (vis(3) with VIS_OCTAL, and VIS_CSTYLE towards syslog): a backslash as two, other bytes as three octal digits or
 * a letter.
 */
const ESCAPED = /^(?:[^\\]|\\(?:[\\nrtbavfs]|[0-3][0-7]{2}))*$/;
/** A backslash, or bytes beyond ASCII. */
const ESCAPE = /\\\\|(?:\\[23][0-7]{2})+/g;
const ESCAPE_CHARS = 4;

/**
 * Returns a name as the client sent it, its bytes as Latin-1. `times`: how often sshd may have escaped it. Escapes of control characters
 * and of bytes that are no UTF-8 stay, so that every name can be shown and none is taken for another: `DOMAIN\nick` has a backslash.
 * A name that no sshd escaped (a backslash in it begins no escape) stays as it is.
 */
export function sentName(logged: string, times: 1 | 2): string {
  if (!logged.includes('\\') || !ESCAPED.test(logged)) return logged;
  const once = logged.replace(ESCAPE, (found) => (found === '\\\\' ? '\\' : unescaped(found)));
  // What is escaped once looks escaped again only where the client sent two backslashes, or one before digits.
  return times === 2 ? sentName(once, 1) : once;
}

/** The bytes of `\303\274...`, each as a character, where they are characters of UTF-8; the others stay escaped. */
function unescaped(escapes: string): string {
  const bytes = escapes
    .split('\\')
    .slice(1)
    .map((digits) => Number.parseInt(digits, 8));
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterBytes(bytes, at);
    if (length === 0) text += escapes.slice(at * ESCAPE_CHARS, (at + 1) * ESCAPE_CHARS);
    else text += String.fromCharCode(...bytes.slice(at, at + length));
    at += length || 1;
  }
  return text;
}

/** Returns the length in bytes of the character beyond ASCII that begins at `at` (RFC 3629, section 4); 0 where none does. */
function characterBytes(bytes: readonly number[], at: number): number {
  const lead = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  let length = 2;
  if (lead >= 0xe0) length = lead >= 0xf0 ? 4 : 3;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  if (!bytes.slice(at + 1, at + length).every((byte) => byte >= 0x80 && byte < 0xc0)) return 0;
  if (at + length > bytes.length) return 0;
  // Longer forms than needed, surrogates, and what is beyond Unicode.
  if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return 0;
  return (lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f) ? 0 : length;
}

/** Names that differ only in how often a backslash was escaped have one key. */
export function withSingleBackslashes(user: string): string {
  return user.includes('\\') ? user.replaceAll(/\\+/g, '\\') : user;
}

/** True when it is one name: up to 10.2, messages of the unprivileged process are escaped once more than others. */
export function isSameName(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.length === b.length) return false;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.includes('\\') && short.replaceAll('\\', '\\\\') === long;
}

/** True when it is one name, of which a message that ends in it has lost the spaces at its end. */
export function endsAs(user: string | null, name: string): boolean {
  return user !== null && (isSameName(user, name) || user.trimEnd() === name.trimEnd());
}
