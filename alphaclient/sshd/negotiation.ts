/** Rules for key exchanges that fail and packets that break. */

import type { Fact, Rule } from './fact.ts';
import { AT, NEXT, PROBE, remark, row, then } from './probe.ts';

const THEIR_OFFER = ' found. Their offer: ';

function unableToNegotiate(text: string): Fact | null {
  const fact = then(text, 25);
  if (fact?.reason == null) return null;
  const offer = fact.reason.indexOf(THEIR_OFFER);
  if (offer >= 0) fact.reason = fact.reason.slice(0, offer + 6);
  return fact;
}

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
    NEXT,
    'Unable to negotiate a ',
    'Unable to negotiate a key exchange method',
    'fatal: Unable to negotiate a key exchange method [preauth]',
    remark('no matching key exchange method found'),
  ),
  row(
    'no-matching',
    'up to 6.9',
    NEXT,
    'no matching ',
    'no matching WHAT found: client TEXT server TEXT',
    'fatal: no matching cipher found: client blowfish-cbc server aes256-ctr [preauth]',
    remark('no matching algorithm found'),
  ),
  row(
    'dispatch-fatal',
    'since 6.9',
    PROBE,
    'ssh_dispatch_run_fatal: Connection from ',
    'ssh_dispatch_run_fatal: Connection from [USER ]ADDR port PORT: REASON [preauth]',
    `ssh_dispatch_run_fatal: Connection from ${AT}: message authentication code incorrect [preauth]`,
    (text) => then(text, 40),
  ),
  row(
    'bad-packet-length',
    'all',
    NEXT,
    'Bad packet length ',
    'Bad packet length N. [preauth]',
    'Bad packet length 1349676916. [preauth]',
    remark('bad packet length'),
  ),
  row(
    'corrupted-mac',
    'all',
    NEXT,
    'Corrupted MAC on input',
    'Corrupted MAC on input.',
    'Corrupted MAC on input. [preauth]',
    remark('corrupted MAC'),
  ),
  row(
    'corrupted-padding',
    'all',
    NEXT,
    'padding error: ',
    'padding error: need N block N mod N',
    'padding error: need 12 block 8 mod 4 [preauth]',
    remark('padding error'),
  ),
  row(
    'socket-failed',
    'up to 7.x',
    NEXT,
    'Read from socket failed: ',
    'Read from socket failed: REASON',
    'fatal: Read from socket failed: Connection reset by peer [preauth]',
    remark('read from socket failed'),
  ),
  row(
    'write-failed',
    'all',
    NEXT,
    'Write failed: ',
    'Write failed: REASON',
    'fatal: Write failed: Broken pipe [preauth]',
    remark('write failed'),
  ),
];
