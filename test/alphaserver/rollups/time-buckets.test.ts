/** Spans are cut so that every edge lies within one minute. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { cut, DAY_MS, HOUR_MS, MINUTE_MS } from '../../../alphaserver/rollups/time-buckets.ts';

const STEPS = [DAY_MS, HOUR_MS, MINUTE_MS];

test('a span over the end of a minute, an hour or a day without a whole minute in it is cut there', () => {
  for (const end of [5 * MINUTE_MS, 2 * HOUR_MS, 3 * DAY_MS]) {
    const [from, to] = [end - 40_000, end + 50_000];
    assert.deepEqual(cut({ from, to }, STEPS), {
      runs: [],
      edges: [
        { from, to: end },
        { from: end, to },
      ],
    });
  }
});

test('a span is cut into whole buckets and what is left at its ends', () => {
  const span = { from: DAY_MS - MINUTE_MS - 1, to: 2 * DAY_MS + HOUR_MS + 7 };
  assert.deepEqual(cut(span, STEPS), {
    runs: [
      { step: MINUTE_MS, from: DAY_MS - MINUTE_MS, to: DAY_MS },
      { step: DAY_MS, from: DAY_MS, to: 2 * DAY_MS },
      { step: HOUR_MS, from: 2 * DAY_MS, to: 2 * DAY_MS + HOUR_MS },
    ],
    edges: [
      { from: span.from, to: span.from + 1 },
      { from: 2 * DAY_MS + HOUR_MS, to: span.to },
    ],
  });
  assert.deepEqual(cut({ from: 5, to: 7 }, STEPS), { runs: [], edges: [{ from: 5, to: 7 }] });
  assert.deepEqual(cut({ from: 7, to: 7 }, STEPS), { runs: [], edges: [] });
});
