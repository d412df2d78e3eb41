/** As many incidents as alerts.db may hold, and more. It takes seconds to make them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import { DecisionProjection } from '../../../alphaserver/alerting/decisions.ts';
import { INCIDENTS_LIMIT, IncidentStore } from '../../../alphaserver/alerting/incident-store.ts';
import { UnrecordedDecisions } from '../../../alphaserver/alerting/unrecorded-decisions.ts';
import { Incidents } from '../../../alphaserver/queries/incidents.ts';
import { alertTables, decisionTables } from './alert-tables.ts';

/** Makes tables with so many incidents, from the oldest to the newest a millisecond apart. `closedAt` and `source` are SQL. */
function filled(count: number, closedAt: string, source = 'NULL') {
  const tables = alertTables();
  tables.db.exec(
    `INSERT INTO incidents WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}),
         given (i, source) AS (SELECT i, ${source} FROM n)
       SELECT printf('%07d', i), 'brute-force', i, 'warning', source, i, i, ${closedAt}, NULL, 0,
         json_object('rule', 'brute-force', 'source', source, 'closedAt', NULL, 'lastAt', i, 'trust', 'syslog', 'ips', json('[]')), 0 FROM given`,
  );
  return tables;
}

test('of more than 500,000 incidents the oldest that are closed are deleted, however new', () => {
  const { db, marks, queue } = filled(INCIDENTS_LIMIT + 2, 'iif(i = 1, NULL, i)');
  const store = new IncidentStore({
    ...{ db, marks, queue, sinceMs: () => 0 },
    decisions: new DecisionProjection(db, marks, () => {}),
    unrecorded: new UnrecordedDecisions(db),
  });
  const ids = (): unknown[] =>
    db
      .prepare('SELECT CAST(id AS INTEGER) AS id FROM incidents ORDER BY 1 LIMIT 3')
      .all()
      .map(({ id }) => id);
  for (const _ of ['once', 'again']) {
    store.deleteOld(INCIDENTS_LIMIT * 2);
    assert.deepEqual(ids(), [1, 4, 5]);
  }
});

test('of more than 200,000 open incidents those with the newest events make the blocklist', () => {
  const { db } = filled(200_001, 'NULL', "iif(i <= 2, '198.51.100.' || i, NULL)");
  decisionTables(db);
  db.exec('CREATE TABLE agents (uuid TEXT PRIMARY KEY, identity TEXT)');
  const settings = settingsIn('{}', 'rules.json');
  const { text } = new Incidents(db).blocklist({ settings, withPrivate: false, format: 'plain', nowMs: 0 });
  assert.equal(text, '198.51.100.2\n');
});
