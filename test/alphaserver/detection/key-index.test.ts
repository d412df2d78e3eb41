import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import test from 'node:test';
import { KeyIndex } from '../../../alphaserver/detection/key-index.ts';
import { StateColumns } from '../../../alphaserver/detection/state-columns.ts';
import { dice } from './mixed.ts';

const seed = Number(process.env['SEED'] ?? randomInt(1e9));

test('places are found as in a Map, through growth and deletions, and no two pairs have one', () => {
  const roll = dice(seed);
  const columns = new StateColumns();
  const index = new KeyIndex(columns);
  const model = new Map<string, number>();
  for (let i = 0; i < 20_000; i += 1) {
    const [first, second] = [roll(40), roll(40)];
    const key = `${first} ${second}`;
    const known = model.get(key);
    assert.equal(index.find(first, second), known ?? -1, `SEED=${seed}`);
    if (known === undefined) {
      const place = columns.add(first, second, 0, i);
      index.add(place);
      assert.deepEqual([columns.first(place), columns.second(place)], [first, second], `SEED=${seed}`);
      assert.ok(place < 1_600, `SEED=${seed}: places are given again`);
      model.set(key, place);
    } else if (roll(2) === 0) {
      index.delete(known);
      columns.delete(known);
      model.delete(key);
    }
    assert.equal(index.size, model.size, `SEED=${seed}`);
  }
  for (const [key, place] of model) {
    const [first = '', second = ''] = key.split(' ');
    assert.equal(index.find(Number(first), Number(second)), place, `SEED=${seed}`);
  }
  assert.equal(new Set(model.values()).size, model.size, `SEED=${seed}`);
});
