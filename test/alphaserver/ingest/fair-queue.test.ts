import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { FairQueue, type Weighed } from '../../../alphaserver/ingest/fair-queue.ts';
import { below, chance } from '../store/stream.ts';

interface Piece extends Weighed {
  readonly n: number;
}
const LARGEST = 120;
let queue: FairQueue<Piece>;
let n = 0;
beforeEach(() => {
  queue = new FairQueue();
  n = 0;
});
const push = (agent: string, weight: number): void => queue.push({ agent, weight, n: n++ });
const taken = (limit: number): string =>
  queue
    .take(limit)
    .map(({ agent }) => agent)
    .join('');

test('agents have their turns one after the other, each with its pieces in their order', () => {
  for (const agent of ['a', 'a', 'a', 'b', 'c', 'c']) push(agent, 10);
  assert.equal(taken(20), 'ab');
  assert.equal(taken(20), 'ca');
  assert.equal(taken(20), 'ca');
  assert.equal(queue.length, 0);
  assert.equal(taken(20), '');
});

test('an agent that sends old events by the thousand makes no other wait', () => {
  for (let i = 0; i < 100; i += 1) push('old', 300);
  push('now', 1);
  assert.equal(taken(2_048)[0], 'n');
  assert.equal(taken(2_048), 'old'.repeat(6));
});

test('light agents leave a quarter to heavy ones, so that those go on too', () => {
  for (let i = 0; i < 10; i += 1) push('H', 100);
  for (let i = 0; i < 100; i += 1) push(`${i % 10}`, 6);
  const first = queue.take(400);
  assert.equal(first.filter(({ agent }) => agent !== 'H').length, 50);
  assert.equal(first.filter(({ agent }) => agent === 'H').length, 1);
});

test('a heavy agent goes on however large its piece is and however much light ones have', () => {
  push('H', 1_000);
  for (let i = 0; i < 100; i += 1) push(`${i}`, 6);
  assert.ok(queue.take(400).some(({ agent }) => agent === 'H'));
});

test('a piece that is larger than all that may be taken is taken alone', () => {
  push('a', 5_000);
  push('b', 5_000);
  assert.equal(taken(2_048), 'a');
  assert.equal(taken(2_048), 'b');
});

test('nothing is lost or taken twice, and the order of each agent is kept, whatever is pushed and taken', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const random = chance(seed);
  const all: Piece[] = [];
  for (let round = 0; round < 300; round += 1) {
    for (let i = below(random, 20); i > 0; i -= 1) push(`${below(random, 8) ** 2 % 5}`, 1 + below(random, LARGEST));
    const limit = 1 + below(random, 600);
    const some = queue.take(limit);
    const weight = some.reduce((sum, one) => sum + one.weight, 0);
    assert.ok(weight <= limit + 2 * LARGEST, `seed ${seed}: ${weight} of ${limit}`);
    all.push(...some);
  }
  while (queue.length > 0) all.push(...queue.take(500));
  assert.equal(all.length, n, `seed ${seed}`);
  for (const [agent, pieces] of Map.groupBy(all, (piece) => piece.agent))
    assert.deepEqual(
      pieces.map((piece) => piece.n),
      pieces.map((piece) => piece.n).sort((a, b) => a - b),
      `seed ${seed}, agent ${agent}`,
    );
});
