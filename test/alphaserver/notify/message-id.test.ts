import assert from 'node:assert/strict';
import test from 'node:test';
import { DecisionProjection } from '../../../alphaserver/alerting/decisions.ts';
import type { MakeMessages } from '../../../alphaserver/notify/channel-queue.ts';
import { messageId } from '../../../alphaserver/notify/message-id.ts';
import type { NewDecision } from '../../../alphaserver/store/decisions.ts';
import { alertTables } from '../alerting/alert-tables.ts';
import { incident } from '../detection/incidents.ts';

const over = { closedAt: Date.parse('2026-11-24T10:15:30Z') };
const make: MakeMessages = (notifications, count) => [
  { id: messageId('hook', notifications, count), madeAt: 5, notifications, count, test: false },
];

test('an incident that turns out graver, or opens again, is in a message of another id, which the record of the first leaves', async () => {
  const recorded: NewDecision[] = [];
  const { db, marks, queue } = alertTables({ record: async (decisions) => void recorded.push(...decisions) });
  const decisions = new DecisionProjection(db, marks, () => {});
  const hook = queue.channel('hook');
  const ids: string[] = [];
  const steps = [
    { kind: 'opened', number: 1, changes: {} },
    { kind: 'opened', number: 3, changes: { severity: 'critical' } },
    { kind: 'resolved', number: 4, changes: over },
    { kind: 'opened', number: 5, changes: {} },
    { kind: 'resolved', number: 6, changes: over },
  ] as const;
  for (const { kind, number, changes } of steps) {
    queue.add({ channel: 'hook', incident: incident(changes), kind, number, nowMs: 1 }, { position: 1, clockMs: 1 });
    hook.gather(['warning', 'critical'], 10, make);
    for (const [i, one] of recorded.entries()) decisions.apply({ id: i + 1, at: 1, ...one });
    const message = hook.first?.message;
    assert.ok(message, `${kind} ${number} is not deleted by what was recorded of those before it`);
    ids.push(message.id);
    await hook.delivered(message);
  }
  assert.equal(new Set(ids).size, steps.length);
});

test('a message has the same id wherever it is made, and by versions before too where no incident in it opened again', () => {
  const notifications = [
    { kind: 'opened', incident: incident(), number: 1 },
    { kind: 'resolved', incident: incident({ id: 'bf-2', ...over }), number: 2 },
  ] as const;
  assert.equal(messageId('hook', notifications, 3), 'ebc7b596-3196-8d5c-80d4-ca819bd6a1e2');
  assert.equal(messageId('hook', structuredClone(notifications), 3), messageId('hook', notifications, 3));
  assert.notEqual(messageId('hook', notifications, 4), messageId('hook', notifications, 3));
  assert.notEqual(messageId('mail', notifications, 3), messageId('hook', notifications, 3));
});
