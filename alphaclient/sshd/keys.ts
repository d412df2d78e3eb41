/** Rules for keys that sshd will refuse: the refusal's own line may never come. */

import { addressOf } from './address.ts';
import { Fact, type Rule } from './fact.ts';

function refused(reason: string): Fact {
  const fact = new Fact('evidence');
  fact.method = 'publickey';
  fact.reason = reason;
  return fact;
}

function refusedKey(reason: string): () => Fact {
  return () => refused(reason);
}

const TRIED = 'Authentication tried for ';

/** `USER with correct key but not from a permitted host (host=HOST, ip=ADDR, ...)`; or of a certificate, `(ADDR)`. */
function triedFromElsewhere(text: string): Fact {
  const fact = refused('not from a permitted host');
  const at = text.indexOf(TRIED) + TRIED.length;
  const end = text.indexOf(' with ', at);
  if (end > at) fact.user = text.slice(at, end);
  const address = /[ (](?:ip=)?([0-9a-fA-F:.]+(?:%[\w.-]+)?)[,)]/.exec(text.slice(text.indexOf(' (', end)));
  fact.ip = addressOf(address?.[1] ?? '');
  return fact;
}

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
    message: 'userauth_pubkey: signature algorithm ALGORITHM not in PubkeyAcceptedAlgorithms [preauth]',
    versions: 'since 8.5; `key type TYPE not in PubkeyAcceptedKeyTypes` from 6.8',
    meaning: 'evidence of a refused key',
    example: 'userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]',
    begins: 'userauth_pubkey: ',
    read: (text) => (text.includes(' not in Pubkey') ? refused('key algorithm not accepted') : new Fact('opened')),
  },
];
