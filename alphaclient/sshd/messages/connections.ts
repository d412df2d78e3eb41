/** Messages about connections: how they begin and end, what sshd refuses, key exchanges that fail, and clients that speak no SSH. */

import { CRASH_REASON } from '../../../protocol/event.ts';
import { addressIn, portOf } from '../address.ts';
import type { LogText } from '../log-text.ts';
import type { Interpret, MessageRow, ParsedMessage } from '../message-types.ts';

/** The client of the examples. */
const AT = '192.0.2.10 port 50022';

const END = 'end; a probe if nothing was decided and it is no session';
const PROBE = 'end; a probe unless an attempt was logged';
const NEXT = 'remark; the connection ends with the next line';
const LAST = 'end, known by the pid alone; a probe unless an attempt was logged';
const LOGIN_OR_SESSION = 'end; before login a probe unless an attempt was logged, else of a session';

/** Without [preauth] and a user it may be the end of a session, whose login may be in the log before this one. */
function mayBeSession(message: ParsedMessage): boolean {
  message.needsKnownConnection = !message.beforeLogin && message.user === null;
  return true;
}

/** Interprets `Disconnected from`: without a port it follows the client's `Received disconnect`. */
const disconnected: Interpret = (message, _log, _from, _end, isTruncated) => {
  mayBeSession(message);
  if (message.user === null && message.port === null && !isTruncated) message.needsKnownConnection = true;
  return true;
};

/**
 * Reasons that a session does not end for (RFC 4253, section 11.1): the key exchange failed, the user cancelled the login, no
 * method is left.
 */
const BEFORE_LOGIN_CODES = /^(?:3|13|14): /;

/** `CODE: TEXT`; the text is up to 400 characters of the client's choice. */
function receivedDisconnect(message: ParsedMessage): boolean {
  const text = message.reason ?? '';
  const rest = text.startsWith(' ') ? text.slice(1) : text;
  // Clients that give up before a login say so; up to 5.8 no line had [preauth].
  if (BEFORE_LOGIN_CODES.test(rest)) message.beforeLogin = true;
  message.reason = rest === '' ? 'disconnected' : `disconnected: ${rest}`;
  return true;
}

/** A message without its end may have lost its [preauth]: only its own pid says whose it is. */
const receivedDisconnectOld: Interpret = (message, _log, _from, _end, isTruncated) => {
  message.needsKnownConnection = isTruncated;
  return receivedDisconnect(message);
};

