import assert from 'node:assert/strict';
import test from 'node:test';
import { channelsFor } from '../../../alphaserver/alert-config/routing.ts';
import { settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import { incident } from '../detection/incidents.ts';

const SETTINGS = settingsIn(
  JSON.stringify({
    rules: { 'root-password': { channels: ['pager'] }, distributed: { channels: [] } },
    channels: {
      chat: { type: 'slack', url: 'https://chat.example/x' },
      pager: { type: 'pagerduty', routingKey: 'k', severity: 'critical' },
      mail: { type: 'ntfy', url: 'https://ntfy.example/x', severity: 'warning', resolved: false },
    },
  }),
  'rules.json',
);
const notified = (
  changes: Parameters<typeof incident>[0],
  kind: 'opened' | 'resolved' = 'opened',
  settings = SETTINGS,
) => channelsFor(settings, incident(changes), kind);

test('a rule that names no channels tells all that take its severity', () => {
  assert.deepEqual(notified({ severity: 'critical' }), ['chat', 'pager', 'mail']);
  assert.deepEqual(notified({ severity: 'warning' }), ['chat', 'mail']);
  assert.deepEqual(notified({ severity: 'notice' }), ['chat']);
});

test('a rule tells the channels it names, or nobody', () => {
  assert.deepEqual(notified({ rule: 'root-password', severity: 'critical' }), ['pager']);
  assert.deepEqual(notified({ rule: 'distributed' }), []);
});

test('a channel may leave out that an incident is over', () => {
  assert.deepEqual(notified({}, 'resolved'), ['chat']);
});

test('nobody is notified of parts of a scan, nor of what came late unless asked', () => {
  assert.deepEqual(notified({ partOf: 'fs-1' }), []);
  assert.deepEqual(notified({ late: true }), []);
  assert.deepEqual(notified({ late: true }, 'opened', { ...SETTINGS, notifyLate: true }), ['chat', 'mail']);
});
