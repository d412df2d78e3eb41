/**
 * Messages that say nothing which their connection has not been told before, apart from that they came: told apart by
 * comparing bytes with what is known. Most lines of an attack are such, and none of them needs to be decoded. What
 * differs in any byte is read in full, so this changes how fast a log is read, and nothing else.
 */

import type { Connection } from './connection.ts';
import type { Skim } from './fact.ts';

/**
 * - `no`: it must be read. `nothing`: it is of no account.
 * - `over`: the connection has had its decision, and ends.
 * - `failed`: one more wrong password; `invalid`: of an invalid user.
 * - `pam`, `pam-unknown`: PAM's word on a failure, whose decision may come.
 */
export type Skimmed = 'no' | 'nothing' | 'over' | 'failed' | 'invalid' | 'pam' | 'pam-unknown';

const FAILED = 'Failed password for ';
const INVALID = 'invalid user ';
const FROM = ' from ';
const PORT = ' port ';
const SSH2 = ' ssh2';
const RHOST = 'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=';
const RECEIVED = 'Received disconnect from ';

/** Where the text that ends before `end` begins, if it does; else -1. */
function back(bytes: Uint8Array, end: number, text: string): number {
  let at = end;
  for (let i = text.length - 1; i >= 0; i--) if (bytes[--at] !== text.charCodeAt(i)) return -1;
  return at;
}

/** Where the text that begins at `at` ends, if it does; else -1. */
function on(bytes: Uint8Array, at: number, text: string): number {
  let p = at;
  for (let i = 0; i < text.length; i++) if (bytes[p++] !== text.charCodeAt(i)) return -1;
  return p;
}

/** Where ` ADDR port PORT` before `end` begins, if it is this connection's; else -1. */
function peerBefore(bytes: Uint8Array, end: number, one: Connection): number {
  if (one.ip === null || one.port === null) return -1;
  let at = end;
  let rest = one.port;
  do {
    if (bytes[--at] !== 48 + (rest % 10)) return -1;
    rest = Math.floor(rest / 10);
  } while (rest > 0);
  at = back(bytes, at, PORT);
  if (at < 0) return -1;
  at = back(bytes, at, one.ip);
  return at >= 0 && bytes[at - 1] === 32 ? at - 1 : -1;
}

/** `Failed password for [invalid user ]USER from ADDR port PORT ssh2`, of a user and peer that are known. */
function failed(bytes: Uint8Array, from: number, end: number, one: Connection): Skimmed {
  if (one.user === null) return 'no';
  let at = back(bytes, end, SSH2);
  if (at < 0) return 'no';
  at = peerBefore(bytes, at, one);
  if (at < 0) return 'no';
  at = back(bytes, at + 1, FROM);
  if (at < 0) return 'no';
  at = back(bytes, at, one.user);
  if (at < 0) return 'no';
  const name = on(bytes, from, FAILED);
  if (name < 0) return 'no';
  // A valid user of the name `invalid user x` reads the same as the invalid user x: so it is read.
  if (name === at) return one.user.startsWith(INVALID) ? 'no' : 'failed';
  return name + INVALID.length === at && on(bytes, name, INVALID) === at ? 'invalid' : 'no';
}

/** What the message of this kind is to its connection. `end` is without ` [preauth]`. */
export function skimmed(
  skim: Skim,
  bytes: Uint8Array,
  from: number,
  end: number,
  preauth: boolean,
  one: Connection,
): Skimmed {
  if (one.accepted || one.held !== null) return 'no';
  const decided = one.decisions > 0;
  switch (skim) {
    case 'failed':
      return failed(bytes, from, end, one);
    case 'end':
      return decided && preauth && peerBefore(bytes, end, one) >= 0 ? 'over' : 'no';
    case 'goodbye':
      if (!decided || !preauth || one.ip === null || one.port === null) return 'no';
      return on(bytes, from, `${RECEIVED}${one.ip} port ${one.port}:`) >= 0 ? 'nothing' : 'no';
    case 'pam-unknown':
      return decided ? 'nothing' : 'pam-unknown';
    case 'pam': {
      if (decided) return 'nothing';
      if (one.ip === null || one.user === null) return 'no';
      const host = on(bytes, from, RHOST);
      const at = host < 0 ? -1 : on(bytes, host, one.ip);
      return at >= 0 && (at >= end || bytes[at] === 32) ? 'pam' : 'no';
    }
    case 'again':
    case 'pam-summary':
      return decided ? 'nothing' : 'no';
  }
}
