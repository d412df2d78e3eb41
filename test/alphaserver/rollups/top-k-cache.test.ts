/** Buckets that the cache has dropped are read again from their tables. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SOURCE, type ValueCounts } from '../../../alphaserver/rollups/counts.ts';
import { openRollups } from '../../../alphaserver/rollups/schema.ts';
import { TopKCache } from '../../../alphaserver/rollups/top-k-cache.ts';
import { arrays } from '../../../alphaserver/store/database.ts';

const HOUR_MS = 3_600_000;
/** More than the cache holds. */
const BUCKETS = 25;

const failures = (failed: number, at: number): ReadonlyMap<string, ValueCounts> =>
  new Map([
    ['203.0.113.5', { accepted: 0, failed, probes: 0, hash: 7, firstAt: at, lastAt: at, hosts: [1], users: [2] }],
  ]);

test('one bucket more than 24 is counted as if all were held', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-top-k-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const db = openRollups(folder);
  context.after(() => db.close());
  const cache = new TopKCache(db);
  for (const round of [1, 2])
    for (let hour = 0; hour < BUCKETS; hour += 1)
      cache.add([SOURCE, HOUR_MS, hour * HOUR_MS], failures(hour + 1, hour * HOUR_MS + round));
  const rows = arrays(db, 'SELECT failed, firstAt, lastAt FROM tops ORDER BY failed');
  assert.deepEqual(
    rows.map((row) => [...row]),
    Array.from({ length: BUCKETS }, (_, hour) => [2 * (hour + 1), hour * HOUR_MS + 1, hour * HOUR_MS + 2]),
  );
  assert.equal(arrays(db, 'SELECT id FROM buckets').length, BUCKETS);
});