/** Beginnings and ends of connections, with the client as sshd has named it since 7.5. */
export const ENDS: readonly MessageRow[] = [
  {
    name: 'connection-closed',
    kind: 'ended',
    versions: 'all; user since 7.5, port since 7.2',
    template: 'Connection closed by {client}',
    meaning: END,
    example: 'Connection closed by invalid user admin 192.0.2.10 port 50022 [preauth]',
    fields: { reason: 'connection closed' },
    whenTruncated: 'pid',
  },
  {
    name: 'connection-reset',
    kind: 'ended',
    versions: 'since 6.8; user since 7.5, port since 7.2',
    template: 'Connection reset by {client}',
    meaning: END,
    example: 'Connection reset by authenticating user root 192.0.2.10 port 50022 [preauth]',
    fields: { reason: 'connection reset' },
    whenTruncated: 'pid',
  },
  {
    name: 'connection-from',
    kind: 'opened',
    versions: 'all; rdomain since 7.7',
    template: 'Connection from {peer}[ on {rest}]',
    meaning: 'a connection opens',
    example: 'Connection from 192.0.2.10 port 50022 on 192.0.2.1 port 22 rdomain ""',
  },
  {
    name: 'connection-with-options',
    kind: 'ended',
    versions: 'all',
    template: 'Connection from {peer} with IP opts: {rest}',
    meaning: PROBE,
    example: `Connection from ${AT} with IP opts:  83 03 04`,
    fields: { reason: 'IP options', beforeLogin: true },
  },
  {
    name: 'connection-refused-to-session',
    kind: 'session-ended',
    versions: 'all',
    template: 'Connection from {text}: refusing non-sftp session',
    meaning: 'end of a session',
    example: `Connection from user alice ${AT}: refusing non-sftp session`,
  },
  {
    name: 'connection-timed-out',
    kind: 'ended',
    versions: 'since 7.4',
    template: 'Connection from {client} timed out',
    meaning: END,
    example: `Connection from authenticating user root ${AT} timed out [preauth]`,
    fields: { reason: 'timed out' },
    whenTruncated: 'pid',
    endsSession: 'timeout',
  },
  {
    name: 'connection-timed-out-old',
    kind: 'ended',
    versions: '6.8 to 7.3; port since 7.2',
    template: 'Connection to {client} timed out',
    meaning: END,
    example: `Connection to ${AT} timed out [preauth]`,
    fields: { reason: 'timed out' },
    whenTruncated: 'read or pid',
    endsSession: 'timeout',
  },
  {
    name: 'connection-to',
    kind: 'ended',
    versions: '6.8 to 7.3; port since 7.2',
    template: 'Connection to {client}: {reason}',
    meaning: LOGIN_OR_SESSION,
    example: `Connection to ${AT}: Broken pipe [preauth]`,
    interpret: mayBeSession,
  },
  {
    name: 'disconnected',
    kind: 'ended',
    versions: 'since 6.8; user since 7.5, port since 7.2',
    template: 'Disconnected from {client}',
    meaning: 'end; with `user USER` or without [preauth] of a session, else a probe if nothing was decided',
    example: 'Disconnected from invalid user admin 192.0.2.10 port 50022 [preauth]',
    fields: { reason: 'disconnected' },
    whenTruncated: 'pid',
    interpret: disconnected,
    endsSession: 'disconnected',
  },
  {
    name: 'received-disconnect',
    kind: 'end-reason',
    versions: 'since 7.2',
    template: 'Received disconnect from {host} port {port}:{reason}',
    meaning: "the client ends the connection; the text is the client's choice",
    example: 'Received disconnect from 192.0.2.10 port 50022:11: Bye Bye [preauth]',
    interpret: receivedDisconnect,
    endsSession: 'disconnected',
  },
  {
    // The last line up to 6.7; in 6.8 to 7.1 `Disconnected from` may follow, and has no more.
    name: 'received-disconnect-old',
    kind: 'ended',
    versions: 'up to 7.1',
    template: 'Received disconnect from {peer}: {reason}',
    meaning: "the client ends the connection; the text is the client's choice",
    example: 'Received disconnect from 192.0.2.10: 11: Bye Bye [preauth]',
    fields: { endFollows: true },
    interpret: receivedDisconnectOld,
    endsSession: 'disconnected',
  },
  {
    name: 'disconnecting-too-many',
    kind: 'evidence',
    versions: 'since 7.5',
    template: 'Disconnecting {client}: Too many authentication failures{rest}',
    meaning: 'evidence of a failed attempt of a valid user; sshd ends the connection',
    example: 'Disconnecting authenticating user root 192.0.2.10 port 50022: Too many authentication failures [preauth]',
    fields: { method: 'publickey', reason: 'Too many authentication failures', endsConnection: true },
  },
  {
    name: 'disconnecting-too-many-old',
    kind: 'evidence',
    versions: 'up to 7.4',
    template: 'Disconnecting: Too many authentication failures[ for {user}]',
    meaning: 'evidence of a failed attempt of a valid user; sshd ends the connection',
    example: 'Disconnecting: Too many authentication failures for root [preauth]',
    fields: { method: 'publickey', reason: 'Too many authentication failures', endsConnection: true },
  },
  {
    name: 'disconnecting',
    kind: 'ended',
    versions: 'since 7.5',
    template: 'Disconnecting {client}: {reason}',
    meaning: PROBE,
    example: `Disconnecting invalid user admin ${AT}: Change of username or service not allowed: (admin,ssh-connection) -> (root,ssh-connection) [preauth]`,
    fields: { reason: 'disconnected by sshd' },
    whenTruncated: 'read or pid',
  },
  {
    name: 'disconnecting-old',
    kind: 'ended',
    versions: 'up to 7.4',
    template: 'Disconnecting: {reason}',
    meaning: LAST,
    example: 'Disconnecting: Packet corrupt [preauth]',
  },
  ...['invalid user ', ''].map(
    (role): MessageRow => ({
      name: role === '' ? 'too-many-attempts' : 'too-many-attempts-of-invalid-user',
      kind: 'attempts-exceeded',
      versions: 'since 6.9',
      template: `maximum authentication attempts exceeded for ${role}{user} from {peer}[ {protocol}]`,
      meaning: 'evidence of a failed attempt where none was logged; of an account that is refused, none',
      example: `error: maximum authentication attempts exceeded for ${role}root from ${AT} ssh2 [preauth]`,
      fields: {
        method: 'publickey',
        invalidUser: role !== '',
        reason: 'maximum authentication attempts exceeded',
        endFollows: true,
      },
      whenTruncated: 'pid',
    }),
  ),
  {
    name: 'fatal-error',
    kind: 'ended',
    versions: 'all; not with `sshd -E`, which leaves `fatal: ` out',
    template: 'fatal: {reason}',
    meaning:
      'end, known by the pid alone; a probe unless an attempt was logged; without [preauth] of a connection that is known',
    example: 'fatal: no hostkey alg [preauth]',
  },
];

