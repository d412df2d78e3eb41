/** Messages about attempts: sshd's decisions, the accounts and keys that it refuses, and what PAM's modules write under its name. */

import { addressIn, addressOf, endOfIpv4 } from '../address.ts';
import { type LogText, words } from '../log-text.ts';
import type { Interpret, MessageRow, ParsedMessage } from '../message-types.ts';

/** `METHOD for USER from ADDR port PORT ssh2`, as sshd writes every decision (auth_log in auth.c). */
const DECISION = '{method} for [invalid user ]{user} from {peer}[ {protocol}]';

/**
 * Up to 5.8 the unprivileged process wrote its lines itself, without [preauth]: under its pid nothing else may ever be logged, and the
 * decision stands under another.
 */
function ofUnprivilegedProcess(message: ParsedMessage): boolean {
  message.needsKnownConnection = !message.beforeLogin;
  return true;
}

/** A truncated message may have lost its [preauth]. */
const postponed: Interpret = (message, _log, _from, _end, isTruncated) => isTruncated || ofUnprivilegedProcess(message);

const PAM_FAILED = 'failed keyboard-interactive; a `Failed` line for the same attempt is not counted again';

/** The texts of pam_strerror(3) that have ` for ` themselves: of Linux-PAM and of Solaris. The user is behind the next one. */
const PAM_TEXTS_WITH_FOR: readonly (readonly [name: string, versions: string, text: string])[] = [
  ['retries', 'Linux-PAM', 'Have exhausted maximum number of retries for service'],
  ['session', 'Linux-PAM', 'Cannot make/remove an entry for the specified session'],
  ['waiting', 'Linux-PAM', 'Conversation is waiting for event'],
  ['no-account', 'Solaris', 'No account present for user'],
  ['session-solaris', 'Solaris', 'Can not make/remove entry for session'],
];

/** sshd's decisions, and messages that go with one. */
export const DECISIONS: readonly MessageRow[] = [
  {
    name: 'accepted',
    kind: 'accepted',
    versions: 'all; fingerprint as SHA256 since 6.8',
    template: 'Accepted {method} for {user} from {peer}[ {protocol}][: {detail}]',
    meaning: 'accepted',
    example:
      'Accepted publickey for alice from 192.0.2.10 port 50022 ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    fields: { invalidUser: false },
  },
  {
    name: 'failed-none',
    kind: 'pending',
    versions: 'all',
    template: 'Failed none for [invalid user ]{user} from {peer}[ {protocol}][: {rest}]',
    meaning: 'no attempt: the client asks which methods there are',
    example: 'Failed none for invalid user admin from 192.0.2.10 port 50022 ssh2',
  },
  {
    name: 'failed',
    kind: 'failed',
    versions: 'all; some vendors without the port or ` ssh2`',
    template: `Failed ${DECISION}[: {detail}]`,
    meaning: 'failed',
    example: 'Failed password for invalid user admin from 192.0.2.10 port 50022 ssh2',
  },
  ...PAM_TEXTS_WITH_FOR.map(
    ([name, versions, text]): MessageRow => ({
      name: `pam-failed-${name}`,
      kind: 'pam-failed',
      versions,
      template: `PAM: ${text} for [illegal user ]{user} from {peer}[ via {word}]`,
      meaning: PAM_FAILED,
      example: `PAM: ${text} for root from 192.0.2.10`,
      fields: { method: 'keyboard-interactive', reason: `PAM: ${text}` },
      whenTruncated: 'pid',
    }),
  ),
  {
    name: 'pam-failed',
    kind: 'pam-failed',
    versions: 'all with PAM',
    template: 'PAM: {reason} for [illegal user ]{user} from {peer}[ via {word}]',
    reasonPrefix: 'PAM: ',
    meaning: PAM_FAILED,
    example: 'PAM: Authentication failure for illegal user admin from 192.0.2.10',
    fields: { method: 'keyboard-interactive' },
    whenTruncated: 'pid',
  },
  {
    name: 'partial',
    kind: 'pending',
    versions: 'all, with AuthenticationMethods',
    template: `Partial ${DECISION}[: {rest}]`,
    meaning: 'no attempt: more methods are required',
    example:
      'Partial publickey for alice from 192.0.2.10 port 50022 ssh2: RSA SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    whenTruncated: 'pid',
  },
  {
    name: 'postponed',
    kind: 'pending',
    versions: 'all',
    template: `Postponed ${DECISION}[: {rest}]`,
    meaning: 'no attempt: the exchange goes on',
    example: 'Postponed keyboard-interactive for invalid user admin from 192.0.2.10 port 50022 ssh2 [preauth]',
    whenTruncated: 'pid',
    interpret: postponed,
  },
];

