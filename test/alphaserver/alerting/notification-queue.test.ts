import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { CHECK_EVERY, NotificationQueue, QUEUED_LIMIT } from '../../../alphaserver/alerting/notification-queue.ts';
import { makeTables } from '../../../alphaserver/alerting/schema.ts';
import type { Message } from '../../../alphaserver/notify/message.ts';
import { incident } from '../detection/incidents.ts';

const ALL = ['notice', 'warning', 'critical'] as const;

function queue(): NotificationQueue {
  const db = new DatabaseSync(':memory:');
  makeTables(db);
  return new NotificationQueue({ db, transaction: (work) => work(), record: async () => {} });
}

/** Makes one message of what is queued and returns it. */
function gathered(
  queues: NotificationQueue,
  channel: string,
  severities: readonly (typeof ALL)[number][],
  listed = 10,
) {
  let made: Message | null = null;
  queues.channel(channel).gather(severities, listed, (notifications, count) => {
    made = { id: `m${count}`, madeAt: 5, notifications, count, test: false };
    return [made];
  });
  return made as Message | null;
}
const listed = (message: Message | null): string[] =>
  (message?.notifications ?? []).map(({ kind, incident: { id } }) => `${kind} ${id}`);

test('a message lists what is queued of the severities asked for, the gravest and then the oldest first', () => {
  const queues = queue();
  queues.add('chat', incident({ id: 'a', severity: 'warning' }), 'opened', 1);
  queues.add('chat', incident({ id: 'b', severity: 'critical' }), 'opened', 2);
  queues.add('mail', incident({ id: 'c' }), 'opened', 3);
  queues.add('chat', incident({ id: 'a', severity: 'warning' }), 'resolved', 4);
  const chat = queues.channel('chat');
  assert.equal(chat.oldestMs(['critical']), 2);
  assert.equal(chat.oldestMs(['notice']), null);
  assert.deepEqual(listed(gathered(queues, 'chat', ['critical'])), ['opened b']);
  assert.equal(chat.pending, 3, 'one in a message and two queued');
  assert.deepEqual(listed(gathered(queues, 'chat', ALL)), ['opened a', 'resolved a']);
  assert.equal(chat.pending, 3);
  assert.equal(queues.channel('mail').pending, 1);
});

test('past the bound the oldest are only counted, until a message has said how many', () => {
  const queues = queue();
  for (let i = 1; i <= QUEUED_LIMIT + CHECK_EVERY; i += 1) queues.add('chat', incident({ id: `i${i}` }), 'opened', i);
  assert.equal(queues.channel('chat').oldestMs(['warning']), CHECK_EVERY + 1);
  const message = gathered(queues, 'chat', ['warning'], 1);
  assert.deepEqual(listed(message), [`opened i${CHECK_EVERY + 1}`]);
  assert.equal(message?.count, QUEUED_LIMIT + CHECK_EVERY);
  assert.equal(queues.channel('chat').pending, QUEUED_LIMIT + CHECK_EVERY);
});

test('a message that is delivered leaves the queue once the delivery is recorded, and not before', async () => {
  const db = new DatabaseSync(':memory:');
  makeTables(db);
  const recorded: string[] = [];
  let fault: Error | null = new Error('the disk is full');
  const queues = new NotificationQueue({
    db,
    transaction: (work) => work(),
    record: async (channel, { id }) => {
      if (fault) throw fault;
      recorded.push(`${channel} ${id}`);
    },
  });
  queues.add('chat', incident(), 'opened', 1);
  const message = gathered(queues, 'chat', ALL) as Message;
  const chat = queues.channel('chat');
  await assert.rejects(chat.delivered(message), /the disk is full/);
  assert.equal(chat.first?.message.id, message.id);
  fault = null;
  await chat.delivered(message);
  assert.deepEqual([chat.first, chat.pending, recorded], [null, 0, [`chat ${message.id}`]]);
});
