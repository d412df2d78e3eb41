import assert from 'node:assert/strict';
import test from 'node:test';
import { retryAfterMs } from '../../../alphaserver/notify/http.ts';
import {
  RETRY_AFTER_LIMIT_MS,
  RETRY_LIMIT_MS,
  retryDelayMs,
  sendable,
  waitMs,
} from '../../../alphaserver/notify/retry-schedule.ts';

test('delays double up to their bound, and are spread below it', () => {
  assert.deepEqual(
    [1, 2, 3].map((n) => retryDelayMs(n, null, 1)),
    [1_000, 2_000, 4_000],
  );
  assert.equal(retryDelayMs(50, null, 1), RETRY_LIMIT_MS);
  assert.equal(retryDelayMs(50, null, 0), RETRY_LIMIT_MS / 2);
});

test('a receiver may ask for longer, up to a bound', () => {
  assert.equal(retryDelayMs(1, 90_000, 0), 90_000);
  assert.equal(retryDelayMs(1, 90_000_000_000, 0), RETRY_AFTER_LIMIT_MS);
  assert.equal(retryDelayMs(10, 1, 1), 512_000);
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-24T10:00:00Z');
  assert.equal(retryAfterMs('120', now), 120_000);
  assert.equal(retryAfterMs('Tue, 24 Nov 2026 10:00:30 GMT', now), 30_000);
  assert.equal(retryAfterMs('Tue, 24 Nov 2026 09:00:00 GMT', now), 0);
  assert.equal(retryAfterMs('soon', now), null);
  assert.equal(retryAfterMs(null, now), null);
});

test('in quiet hours only grave severities are sent, and the rest when they end', () => {
  const hours = { fromMinute: 22 * 60, untilMinute: 7 * 60, timeZone: 'UTC', severity: 'critical' } as const;
  assert.deepEqual(sendable(hours, Date.parse('2026-11-24T23:00:00Z')), ['critical']);
  assert.deepEqual(sendable(hours, Date.parse('2026-11-24T07:00:00Z')), ['notice', 'warning', 'critical']);
  assert.deepEqual(sendable(null, Date.parse('2026-11-24T23:00:00Z')), ['notice', 'warning', 'critical']);
});

test('the first waits for others to share its message, and messages keep their distance', () => {
  const grouping = { sinceMs: 1_000, lastMs: null, groupWaitMs: 500, groupEveryMs: 30_000 };
  assert.equal(waitMs(grouping, 1_100), 400);
  assert.equal(waitMs(grouping, 1_500), 0);
  assert.equal(waitMs({ ...grouping, lastMs: 900 }, 1_500), 29_400);
});

test('a clock that was set back delays by no more than one span', () => {
  const grouping = { sinceMs: 1e12, lastMs: 1e12, groupWaitMs: 500, groupEveryMs: 30_000 };
  assert.equal(waitMs(grouping, 0), 30_000);
});