/** Messages about the account that a client asked for, and about logins that sshd will refuse. */
export const ACCOUNTS: readonly MessageRow[] = [
  {
    name: 'invalid-user',
    kind: 'invalid-user',
    versions: 'all; port since 7.3',
    template: 'Invalid user {user} from {peer}',
    meaning: 'names the account; a probe if nothing is decided before the connection ends',
    example: 'Invalid user admin from 192.0.2.10 port 50022',
    fields: { invalidUser: true },
  },
  {
    name: 'illegal-user',
    kind: 'invalid-user',
    versions: 'up to 4.2',
    template: 'Illegal user {user} from {peer}',
    meaning: 'names the account; a probe if nothing is decided before the connection ends',
    example: 'Illegal user admin from 192.0.2.10',
    fields: { invalidUser: true },
  },
  {
    name: 'invalid-user-again',
    kind: 'account',
    versions: 'up to 7.4; `illegal user` up to 4.x',
    template: 'input_userauth_request: {word} user {user}',
    meaning: 'names the account again',
    example: 'input_userauth_request: invalid user admin [preauth]',
    fields: { invalidUser: true },
    interpret: ofUnprivilegedProcess,
  },
  {
    name: 'user-not-allowed',
    kind: 'account',
    versions: 'all',
    template: 'User {user} from {peer} not allowed because {reason}',
    reasonPrefix: 'not allowed because ',
    meaning: 'the account is refused by configuration; later decisions call it invalid',
    example: 'User bob from 192.0.2.10 not allowed because listed in DenyUsers',
    fields: { invalidUser: true },
  },
  {
    name: 'account-not-allowed',
    kind: 'account',
    versions: 'all',
    template: 'User {user} not allowed because {reason}',
    reasonPrefix: 'not allowed because ',
    meaning: 'the account is refused for what it is; later decisions call it invalid',
    example: 'User bob not allowed because account is locked',
    fields: { invalidUser: true },
  },
  {
    name: 'password-expired',
    kind: 'account',
    versions: 'all, without PAM',
    template: 'User {user} password has expired {reason}',
    reasonPrefix: 'password has expired ',
    meaning: 'the account is refused; later decisions call it invalid',
    example: 'User bob password has expired (root forced)',
    fields: { invalidUser: true },
  },
  {
    name: 'user-file-odd',
    kind: 'pending',
    versions: 'all',
    template: "User '{text} is not a regular file",
    meaning: "nothing about an attempt: the account's file is not read",
    example: "User 'alice' authorized keys '/home/alice/.ssh/authorized_keys' is not a regular file",
  },
  {
    name: 'account-expired',
    kind: 'account',
    versions: 'all, without PAM',
    template: 'Account {user} has expired',
    meaning: 'the account is refused; later decisions call it invalid',
    example: 'Account bob has expired',
    fields: { invalidUser: true, reason: 'has expired' },
  },
  {
    name: 'root-refused',
    kind: 'evidence',
    versions: 'all; port since 7.3',
    template: 'ROOT LOGIN REFUSED FROM {peer}',
    meaning: 'evidence of a failed attempt, whose own line may come',
    example: 'ROOT LOGIN REFUSED FROM 192.0.2.10 port 50022',
    // A password's decision is logged at every level; what INFO hides is that of a key.
    fields: { method: 'publickey', user: 'root', invalidUser: false, reason: 'root login refused' },
  },
  {
    name: 'access-denied',
    kind: 'evidence',
    versions: 'all with PAM',
    template: 'Access denied for user {user} by PAM account configuration',
    meaning: 'evidence of a failed attempt, whose own line may come; the connection is over',
    example: 'fatal: Access denied for user bob by PAM account configuration [preauth]',
    fields: {
      method: 'publickey',
      invalidUser: false,
      reason: 'access denied by PAM account configuration',
      endsConnection: true,
    },
  },
];