/** sshd's own messages about the ends of sessions. */
export const SESSION_ENDS: readonly MessageRow[] = [
  {
    name: 'session-read-error',
    kind: 'session-ended',
    versions: 'all',
    template: 'Read error from remote host[ {client}: {rest}]',
    meaning: 'end of a session',
    example: 'Read error from remote host 192.0.2.10 port 50022: Connection reset by peer',
  },
  {
    name: 'session-inactive',
    kind: 'session-ended',
    versions: 'since 9.2',
    template: 'terminating inactive connection from {client}',
    meaning: 'end of a session',
    example: 'terminating inactive connection from user alice 192.0.2.10 port 50022',
    endsSession: 'timeout',
  },
  {
    name: 'session-timeout',
    kind: 'session-ended',
    versions: 'all; user and address since 7.5',
    template: 'Timeout, client not responding[ from {client}]',
    meaning: 'end of a session',
    example: 'Timeout, client not responding from user alice 192.0.2.10 port 50022',
    endsSession: 'timeout',
  },
];

/** A connection that never came to a login, of which nothing else is known. */
const EARLY = { beforeLogin: true, beforeUser: true } as const;

/** Clients that speak no SSH, or do not come to the key exchange. */
export const SCANNERS: readonly MessageRow[] = [
  {
    name: 'no-identification',
    kind: 'ended',
    versions: 'up to 7.9; port since 7.3',
    template: 'Did not receive identification string from {peer}',
    meaning: PROBE,
    example: `Did not receive identification string from ${AT}`,
    fields: { ...EARLY, reason: 'no identification string' },
    whenTruncated: 'read or pid',
  },
  {
    name: 'identification-not-sent',
    kind: 'ended',
    versions: 'up to 7.9; port since 7.3',
    template: 'Could not write ident string to {peer}',
    meaning: PROBE,
    example: `Could not write ident string to ${AT}`,
    fields: { ...EARLY, reason: 'identification string not sent' },
    whenTruncated: 'read or pid',
  },
  ...['kex_exchange_identification', 'ssh_exchange_identification'].flatMap((step): MessageRow[] => {
    const versions = step.startsWith('kex') ? 'since 8.0; VERBOSE since 9.5' : 'up to 7.9';
    const name = step.startsWith('kex') ? 'identification' : 'identification-old';
    return [
      {
        name: `${name}-invalid`,
        kind: 'end-reason',
        versions,
        template: `${step}: client sent invalid{rest}`,
        meaning: NEXT,
        example: `${step}: client sent invalid protocol identifier "GET / HTTP/1.1"`,
        fields: { reason: 'no SSH client: invalid protocol identifier' },
      },
      {
        name,
        kind: 'end-reason',
        versions,
        template: `${step}: {reason}`,
        meaning: NEXT,
        example: `${step}: Connection closed by remote host`,
      },
    ];
  }),
  {
    name: 'banner-exchange',
    kind: 'ended',
    versions: 'since 8.0',
    template: 'banner exchange: Connection from {client}: {reason}',
    meaning: PROBE,
    example: `banner exchange: Connection from ${AT}: invalid format`,
    fields: { beforeLogin: true },
    whenTruncated: 'read or pid',
  },
  {
    name: 'bad-protocol-version',
    kind: 'ended',
    versions: 'up to 7.9',
    template: 'Bad protocol version identification {text} from {peer}',
    meaning: PROBE,
    example: `Bad protocol version identification 'GET / HTTP/1.1' from ${AT}`,
    fields: { ...EARLY, reason: 'no SSH client: bad protocol version' },
    whenTruncated: 'pid',
  },
  {
    name: 'protocol-versions-differ',
    kind: 'ended',
    versions: 'since 7.3',
    template: 'Protocol major versions differ for {client}: {reason}',
    meaning: PROBE,
    example: `Protocol major versions differ for ${AT}: SSH-2.0-OpenSSH_9.2 vs. SSH-1.5-x`,
    fields: { beforeLogin: true },
    whenTruncated: 'read or pid',
  },
  {
    name: 'protocol-versions-differ-old',
    kind: 'end-reason',
    versions: 'up to 7.2',
    template: 'Protocol major versions differ: {rest}',
    meaning: NEXT,
    example: 'Protocol major versions differ: 2 vs. 1',
    fields: { reason: 'protocol major versions differ' },
  },
  {
    name: 'bad-remote-version',
    kind: 'end-reason',
    versions: 'since 8.0',
    template: 'Bad remote protocol version identification: {rest}',
    meaning: NEXT,
    example: "Bad remote protocol version identification: 'SSH-x'",
    fields: { reason: 'no SSH client: bad protocol version' },
  },
  ...['probed', 'scanned'].map(
    (how): MessageRow => ({
      name: how,
      kind: 'ended',
      versions: 'all',
      template: `${how} from {peer}[ with {rest}]`,
      meaning: PROBE,
      example: `${how} from ${AT} with SSH-1.0-SSH_Version_Mapper. Don't panic.`,
      fields: { ...EARLY, reason: 'known scanner' },
      whenTruncated: 'read or pid',
    }),
  ),
  {
    name: 'magic-value',
    kind: 'ended',
    versions: 'patched builds',
    template: 'Magic value check failed {text} from {peer}',
    meaning: PROBE,
    example: `Magic value check failed (7) on obfuscated handshake from ${AT}`,
    fields: { ...EARLY, reason: 'no obfuscated handshake' },
    whenTruncated: 'read or pid',
  },
];

