import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, delayMs, FIRST_DELAY_MS, LAST_DELAY_MS } from '../../../alphaclient/uplink/backoff.ts';

test('delays grow from the first to the last and never pass it [P13]', () => {
  assert.equal(delayMs(0, 0.999_999), FIRST_DELAY_MS);
  for (const tries of [8, 20, 1_000, Number.MAX_SAFE_INTEGER]) {
    assert.equal(delayMs(tries, 0.999_999_999), LAST_DELAY_MS);
    assert.ok(delayMs(tries, 0) > 0);
  }
});

test('a delay is drawn from the ranges that docs/protocol.md names [P13]', () => {
  const rangeOf = (failures: number) => [delayMs(failures, 0), delayMs(failures, 1)];
  assert.deepEqual(rangeOf(0), [100, 200]);
  assert.deepEqual(rangeOf(1), [100, 400]);
  assert.deepEqual(rangeOf(8), [7_500, 30_000]);
  const lost = (random: number) => new Backoff().next('lost', random);
  assert.deepEqual([lost(0), lost(1)], [400, 1_600]);
});

test('a thousand agents at the cap come back spread over the range, not together [P13]', () => {
  // teleport#6889: jitter that is clamped to nothing at the cap makes a herd.
  const seconds = new Map<number, number>();
  for (let agent = 0; agent < 1_000; agent += 1) {
    const second = Math.floor(delayMs(12, agent / 1_000) / 1_000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  const mean = 1_000 / (LAST_DELAY_MS / 1_000);
  assert.ok(Math.max(...seconds.values()) < 1.5 * mean, 'no second gets half as much again as the mean');
  assert.ok(seconds.size >= 22);
});

test('a thousand agents that lost their server are back within 30 s of its return, and no second gets five times the mean', () => {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (const downMs of [500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 20_000, 60_000, 600_000]) {
    const back = Array.from({ length: 1_000 }, () => {
      const backoff = new Backoff();
      let at = backoff.next('lost', random());
      while (at < downMs) at += backoff.next('failed', random());
      return at;
    }).sort((a, b) => a - b);
    const [first = 0, last = 0] = [back[0], back.at(-1)];
    const seconds = new Map<number, number>();
    for (const at of back) {
      const second = Math.floor((at - first) / 1_000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    const mean = 1_000 / Math.max(1, (last - first) / 1_000);
    assert.ok(last - downMs <= LAST_DELAY_MS, `${last - downMs} ms after ${downMs}`);
    assert.ok(Math.max(...seconds.values()) < 5 * mean, `${Math.max(...seconds.values())} of ${mean} after ${downMs}`);
  }
});
