import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { CHECK_EVERY, NOTICES_LIMIT, Notices } from '../../../alphaserver/alerting/notification-queue.ts';
import { makeTables } from '../../../alphaserver/alerting/schema.ts';
import { incident } from '../detection/incidents.ts';

function notices(): Notices {
  const db = new DatabaseSync(':memory:');
  makeTables(db);
  return new Notices(db);
}

test('a channel gets what waits for it, the gravest and then the oldest first, of the severities asked for', () => {
  const queue = notices();
  queue.add('chat', incident({ id: 'a', severity: 'warning' }), 'opened', 1);
  queue.add('chat', incident({ id: 'b', severity: 'critical' }), 'opened', 2);
  queue.add('mail', incident({ id: 'c' }), 'opened', 3);
  queue.add('chat', incident({ id: 'a', severity: 'warning' }), 'resolved', 4);
  const ids = (severities: ('notice' | 'warning' | 'critical')[]) =>
    queue.gravest('chat', severities, 10).map(({ kind, incident: { id } }) => `${kind} ${id}`);
  assert.deepEqual(ids(['notice', 'warning', 'critical']), ['opened b', 'opened a', 'resolved a']);
  assert.deepEqual(ids(['critical']), ['opened b']);
  assert.equal(queue.waiting('chat', ['warning']), 2);
  assert.equal(queue.since('chat', ['critical']), 2);
  assert.equal(queue.since('chat', ['notice']), null);
  queue.settle('chat', ['critical']);
  assert.deepEqual(ids(['notice', 'warning', 'critical']), ['opened a', 'resolved a']);
  assert.equal(queue.waiting('mail'), 1);
});

test('past the bound the oldest are only counted, until a message has told how many', () => {
  const queue = notices();
  for (let i = 1; i <= NOTICES_LIMIT + CHECK_EVERY; i += 1) queue.add('chat', incident({ id: `i${i}` }), 'opened', i);
  assert.equal(queue.waiting('chat'), NOTICES_LIMIT);
  assert.equal(queue.dropped('chat'), CHECK_EVERY);
  const [oldest] = queue.gravest('chat', ['warning'], 1);
  assert.equal(oldest?.incident.id, `i${CHECK_EVERY + 1}`);
  queue.settle('chat', ['warning']);
  assert.equal(queue.dropped('chat'), 0);
});