const OFFER = ' found. Their offer: ';

/** The offer is the client's text. */
function withoutOffer(message: ParsedMessage): boolean {
  const offer = message.reason?.indexOf(OFFER) ?? -1;
  if (offer >= 0) message.reason = message.reason?.slice(0, offer + ' found'.length) ?? null;
  return true;
}

/** Without [preauth] it is a session that ends. */
function sessionUnlessPreauth(message: ParsedMessage): boolean {
  message.kind = message.beforeLogin ? 'ended' : 'session-ended';
  return true;
}

/** A packet that broke, without an address: with [preauth] before the login, else perhaps in a session. */
function brokenPacket(name: string, template: string, reason: string, example: string): MessageRow {
  return {
    name,
    kind: 'end-reason',
    versions: 'all',
    template,
    meaning: NEXT,
    example: `${example} [preauth]`,
    fields: { reason },
    interpret: mayBeSession,
  };
}

/** An end without an address. */
function lastMessage(
  name: string,
  versions: string,
  template: string,
  reason: string,
  example: string,
  fields: MessageRow['fields'] = {},
): MessageRow {
  return { name, kind: 'ended', versions, template, meaning: LAST, example, fields: { ...fields, reason } };
}

const STAGE = 'SSH: Server;Ltype: ';

/** `Ltype: STAGE;Remote: ADDR-PORT;...[;Name: USER]`: only the last field is the client's text. */
function stage(message: ParsedMessage, log: LogText, from: number, textEnd: number): boolean {
  const text = log.slice(from, textEnd);
  const remote = text.indexOf(';Remote: ');
  const end = text.indexOf(';', remote + 1);
  const dash = text.lastIndexOf('-', end < 0 ? text.length : end);
  if (remote < 0 || dash < remote) return false;
  message.ip = addressIn(log, from + remote + ';Remote: '.length, from + dash);
  const port = portOf(log.bytes, from + dash + 1, end < 0 ? textEnd : from + end);
  message.port = port < 0 ? null : port;
  if (text.startsWith('Version;', STAGE.length)) message.kind = 'opened';
  if (text.startsWith('Authname;', STAGE.length) && text.startsWith(';Name: ', end))
    message.user = text.slice(end + ';Name: '.length);
  return true;
}

