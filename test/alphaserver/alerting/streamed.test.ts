import assert from 'node:assert/strict';
import test from 'node:test';
import type { WrittenIncident } from '../../../alphaserver/alerting/incident-store.ts';
import { STREAMED_LIMIT, streamed } from '../../../alphaserver/alerting/streamed.ts';
import { incident } from '../detection/incidents.ts';

const written = (became: WrittenIncident['became'], changes: Parameters<typeof incident>[0]): WrittenIncident => ({
  incident: incident(changes),
  became,
  acknowledgedAt: null,
  acknowledgedBy: null,
});

test('of more incidents than the stream takes in one step, those of now come first, the gravest before all', () => {
  const old = Array.from({ length: STREAMED_LIMIT }, (_, i) =>
    written('opened', { id: `old ${i}`, late: true, severity: 'critical' }),
  );
  const given = streamed([
    ...old,
    written('grew', { id: 'grew', severity: 'critical' }),
    written('closed', { id: 'closed' }),
    written('opened', { id: 'break-in', rule: 'break-in', severity: 'critical' }),
  ]);
  assert.equal(given.length, STREAMED_LIMIT);
  assert.deepEqual(
    given.slice(0, 3).map((one) => one.incident.id),
    ['break-in', 'closed', 'old 0'],
  );
  assert.deepEqual(streamed([]), []);
});
