/** Addresses beside Node's own reading of them. */

import { equal, ok } from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { addressOf } from '../../../alphaclient/sshd/address.ts';
import { Chance } from '../../sshd/chance.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const WORDS = 200_000;
const PIECES = ['0', '1', 'f', 'F', 'abcd', '12345', '255', '256', '1.2.3.4', '::', '.', 'g', '%eth0', '%'];

/** Mostly colons and groups, so that some are addresses. */
function word(chance: Chance): string {
  let text = '';
  for (let n = 1 + chance.below(17); n > 0; n--) text += chance.below(2) === 0 ? ':' : chance.one(PIECES);
  return text;
}

describe('an address', () => {
  it(`of IPv6 is one where Node takes it for one (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    let addresses = 0;
    for (let i = 0; i < WORDS; i++) {
      const text = word(chance);
      // Ours take 01 for 1 in IPv4; mapped ones are given as IPv4.
      if (/0\d+\./.test(text) || text.startsWith('::ffff:') || text.length < 2 || text.length > 64) continue;
      const expected = isIP(text) !== 0;
      if (expected) addresses++;
      equal(addressOf(text) === text, expected, `SEED=${SEED}: ${text}`);
    }
    ok(addresses > WORDS / 200);
  });

  it('is each usual one, and nothing that only resembles one', () => {
    for (const text of [
      '192.0.2.10',
      '255.255.255.255',
      '::',
      '::1',
      '1::',
      '2001:db8::1',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7::',
    ])
      equal(addressOf(text), text);
    for (const text of [
      '192.0.2',
      '192.0.2.256',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8::',
      ':1',
      '1:',
      ':::',
      '1::2::3',
      '12345::',
      '',
    ])
      equal(addressOf(text), null, text);
  });
});
