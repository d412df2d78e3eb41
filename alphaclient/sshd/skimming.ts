/**
 * Messages that say nothing which their connection has not been told before, apart from that they came: told apart by
 * comparing bytes with what is known. Most lines of an attack are such, and none of them needs to be decoded. What
 * differs in any byte is read in full, so this changes how fast a log is read, and nothing else.
 */

import { ascii, type Bytes, same } from './compare.ts';
import type { Connection } from './connection.ts';
import { Known } from './known.ts';

/**
 * - `no`: it must be read. `nothing`: it is of no account. `ignored`: it is none of the connection's.
 * - `over`: the connection has had its decision, and ends.
 * - `failed`: one more wrong password; `invalid`: of an invalid user. The first may tell the port.
 * - `pam`, `pam-unknown`: PAM's word on a failure, whose decision may come.
 */
export type Skimmed = 'no' | 'ignored' | 'nothing' | 'over' | 'failed' | 'invalid' | 'pam' | 'pam-unknown';

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

const FAILED = ascii('Failed password for ');
const INVALID = ascii('invalid user ');
const AUTHENTICATING = ascii('authenticating user ');
const CLOSED = ascii('Connection closed by ');
const RESET = ascii('Connection reset by ');
const DISCONNECTED = ascii('Disconnected from ');
const RECEIVED = ascii('Received disconnect from ');
const PREAUTH = ascii(' [preauth]');
const UNKNOWN = ascii('pam_unix(sshd:auth): check pass; user unknown');
const FAILURE = ascii('pam_unix(sshd:auth): authentication failure');
const RHOST = ascii('pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=');
const AGAIN = ascii('input_userauth_request: invalid user ');
const SUMMARY = ascii('PAM ');
const SESSION_OPENED = ascii('pam_unix(sshd:session): session opened for user ');
const SESSION_CLOSED = ascii('pam_unix(sshd:session): session closed for user ');
const SESSION_USER = ascii('user ');
const SSH2 = ascii(' ssh2');
/** Two words for one: `Failed password for invalid user x` is the valid user `invalid user x`, too. */
const TWO_WORDS = 'invalid user ';

export class Skimming {
  /** Where the line ends that was skimmed: its CR or LF. */
  end = 0;
  /** The port of a `failed` or `invalid` whose connection's was not known. */
  port = 0;
  readonly #known: Known;

  /** For connections whose slots are below `slots`. */
  constructor(slots: number) {
    this.#known = new Known(slots);
  }

  /** What the message that begins at `from` is to its connection; `undefined` where there is none of its pid. */
  read(view: Bytes, from: number, one: Connection | undefined): Skimmed {
    if (one === undefined) {
      const nobodys =
        begins(view, from, SUMMARY) || begins(view, from, SESSION_CLOSED) || begins(view, from, SESSION_OPENED);
      return nobodys && this.#anything(view, from) ? 'ignored' : 'no';
    }
    if (one.held !== null) return 'no';
    if (one.accepted) return this.#session(view, from, one);
    const decided = one.decisions > 0;
    switch (view.byte(from)) {
      case 70: // F
        return this.#failed(view, from, one);
      case 67: // C
        if (!decided) return 'no';
        return this.#over(view, from, CLOSED, one) || this.#over(view, from, RESET, one) ? 'over' : 'no';
      case 68: // D
        return decided && this.#over(view, from, DISCONNECTED, one) ? 'over' : 'no';
      case 82: // R
        return decided && this.#goodbye(view, from, one) ? 'nothing' : 'no';
      case 112: // p
        return this.#pam(view, from, one, decided);
      case 105: // i
        return decided && begins(view, from, AGAIN) && this.#anything(view, from) ? 'nothing' : 'no';
      case 80: // P
        return decided && begins(view, from, SUMMARY) && this.#anything(view, from) ? 'nothing' : 'no';
      default:
        return 'no';
    }
  }

  /** What is said of a connection that has logged in. */
  #session(view: Bytes, from: number, one: Connection): Skimmed {
    if (begins(view, from, SESSION_OPENED)) return this.#anything(view, from) ? 'ignored' : 'no';
    if (this.#received(view, from, one)) return 'nothing';
    const known = this.#known;
    const at = from + DISCONNECTED.length + SESSION_USER.length;
    if (!begins(view, from, DISCONNECTED) || !begins(view, at - SESSION_USER.length, SESSION_USER)) return 'no';
    if (one.port === null || !known.of(one)) return 'no';
    const end = this.#userAndPeer(view, at);
    return end >= 0 && this.#ends(view, end) ? 'over' : 'no';
  }

