/**
 * Messages that say nothing which their connection has not been told before, apart from that they came: told apart by
 * comparing bytes with what is known. Most lines of an attack are such, and none of them needs to be decoded. What
 * differs in any byte is read in full, so this changes how fast a log is read, and nothing else.
 */

import { ascii, same } from './compare.ts';
import type { Connection } from './connection.ts';
import { Known } from './known.ts';

/**
 * - `no`: it must be read. `nothing`: it is of no account.
 * - `over`: the connection has had its decision, and ends.
 * - `failed`: one more wrong password; `invalid`: of an invalid user.
 * - `pam`, `pam-unknown`: PAM's word on a failure, whose decision may come.
 */
export type Skimmed = 'no' | 'nothing' | 'over' | 'failed' | 'invalid' | 'pam' | 'pam-unknown';

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
/** Two words for one: `Failed password for invalid user x` is the valid user `invalid user x`, too. */
const TWO_WORDS = 'invalid user ';

export class Skimming {
  /** Where the line ends that was skimmed: its CR or LF. */
  end = 0;
  readonly #known: Known;

  /** For connections whose slots are below `slots`. */
  constructor(slots: number) {
    this.#known = new Known(slots);
  }

  /** What the message that begins at `from` is to its connection; `undefined` where there is none of its pid. */
  read(view: DataView, from: number, one: Connection | undefined): Skimmed {
    if (one === undefined) return same(view, from, SUMMARY, 0, 4) && this.#anything(view, from + 4) ? 'nothing' : 'no';
    if (one.accepted || one.held !== null) return 'no';
    const decided = one.decisions > 0;
    switch (view.getUint8(from)) {
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

  /** `Failed password for [invalid user ]USER from ADDR port PORT ssh2`. */
  #failed(view: DataView, from: number, one: Connection): Skimmed {
    const known = this.#known;
    if (!begins(view, from, FAILED) || !known.of(one) || one.user?.startsWith(TWO_WORDS)) return 'no';
    const chars = known.userChars + 6 + known.peerChars + 5;
    const at = from + FAILED.byteLength;
    const behind = at + INVALID.byteLength;
    if (begins(view, at, INVALID) && same(view, behind, known.bytes, known.from, chars))
      return this.#ends(view, behind + chars) ? 'invalid' : 'no';
    return same(view, at, known.bytes, known.from, chars) && this.#ends(view, at + chars) ? 'failed' : 'no';
  }

  /** `... [invalid user USER |authenticating user USER ]ADDR port PORT [preauth]`. */
  #over(view: DataView, from: number, words: DataView, one: Connection): boolean {
    const known = this.#known;
    if (!begins(view, from, words) || !known.of(one)) return false;
    let at = from + words.byteLength;
    const kind = begins(view, at, INVALID) ? INVALID : begins(view, at, AUTHENTICATING) ? AUTHENTICATING : null;
    if (kind !== null) {
      at += kind.byteLength;
      if (!same(view, at, known.bytes, known.from, known.userChars)) return false;
      at += known.userChars + 1;
      if (view.getUint8(at - 1) !== SPACE) return false;
    }
    if (!same(view, at, known.bytes, known.peerFrom, known.peerChars)) return false;
    at += known.peerChars;
    return begins(view, at, PREAUTH) && this.#ends(view, at + PREAUTH.byteLength);
  }

  /** `Received disconnect from ADDR port PORT:... [preauth]`. */
  #goodbye(view: DataView, from: number, one: Connection): boolean {
    const known = this.#known;
    if (!begins(view, from, RECEIVED) || !known.of(one)) return false;
    const at = from + RECEIVED.byteLength;
    if (!same(view, at, known.bytes, known.peerFrom, known.peerChars)) return false;
    if (view.getUint8(at + known.peerChars) !== COLON || !this.#anything(view, at)) return false;
    return same(view, this.end - PREAUTH.byteLength, PREAUTH, 0, PREAUTH.byteLength);
  }

  #pam(view: DataView, from: number, one: Connection, decided: boolean): Skimmed {
    if (begins(view, from, UNKNOWN)) {
      if (!this.#ends(view, from + UNKNOWN.byteLength)) return 'no';
      return decided ? 'nothing' : 'pam-unknown';
    }
    if (decided) return begins(view, from, FAILURE) && this.#anything(view, from) ? 'nothing' : 'no';
    const known = this.#known;
    if (!begins(view, from, RHOST) || !known.of(one)) return 'no';
    const at = from + RHOST.byteLength;
    if (!same(view, at, known.bytes, known.peerFrom, known.ipChars)) return 'no';
    const behind = at + known.ipChars;
    if (this.#ends(view, behind)) return 'pam';
    return view.getUint8(behind) === SPACE && this.#anything(view, behind) ? 'pam' : 'no';
  }

  /** True when the line ends at `at`. */
  #ends(view: DataView, at: number): boolean {
    this.end = at;
    if (at >= view.byteLength) return false;
    const c = view.getUint8(at);
    return c === LF || (c === CR && at + 1 < view.byteLength && view.getUint8(at + 1) === LF);
  }

  /** Goes to the end of the line, whatever it says; false where it has none. */
  #anything(view: DataView, from: number): boolean {
    for (let at = from; at < view.byteLength; at++)
      if (view.getUint8(at) === LF) {
        this.end = at > from && view.getUint8(at - 1) === CR ? at - 1 : at;
        return true;
      }
    return false;
  }
}

function begins(view: DataView, at: number, words: DataView): boolean {
  return same(view, at, words, 0, words.byteLength);
}
