/** What is asked about incidents reads a bounded number of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Incidents } from '../../../alphaserver/queries/incidents.ts';
import { alertTables } from '../alerting/alert-tables.ts';

test('incidents about one thing are looked for among the newest 10,000', () => {
  const { db } = alertTables();
  // Each is of a source of its own, and a millisecond older than the next.
  db.exec(
    `INSERT INTO incidents WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10002)
       SELECT i, 'brute-force', i, 'warning', 'source ' || i, i, i, NULL, NULL, 0, '{}', 0 FROM n`,
  );
  const about = (source: string): number => new Incidents(db).about('ip', source, 10).length;
  assert.deepEqual([about('source 1'), about('source 2'), about('source 3')], [0, 0, 1]);
});
