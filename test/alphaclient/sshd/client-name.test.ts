import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sentName } from '../../../alphaclient/sshd/client-name.ts';
import { Chance } from '../../sshd/chance.ts';
import { asLogged, asShown } from '../../sshd/deeds.ts';
import { hostile } from '../../sshd/hostile.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const NAMES = 20_000;

function shown(logged: string, times: 1 | 2): string {
  return Buffer.from(sentName(Buffer.from(logged).toString('latin1'), times), 'latin1').toString();
}

describe('the name of a client', () => {
  it('is the same whether sshd escaped it once, twice or not at all', () => {
    for (const name of [
      'CORP\\kim',
      'CORP\\alice',
      'CORP\\bob',
      'CORP\\nick',
      'CORP\\robert',
      'CORP\\123',
      'müller',
      '用户',
    ]) {
      const once = asLogged(name, false);
      equal(shown(name, 1), name);
      equal(shown(name, 2), name);
      equal(shown(once, 1), name);
      // What is written by the unprivileged process may be escaped twice or once.
      equal(shown(once, 2), name);
      equal(shown(asLogged(once, false), 2), name);
    }
  });

  it('keeps the escapes of control characters, and of bytes that are no UTF-8', () => {
    for (const logged of [
      'two\\nlines',
      '\\033[31mred',
      'x\\377',
      '\\303',
      '\\303x\\274',
      '\\300\\200',
      '\\355\\240\\200',
    ])
      equal(shown(logged, 1), logged);
    equal(shown('\\303\\274\\377\\303\\274', 1), 'ü\\377ü');
  });

  it(`is what the client sent, of any bytes (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    for (let i = 0; i < NAMES; i++) {
      const name = hostile(chance, 150, false);
      for (const raw of [false, true]) equal(shown(asLogged(name, raw), 1), asShown(name, raw), `SEED=${SEED}`);
    }
  });
});
