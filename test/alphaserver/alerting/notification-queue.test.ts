import assert from 'node:assert/strict';
import test from 'node:test';
import type { NotificationKind } from '../../../alphaserver/alert-config/routing.ts';
import { CHECK_EVERY, type NotificationQueue, QUEUED_LIMIT } from '../../../alphaserver/alerting/notification-queue.ts';
import type { NumberedNotification } from '../../../alphaserver/notify/channel-queue.ts';
import { pagerdutyPost } from '../../../alphaserver/notify/formats/pagerduty.ts';
import { LISTED_LIMIT, type Message, messagesFor, SHOWN_LIMIT } from '../../../alphaserver/notify/message.ts';
import type { NewDecision } from '../../../alphaserver/store/decisions.ts';
import { incident } from '../detection/incidents.ts';
import { alertTables } from './alert-tables.ts';

const ALL = ['notice', 'warning', 'critical'] as const;

function add(
  queue: NotificationQueue,
  channel: string,
  changes: Parameters<typeof incident>[0],
  kind: NotificationKind,
  nowMs: number,
): void {
  const number = kind === 'opened' ? 1 : 2;
  queue.add({ channel, incident: incident(changes), kind, number, nowMs }, { position: nowMs, clockMs: nowMs });
}

/** Makes one message of what is queued and returns it. */
function gathered(queue: NotificationQueue, channel: string, severities: readonly (typeof ALL)[number][], listed = 10) {
  let made: Message | null = null;
  queue.channel(channel).gather(severities, listed, (notifications, count) => {
    made = { id: `m${count}`, madeAt: 5, notifications, count, test: false };
    return [made];
  });
  return made as Message | null;
}
const listed = (message: Message | null): string[] =>
  (message?.notifications ?? []).map(({ kind, incident: { id } }) => `${kind} ${id}`);

test('a message lists what is queued of the severities asked for, the gravest and then the oldest first, and what is over last', () => {
  const { queue } = alertTables();
  add(queue, 'chat', { id: 'a', severity: 'warning' }, 'opened', 1);
  add(queue, 'chat', { id: 'b', severity: 'critical' }, 'opened', 2);
  add(queue, 'mail', { id: 'c' }, 'opened', 3);
  add(queue, 'chat', { id: 'a', severity: 'warning' }, 'resolved', 4);
  const chat = queue.channel('chat');
  assert.equal(chat.oldestMs(['critical']), 2);
  assert.equal(chat.oldestMs(['notice']), null);
  assert.deepEqual(listed(gathered(queue, 'chat', ['critical'])), ['opened b']);
  assert.equal(chat.pending, 3, 'one in a message and two queued');
  assert.deepEqual(listed(gathered(queue, 'chat', ALL)), ['opened a', 'resolved a']);
  assert.equal(chat.pending, 3);
  assert.equal(queue.channel('mail').pending, 1);
});

test('what opens pages somebody though more is over than a message lists', () => {
  const { queue } = alertTables();
  const openings = SHOWN_LIMIT + 10;
  for (let i = 0; i < LISTED_LIMIT; i += 1)
    add(queue, 'pager', { id: `old${i}`, severity: 'critical', closedAt: i }, 'resolved', i);
  for (let i = 0; i < openings; i += 1) add(queue, 'pager', { id: `new${i}` }, 'opened', LISTED_LIMIT + i);
  const message = gathered(queue, 'pager', ALL, LISTED_LIMIT) as Message;
  const channel = { type: 'pagerduty', routingKey: 'k', severity: 'notice', resolved: true } as const;
  const events = messagesFor(channel, message).map((one) => JSON.parse(pagerdutyPost(null, 'k', one, null).body));
  const rest = `asgard-${message.id}.rest`;
  assert.deepEqual(
    events.flatMap((event) => (event.event_action === 'trigger' ? [event.dedup_key] : [])),
    [...Array.from({ length: SHOWN_LIMIT }, (_, i) => `asgard-new${i}`), rest],
  );
  assert.equal(
    events.length,
    LISTED_LIMIT - openings + SHOWN_LIMIT + 1,
    'each listed end, each of the first, the rest',
  );
  assert.match(events.at(-1).payload.summary, /10 warnings, and 20 more/);
});

/** Queues for a pager the end of an incident of one severity, and after it the incident's opening again as another. */
function addAgain(queue: NotificationQueue, was: (typeof ALL)[number], is: (typeof ALL)[number]): void {
  const at = { position: 1, clockMs: 1 };
  const over = incident({ id: 'a', severity: was, closedAt: 1 });
  queue.add({ channel: 'pager', incident: over, kind: 'resolved', number: 2, nowMs: 1 }, at);
  const again = incident({ id: 'a', severity: is });
  queue.add({ channel: 'pager', incident: again, kind: 'opened', number: 3, nowMs: 1 }, at);
}

