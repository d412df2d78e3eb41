import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ticker } from '../../service/ticker.ts';

test('all work has its turn at each tick, in order, until it is taken back; without any there is no timer', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const ticker = new Ticker(1_000);
  const done: string[] = [];
  const endFirst = ticker.add(() => done.push('first'));
  t.mock.timers.tick(400);
  const endSecond = ticker.add(() => {
    done.push('second');
    endThird();
  });
  const endThird = ticker.add(() => done.push('third'));
  t.mock.timers.tick(600);
  assert.deepEqual(done, ['first', 'second']);
  endFirst();
  t.mock.timers.tick(1_000);
  assert.deepEqual(done, ['first', 'second', 'second']);
  endSecond();
  t.mock.timers.tick(5_000);
  ticker.add(() => done.push('anew'));
  t.mock.timers.tick(1_000);
  assert.deepEqual(done, ['first', 'second', 'second', 'anew']);
});
