import assert from 'node:assert/strict';
import test from 'node:test';
import { distinct, SketchUnion, sketchOf, union } from '../../../alphaserver/rollups/distinct-sketch.ts';

const SIZE = 16;
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
let state = seed;
/** A whole number below `most`, by a generator that a seed repeats. */
function below(most: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return state % most;
}

test(`sketches joined in place stand for what they do joined one by one (SEED=${seed})`, () => {
  const joined = new SketchUnion(SIZE);
  for (let round = 0; round < 300; round += 1) {
    joined.clear();
    let model = sketchOf([], SIZE);
    for (let n = below(12); n > 0; n -= 1) {
      // Few and many different values, so that some are in both, and some sketches are full.
      const hashes = Array.from({ length: below(30) }, () => below(round % 2 === 0 ? 40 : 1_000_000) * 2 ** 20);
      const sketch = sketchOf(hashes, SIZE);
      model = union(model, sketch, SIZE);
      joined.add(n % 2 === 0 ? sketch : Float64Array.from(sketch));
    }
    assert.equal(joined.distinct(), distinct(model, SIZE));
  }
});

test('a sketch with room counts exactly, and one that is full estimates', () => {
  const joined = new SketchUnion(4);
  assert.equal(joined.distinct(), 0);
  joined.add([1, 2, 3]);
  joined.add([2, 3]);
  assert.equal(joined.distinct(), 3);
  joined.add([2 ** 50]);
  assert.equal(joined.distinct(), 12);
  // Those that it has seen are no fewer than it holds: what is below that is known to be exact.
  const spread = [0, 1, 2, 3].map((n) => 2 ** 51 + n * 2 ** 49);
  assert.deepEqual([distinct(spread, 4), distinct(spread.slice(1), 4)], [4, 3]);
});
