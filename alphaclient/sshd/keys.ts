/** Rules for keys that sshd will refuse: the refusal's own line may never come. */

import { addressOf } from './address.ts';
import { userFrom } from './identity.ts';
import { ParsedMessage, type Rule } from './message-types.ts';

function refused(reason: string): ParsedMessage {
  const fact = new ParsedMessage('evidence');
  fact.method = 'publickey';
  fact.reason = reason;
  return fact;
}

function refusedKey(reason: string): () => ParsedMessage {
  return () => refused(reason);
}

const TRIED = 'Authentication tried for ';

/** `USER with correct key but not from a permitted host (host=HOST, ip=ADDR, ...)`; or of a certificate, `(ADDR)`. */
function triedFromElsewhere(text: string): ParsedMessage {
  const fact = refused('not from a permitted host');
  const at = text.indexOf(TRIED) + TRIED.length;
  const end = text.indexOf(' with ', at);
  if (end > at) fact.user = text.slice(at, end);
  const address = /[ (](?:ip=)?([0-9a-fA-F:.]+(?:%[\w.-]+)?)[,)]/.exec(text.slice(text.indexOf(' (', end)));
  fact.ip = addressOf(address?.[1] ?? '');
  return fact;
}

/** What cannot be a key is refused; other words of this function are of packets. */
function keyUnread(text: string): ParsedMessage {
  if (/ algorithm| not in /.test(text)) return refused('key algorithm not accepted');
  return / (?:parse|decode|decoded) key/.test(text) ? refused('key not read') : new ParsedMessage('pending');
}

const SIGNATURE = ' signature for ';

/** `TYPE FINGERPRINT signature for [invalid user ]USER from ADDR port PORT rejected: REASON`: of a key whose owner was not there. */
function signatureRejected(text: string): ParsedMessage | null {
  const at = text.indexOf(SIGNATURE);
  const read = at < 0 ? null : userFrom('evidence', text, at + SIGNATURE.length);
  if (read === null || !read.rest.startsWith(' rejected: ')) return null;
  read.fact.method = 'publickey';
  read.fact.reason = read.rest.slice(11);
  return read.fact;
}

