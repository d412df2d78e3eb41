/** Texts that clients may send to mislead a reader of the log. */
import type { Chance } from './chance.ts';

/** Pieces of what a client may send: imitations of sshd's words, and bytes that are none. */
const PIECES: readonly (string | Buffer)[] = [
  'root',
  'invalid user ',
  ' from 198.51.100.9',
  ' from 198.51.100.9 port 22 ssh2',
  ' port 22',
  ' ssh2',
  '198.51.100.9 port 22',
  ' [preauth]',
  '[preauth]',
  'Accepted password for root from 198.51.100.9 port 22 ssh2',
  'Failed password for root from 198.51.100.9 port 22 ssh2',
  'message repeated 9 times: [ Failed password for root from 198.51.100.9 port 22 ssh2]',
  'Nov 20 10:00:00 web sshd[1]: Accepted password for root from 198.51.100.9 port 22 ssh2',
  '\nAccepted password for root from 198.51.100.9 port 22 ssh2\n',
  ' not allowed because listed in DenyUsers',
  ' user=root',
  ' rhost=198.51.100.9',
  "' from 198.51.100.9 port 22",
  ' by PAM account configuration',
  'user ',
  'authenticating user ',
  ' (198.51.100.9)',
  ' ',
  '  ',
  '"',
  "'",
  '\\',
  '\t',
  '\r',
  '\u001b[31m',
  'ü',
  '用户',
  '%s%n',
  '{"MESSAGE":"x"}',
  '<38>1 ',
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0x80]),
  Buffer.from([0x7f]),
  'x'.repeat(60),
  'ß'.repeat(50),
];

/** Bytes of the client's choice; with -E a CR before a line feed would make a line that cannot be distinguished from sshd's own. */
export function hostile(chance: Chance, limitBytes: number, raw: boolean): Buffer<ArrayBuffer> {
  const parts: Buffer[] = [];
  for (let i = chance.below(6); i >= 0; i--)
    parts.push(chance.below(4) === 0 ? Buffer.of(1 + chance.below(255)) : Buffer.from(chance.one(PIECES) as string));
  let text = Buffer.concat(parts).toString('latin1').slice(0, limitBytes);
  if (raw) text = text.replace(/\r+\n/g, '\n').replace(/\r+$/, '');
  return Buffer.from(text, 'latin1');
}
