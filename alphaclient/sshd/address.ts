/** Addresses and ports as sshd writes them, read from where sshd wrote them: the end of what it appended. */

/** What sshd writes in place of an address: the client was gone before it could be asked for. */
export const UNKNOWN = 'UNKNOWN';

/** The longest address sshd can write: IPv6 with an embedded IPv4 and a scope (an interface name of 15). */
const ADDRESS_LIMIT_CHARS = 64;
const MAPPED = '::ffff:';

function isIpv4(text: string, from: number): boolean {
  let dots = 0;
  let value = -1;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46) {
      if (value < 0) return false;
      dots++;
      value = -1;
    } else if (c >= 48 && c <= 57) {
      value = (value < 0 ? 0 : value * 10) + c - 48;
      if (value > 255) return false;
    } else return false;
  }
  return dots === 3 && value >= 0;
}

const GROUP = /^[0-9a-fA-F]{1,4}$/;
const SCOPE = /^[0-9a-zA-Z.:-]+$/;

/**
 * Eight groups of hexadecimal digits, the last two perhaps as IPv4; `::` stands once for one or more (RFC 4291, section
 * 2.2), and a scope may follow (RFC 4007, section 11). Node's own isIPv6 takes milliseconds to make ready.
 */
function isIpv6(text: string): boolean {
  const percent = text.indexOf('%');
  if (percent >= 0 && !SCOPE.test(text.slice(percent + 1))) return false;
  const address = percent >= 0 ? text.slice(0, percent) : text;
  const halves = address.split('::');
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const isEmbedded = groups.length > 0 && halves.at(-1) !== '' && isIpv4(groups.at(-1) as string, 0);
  if (!(isEmbedded ? groups.slice(0, -1) : groups).every((group) => GROUP.test(group))) return false;
  const count = groups.length + (isEmbedded ? 1 : 0);
  return halves.length === 2 ? count < 8 : halves.length === 1 && count === 8;
}

/**
 * The address in a word, or null when it is none (a host name, `UNKNOWN`). IPv6 keeps its scope; IPv4 mapped
 * into IPv6, as very old versions write it, is given as IPv4.
 */
export function addressOf(word: string): string | null {
  if (word.length < 2 || word.length > ADDRESS_LIMIT_CHARS) return null;
  const first = word.charCodeAt(0);
  if (first >= 48 && first <= 57 && isIpv4(word, 0)) return word;
  if (word.startsWith(MAPPED) && isIpv4(word, MAPPED.length)) return word.slice(MAPPED.length);
  return isIpv6(word) ? word : null;
}

/** The port in `text` from `from` to its end, or -1. */
export function portOf(text: string, from: number, end = text.length): number {
  if (from >= end || end - from > 5) return -1;
  let port = 0;
  for (let i = from; i < end; i++) {
    const c = text.charCodeAt(i) - 48;
    if (c < 0 || c > 9) return -1;
    port = port * 10 + c;
  }
  return port > 65_535 ? -1 : port;
}

/** Where the message came from, as far as it says: filled by the readers below. */
export interface Peer {
  /** The address, or null where the word is a name. */
  ip: string | null;
  /** The word itself where it is no address. */
  name: string | null;
  port: number | null;
  /** Where the peer's text begins. */
  at: number;
  /** Where the peer's text ends. */
  end: number;
}

/** What can stand where sshd prints a name or an address: printable ASCII without spaces, quotes and brackets. */
const HOST_WORD = /^[#-&*-~]{1,255}$/;

function peer(word: string, port: number | null, at: number, end: number): Peer | null {
  const ip = addressOf(word);
  if (ip === null && !HOST_WORD.test(word)) return null;
  return { ip, name: ip === null ? word : null, port, at, end };
}

/** `ADDR[ port PORT]` that begins at `from`; what follows is the caller's to judge. */
export function peerFrom(text: string, from: number): Peer | null {
  let space = text.indexOf(' ', from);
  if (space < 0) space = text.length;
  const word = text.slice(from, space);
  if (text.startsWith(' port ', space)) {
    let end = space + 6;
    while (end < text.length && end < space + 12) {
      const c = text.charCodeAt(end);
      if (c < 48 || c > 57) break;
      end++;
    }
    const port = portOf(text, space + 6, end);
    return port < 0 ? null : peer(word, port, from, end);
  }
  return peer(word, null, from, space);
}

/** The last space before `end`, or -1. */
function spaceBefore(text: string, end: number): number {
  return end > 0 ? text.lastIndexOf(' ', end - 1) : -1;
}

/** `[... ]ADDR[ port PORT]` that ends at `end`. */
export function peerUntil(text: string, end: number): Peer | null {
  const space = spaceBefore(text, end);
  if (space >= 0 && space >= end - 6) {
    const port = portOf(text, space + 1, end);
    if (port >= 0 && space >= 5 && text.startsWith(' port', space - 5)) {
      const at = spaceBefore(text, space - 5) + 1;
      return peer(text.slice(at, space - 5), port, at, end);
    }
  }
  return peer(text.slice(space + 1, end), null, space + 1, end);
}