/** In the order of the docs; grammar.ts tries the one with the longest beginning first. */
export const KEYS: readonly Rule[] = [
  {
    name: 'key-from-wrong-host',
    message:
      'FILE:LINE: Authentication tried for USER with correct key but not from a permitted host (host=HOST, ip=ADDR, required=LIST)',
    versions: 'all; FILE:LINE since 7.7; of a certificate: `valid certificate ... source address (ADDR)`',
    meaning: 'evidence of a refused key',
    example:
      'Authentication tried for bob with correct key but not from a permitted host (host=client.example, ip=192.0.2.10, required=198.51.100.0/24).',
    begins: 'Authentication tried for ',
    read: triedFromElsewhere,
  },
  ...[
    ['certificate-invalid', 'Certificate invalid: REASON', 'Certificate invalid: expired', 'Certificate invalid: '],
    [
      'certificate-unfit',
      'Certificate lacks principal list; Certificate does not contain an authorized principal; ...',
      'Certificate does not contain an authorized principal',
      'Certificate ',
    ],
    [
      'key-refused-by-options',
      'Refused by key options; Refused by certificate options',
      'Refused by certificate options',
      'Refused by ',
    ],
    [
      'key-revoked',
      'Authentication key TYPE FINGERPRINT revoked by file FILE',
      'Authentication key ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG revoked by file /etc/ssh/revoked',
      'Authentication key ',
    ],
    [
      'key-revoked-old',
      'WARNING: revoked key for USER attempted authentication',
      'WARNING: revoked key for bob attempted authentication',
      'WARNING: revoked key for ',
    ],
  ].map(([name = '', message = '', example = '', begins = '']) => ({
    ...{ name, message, example, begins },
    versions: name === 'certificate-invalid' ? 'up to 10.0' : 'all',
    meaning: 'evidence of a refused key',
    read: refusedKey(
      name.startsWith('certificate') ? 'certificate invalid' : name.replace(/-old$/, '').replaceAll('-', ' '),
    ),
  })),
  {
    name: 'certificate-refused',
    message: 'Refusing certificate ID "KEYID" serial=N signed by CAKEY: REASON',
    versions: 'since 10.1',
    meaning: 'evidence of a refused key',
    example:
      'Refusing certificate ID "bob" serial=7 signed by ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG: Certificate invalid: expired',
    begins: 'Refusing certificate ID ',
    read: refusedKey('certificate refused'),
  },
  {
    name: 'key-used-before',
    message: 'refusing previously-used TYPE key',
    versions: 'all',
    meaning: 'evidence of a refused key',
    example: 'refusing previously-used ssh-ed25519 key',
    begins: 'refusing previously-used ',
    read: refusedKey('key used before'),
  },
  {
    name: 'key-algorithm-refused',
    message: 'userauth_pubkey: signature algorithm ALGORITHM not in PubkeyAcceptedAlgorithms [preauth]; ...',
    versions: 'since 8.5; `key type TYPE not in PubkeyAcceptedKeyTypes` from 6.8',
    meaning: 'evidence of a refused key',
    example: 'userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]',
    begins: 'userauth_pubkey: ',
    read: keyUnread,
  },
  {
    name: 'key-signature-rejected',
    message: 'public key TYPE FINGERPRINT signature for [invalid user ]USER from ADDR port PORT rejected: REASON',
    versions: 'since 8.2',
    meaning: 'evidence of a refused key',
    example:
      'public key ED25519-SK SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG signature for bob from 192.0.2.10 port 50022 rejected: user presence (authenticator touch) requirement not met',
    begins: 'public key ',
    read: signatureRejected,
  },
  {
    name: 'key-too-weak',
    message: 'refusing TYPE key: REASON',
    versions: 'since 9.1',
    meaning: 'evidence of a refused key',
    example: 'refusing RSA key: Invalid key length [preauth]',
    begins: 'refusing ',
    read: (text) => (text.includes(' key: ') ? refused('key too weak') : null),
  },
  {
    name: 'key-unsafe',
    message: 'Refusing RSA key because client uses unsafe signature scheme',
    versions: 'up to 9.x',
    meaning: 'evidence of a refused key',
    example: 'Refusing RSA key because client uses unsafe signature scheme [preauth]',
    begins: 'Refusing RSA key ',
    read: refusedKey('key too weak'),
  },
  {
    name: 'key-blacklisted',
    message: 'Public key FINGERPRINT[ from ADDR] blacklisted (see ssh-vulnkey(1))',
    versions: "Debian's 4.x and 5.x",
    meaning: 'evidence of a refused key',
    example: 'Public key 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff blacklisted (see ssh-vulnkey(1))',
    begins: 'Public key ',
    read: (text) => (text.includes(' blacklisted ') ? refused('key blacklisted') : null),
  },
  {
    name: 'key-not-checked',
    message: 'Error checking authentication key TYPE FINGERPRINT in revoked keys file FILE: REASON',
    versions: 'since 6.9',
    meaning: 'evidence of a refused key',
    example:
      'Error checking authentication key ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG in revoked keys file /etc/ssh/revoked: No such file or directory',
    begins: 'Error checking authentication key ',
    read: refusedKey('key not checked'),
  },
  {
    name: 'hostbased-key',
    message: 'Accepted TYPE public key FINGERPRINT from USER@HOST',
    versions: 'all',
    meaning: 'no login: the key of a client host is known',
    example: 'Accepted ED25519 public key SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG from alice@client.example',
    begins: 'Accepted ',
    read: (text) => (/^Accepted [\w-]{1,40} public key /.test(text) ? new ParsedMessage('pending') : null),
  },
];
