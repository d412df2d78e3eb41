/** The tables of alerts.db, brought up from an earlier version. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ALERT_MIGRATIONS } from '../../../alphaserver/alerting/schema.ts';
import { arrays, migrate } from '../../../alphaserver/store/database.ts';

test('messages that wait in a file of an earlier version stay, without the column that nothing reads', () => {
  const db = new DatabaseSync(':memory:');
  const before = ALERT_MIGRATIONS.findIndex((step) => step.includes('DROP COLUMN fault'));
  migrate(db, ALERT_MIGRATIONS.slice(0, before));
  db.exec(
    `INSERT INTO messages VALUES ('m1', 'ops', '{}', 2, 10, 3, 20, 'refused', 7, 30, '[["i1",1]]'), ('m2', 'ops', '{}', 1, 11, 0, 11, NULL, 8, 31, '[]')`,
  );
  migrate(db, ALERT_MIGRATIONS);
  assert.deepEqual(arrays(db, 'SELECT * FROM messages ORDER BY id'), [
    ['m1', 'ops', '{}', 2, 10, 3, 20, 7, 30, '[["i1",1]]'],
    ['m2', 'ops', '{}', 1, 11, 0, 11, 8, 31, '[]'],
  ]);
  db.close();
});