const REFUSED_KEY = 'evidence of a refused key';
const ADDRESS_OF_CLIENT = /[ (](?:ip=)?([0-9a-fA-F:.]+(?:%[\w.-]+)?)[,)]/;

/** `... not from a permitted host (host=HOST, ip=ADDR, required=LIST)`; of a certificate, `... source address (ADDR)`. */
function fromWrongHost(message: ParsedMessage, log: LogText, from: number, end: number): boolean {
  const text = log.slice(from, end);
  const list = text.indexOf(' (', text.indexOf(' with '));
  message.ip = addressOf(ADDRESS_OF_CLIENT.exec(list < 0 ? '' : text.slice(list))?.[1] ?? '');
  return true;
}

/** A text that can be no key is refused; other messages of this function are about packets. */
function pubkeyRefused(message: ParsedMessage, log: LogText, from: number, end: number): boolean {
  const text = log.slice(from, end);
  if (/ algorithm| not in /.test(text)) message.reason = 'key algorithm not accepted';
  else if (/ (?:parse|decode|decoded) key/.test(text)) message.reason = 'key not read';
  else {
    message.kind = 'pending';
    message.method = null;
  }
  return true;
}

/** Makes the row of a message that only says that a key is refused. */
function refusedKey(
  name: string,
  versions: string,
  template: string,
  reason: string,
  example: string,
  interpret?: MessageRow['interpret'],
): MessageRow {
  const row = { name, kind: 'evidence', versions, template, meaning: REFUSED_KEY, example } as const;
  return { ...row, fields: { method: 'publickey', reason }, ...(interpret === undefined ? {} : { interpret }) };
}

const FINGERPRINT = 'ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';

/** Keys that sshd will refuse: the refusal's own line may never come. */
export const KEYS: readonly MessageRow[] = [
  refusedKey(
    'key-from-wrong-host',
    'all; of a certificate: `valid certificate ... source address (ADDR)`',
    'Authentication tried for {user} with {rest}',
    'not from a permitted host',
    'Authentication tried for bob with correct key but not from a permitted host (host=client.example, ip=192.0.2.10, required=198.51.100.0/24).',
    fromWrongHost,
  ),
  refusedKey(
    'key-from-wrong-host-by-file',
    'since 7.7',
    '/{word}: Authentication tried for {user} with {rest}',
    'not from a permitted host',
    '/home/bob/.ssh/authorized_keys:1: Authentication tried for bob with correct key but not from a permitted host (host=client.example, ip=192.0.2.10, required=198.51.100.0/24).',
    fromWrongHost,
  ),
  refusedKey(
    'certificate-invalid',
    'up to 10.0',
    'Certificate invalid: {rest}',
    'certificate invalid',
    'Certificate invalid: expired',
  ),
  refusedKey(
    'certificate-unfit',
    'all',
    'Certificate {rest}',
    'certificate invalid',
    'Certificate does not contain an authorized principal',
  ),
  refusedKey(
    'key-refused-by-options',
    'all',
    'Refused by {rest}',
    'key refused by options',
    'Refused by certificate options',
  ),
  refusedKey(
    'key-revoked',
    'all',
    'Authentication key {rest}',
    'key revoked',
    `Authentication key ${FINGERPRINT} revoked by file /etc/ssh/revoked`,
  ),
  refusedKey(
    'key-revoked-old',
    'all',
    'WARNING: revoked key for {rest}',
    'key revoked',
    'WARNING: revoked key for bob attempted authentication',
  ),
  refusedKey(
    'certificate-refused',
    'since 10.1',
    'Refusing certificate ID {rest}',
    'certificate refused',
    `Refusing certificate ID "bob" serial=7 signed by ${FINGERPRINT}: Certificate invalid: expired`,
  ),
  refusedKey(
    'key-used-before',
    'all',
    'refusing previously-used {rest}',
    'key used before',
    'refusing previously-used ssh-ed25519 key',
  ),
  refusedKey(
    'key-algorithm-refused',
    'since 8.5; `key type TYPE not in PubkeyAcceptedKeyTypes` from 6.8',
    'userauth_pubkey: {rest}',
    'key algorithm not accepted',
    'userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]',
    pubkeyRefused,
  ),
  {
    name: 'key-signature-rejected',
    kind: 'evidence',
    versions: 'since 8.2',
    template: 'public key {word} {word} signature for [invalid user ]{user} from {peer} rejected: {reason}',
    meaning: 'evidence of a refused key, whose owner was not there',
    example: `public key ED25519-SK SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG signature for bob from 192.0.2.10 port 50022 rejected: user presence (authenticator touch) requirement not met`,
    fields: { method: 'publickey' },
  },
  refusedKey(
    'key-too-weak',
    'since 9.1',
    'refusing {word} key: {rest}',
    'key too weak',
    'refusing RSA key: Invalid key length [preauth]',
  ),
  refusedKey(
    'key-unsafe',
    'up to 9.x',
    'Refusing RSA key {rest}',
    'key too weak',
    'Refusing RSA key because client uses unsafe signature scheme [preauth]',
  ),
  refusedKey(
    'key-blacklisted',
    "Debian's 4.x and 5.x",
    'Public key {text} blacklisted {rest}',
    'key blacklisted',
    'Public key 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff blacklisted (see ssh-vulnkey(1))',
  ),
  refusedKey(
    'key-not-checked',
    'since 6.9',
    'Error checking authentication key {rest}',
    'key not checked',
    `Error checking authentication key ${FINGERPRINT} in revoked keys file /etc/ssh/revoked: No such file or directory`,
  ),
  {
    name: 'hostbased-key',
    kind: 'pending',
    versions: 'all',
    template: 'Accepted {word} public key {rest}',
    meaning: 'no login: the key of a client host is known',
    example: 'Accepted ED25519 public key SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG from alice@client.example',
  },
];

