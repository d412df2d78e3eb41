/** An expensive result is loaded once for many, and nobody gets one that is older than need be. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ResultCache, type Timed } from '../../../alphaserver/queries/result-cache.ts';

let cache: ResultCache;
/** One entry a load: the test says what it gives, and after how long. */
let loads: PromiseWithResolvers<Timed<string>>[];
beforeEach(() => {
  cache = new ResultCache();
  loads = [];
});

const get = (key = 'a', mayBeOld = true): Promise<string> =>
  cache.get(
    key,
    () => {
      const load = Promise.withResolvers<Timed<string>>();
      loads.push(load);
      return load.promise;
    },
    mayBeOld,
  );
/** Gives the newest load its result. */
const give = (value: string, tookMs: number): void => loads.at(-1)?.resolve({ value, tookMs });

test('while nothing is stored, a result is good for all', async () => {
  const first = get();
  give('one', 1);
  assert.equal(await first, 'one');
  assert.equal(await get(), 'one');
  assert.equal(loads.length, 1);
});

test('a cheap result is not given again once more is stored', async () => {
  const first = get();
  give('one', 1);
  await first;
  cache.outdate();
  const second = get();
  give('two', 1);
  assert.equal(await second, 'two');
});

test('an expensive result is given again for a while though more is stored, also while the next one loads', async () => {
  const first = get();
  cache.outdate();
  give('one', 100);
  await first;
  assert.equal(await get(), 'one');
  assert.equal(loads.length, 1);
});

test('who may get none of before a commit gets a new one, however expensive, and shares it with others who ask after that commit', async () => {
  const first = get('a', false);
  give('one', 100);
  await first;
  assert.equal(get('a', false), first);
  cache.outdate();
  const second = get('a', false);
  assert.equal(get('a', false), second);
  cache.outdate();
  assert.notEqual(get('a', false), second);
  assert.equal(loads.length, 3);
});

test('an expensive result is not given again once it is invalid, nor one that loads then', async () => {
  const first = get();
  give('one', 100);
  await first;
  const loading = get('b');
  cache.clear();
  assert.notEqual(get(), first);
  assert.notEqual(get('b'), loading);
  assert.equal(loads.length, 4);
});

test('a query that failed is loaded again', async () => {
  const first = get();
  loads[0]?.reject(new Error('no disk'));
  await assert.rejects(first, /no disk/);
  const second = get();
  give('two', 1);
  assert.equal(await second, 'two');
});

test('at most 200 results are held', async () => {
  for (let i = 0; i <= 200; i += 1) {
    const one = get(String(i));
    give(String(i), 1);
    await one;
  }
  assert.equal(await get('1'), '1');
  assert.equal(loads.length, 201);
  void get('0');
  assert.equal(loads.length, 202);
});
