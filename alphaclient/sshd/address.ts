/** Addresses and ports as sshd writes them. */

import { PORT_LIMIT } from '../../protocol/values.ts';
import { type LogText, logText, words } from './log-text.ts';

/** sshd writes this in place of an address where the client was gone before it could be asked for. */
export const UNKNOWN = 'UNKNOWN';

/** The longest address sshd can write: IPv6 with an embedded IPv4 and a scope (an interface name of 15). */
const ADDRESS_LIMIT_CHARS = 64;
const MAPPED = words('::ffff:');

/** Returns the index behind the IPv4 address that stands at `from`; -1 where none does before `end`. */
export function endOfIpv4(bytes: Buffer, from: number, end: number): number {
  let dots = 0;
  let value = -1;
  let at = from;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit === DOT_DIGIT) {
      if (value < 0) return -1;
      dots++;
      value = -1;
    } else if (digit >= 0 && digit <= 9) {
      // Some readers take a number that begins with 0 as octal, and the server refuses it.
      if (value === 0) return -1;
      value = (value < 0 ? 0 : value * 10) + digit;
      if (value > 255) return -1;
    } else break;
  }
  return dots === 3 && value >= 0 ? at : -1;
}

const COLON = 58;
const DOT = 46;
const PERCENT = 37;
const ZERO = 48;
/** The difference of a dot to the digit 0. */
const DOT_DIGIT = DOT - ZERO;
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
function isIpv6(log: LogText, begin: number, wordEnd: number): boolean {
  const { bytes } = log;
  const percent = bytes.subarray(begin, wordEnd).indexOf(PERCENT);
  if (percent >= 0 && !SCOPE.test(log.slice(begin + percent + 1, wordEnd))) return false;
  const end = percent >= 0 ? begin + percent : wordEnd;
  let groups = 0;
  let isCompressed = false;
  /** The index at which the group begins that is read. */
  let from = begin;
  for (let i = begin; i < end; i++) {
    const c = bytes[i] as number;
    if (c === DOT) return endOfIpv4(bytes, from, end) === end && fills(groups + 2, isCompressed);
    if (c !== COLON) {
      if (!isHexDigit(c) || i - from === IPV6_GROUP_DIGITS) return false;
      continue;
    }
    const isDouble = i + 1 < end && bytes[i + 1] === COLON;
    if (i > from) groups++;
    else if (!isDouble || i > begin) return false;
    if (isDouble) {
      if (isCompressed) return false;
      isCompressed = true;
      i++;
    }
    from = i + 1;
  }
  if (from < end) groups++;
  // A single colon ends no address.
  else if (end - begin < 2 || bytes[end - 2] !== COLON) return false;
  return fills(groups, isCompressed);
}

function fills(groups: number, isCompressed: boolean): boolean {
  return isCompressed ? groups < IPV6_GROUPS : groups === IPV6_GROUPS;
}

/**
 * The address from `from` to `end` of a log, or null when it is none (a host name, `UNKNOWN`). IPv6 keeps its scope; IPv4 mapped
 * into IPv6, as very old versions write it, is given as IPv4. The text has memory of its own.
 */
export function addressIn(log: LogText, from: number, end: number): string | null {
  if (end - from < 2 || end - from > ADDRESS_LIMIT_CHARS) return null;
  if (endOfIpv4(log.bytes, from, end) === end) return log.detached(from, end);
  const mapped = from + MAPPED.length;
  if (MAPPED.areAt(log, from, end) && endOfIpv4(log.bytes, mapped, end) === end) return log.detached(mapped, end);
  return isIpv6(log, from, end) ? log.detached(from, end) : null;
}

/** The address that a text of Latin-1 is, or null: see addressIn. */
export function addressOf(text: string): string | null {
  return addressIn(logText(text), 0, text.length);
}

/** The port that these digits are, up to five, or -1. */
export function portNumber(digits: string): number {
  const port = Number(digits);
  return port > PORT_LIMIT ? -1 : port;
}

/** The port from `from` to `end`, or -1. */
export function portOf(bytes: Buffer, from: number, end: number): number {
  if (from >= end || end - from > 5) return -1;
  let port = 0;
  for (let i = from; i < end; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port > PORT_LIMIT ? -1 : port;
}