const RHOST = words(' rhost=');
const USER = words(' user=');
const PAM_UNIX = words('pam_unix(');
const BLANK = 32;

/**
 * Reads the client of a PAM module's line: `...; logname= uid=0 euid=0 tty=ssh ruser= rhost=HOST[  user=USER]`. The host is what sshd
 * knows; `ruser` and `logname` are empty for sshd, so the first `rhost=` is PAM's own, and the user ends the line.
 */
function pamFailure(message: ParsedMessage, log: LogText, from: number, end: number): boolean {
  const { bytes } = log;
  const rhost = RHOST.indexIn(log, from, end);
  if (rhost < 0) return true;
  const host = rhost + RHOST.length;
  let hostEnd = endOfIpv4(bytes, host, end);
  if (hostEnd === end || bytes[hostEnd] === BLANK) message.ip = log.detached(host, hostEnd);
  else {
    hostEnd = host;
    while (hostEnd < end && bytes[hostEnd] !== BLANK) hostEnd++;
    message.ip = addressIn(log, host, hostEnd);
    if (message.ip === null && hostEnd > host) message.hostName = log.slice(host, hostEnd);
  }
  const user = USER.indexIn(log, hostEnd - 1, end);
  if (user >= 0) message.user = log.slice(user + USER.length, end);
  return true;
}

/** sshd lets nobody try more often than MaxAuthTries on a connection; a hundred is far above any setting in use. */
export const PAM_SUMMARY_LIMIT_FAILURES = 100;

function pamSummary(message: ParsedMessage, log: LogText, from: number, end: number): boolean {
  message.count = Math.min(message.count, PAM_SUMMARY_LIMIT_FAILURES);
  return pamFailure(message, log, from, end);
}

/** Another module's message about a failure that pam_unix may have logged, too: it counts once for both. */
function pamFailureOfModule(message: ParsedMessage, log: LogText, from: number, end: number): boolean {
  if (!PAM_UNIX.areAt(log, from, end)) message.count = 0;
  return pamFailure(message, log, from, end);
}

/** Linux-PAM 1.3.1 and later write the uid behind the name: `alice(uid=1000)`. */
function sessionOpened(message: ParsedMessage): boolean {
  message.user = message.user?.replace(/\(uid=\d{1,10}\)$/, '') ?? null;
  return true;
}

const PAM_EVIDENCE = 'evidence of a failed attempt, whose own line may come';
/** pam_unix knows no password of a directory's account: it logs a failure before pam_sss or pam_winbind takes the password. */
const PAM_SUCCESS = 'no failed attempt: another module has refused what this one took; the decision follows';
const PAM_FAILURE = { method: 'password', reason: 'PAM: authentication failure' } as const;
const PAM_UNKNOWN_USER = { method: 'password', reason: 'PAM: user unknown', invalidUser: true } as const;

