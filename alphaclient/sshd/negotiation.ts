/** Rules for key exchanges that fail and packets that break. */

import { addressOf, portOf } from './address.ts';
import { identityThenText } from './identity.ts';
import { ParsedMessage, type Rule } from './message-types.ts';
import {
  AT,
  broken,
  early,
  from,
  LAST,
  lastWords,
  NEXT,
  NOBODY,
  PROBE,
  row,
  then,
  thenUnlessSession,
} from './probe.ts';

const LOGIN_OR_SESSION = 'end; before login a probe unless an attempt was seen, else of a session';
const THEIR_OFFER = ' found. Their offer: ';

function unableToNegotiate(text: string): ParsedMessage | null {
  const fact = early(then(text, 25));
  if (fact?.reason == null) return null;
  const offer = fact.reason.indexOf(THEIR_OFFER);
  if (offer >= 0) fact.reason = fact.reason.slice(0, offer + 6);
  return fact;
}

/** `: Connection from [IDENTITY ]ADDR port PORT: REASON` behind the name of a function; without [preauth], of a session. */
function packetWrite(text: string, preauth: boolean): ParsedMessage | null {
  const at = clientOf(text);
  const read = at < 0 ? null : identityThenText(preauth ? 'ended' : 'session-ended', text, at);
  if (read === null) return null;
  read.fact.reason = read.rest;
  return read.fact;
}

/** Where the client stands behind the `: Connection from ` of a function; `to` up to 7.3. -1 where neither is there. */
function clientOf(text: string): number {
  const at = text.indexOf(': Connection ');
  if (text.startsWith('from ', at + 13)) return at + 18;
  return text.startsWith('to ', at + 13) ? at + 16 : -1;
}

/** The same of a function that logins die in as well: `user USER` is a session's, `ADDR` without [preauth] may be. */
function dispatch(text: string, preauth: boolean): ParsedMessage | null {
  const at = clientOf(text);
  return at < 0 ? null : thenUnlessSession(text, at, preauth);
}

/** `Ltype: STAGE;Remote: ADDR-PORT;...[;Name: USER]`: only the last field is the client's text. */
function stage(text: string): ParsedMessage | null {
  const remote = text.indexOf(';Remote: ');
  const end = text.indexOf(';', remote + 1);
  const dash = text.lastIndexOf('-', end < 0 ? text.length : end);
  if (remote < 0 || dash < remote) return null;
  const fact = new ParsedMessage('pending');
  fact.ip = addressOf(text.slice(remote + 9, dash));
  const port = portOf(text, dash + 1, end < 0 ? text.length : end);
  fact.port = port < 0 ? null : port;
  if (text.startsWith('Version;', 19)) fact.kind = 'opened';
  if (text.startsWith('Authname;', 19) && text.startsWith(';Name: ', end)) fact.user = text.slice(end + 7);
  return fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const NEGOTIATION: readonly Rule[] = [
  row(
    'unable-to-negotiate',
    'since 7.0; port since 7.2',
    PROBE,
    'Unable to negotiate with ',
    'Unable to negotiate with ADDR port PORT: no matching WHAT found. Their offer: TEXT [preauth]',
    `Unable to negotiate with ${AT}: no matching host key type found. Their offer: ssh-dss [preauth]`,
    unableToNegotiate,
  ),
  row(
    'unable-to-negotiate-old',
    'up to 6.9',
    LAST,
    'Unable to negotiate a ',
    'Unable to negotiate a key exchange method',
    'fatal: Unable to negotiate a key exchange method [preauth]',
    lastWords('no matching key exchange method found'),
  ),
  row(
    'no-matching',
    'up to 6.9',
    LAST,
    'no matching ',
    'no matching WHAT found: client TEXT server TEXT',
    'fatal: no matching cipher found: client blowfish-cbc server aes256-ctr [preauth]',
    lastWords('no matching algorithm found'),
  ),
  row(
    'dispatch-fatal',
    'since 6.8; `Connection to` up to 7.3; port since 7.2',
    LOGIN_OR_SESSION,
    'ssh_dispatch_run_fatal: Connection ',
    'ssh_dispatch_run_fatal: Connection from [USER ]ADDR port PORT: REASON[ [preauth]]',
    `ssh_dispatch_run_fatal: Connection from ${AT}: message authentication code incorrect [preauth]`,
    dispatch,
  ),
  row(
    'bad-packet-length',
    'all',
    NEXT,
    'Bad packet length ',
    'Bad packet length N. [preauth]',
    'Bad packet length 1349676916. [preauth]',
    broken('bad packet length'),
  ),
  row(
    'corrupted-mac',
    'all',
    NEXT,
    'Corrupted MAC on input',
    'Corrupted MAC on input.',
    'Corrupted MAC on input. [preauth]',
    broken('corrupted MAC'),
  ),
  row(
    'corrupted-padding',
    'all',
    NEXT,
    'padding error: ',
    'padding error: need N block N mod N',
    'padding error: need 12 block 8 mod 4 [preauth]',
    broken('padding error'),
  ),
  row(
    'socket-failed',
    'up to 7.x',
    LAST,
    'Read from socket failed: ',
    'Read from socket failed: REASON',
    'fatal: Read from socket failed: Connection reset by peer [preauth]',
    lastWords('read from socket failed'),
  ),
  row(
    'write-failed',
    'all',
    LAST,
    'Write failed: ',
    'Write failed: REASON',
    'fatal: Write failed: Broken pipe [preauth]',
    lastWords('write failed'),
  ),
  ...[
    'packet_read_seqnr',
    'packet_read_poll_seqnr',
    'packet_process_incoming',
    'packet_write_wait',
    'packet_write_poll',
    'ssh_packet_write_wait',
    'ssh_packet_write_poll',
    'dispatch_protocol_error',
  ].map((name) =>
    row(
      name.replaceAll('_', '-'),
      'since 6.8; `Connection to` up to 7.3; port since 7.2',
      LOGIN_OR_SESSION,
      `${name}: Connection `,
      `${name}: Connection from [USER ]ADDR port PORT: REASON[ [preauth]]`,
      `${name}: Connection from ${AT}: Broken pipe [preauth]`,
      packetWrite,
    ),
  ),
  ...['privsep_preauth: preauth child ', 'mm_reap: preauth child '].map((begins) =>
    row(
      begins.slice(0, begins.indexOf(':')).replaceAll('_', '-'),
      begins.startsWith('mm_') ? 'since 9.8' : '5.9 to 9.7',
      LAST,
      begins,
      `${begins}exited with status N; ... terminated by signal N`,
      `${begins}terminated by signal 31`,
      () => from(NOBODY, 'the unprivileged process died'),
    ),
  ),
  row(
    'stages',
    'patched builds',
    'a connection opens; or names the account',
    'SSH: Server;Ltype: ',
    'SSH: Server;Ltype: STAGE;Remote: ADDR-PORT;...[;Name: USER]',
    'SSH: Server;Ltype: Authname;Remote: 192.0.2.10-50022;Name: root [preauth]',
    stage,
  ),
];