/** Key exchanges that fail and packets that break. */
export const NEGOTIATION: readonly MessageRow[] = [
  {
    name: 'unable-to-negotiate',
    kind: 'ended',
    versions: 'since 7.0; port since 7.2',
    template: 'Unable to negotiate with {client}: {reason}',
    meaning: PROBE,
    example: `Unable to negotiate with ${AT}: no matching host key type found. Their offer: ssh-dss [preauth]`,
    fields: EARLY,
    whenTruncated: 'read or pid',
    interpret: withoutOffer,
  },
  lastMessage(
    'unable-to-negotiate-old',
    'up to 6.9',
    'Unable to negotiate a {rest}',
    'no matching key exchange method found',
    'fatal: Unable to negotiate a key exchange method [preauth]',
  ),
  lastMessage(
    'no-matching',
    'up to 6.9',
    'no matching {rest}',
    'no matching algorithm found',
    'fatal: no matching cipher found: client blowfish-cbc server aes256-ctr [preauth]',
  ),
  {
    name: 'dispatch-fatal',
    kind: 'ended',
    versions: 'since 6.8; `Connection to` up to 7.3; port since 7.2',
    template: 'ssh_dispatch_run_fatal: Connection {word} {client}: {reason}',
    meaning: LOGIN_OR_SESSION,
    example: `ssh_dispatch_run_fatal: Connection from ${AT}: message authentication code incorrect [preauth]`,
    whenTruncated: 'read or pid',
    interpret: mayBeSession,
  },
  brokenPacket('bad-packet-length', 'Bad packet length {rest}', 'bad packet length', 'Bad packet length 1349676916.'),
  brokenPacket('corrupted-mac', 'Corrupted MAC on input{rest}', 'corrupted MAC', 'Corrupted MAC on input.'),
  brokenPacket('corrupted-padding', 'padding error: {rest}', 'padding error', 'padding error: need 12 block 8 mod 4'),
  lastMessage(
    'socket-failed',
    'up to 7.x',
    'Read from socket failed: {rest}',
    'read from socket failed',
    'fatal: Read from socket failed: Connection reset by peer [preauth]',
  ),
  lastMessage(
    'write-failed',
    'all',
    'Write failed: {rest}',
    'write failed',
    'fatal: Write failed: Broken pipe [preauth]',
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
  ].map(
    (step): MessageRow => ({
      name: step.replaceAll('_', '-'),
      kind: 'ended',
      versions: 'since 6.8; `Connection to` up to 7.3; port since 7.2',
      template: `${step}: Connection {word} {client}: {reason}`,
      meaning: LOGIN_OR_SESSION,
      example: `${step}: Connection from ${AT}: Broken pipe [preauth]`,
      whenTruncated: 'read or pid',
      interpret: sessionUnlessPreauth,
    }),
  ),
  ...['privsep_preauth', 'mm_reap'].map((step) =>
    lastMessage(
      step.replaceAll('_', '-'),
      step === 'mm_reap' ? 'since 9.8' : '5.9 to 9.7',
      `${step}: preauth child {rest}`,
      'the unprivileged process died',
      `${step}: preauth child terminated by signal 31`,
      { beforeLogin: true },
    ),
  ),
  {
    name: 'stages',
    kind: 'pending',
    versions: 'patched builds',
    template: `${STAGE}{rest}`,
    meaning: 'a connection opens; or names the account',
    example: `${STAGE}Authname;Remote: 192.0.2.10-50022;Name: root [preauth]`,
    interpret: stage,
  },
];

/** The most events that one summary line can stand for: a line is no proof of more, and memory is bounded. */
export const SUMMARY_LIMIT_EVENTS = 100_000;

function droppedSummary(message: ParsedMessage): boolean {
  message.count = Math.min(message.count, SUMMARY_LIMIT_EVENTS);
  return true;
}

