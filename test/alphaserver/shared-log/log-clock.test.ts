import assert from 'node:assert/strict';
import test from 'node:test';
import { AHEAD_LIMIT_MS, LogClock } from '../../../alphaserver/shared-log/log-clock.ts';

const NOW_MS = Date.parse('2026-11-30T14:00:00.000Z');

test('a log that is ahead of the clock is warned of once, and again after it was not', () => {
  const warned: string[] = [];
  const clock = new LogClock({ warn: (line) => void warned.push(line) }, () => NOW_MS);
  clock.heard(NOW_MS + AHEAD_LIMIT_MS);
  assert.equal(warned.length, 0);
  clock.heard(NOW_MS + AHEAD_LIMIT_MS + 1);
  clock.heard(NOW_MS + AHEAD_LIMIT_MS + 1);
  assert.deepEqual(
    warned.map((line) => line.slice(0, 49)),
    ['Events are stored as of 2026-11-30T14:10:00.001Z,'],
  );
  clock.heard(NOW_MS);
  clock.heard(NOW_MS + AHEAD_LIMIT_MS + 1);
  assert.equal(warned.length, 2);
});
