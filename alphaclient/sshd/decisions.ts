/** Rules for the messages in which sshd isDecision, and for those that go with a decision. */

import { userFrom } from './identity.ts';
import { type Kind, ParsedMessage, type Rule } from './message-types.ts';

/** What a method's word can be: sshd takes them from a fixed list, without spaces. */
const METHOD = /^[a-zA-Z0-9_./-]{1,64}$/;

/** `METHOD[/DEVICE] for INVUSER from ADDR[ port PORT][ ssh2][: REST]` beginning at `from`. */
function decision(kind: Kind, text: string, from: number, cut: boolean): ParsedMessage | null {
  const space = text.indexOf(' ', from);
  if (space < 0 || !text.startsWith(' for ', space)) return null;
  const word = text.slice(from, space);
  if (!METHOD.test(word)) return null;
  const read = userFrom(kind, text, space + 5);
  if (read === null) return null;
  const { fact } = read;
  if (cut && !read.rest.startsWith(' ssh')) withoutHalf(fact);
  let rest = read.rest;
  const slash = word.indexOf('/');
  fact.method = slash > 0 ? word.slice(0, slash) : word;
  if (rest.startsWith(' ssh')) {
    let end = 4;
    while (end < rest.length && rest.charCodeAt(end) >= 48 && rest.charCodeAt(end) <= 57) end++;
    rest = rest.slice(end);
  }
  if (rest.length > 0) {
    if (!rest.startsWith(':')) return rest.trim() === '' ? fact : null;
    const more = rest.slice(1).trim();
    if (more.length > 0) {
      if (fact.method === 'publickey' || fact.method === 'hostbased') fact.key = more;
      else fact.reason = more;
    }
  }
  return fact;
}

/** The message was cut in what sshd appended: what stands last may be half of it, and its connection knows better. */
function withoutHalf(fact: ParsedMessage): void {
  if (fact.port === null) fact.ip = fact.hostName = null;
  fact.port = null;
}

function failed(text: string, cut: boolean): ParsedMessage | null {
  const fact = decision('failed', text, 7, cut);
  // The method `none` is a client asking what is offered: it shows a connection, and isDecision nothing.
  if (fact !== null && fact.method === 'none') {
    fact.kind = 'pending';
    fact.method = null;
  }
  return fact;
}

function undecided(text: string, from: number, cut: boolean): ParsedMessage | null {
  // Escaped twice, the name may have pushed out sshd's own ` from `, and hold one of the client's.
  const fact = cut ? null : decision('pending', text, from, false);
  if (fact !== null) fact.key = null;
  return fact;
}

/** Up to 5.8, without [preauth], under the pid of the unprivileged process, while the decision has that of the other. */
function postponed(text: string, preauth: boolean, cut: boolean): ParsedMessage | null {
  const fact = undecided(text, 10, cut);
  if (fact !== null && !cut) fact.needsKnownConnection = !preauth;
  return fact;
}

/** The one text in PAM's fixed list (pam_strerror) that has ` for ` itself. */
const RETRIES_FOR = 'PAM: Have exhausted maximum number of retries for service';

/** `PAM: TEXT for [illegal user ]USER from HOST[ via ADDR]`; TEXT is PAM's. */
function pam(text: string): ParsedMessage | null {
  const start = text.indexOf(' for ', text.startsWith(`${RETRIES_FOR} for `) ? RETRIES_FOR.length : 5);
  if (start < 0) return null;
  const read = userFrom('pam-failed', text, start + 5);
  if (read === null || (read.rest.trim() !== '' && !read.rest.startsWith(' via '))) return null;
  read.fact.method = 'keyboard-interactive';
  read.fact.reason = text.slice(0, start);
  return read.fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const DECISIONS: readonly Rule[] = [
  {
    name: 'accepted',
    message: 'Accepted METHOD for USER from ADDR port PORT ssh2[: KEY]',
    versions: 'all; fingerprint as SHA256 since 6.8',
    meaning: 'accepted',
    example:
      'Accepted publickey for alice from 192.0.2.10 port 50022 ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    begins: 'Accepted ',
    read: (text, _, cut) => decision('accepted', text, 9, cut),
  },
  {
    name: 'failed',
    message: 'Failed METHOD for [invalid user ]USER from ADDR port PORT ssh2[: KEY]',
    versions: 'all; some vendors without the port or ` ssh2`',
    meaning: 'failed; with the method `none` no attempt',
    example: 'Failed password for invalid user admin from 192.0.2.10 port 50022 ssh2',
    begins: 'Failed ',
    read: (text, _, cut) => failed(text, cut),
  },
  {
    name: 'pam-failed',
    message: 'PAM: TEXT for [illegal user ]USER from HOST',
    versions: 'all with PAM',
    meaning: 'failed keyboard-interactive; a `Failed` line for the same attempt is not counted again',
    example: 'PAM: Authentication failure for illegal user admin from 192.0.2.10',
    begins: 'PAM: ',
    read: (text, _, cut) => (cut ? null : pam(text)),
    cut: () => {
      const fact = new ParsedMessage('pam-failed');
      fact.method = 'keyboard-interactive';
      return fact;
    },
  },
  {
    name: 'partial',
    message: 'Partial METHOD for [invalid user ]USER from ADDR port PORT ssh2',
    versions: 'all, with AuthenticationMethods',
    meaning: 'no attempt: more methods are required',
    example:
      'Partial publickey for alice from 192.0.2.10 port 50022 ssh2: RSA SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    begins: 'Partial ',
    read: (text, _, cut) => undecided(text, 8, cut),
    cut: () => new ParsedMessage('pending'),
  },
  {
    name: 'postponed',
    message: 'Postponed METHOD for [invalid user ]USER from ADDR port PORT ssh2 [preauth]',
    versions: 'all',
    meaning: 'no attempt: the exchange goes on',
    example: 'Postponed keyboard-interactive for invalid user admin from 192.0.2.10 port 50022 ssh2 [preauth]',
    begins: 'Postponed ',
    read: postponed,
    cut: () => new ParsedMessage('pending'),
  },
];
