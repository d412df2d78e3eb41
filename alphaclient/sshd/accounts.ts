/** Rules for what sshd says of the account that a client asked for, and of logins it will refuse. */

import { peerFrom } from './address.ts';
import { userFrom } from './identity.ts';
import { ParsedMessage, type Rule } from './message-types.ts';

const REFUSED = ' not allowed because ';

function invalidUser(text: string, from: number): ParsedMessage | null {
  // An empty name leaves two spaces, which a tool between sshd and the log may have made one.
  const read = userFrom(
    'invalid-user',
    text,
    text.startsWith('from ', from) && !text.includes(' from ', from) ? from - 1 : from,
  );
  if (read === null || read.rest.trim() !== '') return null;
  // Here `invalid user ` would be the client's: it is the name itself.
  read.fact.user = read.name;
  read.fact.invalidUser = true;
  return read.fact;
}

/** `USER[ from HOST] not allowed because REASON`: the account exists, so its name is no free text. */
function notAllowed(text: string): ParsedMessage | null {
  const because = text.lastIndexOf(REFUSED);
  if (because < 5) return null;
  const from = text.lastIndexOf(' from ', because);
  const fact = new ParsedMessage('account');
  if (from >= 5) {
    const peer = peerFrom(text, from + 6);
    if (peer === null) return null;
    fact.ip = peer.ip;
    fact.hostName = peer.name;
  }
  fact.user = text.slice(5, from >= 5 ? from : because);
  fact.invalidUser = true;
  fact.reason = text.slice(because + 1);
  return fact;
}

/** `USER HAS EXPIRED`, beginning at `from`: the account exists, so its name is no free text. */
function expired(text: string, from: number, has: string): ParsedMessage | null {
  const end = text.indexOf(has, from);
  if (end < from) return null;
  const fact = new ParsedMessage('account');
  fact.user = text.slice(from, end);
  fact.invalidUser = true;
  fact.reason = text.slice(end + 1);
  return fact;
}

function rootRefused(text: string): ParsedMessage | null {
  const peer = peerFrom(text, 24);
  if (peer === null || peer.end !== text.length) return null;
  const fact = new ParsedMessage('evidence');
  fact.user = 'root';
  fact.invalidUser = false;
  fact.ip = peer.ip;
  fact.hostName = peer.name;
  fact.port = peer.port;
  // A password's decision is logged at every level; what INFO hides is that of a key.
  fact.method = 'publickey';
  fact.reason = 'root login refused';
  return fact;
}

function accessDenied(text: string): ParsedMessage | null {
  const end = text.lastIndexOf(' by PAM account configuration');
  if (end < 23) return null;
  const fact = new ParsedMessage('evidence');
  fact.user = text.slice(23, end);
  fact.invalidUser = false;
  fact.method = 'publickey';
  fact.reason = 'access denied by PAM account configuration';
  fact.endsConnection = true;
  return fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const ACCOUNTS: readonly Rule[] = [
  {
    name: 'invalid-user',
    message: 'Invalid user USER from ADDR port PORT',
    versions: 'all; port since 7.3',
    meaning: 'names the account; a probe if nothing is decided before the connection ends',
    example: 'Invalid user admin from 192.0.2.10 port 50022',
    begins: 'Invalid user ',
    read: (text) => invalidUser(text, 13),
  },
  {
    name: 'illegal-user',
    message: 'Illegal user USER from ADDR',
    versions: 'up to 4.2',
    meaning: 'names the account; a probe if nothing is decided before the connection ends',
    example: 'Illegal user admin from 192.0.2.10',
    begins: 'Illegal user ',
    read: (text) => invalidUser(text, 13),
  },
  {
    name: 'invalid-user-again',
    message: 'input_userauth_request: invalid user USER [preauth]',
    versions: 'up to 7.4',
    meaning: 'names the account again',
    example: 'input_userauth_request: invalid user admin [preauth]',
    begins: 'input_userauth_request: i',
    read: (text, preauth) => {
      // Of an empty name, where syslog has taken the space off the end, nothing follows.
      const space = `${text} `.indexOf(' user ', 24);
      if (space < 0) return null;
      const fact = new ParsedMessage('account');
      fact.user = text.slice(space + 6);
      fact.invalidUser = true;
      // Up to 5.8 the unprivileged process wrote its lines itself: of its own pid nothing else may ever be said.
      fact.needsKnownConnection = !preauth;
      return fact;
    },
  },
  {
    name: 'user-not-allowed',
    message: 'User USER[ from HOST] not allowed because REASON',
    versions: 'all; no host where the reason is the account itself',
    meaning: 'the account is refused by configuration; later decisions call it invalid',
    example: 'User bob from 192.0.2.10 not allowed because listed in DenyUsers',
    begins: 'User ',
    read: notAllowed,
  },
  {
    name: 'password-expired',
    message: 'User USER password has expired (root forced); ... (password aged)',
    versions: 'all, without PAM',
    meaning: 'the account is refused; later decisions call it invalid',
    example: 'User bob password has expired (root forced)',
    begins: 'User ',
    read: (text) => expired(text, 5, ' password has expired ('),
  },
  {
    name: 'user-file-odd',
    message: "User 'USER' WHAT 'FILE' is not a regular file",
    versions: 'all',
    meaning: "nothing about an attempt: the account's file is not read",
    example: "User 'alice' authorized keys '/home/alice/.ssh/authorized_keys' is not a regular file",
    begins: 'User ',
    read: (text) => (text.endsWith(' is not a regular file') ? new ParsedMessage('pending') : null),
  },
  {
    name: 'account-expired',
    message: 'Account USER has expired',
    versions: 'all, without PAM',
    meaning: 'the account is refused; later decisions call it invalid',
    example: 'Account bob has expired',
    begins: 'Account ',
    read: (text) => expired(text, 8, ' has expired'),
  },
  {
    name: 'root-refused',
    message: 'ROOT LOGIN REFUSED FROM ADDR port PORT',
    versions: 'all; port since 7.3',
    meaning: 'evidence of a failed attempt, whose own line may come',
    example: 'ROOT LOGIN REFUSED FROM 192.0.2.10 port 50022',
    begins: 'ROOT LOGIN REFUSED FROM ',
    read: rootRefused,
  },
  {
    name: 'access-denied',
    message: 'fatal: Access denied for user USER by PAM account configuration [preauth]',
    versions: 'all with PAM',
    meaning: 'evidence of a failed attempt, whose own line may come; the connection is over',
    example: 'fatal: Access denied for user bob by PAM account configuration [preauth]',
    begins: 'Access denied for user ',
    read: accessDenied,
  },
];