  /** Behind `USER ADDR port PORT` of the connection last known, or -1. */
  #userAndPeer(view: Bytes, at: number): number {
    const known = this.#known;
    if (!same(view, at, known.bytes, known.from, known.userChars)) return -1;
    const peer = at + known.userChars + 1;
    if (!same(view, peer, known.bytes, known.peerFrom, known.peerChars)) return -1;
    return view.byte(peer - 1) === SPACE ? peer + known.peerChars : -1;
  }

  /** `Failed password for [invalid user ]USER from ADDR port PORT ssh2`. */
  #failed(view: Bytes, from: number, one: Connection): Skimmed {
    const known = this.#known;
    if (!begins(view, from, FAILED) || !known.of(one) || one.over || one.user?.startsWith(TWO_WORDS)) return 'no';
    const at = from + FAILED.length;
    const behind = at + INVALID.length;
    if (begins(view, at, INVALID) && this.#isDecision(view, behind, one)) return 'invalid';
    return this.#isDecision(view, at, one) ? 'failed' : 'no';
  }

  /** `USER from ADDR port PORT ssh2`; where the port is not known, any. */
  #isDecision(view: Bytes, at: number, one: Connection): boolean {
    const known = this.#known;
    const chars = known.userChars + 6 + known.peerChars;
    if (!same(view, at, known.bytes, known.from, chars)) return false;
    let end = at + chars;
    if (one.port === null) {
      end = this.#readPort(view, end);
      if (end < 0) return false;
    }
    return begins(view, end, SSH2) && this.#ends(view, end + SSH2.length);
  }

  /** Behind the port at `at`, or -1. */
  #readPort(view: Bytes, at: number): number {
    const limit = Math.min(at + 6, view.length);
    let port = 0;
    let p = at;
    for (; p < limit; p++) {
      const digit = view.byte(p) - 48;
      if (digit < 0 || digit > 9) break;
      port = port * 10 + digit;
    }
    this.port = port;
    return p === at || p === limit || port > 65_535 ? -1 : p;
  }

  /** `... [invalid user USER |authenticating user USER ]ADDR port PORT [preauth]`. */
  #over(view: Bytes, from: number, words: Bytes, one: Connection): boolean {
    const known = this.#known;
    if (!begins(view, from, words) || one.port === null || !known.of(one)) return false;
    let at = from + words.length;
    if (begins(view, at, INVALID)) at = this.#userAndPeer(view, at + INVALID.length);
    else if (begins(view, at, AUTHENTICATING)) at = this.#userAndPeer(view, at + AUTHENTICATING.length);
    else at = same(view, at, known.bytes, known.peerFrom, known.peerChars) ? at + known.peerChars : -1;
    return at >= 0 && begins(view, at, PREAUTH) && this.#ends(view, at + PREAUTH.length);
  }

  /** `Received disconnect from ADDR port PORT:...`. */
  #received(view: Bytes, from: number, one: Connection): boolean {
    const known = this.#known;
    if (!begins(view, from, RECEIVED) || one.port === null || !known.of(one)) return false;
    const at = from + RECEIVED.length;
    if (!same(view, at, known.bytes, known.peerFrom, known.peerChars)) return false;
    return view.byte(at + known.peerChars) === COLON && this.#anything(view, at);
  }

  /** The same before the login. */
  #goodbye(view: Bytes, from: number, one: Connection): boolean {
    return this.#received(view, from, one) && begins(view, this.end - PREAUTH.length, PREAUTH);
  }

  #pam(view: Bytes, from: number, one: Connection, decided: boolean): Skimmed {
    if (begins(view, from, UNKNOWN)) {
      if (!this.#ends(view, from + UNKNOWN.length)) return 'no';
      return decided ? 'nothing' : 'pam-unknown';
    }
    if (decided) return begins(view, from, FAILURE) && this.#anything(view, from) ? 'nothing' : 'no';
    const known = this.#known;
    if (!begins(view, from, RHOST) || !known.of(one)) return 'no';
    const at = from + RHOST.length;
    if (!same(view, at, known.bytes, known.peerFrom, known.ipChars)) return 'no';
    const behind = at + known.ipChars;
    if (this.#ends(view, behind)) return 'pam';
    return view.byte(behind) === SPACE && this.#anything(view, behind) ? 'pam' : 'no';
  }

  /** True when the line ends at `at`. */
  #ends(view: Bytes, at: number): boolean {
    this.end = at;
    if (at >= view.length) return false;
    const c = view.byte(at);
    return c === LF || (c === CR && at + 1 < view.length && view.byte(at + 1) === LF);
  }

  /** Goes to the end of the line, whatever it says; false where it has none. */
  #anything(view: Bytes, from: number): boolean {
    for (let at = from; at < view.length; at++)
      if (view.byte(at) === LF) {
        this.end = at > from && view.byte(at - 1) === CR ? at - 1 : at;
        return true;
      }
    return false;
  }
}

function begins(view: Bytes, at: number, words: Bytes): boolean {
  return same(view, at, words, 0, words.length);
}
