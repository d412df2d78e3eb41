import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../service/turns.ts';

test('so many works run at once, in the order they came, and whatever waits for the event loop comes between two of them', async () => {
  const turns = new Turns(1);
  const order: string[] = [];
  const work = (name: string) => turns.run(async () => void order.push(name));
  const all = [work('a'), work('b'), work('c')];
  setImmediate(() => order.push('another'));
  await Promise.all(all);
  assert.deepEqual(order, ['a', 'another', 'b', 'c']);
});

test('never more than the limit run, and one that fails makes room for the next', async () => {
  const turns = new Turns(2);
  let running = 0;
  let most = 0;
  const works = Array.from({ length: 9 }, (_, i) =>
    turns.run(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
      if (i === 3) throw new Error('the fourth');
      return i;
    }),
  );
  const came = await Promise.allSettled(works);
  assert.equal(most, 2);
  assert.deepEqual(
    came.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason))),
    [0, 1, 2, 'Error: the fourth', 4, 5, 6, 7, 8],
  );
});
