import assert from 'node:assert/strict';
import test from 'node:test';
import { TokenBucket } from '../../service/token-bucket.ts';

test('a burst goes through at once, and what follows waits by its place', () => {
  const bucket = new TokenBucket(3, 10, 0);
  assert.deepEqual(
    [0, 0, 0].map(() => bucket.take(0)),
    [0, 0, 0],
  );
  assert.deepEqual([bucket.take(0), bucket.take(0)], [100, 200]);
  // 0.2 s are owed, and 0.3 s have passed.
  assert.equal(bucket.take(300), 0);
});

test('the burst comes back with time, and no more than that', () => {
  const bucket = new TokenBucket(2, 1, 0);
  bucket.take(0);
  bucket.take(0);
  assert.deepEqual(
    [0, 0, 0].map(() => bucket.take(1_000_000)),
    [0, 0, 1_000],
  );
});

test('a clock that is set back gives nothing and takes nothing', () => {
  const bucket = new TokenBucket(1, 1, 10_000);
  assert.equal(bucket.take(10_000), 0);
  assert.equal(bucket.take(0), 1_000);
});
