import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import { KeyIndex } from '../../../alphaserver/detection/key-index.ts';
import { dice } from './mixed.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1e9));

test('entries are found as in a Map, through growth and deletions', () => {
  const roll = dice(seed);
  const index = new KeyIndex<{ first: number; second: number }>();
  const model = new Map<string, { first: number; second: number }>();
  for (let i = 0; i < 20_000; i += 1) {
    const [first, second] = [roll(40), roll(40)];
    const key = `${first} ${second}`;
    const known = model.get(key);
    assert.equal(index.get(first, second), known, `SEED=${seed}`);
    if (!known) {
      const entry = { first, second };
      index.add(entry);
      model.set(key, entry);
    } else if (roll(2) === 0) {
      index.delete(known);
      model.delete(key);
    }
    assert.equal(index.size, model.size, `SEED=${seed}`);
  }
  for (const entry of model.values()) assert.equal(index.get(entry.first, entry.second), entry, `SEED=${seed}`);
});
