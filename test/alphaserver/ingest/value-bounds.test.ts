import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  KNOWN_VALUES_LIMIT,
  KNOWN_VALUES_OF_ALL_LIMIT,
  NEW_VALUES_AT_ONCE,
  NEW_VALUES_PER_SECOND,
  ValueBounds,
} from '../../../alphaserver/ingest/value-bounds.ts';

test('an agent brings 20,000 new sources and users at once, and then waits for each; those that are known cost nothing', () => {
  const bounds = new ValueBounds();
  for (let n = 0; n < NEW_VALUES_AT_ONCE; n++)
    assert.equal(bounds.take('a', `u${n}`, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 0), 0);
  assert.equal(bounds.take('a', 'u1', '10.0.0.1', 0), 0);
  assert.equal(bounds.take('a', 'u1', '192.0.2.1', 0), Math.ceil(1_000 / NEW_VALUES_PER_SECOND));
  assert.equal(bounds.take('a', 'one more', null, 0), Math.ceil(1_000 / NEW_VALUES_PER_SECOND));
  // Another agent is not kept waiting, and after a second there is room again.
  assert.equal(bounds.take('b', 'root', '192.0.2.1', 0), 0);
  for (let n = 1; n < NEW_VALUES_PER_SECOND; n++) assert.equal(bounds.take('a', null, `192.0.2.${n}`, 1_001), 0);
});

test('nobody waits longer than ten seconds', () => {
  const bounds = new ValueBounds({ atOnce: 1, perSecond: 1 });
  let longestMs = 0;
  for (let n = 0; n < 100; n++) longestMs = Math.max(longestMs, bounds.take('a', `u${n}`, null, 0));
  assert.equal(longestMs, 10_000);
});

test('what is known of one agent and of all is bounded', () => {
  const bounds = new ValueBounds();
  for (let n = 0; n <= KNOWN_VALUES_LIMIT; n++) bounds.take('a', null, `source ${n}`, n);
  assert.equal(bounds.size, 1, 'the set began anew');
  const few = new ValueBounds({ known: 10, knownOfAll: 25 });
  for (let agent = 0; agent < 100; agent++)
    for (let n = 0; n < 10; n++) {
      few.take(`agent ${agent}`, `u${n}`, `192.0.2.${n}`, 0);
      assert.ok(few.size <= 25, `${few.size}`);
    }
  assert.ok(KNOWN_VALUES_OF_ALL_LIMIT >= 2 * KNOWN_VALUES_LIMIT);
});