/** `NAME (ADDR)` of TCP wrappers; the name is what the client's DNS says. */
function refusedByWrappers(message: ParsedMessage, log: LogText, from: number, end: number): boolean {
  const text = log.slice(from, end);
  const open = text.lastIndexOf(' (');
  if (open > 0 && text.endsWith(')')) message.ip = addressIn(log, from + open + ' ('.length, end - 1);
  message.ip ??= addressIn(log, from + 'refused connect from '.length, open > 0 ? from + open : end);
  return true;
}

/** Connections that sshd itself cuts off: at accept, by configuration, for taking too long. */
export const REFUSALS: readonly MessageRow[] = [
  {
    name: 'timeout',
    kind: 'ended',
    versions: 'up to 9.7; port since 7.3',
    template: 'Timeout before authentication for {peer}',
    meaning: PROBE,
    example: `fatal: Timeout before authentication for ${AT}`,
    fields: { reason: 'timeout before authentication', beforeLogin: true },
    whenTruncated: 'read or pid',
  },
  {
    name: 'timeout-by-listener',
    kind: 'ended',
    versions: 'since 9.8, by the listener',
    template: 'Timeout before authentication for connection from {peer} to {word}[, pid = {pid}][ (early)]',
    meaning: PROBE,
    example: 'Timeout before authentication for connection from 192.0.2.10 to 192.0.2.1, pid = 4321',
    fields: { reason: 'timeout before authentication', beforeLogin: true },
    whenTruncated: 'read or pid',
  },
  {
    name: 'process-killed',
    kind: 'ended',
    versions: 'since 9.8',
    template: 'session process {pid} for connection from {peer} to {rest}',
    meaning: 'end; a probe unless an attempt was logged, or it was a session',
    example: 'session process 4321 for connection from 192.0.2.10 to 192.0.2.1 killed by signal 11',
    fields: { reason: CRASH_REASON },
    whenTruncated: 'read or pid',
  },
  {
    name: 'process-crashed',
    kind: 'ended',
    versions: 'since 9.8',
    template: 'Session process {pid} unpriv child crash for connection from {peer} to {rest}',
    meaning: PROBE,
    example: 'Session process 4321 unpriv child crash for connection from 192.0.2.10 to 192.0.2.1',
    fields: { reason: CRASH_REASON, beforeLogin: true },
    whenTruncated: 'read or pid',
  },
  {
    name: 'username-too-long',
    kind: 'ended',
    versions: 'all with PAM',
    template: 'Username too long from {peer}',
    meaning: PROBE,
    example: `fatal: Username too long from ${AT}`,
    fields: { ...EARLY, reason: 'user name too long' },
    whenTruncated: 'read or pid',
  },
  {
    name: 'dropped',
    kind: 'dropped',
    versions: 'since 7.x; penalties since 9.8',
    template: 'drop connection #{number} from [[{address}]]:{port}[ on [[{word}]]:{number}][ {reason}]',
    reasonPrefix: 'dropped: ',
    meaning: 'a probe',
    example: 'drop connection #0 from [192.0.2.10]:50022 on [192.0.2.1]:22 penalty: failed authentication',
    fields: { reason: 'connection dropped', beforeLogin: true },
  },
  {
    name: 'dropped-summary',
    kind: 'dropped',
    versions: 'since 9.8',
    template: '{text}additional {count} connections dropped',
    meaning: 'as many probes as it says',
    example: 'drop connection: logging rate-limited: additional 12 connections dropped',
    fields: { reason: 'dropped: logging rate-limited' },
    interpret: droppedSummary,
  },
  {
    name: 'refused-by-wrappers',
    kind: 'dropped',
    versions: 'builds with libwrap',
    template: 'refused connect from {rest}',
    meaning: 'a probe',
    example: 'refused connect from client.example (192.0.2.10)',
    fields: { reason: 'refused by TCP wrappers' },
    interpret: refusedByWrappers,
  },
  {
    name: 'prohibited',
    kind: 'ended',
    versions: 'since 9.9',
    template: 'administratively prohibited connection for [invalid user ]{user} from {peer}',
    meaning: PROBE,
    example: `administratively prohibited connection for bob from ${AT}`,
    fields: { reason: 'administratively prohibited', beforeLogin: true },
    whenTruncated: 'pid',
  },
];
