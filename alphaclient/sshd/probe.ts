/** What the rules for connections that never come to a login share. */

import { peerFrom, peerUntil, UNKNOWN } from './address.ts';
import { identityThenText } from './identity.ts';
import { type Kind, ParsedMessage, type Rule } from './message-types.ts';

/** The meaning, for the docs, of a line that ends a connection. */
export const PROBE = 'end; a probe unless an attempt was seen';
export const NEXT = 'remark; the connection ends with the next line';
export const LAST = 'end, told by the pid alone; a probe unless an attempt was seen';
/** The client of the examples. */
export const AT = '192.0.2.10 port 50022';

/** Where the pid alone says whose connection it is. */
export const NOBODY = { ip: null, name: null, port: null };

/** A rule in one go: these have no more to say. */
export function row(
  name: string,
  versions: string,
  meaning: string,
  begins: string,
  message: string,
  example: string,
  read: NonNullable<Rule['read']>,
): Rule {
  return { name, versions, meaning, begins, message, example, read, cut: () => from(NOBODY, name) };
}

/** The fact of a connection that is over; `[preauth]` or not, no session can end in these lines. */
export function from(
  peer: { ip: string | null; name: string | null; port: number | null },
  reason: string,
  kind: Kind = 'ended',
): ParsedMessage {
  const fact = new ParsedMessage(kind);
  fact.ip = peer.ip;
  fact.hostName = peer.name;
  fact.port = peer.port;
  fact.reason = reason;
  // No [preauth] is on these lines, but no session can end in them.
  fact.beforeLogin = true;
  return fact;
}

/** The same of a connection that came no further than its first words: no user was named. */
export function early(fact: ParsedMessage | null): ParsedMessage | null {
  if (fact !== null) fact.beforeUser = true;
  return fact;
}

/** `... from ADDR[ port PORT]` at the end, whatever the client's text before it is. */
export function endsWithPeer(text: string, reason: string): ParsedMessage | null {
  const peer = peerUntil(text, text.length);
  if (peer === null || !text.endsWith(' from ', peer.at)) return null;
  if (peer.ip === null && peer.name !== UNKNOWN) return null;
  return early(from(peer, reason));
}

/** `ADDR port PORT` at `at`, whatever follows. */
export function leading(text: string, at: number, reason: string): ParsedMessage | null {
  const peer = peerFrom(text, at);
  return peer === null ? null : early(from(peer, reason));
}

/** An identity at `at`, then `: REASON`. */
export function then(text: string, at: number): ParsedMessage | null {
  const read = identityThenText('ended', text, at);
  if (read === null) return null;
  read.fact.reason = read.rest;
  read.fact.beforeLogin = true;
  return read.fact;
}

/** An identity at `at`, then `: REASON`, of a function that sessions die in too: `user USER` is one, `ADDR` without [preauth] may be. */
export function thenUnlessSession(text: string, at: number, preauth: boolean): ParsedMessage | null {
  const fact = then(text, at);
  if (fact === null) return null;
  fact.beforeLogin = preauth;
  if (text.startsWith('user ', at)) fact.kind = 'session-ended';
  else fact.needsKnownConnection = !preauth && fact.user === null;
  return fact;
}

/** The connection's last words, without an address: the pid alone says whose they are. */
export function lastWords(reason: string): () => ParsedMessage {
  return () => {
    const fact = new ParsedMessage('ended');
    fact.reason = reason;
    return fact;
  };
}

/** A packet that broke, without an address: before the login, with [preauth]; else perhaps in a session. */
export function broken(reason: string): (text: string, preauth: boolean) => ParsedMessage {
  return (_, preauth) => {
    const fact = remark(reason)();
    fact.needsKnownConnection = !preauth;
    return fact;
  };
}

/** A reason without an address: the next line has it. */
export function remark(reason: string): () => ParsedMessage {
  return () => {
    const fact = new ParsedMessage('end-reason');
    fact.reason = reason;
    return fact;
  };
}
