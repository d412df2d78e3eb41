/**
 * The two messages with which most attempts begin, read straight from the bytes where nothing in them is out of the ordinary:
 * one word for a user, an IPv4 address. The table reads all others, and would read these the same.
 */

import { ascii, type Bytes, same } from './compare.ts';
import { Fact } from './fact.ts';
import { Interned } from './interned.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const DOT = 46;
const COLON = 58;
const INVALID = ascii('Invalid user ');
const FROM = ascii(' from ');
const PORT = ascii(' port ');
const RHOST = ascii('pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=');
const USER = ascii('  user=');
/** Longer names are read by the table: sshd and syslog may have cut them. */
const USER_LIMIT_BYTES = 64;

export class Introductions {
  /** Where the line ends that was read: its CR or LF. */
  end = 0;
  readonly #texts = new Interned();
  #port = -1;

  /** What the message at `from` says, or null where the table has to read it. */
  read(bytes: Buffer, view: Bytes, from: number): Fact | null {
    const first = view.byte(from);
    if (first === 73) return this.#invalidUser(bytes, view, from);
    return first === 112 ? this.#pamFailure(bytes, view, from) : null;
  }

  /** `Invalid user USER from ADDR port PORT`. */
  #invalidUser(bytes: Buffer, view: Bytes, from: number): Fact | null {
    if (!same(view, from, INVALID, 0, INVALID.length)) return null;
    const user = from + INVALID.length;
    const userEnd = wordEnd(view, user);
    if (userEnd < 0 || !same(view, userEnd, FROM, 0, FROM.length)) return null;
    const ip = userEnd + FROM.length;
    const ipEnd = addressEnd(view, ip);
    if (ipEnd < 0 || !same(view, ipEnd, PORT, 0, PORT.length)) return null;
    const end = this.#readPort(view, ipEnd + PORT.length);
    if (!this.#ends(view, end)) return null;
    const fact = new Fact('named');
    fact.user = this.#texts.text(bytes, user, userEnd);
    fact.invalid = true;
    fact.first = true;
    fact.ip = this.#texts.text(bytes, ip, ipEnd);
    fact.port = this.#port;
    return fact;
  }

  /** `pam_unix(sshd:auth): authentication failure; ... rhost=ADDR  user=USER`. */
  #pamFailure(bytes: Buffer, view: Bytes, from: number): Fact | null {
    if (!same(view, from, RHOST, 0, RHOST.length)) return null;
    const ip = from + RHOST.length;
    const ipEnd = addressEnd(view, ip);
    if (ipEnd < 0 || !same(view, ipEnd, USER, 0, USER.length)) return null;
    const user = ipEnd + USER.length;
    const userEnd = wordEnd(view, user);
    if (!this.#ends(view, userEnd)) return null;
    const fact = new Fact('evidence');
    fact.method = 'password';
    fact.reason = 'PAM: authentication failure';
    fact.helper = true;
    fact.ip = this.#texts.text(bytes, ip, ipEnd);
    fact.user = this.#texts.text(bytes, user, userEnd);
    return fact;
  }

  /** Reads a port at `at`, and gives where it ends; -1 where there is none. */
  #readPort(view: Bytes, at: number): number {
    const limit = Math.min(at + 6, view.length);
    let port = 0;
    let p = at;
    for (; p < limit; p++) {
      const digit = view.byte(p) - 48;
      if (digit < 0 || digit > 9) break;
      port = port * 10 + digit;
    }
    this.#port = port;
    return p === at || port > 65_535 || p > at + 5 ? -1 : p;
  }

  #ends(view: Bytes, at: number): boolean {
    this.end = at;
    if (at < 0 || at >= view.length) return false;
    const c = view.byte(at);
    return c === LF || (c === CR && at + 1 < view.length && view.byte(at + 1) === LF);
  }
}

/** Where the word at `at` ends, of printable ASCII without a colon; -1 where it is empty or longer than a name. */
function wordEnd(view: Bytes, at: number): number {
  const limit = Math.min(at + USER_LIMIT_BYTES, view.length);
  let p = at;
  for (; p < limit; p++) {
    const c = view.byte(p);
    if (c <= SPACE || c === COLON || c > 126) break;
  }
  return p === at || p === limit ? -1 : p;
}

/** Where the IPv4 address at `at` ends, or -1 where there is none. */
function addressEnd(view: Bytes, at: number): number {
  const limit = Math.min(at + 16, view.length);
  let dots = 0;
  let value = -1;
  let p = at;
  for (; p < limit; p++) {
    const c = view.byte(p);
    if (c === DOT) {
      if (value < 0) return -1;
      dots++;
      value = -1;
    } else if (c >= 48 && c <= 57) {
      value = (value < 0 ? 0 : value * 10) + c - 48;
      if (value > 255) return -1;
    } else break;
  }
  return dots === 3 && value >= 0 && p < limit ? p : -1;
}
