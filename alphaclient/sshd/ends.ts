/** Rules for the ends of connections that name the client the way sshd has named it since 7.5. */

import { peerFrom } from './address.ts';
import { identity, identityThenText, userFrom } from './identity.ts';
import { ParsedMessage, type Rule } from './message-types.ts';
import { from, lastWords, thenUnlessSession } from './probe.ts';

function ended(text: string, from: number, reason: string, cut: boolean): ParsedMessage | null {
  // What is left of address and port may be half of them: the pid alone says whose end this is.
  if (cut) return lastWords(reason)();
  const fact = identity('ended', text, from);
  if (fact === null) return null;
  fact.reason = reason;
  // `user USER` without a word before it: the client had logged in.
  if (fact.user !== null && text.startsWith('user ', from)) fact.kind = 'session-ended';
  return fact;
}

/**
 * Without ` [preauth]` and a name it is the end of a session of 6.8 to 7.4, whose login may be in the log before this one;
 * without a port it follows the client's goodbye.
 */
function disconnected(text: string, preauth: boolean, cut: boolean): ParsedMessage | null {
  const fact = ended(text, 18, 'disconnected', cut);
  if (fact !== null && fact.user === null && (!preauth || (!cut && fact.port === null)))
    fact.needsKnownConnection = true;
  return fact;
}

const TIMED_OUT = ' timed out';

/** `IDENTITY timed out` from `at` to the end. */
function timedOut(text: string, at: number): ParsedMessage | null {
  const fact = identity('ended', text, at, text.length - TIMED_OUT.length);
  if (fact !== null) fact.reason = 'timed out';
  return fact;
}

/** `Connection to ADDR[ port PORT]` and ` timed out` or `: REASON`: how it was called up to 7.3. */
function connectionTo(text: string, preauth: boolean): ParsedMessage | null {
  return text.endsWith(TIMED_OUT) ? timedOut(text, 14) : thenUnlessSession(text, 14, preauth);
}

/** `Connection from IDENTITY timed out`, or the opening line `Connection from ADDR port PORT on ...`. */
function connectionFrom(text: string): ParsedMessage | null {
  if (text.endsWith(TIMED_OUT)) return timedOut(text, 16);
  if (text.endsWith(': refusing non-sftp session')) return new ParsedMessage('session-ended');
  const peer = peerFrom(text, 16);
  if (peer === null) return null;
  const options = text.startsWith(' with IP opts: ', peer.end);
  if (peer.end !== text.length && !options && !text.startsWith(' on ', peer.end)) return null;
  if (options) return from(peer, 'IP options');
  const fact = new ParsedMessage('opened');
  fact.ip = peer.ip;
  fact.hostName = peer.name;
  fact.port = peer.port;
  return fact;
}

/**
 * Reasons that a session does not end for (RFC 4253, section 11.1): the key exchange failed, the user cancelled the login, no
 * method is left.
 */
const GAVE_UP = /^(?:3|13|14): /;

/** `ADDR port PORT:CODE: TEXT`, `ADDR: CODE: TEXT` up to 7.1. TEXT is up to 400 characters of the client's choice. */
function receivedDisconnect(text: string, _: boolean, cut: boolean): ParsedMessage | null {
  const read = identityThenText('end-reason', text, 25);
  if (read === null || read.fact.user !== null) return null;
  // Clients that give up before a login say so; up to 5.8 no line had [preauth].
  if (GAVE_UP.test(read.rest)) read.fact.beforeLogin = true;
  read.fact.reason = read.rest === '' ? 'disconnected' : `disconnected: ${read.rest}`;
  // Where there is no port it is the last line, up to 6.7; in 6.8 to 7.1 `Disconnected from` may follow, and tells no more.
  if (read.fact.port === null) {
    read.fact.kind = 'ended';
    read.fact.endFollows = true;
    // Whether [preauth] was cut off is not known: only its own pid says whose it is.
    read.fact.needsKnownConnection = cut;
  }
  return read.fact;
}

const TOO_MANY = 'Too many authentication failures';

/** `[IDENTITY]: REASON`; the reason can hold names that the client chose. */
function disconnecting(text: string): ParsedMessage | null {
  if (text.charCodeAt(13) === 58) {
    const reason = text.slice(15);
    const fact = new ParsedMessage('ended');
    fact.reason = reason;
    if (reason.startsWith(TOO_MANY)) {
      fact.kind = 'evidence';
      fact.method = 'publickey';
      fact.endsConnection = true;
      fact.reason = TOO_MANY;
      // Of an empty name, where syslog has taken the space off the end, nothing follows.
      if (`${reason} `.startsWith(' for ', TOO_MANY.length)) fact.user = reason.slice(TOO_MANY.length + 5);
    }
    return fact;
  }
  const read = identityThenText('ended', text, 14);
  if (read === null) return null;
  const { fact } = read;
  fact.reason = read.rest;
  if (read.rest.startsWith(TOO_MANY)) {
    fact.kind = 'evidence';
    fact.method = 'publickey';
    fact.endsConnection = true;
  }
  return fact;
}

function tooMany(text: string, cut: boolean): ParsedMessage | null {
  if (!cut) {
    const read = userFrom('evidence', text, 45);
    return read === null ? null : exceeded(read.fact);
  }
  const fact = exceeded(new ParsedMessage('evidence'));
  if (text.startsWith('invalid user ', 45)) fact.invalidUser = true;
  return fact;
}

