/**
 * Where a word, an address, a key or a line ends that begins at a byte: a way to read them without decoding. Each stops at
 * the line's LF, which has to be there.
 */

const LF = 10;
const CR = 13;
const SPACE = 32;
const DOT = 46;
const COLON = 58;
const LESS = 60;
const F = 102;
/** `invalid user`. */
const I = 105;
const R = 114;
/** ` from :: port 1`. */
const SHORTEST_PEER_CHARS = 15;
/** `USER from ADDR port PORT`: with the longest address and port, more than such a name has. */
const CLIENT_LIMIT_BYTES = 120;
/** Longer names are read by the table: sshd and syslog may have cut them. */
const USER_LIMIT_BYTES = 64;
/** `ED25519-CERT SHA256:...` and a few more; what is longer is read by the table. */
const KEY_LIMIT_BYTES = 128;
/** The longest IPv6 address. */
const ADDRESS_LIMIT_CHARS = 39;

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

/** Where the CR or LF stands of the line that goes on at `from`. */
export function lineEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] !== LF) at++;
  return at > from && bytes[at - 1] === CR ? at - 1 : at;
}

/** Where the word at `at` ends, of printable ASCII without a colon; -1 where it is empty or longer than a name. */
export function wordEnd(bytes: Uint8Array, at: number): number {
  const limit = at + USER_LIMIT_BYTES;
  let p = at;
  for (; p < limit; p++) {
    const c = bytes[p] as number;
    if (c <= SPACE || c === COLON || c > 126) break;
  }
  return p === at || p === limit ? -1 : p;
}

/**
 * Where the name at `at` ends, of printable ASCII without a colon, before ` from ADDR port PORT` at the line's end, which
 * sshd wrote, whatever the name is; -1 where it is longer than a name, or may be one that sshd puts words before.
 */
export function nameEnd(bytes: Uint8Array, at: number): number {
  const end = lineEnd(bytes, at);
  if (end - at > CLIENT_LIMIT_BYTES || bytes[at] === I || bytes[at] === LESS) return -1;
  let p = end - SHORTEST_PEER_CHARS;
  while (p >= at && !isFrom(bytes, p)) p--;
  if (p < at) return -1;
  for (let i = at; i < p; i++) {
    const c = bytes[i] as number;
    if (c < SPACE || c === COLON || c > 126) return -1;
  }
  return p;
}

/** Whether ` from ` stands at `at`, as near as matters: whoever asks compares it then. */
function isFrom(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === SPACE && bytes[at + 1] === F && bytes[at + 2] === R && bytes[at + 5] === SPACE;
}

/** Where the line ends that is a key from `at` on, of printable ASCII without spaces around it; -1 where it is none. */
export function keyEnd(bytes: Uint8Array, at: number): number {
  const limit = at + KEY_LIMIT_BYTES;
  let p = at;
  for (; p < limit; p++) {
    const c = bytes[p] as number;
    if (c < SPACE || c > 126) break;
  }
  return p === at || p === limit || bytes[at] === SPACE || bytes[p - 1] === SPACE ? -1 : p;
}

/** Where the address at `at` ends, or -1 where there is none: IPv6 without a scope or an IPv4 address in it. */
export function addressEnd(bytes: Uint8Array, at: number): number {
  const limit = at + ADDRESS_LIMIT_CHARS + 1;
  let dots = 0;
  let value = -1;
  let p = at;
  for (; p < limit; p++) {
    const c = bytes[p] as number;
    if (c === DOT) {
      if (value < 0) return -1;
      dots++;
      value = -1;
    } else if (isDigit(c)) {
      value = (value < 0 ? 0 : value * 10) + c - 48;
      if (value > 255) break;
    } else break;
  }
  if (dots === 0) return ipv6End(bytes, at, limit);
  return dots === 3 && value >= 0 && value < 256 && p < limit ? p : -1;
}

/** Eight groups of up to four hexadecimal digits; `::` stands once for one or more of them (RFC 4291, section 2.2). */
function ipv6End(bytes: Uint8Array, at: number, limit: number): number {
  let groups = 0;
  let digits = 0;
  let gaps = 0;
  let p = at;
  for (; p < limit; p++) {
    const c = bytes[p] as number;
    if (isDigit(c) || (c >= 97 && c <= 102)) {
      if (digits === 0) groups++;
      if (++digits > 4) return -1;
    } else if (c !== COLON) break;
    else if (digits > 0) digits = 0;
    else if (p === at) {
      // Only as a part of `::`.
      if (bytes[p + 1] !== COLON) return -1;
    } else gaps++;
  }
  // What ends in a colon has to end in two.
  if (p === limit || (digits === 0 && bytes[p - 2] !== COLON)) return -1;
  return gaps === 1 ? (groups < 8 ? p : -1) : gaps === 0 && groups === 8 ? p : -1;
}
