/** What is done with the bytes of a log, against the same done with strings. */

import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteCopy, LogText, logText, RecentTexts, words } from '../../../alphaclient/sshd/log-text.ts';
import { Chance } from '../../sshd/chance.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const TRIES = 20_000;

/** A text of few different characters, in which parts are alike. */
const textOf = (chance: Chance, chars: number): string =>
  Array.from({ length: chars }, () => String.fromCharCode(chance.one([0, 97, 97, 98, 127, 128, 255]))).join('');

describe('the bytes of a log', () => {
  it(`give the texts that stand in them, whatever was cut out before (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    const recent = new RecentTexts();
    for (let i = 0; i < TRIES / 100; i++) {
      const text = textOf(chance, 80);
      const log = new LogText(Buffer.from(text, 'latin1'), text, recent);
      for (let n = 0; n < 100; n++) {
        const from = chance.below(60);
        const end = from + chance.below(20);
        equal(log.detached(from, end), text.slice(from, end));
      }
    }
  });

  it(`are searched as strings are (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    for (let i = 0; i < TRIES; i++) {
      const text = textOf(chance, chance.below(40));
      const sought = textOf(chance, 1 + chance.below(6));
      const from = chance.below(text.length + 1);
      const end = from + chance.below(text.length - from + 1);
      const expected = text.slice(0, end).indexOf(sought, from);
      equal(words(sought).indexIn(logText(text), from, end), expected);
    }
  });

  it(`are compared with a copy of some of them (SEED=${SEED})`, () => {
    const chance = new Chance(SEED);
    const copy = new ByteCopy();
    for (let i = 0; i < TRIES; i++) {
      const text = textOf(chance, 100);
      const log = logText(text);
      const length = chance.below(80);
      const from = chance.below(100 - length);
      copy.take(log, from, length);
      const isKept = length >= 4 && length <= 64;
      equal(copy.length, isKept ? length : 0);
      const at = chance.below(100);
      equal(copy.isAt(log, at), isKept && text.slice(at, at + length) === text.slice(from, from + length));
      equal(copy.isAt(log, from), isKept);
    }
  });
});
