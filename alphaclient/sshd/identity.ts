/**
 * Who a message speaks of. The client chose the user name: any bytes but NUL and `:`, so what sshd itself
 * appended is found from the right, or before the first `:`, never by looking for a word in the name.
 */

import { peerFrom, peerUntil, UNKNOWN } from './address.ts';
import { type Kind, ParsedMessage } from './message-types.ts';

const INVALID = 'invalid user ';
const ILLEGAL = 'illegal user ';
/** Solaris writes this for a name that is no account's. */
const HIDDEN = '<invalid username>';
const AUTHENTICATING = 'authenticating user ';
const VALID = 'user ';

/** The name behind an optional `invalid user ` (`illegal user ` up to 4.x and from PAM). */
function named(fact: ParsedMessage, text: string): void {
  if (text.startsWith(INVALID) || text.startsWith(ILLEGAL)) {
    fact.user = text.slice(INVALID.length);
    fact.invalidUser = true;
  } else if (text === HIDDEN) {
    fact.user = text;
    fact.invalidUser = true;
  } else if (text === 'invalid user') {
    // A tool between sshd and the log has folded the two spaces around an empty name.
    fact.user = '';
    fact.invalidUser = true;
  } else {
    fact.user = text;
    fact.invalidUser = false;
  }
}

/**
 * `INVUSER from ADDR[ port PORT][ ssh2][: REST]` beginning at `from`: the shape of every decision. The last
 * ` from ` before the first `:` is sshd's own, since sshd cuts names at a colon; an IPv6 address has colons, but behind
 * that ` from `. `name` is all before it; `rest` gets what follows the address.
 */
export function userFrom(
  kind: Kind,
  text: string,
  from: number,
): { fact: ParsedMessage; name: string; rest: string } | null {
  const colon = text.indexOf(':', from);
  const at = lastFrom(text, from, colon < 0 ? text.length : colon);
  if (at < 0) return null;
  const peer = peerFrom(text, at + 6);
  if (peer === null) return null;
  const fact = new ParsedMessage(kind);
  const name = text.slice(from, at);
  named(fact, name);
  fact.ip = peer.ip;
  fact.hostName = peer.name;
  fact.port = peer.port;
  return { fact, name, rest: peer.end === text.length ? '' : text.slice(peer.end) };
}

/** The last ` from ` that begins between `from` and `end`, or -1. */
function lastFrom(text: string, from: number, end: number): number {
  const at = text.lastIndexOf(' from ', end);
  return at < from ? -1 : at;
}

/** `[authenticating user USER |invalid user USER |user USER ]ADDR[ port PORT]` from `from` to `end`: since 7.5. */
export function identity(kind: Kind, text: string, from: number, end = text.length): ParsedMessage | null {
  const peer = peerUntil(text, end);
  if (peer === null || peer.at < from) return null;
  const fact = new ParsedMessage(kind);
  fact.ip = peer.ip;
  fact.hostName = peer.name;
  fact.port = peer.port;
  if (peer.at === from) return fact;
  const userEnd = peer.at - 1;
  if (text.startsWith(INVALID, from)) {
    fact.invalidUser = true;
    fact.user = text.slice(from + INVALID.length, userEnd);
  } else if (text.startsWith(AUTHENTICATING, from)) {
    fact.invalidUser = false;
    fact.user = text.slice(from + AUTHENTICATING.length, userEnd);
  } else if (text.startsWith(VALID, from)) {
    fact.invalidUser = false;
    fact.user = text.slice(from + VALID.length, userEnd);
  } else return null;
  return fact;
}

/**
 * An identity followed by `: REST`. Names have no colon, so the first one ends the identity, or stands inside its
 * IPv6 address, which then reaches to the next space.
 */
export function identityThenText(kind: Kind, text: string, from: number): { fact: ParsedMessage; rest: string } | null {
  const colon = text.indexOf(':', from);
  if (colon < 0) return null;
  const word = text.lastIndexOf(' ', colon) + 1;
  let end = colon;
  const before = identity(kind, text, from, colon);
  // Behind a user sshd writes `: `, and what looks like a port may be the first group of the address, where the name ends alike.
  const isEnd = text.charCodeAt(colon + 1) === 32 || before?.user === null;
  if (isEnd && before !== null && (before.ip !== null || before.port !== null))
    return { fact: before, rest: after(text, colon) };
  const peer = peerFrom(text, Math.max(word, from));
  // A scope may hold colons: of `fe80::1%eth0: TEXT` it has taken the last one, too.
  if (peer !== null && peer.ip !== null && (peer.port !== null || !peer.ip.endsWith(':'))) end = peer.end;
  else {
    // `2001:db8::1: TEXT`, the form without a port: the word's own last colon ends it.
    const space = text.indexOf(' ', colon);
    if (space < 0 || text.charCodeAt(space - 1) !== 58) return null;
    end = space - 1;
  }
  // Without the colon the message was cut here, perhaps in the middle of the port.
  if (text.charCodeAt(end) !== 58) return null;
  const fact = identity(kind, text, from, end);
  return fact === null || (fact.ip === null && fact.hostName !== UNKNOWN) ? null : { fact, rest: after(text, end) };
}

function after(text: string, end: number): string {
  return text.slice(text.charCodeAt(end + 1) === 32 ? end + 2 : end + 1);
}
