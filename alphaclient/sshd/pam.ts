/** Rules for what PAM's modules write under sshd's tag: not sshd's words, and evidence at most. */

import { addressOf } from './address.ts';
import { ParsedMessage, type Rule } from './message-types.ts';

const RHOST = ' rhost=';
const USER = ' user=';

/** `...; logname= uid=0 euid=0 tty=ssh ruser= rhost=HOST[  user=USER]`: the host is what sshd knows, the user ends the line. */
function failure(text: string): ParsedMessage | null {
  const fact = new ParsedMessage('pam-failure');
  fact.method = 'password';
  fact.reason = 'PAM: authentication failure';
  // ruser and logname are empty for sshd, so the first rhost= is PAM's own.
  const at = text.indexOf(RHOST);
  if (at < 0) return fact;
  let end = text.indexOf(' ', at + RHOST.length);
  if (end < 0) end = text.length;
  const host = text.slice(at + RHOST.length, end);
  fact.ip = addressOf(host);
  if (fact.ip === null && host !== '') fact.hostName = host;
  const user = text.indexOf(USER, end - 1);
  if (user >= 0) fact.user = text.slice(user + USER.length);
  return fact;
}

function unknownUser(): ParsedMessage {
  const fact = new ParsedMessage('pam-unknown-user');
  fact.method = 'password';
  fact.reason = 'PAM: user unknown';
  fact.invalidUser = true;
  return fact;
}

/** `PAM N more authentication failure(s); ...`: a summary of failures that mostly have their own lines. */
function more(text: string): ParsedMessage | null {
  if (!text.includes(' more authentication failure')) return null;
  const fact = failure(text);
  if (fact !== null) fact.kind = 'pam-failure-summary';
  if (fact !== null) fact.needsKnownConnection = true;
  if (fact !== null) fact.count = Math.min(Math.max(Number.parseInt(text.slice(4), 10) || 0, 0), MORE_LIMIT);
  return fact;
}

/** sshd lets nobody try more often than MaxAuthTries on a connection; a hundred is far above any setting in use. */
export const MORE_LIMIT = 100;

/** PAM's service is `sshd` since 9.8, if not set otherwise, and was the program's name before: `ssh` in old Debian. */
const OTHER_FAILURE = /^pam_\w{1,40}\([\w.-]{1,40}:auth\): authentication failure; /;

/** Another module's word on a failure that pam_unix may have told too: it counts once for both. */
function otherFailure(text: string): ParsedMessage | null {
  if (!OTHER_FAILURE.test(text)) return null;
  const fact = failure(text);
  if (fact !== null && !text.startsWith('pam_unix(')) fact.count = 0;
  return fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const PAM: readonly Rule[] = [
  {
    name: 'pam-failure',
    message:
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=HOST[  user=USER]',
    versions: 'Linux-PAM',
    meaning: 'evidence of a failed attempt, whose own line may come',
    example:
      'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=root',
    begins: 'pam_unix(sshd:auth): authentication failure',
    read: failure,
  },
  {
    name: 'pam-failure-old',
    message: 'authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=HOST[  user=USER]',
    versions: 'Linux-PAM before 0.99, tag sshd(pam_unix)',
    meaning: 'evidence of a failed attempt, whose own line may come',
    example: 'authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=192.0.2.10  user=root',
    begins: 'authentication failure; ',
    read: failure,
  },
  {
    name: 'pam-user-unknown',
    message: 'pam_unix(sshd:auth): check pass; user unknown',
    versions: 'Linux-PAM',
    meaning: 'evidence of a failed attempt, whose own line may come',
    example: 'pam_unix(sshd:auth): check pass; user unknown',
    begins: 'pam_unix(sshd:auth): check pass; user unknown',
    fixed: true,
    read: unknownUser,
  },
  {
    name: 'pam-user-unknown-old',
    message: 'check pass; user unknown',
    versions: 'Linux-PAM before 0.99, tag sshd(pam_unix)',
    meaning: 'evidence of a failed attempt, whose own line may come',
    example: 'check pass; user unknown',
    begins: 'check pass; user unknown',
    fixed: true,
    read: unknownUser,
  },
  {
    name: 'pam-more-failures',
    message: '[PAM ]N more authentication failure(s); logname= ... rhost=HOST[  user=USER]',
    versions: 'Linux-PAM; without `PAM ` before 0.99, tag sshd(pam_unix)',
    meaning: 'summary at the end; evidence where the failures have no lines of their own',
    example: 'PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10  user=root',
    begins: 'PAM ',
    read: more,
  },
  {
    name: 'pam-failure-other',
    message:
      'pam_MODULE(SERVICE:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=HOST[ user=USER]',
    versions: 'pam_sss, pam_winbind, pam_ldap, ...; other services than sshd',
    meaning: 'evidence of a failed attempt, once with that of pam_unix',
    example:
      'pam_sss(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.10 user=bob',
    begins: 'pam_',
    read: otherFailure,
  },
  {
    name: 'pam-session-closed',
    message: 'pam_unix(sshd:session): session closed for user USER',
    versions: 'Linux-PAM',
    meaning: 'end of a session',
    example: 'pam_unix(sshd:session): session closed for user alice',
    begins: 'pam_unix(sshd:session): session closed for user ',
    fixed: true,
    read: () => new ParsedMessage('session-closed'),
  },
];