/** Messages that PAM's modules write under sshd's tag. */
export const PAM: readonly MessageRow[] = [
  {
    name: 'pam-failure',
    kind: 'pam-failure',
    versions: 'Linux-PAM',
    template: 'pam_unix(sshd:auth): authentication failure{rest}',
    meaning: PAM_EVIDENCE,
    example:
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=root',
    fields: PAM_FAILURE,
    interpret: pamFailure,
  },
  {
    name: 'pam-failure-old',
    kind: 'pam-failure',
    versions: 'Linux-PAM before 0.99, tag sshd(pam_unix)',
    template: 'authentication failure; {rest}',
    meaning: PAM_EVIDENCE,
    example: 'authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=192.0.2.10  user=root',
    fields: PAM_FAILURE,
    interpret: pamFailure,
  },
  {
    name: 'pam-user-unknown',
    kind: 'pam-unknown-user',
    versions: 'Linux-PAM',
    template: 'pam_unix(sshd:auth): check pass; user unknown{rest}',
    meaning: PAM_EVIDENCE,
    example: 'pam_unix(sshd:auth): check pass; user unknown',
    fields: PAM_UNKNOWN_USER,
  },
  {
    name: 'pam-user-unknown-old',
    kind: 'pam-unknown-user',
    versions: 'Linux-PAM before 0.99, tag sshd(pam_unix)',
    template: 'check pass; user unknown{rest}',
    meaning: PAM_EVIDENCE,
    example: 'check pass; user unknown',
    fields: PAM_UNKNOWN_USER,
  },
  {
    name: 'pam-more-failures',
    kind: 'pam-failure-summary',
    versions: 'Linux-PAM',
    template: 'PAM {count} more authentication failure{rest}',
    meaning: 'summary at the end; evidence where the failures have no lines of their own',
    example: 'PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=root',
    fields: { ...PAM_FAILURE, needsKnownConnection: true },
    interpret: pamSummary,
  },
  {
    name: 'pam-more-failures-old',
    kind: 'pam-failure-summary',
    versions: 'Linux-PAM before 0.99, tag sshd(pam_unix)',
    template: '{count} more authentication failure{rest}',
    meaning: 'summary at the end; evidence where the failures have no lines of their own',
    example: '2 more authentication failures; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=192.0.2.10  user=root',
    fields: { ...PAM_FAILURE, needsKnownConnection: true },
    interpret: pamSummary,
  },
  {
    name: 'pam-failure-other',
    kind: 'pam-failure',
    versions: 'pam_sss, pam_winbind, pam_ldap, ...; other services than sshd',
    template: 'pam_{word}:auth): authentication failure; {rest}',
    meaning: 'evidence of a failed attempt, once with that of pam_unix',
    example:
      'pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10 user=bob',
    fields: PAM_FAILURE,
    interpret: pamFailureOfModule,
  },
  {
    name: 'pam-success',
    kind: 'pam-success',
    versions: 'pam_sss; modules that log a success',
    template: 'pam_{word}:auth): authentication success{rest}',
    meaning: PAM_SUCCESS,
    example:
      'pam_sss(sshd:auth): authentication success; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10 user=bob',
    interpret: pamFailure,
  },
  {
    name: 'pam-success-winbind',
    kind: 'pam-success',
    versions: 'pam_winbind',
    template: "pam_winbind(sshd:auth): user '{text}' granted access",
    meaning: PAM_SUCCESS,
    example: "pam_winbind(sshd:auth): user 'CORP\\bob' granted access",
  },
  {
    name: 'pam-session-opened',
    kind: 'session-opened',
    versions: 'Linux-PAM',
    template: 'pam_unix(sshd:session): session opened for user {user} by {rest}',
    meaning: 'beginning of a session',
    example: 'pam_unix(sshd:session): session opened for user alice(uid=1000) by (uid=0)',
    interpret: sessionOpened,
  },
  {
    name: 'pam-session-closed',
    kind: 'session-closed',
    versions: 'Linux-PAM',
    template: 'pam_unix(sshd:session): session closed for user {user}',
    meaning: 'end of a session',
    example: 'pam_unix(sshd:session): session closed for user alice',
  },
];
