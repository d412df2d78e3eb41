import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delayMs, FIRST_DELAY_MS, LAST_DELAY_MS } from '../../../alphaclient/uplink/backoff.ts';

test('delays grow from the first to the last and never pass it', () => {
  assert.equal(delayMs(0, 0.999_999), FIRST_DELAY_MS);
  for (const tries of [8, 20, 1_000, Number.MAX_SAFE_INTEGER]) {
    assert.equal(delayMs(tries, 0.999_999_999), LAST_DELAY_MS);
    assert.ok(delayMs(tries, 0) > 0);
  }
});

test('a thousand agents at the cap come back spread over the whole range, not together', () => {
  // teleport#6889: jitter that is clamped to nothing at the cap makes a herd.
  const seconds = new Map<number, number>();
  for (let agent = 0; agent < 1_000; agent += 1) {
    const second = Math.floor(delayMs(12, agent / 1_000) / 1_000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  const mean = 1_000 / (LAST_DELAY_MS / 1_000);
  assert.ok(Math.max(...seconds.values()) < 1.5 * mean, 'no second gets half as much again as the mean');
  assert.ok(seconds.size >= 30);
});