test('the end of an incident that opened again since, graver or not, is not sent behind that', async () => {
  for (const severity of ['critical', 'warning'] as const) {
    const recorded: NewDecision[] = [];
    const { queue } = alertTables({ record: async (decisions) => void recorded.push(...decisions) });
    add(queue, 'pager', { id: 'over' }, 'resolved', 1);
    addAgain(queue, 'warning', severity);
    add(queue, 'pager', { id: 'new' }, 'opened', 1);
    const message = gathered(queue, 'pager', ALL) as Message;
    assert.deepEqual(listed(message), ['opened a', 'opened new', 'resolved over']);
    assert.equal(message.count, 3);
    await queue.channel('pager').delivered(message);
    assert.equal(queue.channel('pager').pending, 0);
    const keys = recorded.flatMap(({ body }) => (body as { notifications: [string, number][] }).notifications);
    assert.deepEqual(
      keys.filter(([id]) => id === 'a'),
      [
        ['a', 3],
        ['a', 2],
      ],
      'another server that delivers from then on sends neither',
    );
  }
});

test('the end of a warning that quiet hours hold is not sent after the incident opened again as critical in them', () => {
  const { queue } = alertTables();
  addAgain(queue, 'warning', 'critical');
  assert.deepEqual(listed(gathered(queue, 'pager', ['critical'])), ['opened a']);
  assert.equal(queue.channel('pager').oldestMs(ALL), null, 'nothing is left for the morning');
});

test('the end of a critical incident is sent in quiet hours that hold its opening as a warning after it', async () => {
  const { queue } = alertTables();
  addAgain(queue, 'critical', 'warning');
  const night = gathered(queue, 'pager', ['critical']) as Message;
  assert.deepEqual(listed(night), ['resolved a']);
  await queue.channel('pager').delivered(night);
  assert.deepEqual(listed(gathered(queue, 'pager', ALL)), ['opened a']);
});

test('past the bound the oldest are only counted, until a message has given their number', () => {
  const { queue } = alertTables();
  for (let i = 1; i <= QUEUED_LIMIT + CHECK_EVERY; i += 1) add(queue, 'chat', { id: `i${i}` }, 'opened', i);
  assert.equal(queue.channel('chat').oldestMs(['warning']), CHECK_EVERY + 1);
  const message = gathered(queue, 'chat', ['warning'], 1);
  assert.deepEqual(listed(message), [`opened i${CHECK_EVERY + 1}`]);
  assert.equal(message?.count, QUEUED_LIMIT + CHECK_EVERY);
  assert.equal(queue.channel('chat').pending, QUEUED_LIMIT + CHECK_EVERY);
});

test('a message that is delivered leaves the queue once the delivery is recorded, and not before', async () => {
  const recorded: NewDecision[] = [];
  let fault: Error | null = new Error('the disk is full');
  const { queue } = alertTables({
    record: async (decisions) => {
      if (fault) throw fault;
      recorded.push(...decisions);
    },
  });
  add(queue, 'chat', { id: 'a' }, 'opened', 1);
  const message = gathered(queue, 'chat', ALL) as Message;
  const chat = queue.channel('chat');
  await assert.rejects(chat.delivered(message), /the disk is full/);
  assert.equal(chat.first?.message.id, message.id);
  fault = null;
  await chat.delivered(message);
  assert.deepEqual([chat.first, chat.pending], [null, 0]);
  const body = { message: message.id, notifications: [['a', 1]], incidents: [], position: 1_000, clockMs: 1_000 };
  assert.deepEqual(recorded, [{ kind: 'notified', subject: 'chat', by: null, body }]);
});

test('a channel is settled before the oldest of what it still has to send', () => {
  const { queue } = alertTables();
  const chat = queue.channel('chat');
  assert.deepEqual(chat.settled(), { position: 1_000, clockMs: 1_000 });
  add(queue, 'chat', { id: 'a', severity: 'critical' }, 'opened', 400);
  add(queue, 'chat', { id: 'b' }, 'opened', 500);
  assert.deepEqual(chat.settled(), { position: 399, clockMs: 399 });
  const message = gathered(queue, 'chat', ['critical']) as Message;
  assert.deepEqual(chat.settled(), { position: 399, clockMs: 399 });
  assert.deepEqual(chat.settled(message.id), { position: 499, clockMs: 499 });
  assert.deepEqual(queue.channel('mail').settled(), { position: 1_000, clockMs: 1_000 });
});

test('the messages that one channel gets of a storm name each notification once between them', async () => {
  const recorded: NewDecision[] = [];
  const { queue } = alertTables({ record: async (decisions) => void recorded.push(...decisions) });
  for (let i = 0; i < 5; i += 1) add(queue, 'pager', { id: `i${i}` }, 'opened', i);
  const pager = queue.channel('pager');
  // Those by themselves need not be the first.
  pager.gather(ALL, 4, ([a, b, c, d], count) =>
    [[a], [d], [b, c]].map((some, n) => ({
      ...{ id: `m${n}`, madeAt: 5, notifications: some as NumberedNotification[], test: false },
      count: n === 2 ? count - 2 : 1,
    })),
  );
  for (let message = pager.first; message; message = pager.first) await pager.delivered(message.message);
  const named = recorded.map(({ body }) => (body as { notifications: [string, number][] }).notifications);
  assert.deepEqual(
    named.map((keys) => keys.map(([id]) => id)),
    [['i0'], ['i3'], ['i1', 'i2', 'i4']],
  );
});
