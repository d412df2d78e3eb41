import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { Keeper } from '../../../alphaserver/alerting/incident-store.ts';
import { NotificationQueue } from '../../../alphaserver/alerting/notification-queue.ts';
import { makeTables } from '../../../alphaserver/alerting/schema.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import { incident } from '../detection/incidents.ts';

const NOW_MS = Date.parse('2026-11-24T10:00:10Z');
const SETTINGS = withWebhook(DEFAULT_SETTINGS, 'http://127.0.0.1:9/');
const over = { closedAt: Date.parse('2026-11-24T10:15:30Z') };

/** What is told, and what becomes of each, when an incident is written as it changes. */
function written(
  steps: readonly (Partial<Incident> & { withdrawn?: boolean })[],
  settings = SETTINGS,
  storedBefore = false,
): { told: string[]; became: string[] } {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE events (id INTEGER PRIMARY KEY)');
  if (storedBefore) db.exec('INSERT INTO events VALUES (1)');
  makeTables(db);
  const queue = new NotificationQueue({ db, transaction: (work) => work(), record: async () => {} });
  const keeper = new Keeper(db, queue);
  keeper.since(NOW_MS);
  const became = steps.flatMap(({ withdrawn = false, ...changes }) =>
    keeper
      .write(
        {
          changes: [{ incident: incident(changes), by: 1, withdrawn }],
          agents: [],
          told: 1,
        },
        settings,
        NOW_MS,
      )
      .map((one) => one.became),
  );
  const rows = db.prepare('SELECT kind FROM alertNotices ORDER BY n').all() as { kind: string }[];
  return { told: rows.map(({ kind }) => kind), became };
}

test('an incident is told once as opened and once as over, however often it is written', () => {
  assert.deepEqual(written([{}, { count: 13 }, {}, over, over]), {
    told: ['opened', 'resolved'],
    became: ['opened', 'grew', 'grew', 'closed', 'grew'],
  });
});

test('one that is over when it is found is told as both', () => {
  assert.deepEqual(written([over]), { told: ['opened', 'resolved'], became: ['opened'] });
});

test('one that goes on after it was told as over is told again', () => {
  assert.deepEqual(written([{}, over, { count: 14 }]).told, ['opened', 'resolved', 'opened']);
});

test('nobody is told of a part of a scan; one that was told of before is told as over', () => {
  assert.deepEqual(written([{ partOf: 'scan' }]), { told: [], became: ['grew'] });
  assert.deepEqual(written([{}, { partOf: 'scan' }, { partOf: 'scan', ...over }]), {
    told: ['opened', 'resolved'],
    became: ['opened', 'closed', 'grew'],
  });
});

test('one that an event out of order has undone is told as over where it was told', () => {
  assert.deepEqual(written([{}, { withdrawn: true }]), {
    told: ['opened', 'resolved'],
    became: ['opened', 'withdrawn'],
  });
  assert.deepEqual(written([{ late: true }, { late: true, withdrawn: true }]).told, []);
});

test('nobody is told of what came late, unless asked, until it goes on', () => {
  assert.deepEqual(written([{ late: true }, { late: true, ...over }]).told, []);
  assert.deepEqual(written([{ late: true }, { late: false, count: 20 }]).told, ['opened']);
  assert.deepEqual(written([{ late: true }], { ...SETTINGS, notifyLate: true }).told, ['opened']);
});

test('nobody is told of what was over before the rules first ran on a store with events', () => {
  const before = { lastAt: NOW_MS - 1, ...over };
  assert.deepEqual(written([before], SETTINGS, true).told, []);
  assert.deepEqual(written([before], SETTINGS, false).told, ['opened', 'resolved']);
  assert.deepEqual(written([{ lastAt: NOW_MS }], SETTINGS, true).told, ['opened']);
});