function exceeded(fact: ParsedMessage): ParsedMessage {
  fact.method = 'publickey';
  fact.reason = 'maximum authentication attempts exceeded';
  fact.endFollows = true;
  return fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const ENDS: readonly Rule[] = [
  {
    name: 'connection-closed',
    message: 'Connection closed by [authenticating user USER |invalid user USER ]ADDR port PORT[ [preauth]]',
    versions: 'all; user since 7.5, port since 7.2',
    meaning: 'end; a probe if nothing was decided and it is no session',
    example: 'Connection closed by invalid user admin 192.0.2.10 port 50022 [preauth]',
    begins: 'Connection closed by ',
    read: (text, _, cut) => ended(text, 21, 'connection closed', cut),
  },
  {
    name: 'connection-reset',
    message: 'Connection reset by [authenticating user USER |invalid user USER ]ADDR port PORT[ [preauth]]',
    versions: 'since 6.8; user since 7.5, port since 7.2',
    meaning: 'end; a probe if nothing was decided and it is no session',
    example: 'Connection reset by authenticating user root 192.0.2.10 port 50022 [preauth]',
    begins: 'Connection reset by ',
    read: (text, _, cut) => ended(text, 20, 'connection reset', cut),
  },
  {
    name: 'connection-from',
    message:
      'Connection from ADDR port PORT on ADDR2 port PORT2[ rdomain "NAME"]; Connection from [USER ]ADDR port PORT timed out',
    versions: 'all; rdomain since 7.7',
    meaning: 'a connection opens; or ends',
    example: 'Connection from 192.0.2.10 port 50022 on 192.0.2.1 port 22 rdomain ""',
    begins: 'Connection from ',
    read: connectionFrom,
    cut: lastWords('timed out'),
  },
  {
    name: 'connection-to',
    message: 'Connection to ADDR[ port PORT] timed out; Connection to ADDR[ port PORT]: REASON[ [preauth]]',
    versions: '6.8 to 7.3; port since 7.2',
    meaning: 'end; a probe if nothing was decided and it is no session',
    example: 'Connection to 192.0.2.10 port 50022 timed out [preauth]',
    begins: 'Connection to ',
    read: connectionTo,
    cut: lastWords('timed out'),
  },
  {
    name: 'disconnected',
    message: 'Disconnected from [authenticating user USER |invalid user USER |user USER ]ADDR port PORT[ [preauth]]',
    versions: 'since 6.8; user since 7.5, port since 7.2',
    meaning: 'end; with `user USER` or without [preauth] of a session, else a probe if nothing was decided',
    example: 'Disconnected from invalid user admin 192.0.2.10 port 50022 [preauth]',
    begins: 'Disconnected from ',
    read: disconnected,
  },
  {
    name: 'received-disconnect',
    message: 'Received disconnect from ADDR port PORT:CODE: TEXT[ [preauth]]',
    versions: 'all; `from ADDR: CODE: TEXT` up to 7.1',
    meaning: "the client's goodbye; TEXT is the client's choice",
    example: 'Received disconnect from 192.0.2.10 port 50022:11: Bye Bye [preauth]',
    begins: 'Received disconnect from ',
    read: receivedDisconnect,
  },
  {
    name: 'disconnecting',
    message:
      'Disconnecting [authenticating user USER |invalid user USER ]ADDR port PORT: REASON [preauth]; Disconnecting: REASON [preauth]',
    versions: 'since 7.5; without the client before',
    meaning:
      'sshd ends the connection; `Too many authentication failures` is evidence of a failed attempt of a valid user',
    example: 'Disconnecting authenticating user root 192.0.2.10 port 50022: Too many authentication failures [preauth]',
    begins: 'Disconnecting',
    read: disconnecting,
    cut: lastWords('disconnected by sshd'),
  },
  {
    name: 'too-many-attempts',
    message:
      'error: maximum authentication attempts exceeded for [invalid user ]USER from ADDR port PORT ssh2 [preauth]',
    versions: 'since 6.9',
    meaning: 'evidence of a failed attempt of a valid user where none was logged (refused keys at INFO)',
    example: 'error: maximum authentication attempts exceeded for root from 192.0.2.10 port 50022 ssh2 [preauth]',
    begins: 'maximum authentication attempts exceeded fo',
    read: (text, _, cut) => tooMany(text, cut),
  },
  {
    name: 'fatal-error',
    message: 'fatal: TEXT[ [preauth]]',
    versions: 'all; not with `sshd -E`, which leaves `fatal: ` out',
    meaning:
      'end, told by the pid alone; a probe unless an attempt was seen; without [preauth] of a connection that is known',
    example: 'fatal: no hostkey alg [preauth]',
    begins: 'fatal: ',
    read: (text) => lastWords(text)(),
  },
  {
    name: 'session-read-error',
    message: 'Read error from remote host ADDR port PORT: REASON',
    versions: 'all',
    meaning: 'end of a session',
    example: 'Read error from remote host 192.0.2.10 port 50022: Connection reset by peer',
    begins: 'Read error from remote host ',
    read: (text) => identityThenText('session-ended', text, 28)?.fact ?? new ParsedMessage('session-ended'),
  },
  {
    name: 'session-inactive',
    message: 'terminating inactive connection from user USER ADDR port PORT',
    versions: 'since 9.2',
    meaning: 'end of a session',
    example: 'terminating inactive connection from user alice 192.0.2.10 port 50022',
    begins: 'terminating inactive connection from ',
    read: (text) => identity('session-ended', text, 37),
  },
  {
    name: 'session-timeout',
    message: 'Timeout, client not responding[ from user USER ADDR port PORT]',
    versions: 'all; user and address since 7.5',
    meaning: 'end of a session',
    example: 'Timeout, client not responding from user alice 192.0.2.10 port 50022',
    begins: 'Timeout, client not responding',
    read: (text) =>
      (text.length > 36 ? identity('session-ended', text, 36) : null) ?? new ParsedMessage('session-ended'),
  },
];
