/** Addresses and ports as sshd writes them. */

/** sshd writes this in place of an address where the client was gone before it could be asked for. */
export const UNKNOWN = 'UNKNOWN';

/** The longest address sshd can write: IPv6 with an embedded IPv4 and a scope (an interface name of 15). */
const ADDRESS_LIMIT_CHARS = 64;
const MAPPED = '::ffff:';

function isIpv4(text: string, from: number): boolean {
  let dots = 0;
  let value = -1;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === DOT) {
      if (value < 0) return false;
      dots++;
      value = -1;
    } else if (c >= 48 && c <= 57) {
      // Some readers take a number that begins with 0 as octal, and the server refuses it.
      if (value === 0) return false;
      value = (value < 0 ? 0 : value * 10) + c - 48;
      if (value > 255) return false;
    } else return false;
  }
  return dots === 3 && value >= 0;
}

const COLON = 58;
const DOT = 46;
const SCOPE = /^[0-9a-zA-Z.:-]+$/;
const IPV6_GROUPS = 8;
const IPV6_GROUP_DIGITS = 4;

function isHexDigit(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 97 && c <= 102) || (c >= 65 && c <= 70);
}

/**
 * Eight groups of hexadecimal digits, the last two perhaps as IPv4; `::` stands once for one or more (RFC 4291, section
 * 2.2), and a scope may follow (RFC 4007, section 11). Node's own isIPv6 takes milliseconds to make ready.
 */
function isIpv6(text: string): boolean {
  const percent = text.indexOf('%');
  if (percent >= 0 && !SCOPE.test(text.slice(percent + 1))) return false;
  const end = percent >= 0 ? percent : text.length;
  let groups = 0;
  let isCompressed = false;
  /** The index at which the group begins that is read. */
  let from = 0;
  for (let i = 0; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === DOT) return isIpv4(text.slice(from, end), 0) && fills(groups + 2, isCompressed);
    if (c !== COLON) {
      if (!isHexDigit(c) || i - from === IPV6_GROUP_DIGITS) return false;
      continue;
    }
    const isDouble = i + 1 < end && text.charCodeAt(i + 1) === COLON;
    if (i > from) groups++;
    else if (!isDouble || i > 0) return false;
    if (isDouble) {
      if (isCompressed) return false;
      isCompressed = true;
      i++;
    }
    from = i + 1;
  }
  if (from < end) groups++;
  // A single colon ends no address.
  else if (text.charCodeAt(end - 2) !== COLON) return false;
  return fills(groups, isCompressed);
}

function fills(groups: number, isCompressed: boolean): boolean {
  return isCompressed ? groups < IPV6_GROUPS : groups === IPV6_GROUPS;
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
export function portOf(text: string, from = 0, end = text.length): number {
  if (from >= end || end - from > 5) return -1;
  let port = 0;
  for (let i = from; i < end; i++) {
    const c = text.charCodeAt(i) - 48;
    if (c < 0 || c > 9) return -1;
    port = port * 10 + c;
  }
  return port > 65_535 ? -1 : port;
}
