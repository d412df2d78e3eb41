import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Channel } from '../../../alphaserver/alert-config/rules-schema.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import {
  LISTED_LIMIT,
  type Message,
  messagesFor,
  SHOWN_LIMIT,
  testMessage,
} from '../../../alphaserver/notify/message.ts';
import type { Post } from '../../../alphaserver/notify/post.ts';
import { render } from '../../../alphaserver/notify/render.ts';
import { incident } from '../detection/incidents.ts';

const NOW = Date.parse('2026-11-24T10:01:00Z');
const PAGE = 'https://asgard.example';
const COMMON = { severity: 'notice', resolved: true } as const;
const HOSTILE = '<!channel> @everyone *x* [y](https://evil.example) https://evil.example `z` & "q" \'s\' <b>';
const one: Message = {
  id: 'm1',
  madeAt: NOW,
  notifications: [
    { kind: 'opened', incident: incident({ users: [HOSTILE], summary: `192.0.2.1 failed as ${HOSTILE}` }) },
  ],
  count: 1,
  test: false,
};
const many = (count: number, listed = Math.min(count, LISTED_LIMIT)): Message => ({
  ...one,
  notifications: Array.from({ length: listed }, (_, i) => ({
    kind: 'opened' as const,
    incident: incident({ id: `i${i}`, severity: i === 0 ? 'critical' : 'warning' }),
  })),
  count,
});

function post(channel: Channel, message: Message, page: string | null = PAGE): Post {
  const rendered = render(channel, message, page, NOW);
  assert.equal(rendered.by, 'http');
  return (rendered as { post: Post }).post;
}
const json = (channel: Channel, message: Message, page: string | null = PAGE) =>
  JSON.parse(post(channel, message, page).body);

test('a webhook gets the alerts as the API shows them, signed so that standard libraries can check it', () => {
  const secret = `whsec_${Buffer.from('a secret of some length').toString('base64')}`;
  const { headers, body } = post({ type: 'webhook', url: 'https://x.example/y', secret, ...COMMON }, one);
  const seconds = NOW / 1_000;
  const expected = createHmac('sha256', 'a secret of some length').update(`m1.${seconds}.${body}`).digest('base64');
  assert.equal(headers['webhook-signature'], `v1,${expected}`);
  assert.equal(headers['webhook-id'], 'm1');
  assert.equal(headers['webhook-timestamp'], String(seconds));
  const { alerts, count, title } = JSON.parse(body);
  assert.equal(count, 1);
  assert.equal(title, 'Asgard: 1 warning');
  assert.equal(alerts[0].event, 'opened');
  assert.equal(alerts[0].openedAt, '2026-11-24T10:00:09.000Z');
  assert.deepEqual(alerts[0].users, [HOSTILE]);
  assert.equal(alerts[0].page, `${PAGE}/?alert=bf-1`);
});

test('a webhook without a secret is not signed, and its body is the same at each try', () => {
  const channel: Channel = { type: 'webhook', url: 'https://x.example/y', ...COMMON };
  assert.equal(post(channel, one).headers['webhook-signature'], undefined);
  const later = render(channel, one, PAGE, NOW + 60_000) as { post: Post };
  assert.equal(later.post.body, post(channel, one).body);
});

test('Slack shows text from outside as plain text only', () => {
  const { text, blocks } = json({ type: 'slack', url: 'https://x.example', ...COMMON }, one);
  assert.equal(text, 'Asgard: 1 warning');
  assert.deepEqual(
    blocks.map((block: { text: { type: string } }) => block.text.type),
    ['plain_text', 'plain_text'],
  );
  assert.match(blocks[1].text.text, /<!channel>/);
  assert.equal(blocks[1].accessory.url, `${PAGE}/?alert=bf-1`);
});

test('Discord mentions nobody, and every sign of markup is escaped', () => {
  const { allowed_mentions, embeds } = json({ type: 'discord', url: 'https://x.example', ...COMMON }, one, null);
  assert.deepEqual(allowed_mentions, { parse: [] });
  const { description } = embeds[0];
  // What is left after taking off each backslash with its sign has no sign that could be markup.
  assert.doesNotMatch(description.replace(/\\./g, ''), /[^A-Za-z0-9 .,-]/);
  assert.equal(description.replace(/\\(.)/g, '$1').includes(HOSTILE), true);
});

test('Teams shows text from outside in runs, which know no markup', () => {
  const [{ content }] = json({ type: 'teams', url: 'https://x.example', ...COMMON }, one).attachments;
  assert.equal(content.type, 'AdaptiveCard');
  for (const block of content.body) assert.equal(block.type, 'RichTextBlock');
  assert.ok(content.body[1].inlines[0].text.includes(HOSTILE));
});

test('ntfy gets text from outside in the body, never in a header', () => {
  const { headers, body } = post({ type: 'ntfy', url: 'https://ntfy.example/t', token: 'tk', ...COMMON }, one);
  assert.equal(headers['title'], 'Asgard: 1 warning');
  assert.equal(headers['priority'], '4');
  assert.equal(headers['authorization'], 'Bearer tk');
  assert.ok(body.includes(HOSTILE));
  assert.ok(!JSON.stringify(headers).includes('evil'));
});

test('ntfy leaves out lines until the body is no attachment', () => {
  const long = {
    ...many(10),
    notifications: many(10).notifications.map((one) => ({ ...one, incident: incident({ summary: 'ü'.repeat(600) }) })),
  };
  const { body } = post({ type: 'ntfy', url: 'https://ntfy.example/t', ...COMMON }, long);
  assert.ok(Buffer.byteLength(body) <= 4_096);
  assert.match(body, /and 7 more: https:\/\/asgard\.example$/);
});

test('PagerDuty knows an incident again when it is over', () => {
  const channel: Channel = { type: 'pagerduty', routingKey: 'key', ...COMMON };
  const opened = json(channel, one);
  const over = json(channel, { ...one, notifications: [{ kind: 'resolved', incident: incident({ closedAt: NOW }) }] });
  assert.equal(opened.event_action, 'trigger');
  assert.equal(opened.payload.severity, 'warning');
  assert.equal(over.event_action, 'resolve');
  assert.equal(opened.dedup_key, over.dedup_key);
  assert.equal(post(channel, one).url, 'https://events.pagerduty.com/v2/enqueue');
});

test('PagerDuty gets each incident by itself, and the rest of a storm as one with a count', () => {
  const channel: Channel = { type: 'pagerduty', routingKey: 'key', ...COMMON };
  const messages = messagesFor(channel, many(1_000));
  assert.equal(messages.length, SHOWN_LIMIT + 1);
  assert.equal(new Set(messages.map(({ id }) => id)).size, messages.length);
  assert.equal(
    messages.reduce((sum, { count }) => sum + count, 0),
    1_000,
  );
  assert.match(json(channel, messages.at(-1) as Message).payload.summary, /90 warnings, and 900 more/);
  assert.deepEqual(messagesFor({ type: 'slack', url: 'https://x.example', ...COMMON }, many(1_000)), [many(1_000)]);
});

test('PagerDuty gets each end by itself, and what is not listed as one that pages', () => {
  const channel: Channel = { type: 'pagerduty', routingKey: 'key', ...COMMON };
  const ends = (count: number, given = many(count)): Message => ({
    ...given,
    notifications: given.notifications.map((one) => ({ ...one, kind: 'resolved' as const })),
  });
  const events = (whole: Message): string[] =>
    messagesFor(channel, whole).map((message) => {
      const { event_action, dedup_key } = json(channel, message);
      return `${event_action} ${dedup_key}`;
    });
  assert.deepEqual(
    events(ends(15)),
    Array.from({ length: 15 }, (_, i) => `resolve asgard-i${i}`),
  );
  const most = events(ends(LISTED_LIMIT + 1));
  assert.equal(most.length, LISTED_LIMIT + 1);
  assert.ok(most.slice(0, -1).every((event) => event.startsWith('resolve ')));
  assert.equal(most.at(-1), 'trigger asgard-m1.rest', 'the one that is not listed may have opened');
  const mixed = { ...many(14), notifications: [...many(13).notifications, ...ends(14).notifications.slice(13)] };
  assert.deepEqual(events(mixed).slice(SHOWN_LIMIT), ['resolve asgard-i13', 'trigger asgard-m1.rest']);
  const rest = messagesFor(channel, mixed).at(-1) as Message;
  assert.deepEqual([rest.count, json(channel, rest).payload.summary], [3, 'Asgard: 3 warnings']);
});

test('Alertmanager gets an open alert with an end far away, and the end when it is over', () => {
  const channel: Channel = { type: 'alertmanager', url: 'https://am.example/', user: 'u', password: 'p', ...COMMON };
  const { url, headers, body } = post(channel, one);
  assert.equal(url, 'https://am.example/api/v2/alerts');
  assert.equal(headers['authorization'], `Basic ${Buffer.from('u:p').toString('base64')}`);
  const [open] = JSON.parse(body);
  assert.deepEqual(open.labels, {
    alertname: 'brute-force',
    severity: 'warning',
    incident: 'bf-1',
    instance: 'web-01',
    job: 'asgard',
  });
  assert.ok(Date.parse(open.endsAt) > NOW + 86_400_000);
  const [over] = json(channel, {
    ...one,
    notifications: [{ kind: 'resolved', incident: incident({ closedAt: NOW }) }],
  });
  assert.equal(over.endsAt, new Date(NOW).toISOString());
  assert.equal(over.startsAt, open.startsAt);
  // By the clock of a host that is ahead, it opened after the server's time at which it closed.
  const [ahead] = json(channel, {
    ...one,
    notifications: [{ kind: 'resolved', incident: incident({ openedAt: NOW + 60_000, closedAt: NOW }) }],
  });
  assert.deepEqual([ahead.startsAt, ahead.endsAt], [over.endsAt, over.endsAt]);
  const graver = (number: number): { labels: { severity: string }; endsAt: string }[] =>
    json(channel, {
      ...one,
      notifications: [{ kind: 'opened', incident: incident({ severity: 'critical' }), number }],
    });
  assert.equal(graver(1).length, 1);
  assert.deepEqual(
    graver(3).map(({ labels, endsAt }) => [labels.severity, Date.parse(endsAt) < NOW]),
    [
      ['critical', false],
      ['notice', true],
      ['warning', true],
    ],
  );
  assert.equal(json(channel, many(1_000)).length, LISTED_LIMIT + 1);
});

test('Alertmanager takes the end of an incident that went on to more hosts, or has another severity by then', () => {
  const channel: Channel = { type: 'alertmanager', url: 'https://am.example/', ...COMMON };
  const alerts = (kind: 'opened' | 'resolved', changes: Partial<Incident>) =>
    json(channel, {
      ...one,
      notifications: [{ kind, incident: incident(changes), number: kind === 'opened' ? 1 : 2 }],
    });
  const [open, ...more] = alerts('opened', { severity: 'critical' });
  assert.deepEqual(more, []);
  const ends = alerts('resolved', { host: null, hosts: ['web-01', 'db'], severity: 'warning', closedAt: NOW - 1 });
  const ended = ends.find(({ labels }: { labels: object }) => isDeepStrictEqual(labels, open.labels));
  assert.ok(Date.parse(ended.endsAt) < NOW, JSON.stringify(ends));
  // An end by the clock of a host that is ahead makes no alert fire that never was.
  const ahead = alerts('resolved', { openedAt: NOW + 1, closedAt: NOW + 60_000 });
  assert.deepEqual(
    ahead.map(({ labels, endsAt }: { labels: { severity: string }; endsAt: string }) => [
      labels.severity,
      Date.parse(endsAt) - NOW,
    ]),
    [
      ['warning', 60_000],
      ['notice', 0],
      ['critical', 0],
    ],
  );
});

test('an email escapes text from outside in HTML, and its subject is one short line', () => {
  const rendered = render(
    { type: 'email', server: 'smtp://mail.example', from: 'a@b.example', to: ['c@d.example'], ...COMMON },
    one,
    PAGE,
    NOW,
  );
  assert.equal(rendered.by, 'mail');
  const { mail } = rendered as { mail: { subject: string; html: string; text: string; messageId: string } };
  assert.ok(mail.subject.length <= 150 && !/[\r\n]/.test(mail.subject));
  assert.ok(!mail.html.includes('<b>') && mail.html.includes('&lt;b&gt;'));
  assert.ok(mail.text.includes(HOSTILE));
  assert.equal(mail.messageId, '<m1@asgard.invalid>');
});

test('a storm is one message with a count, the gravest first', () => {
  const { blocks } = json({ type: 'slack', url: 'https://x.example', ...COMMON }, many(1_000));
  assert.equal(blocks[0].text.text, 'Asgard: 1 critical alert, 99 warnings, and 900 more');
  assert.equal(blocks.length, 1 + SHOWN_LIMIT + 1);
  assert.equal(blocks.at(-1).elements[0].text, `and ${1_000 - SHOWN_LIMIT} more: ${PAGE}`);
});

test('every channel says of an incident that it rests on a log that can be forged, however long its names are, and in its title', () => {
  const summary = `root got in by password from 192.0.2.1 on ${'web-'.repeat(1_500)}1 (forgeable log)`;
  const opened = { kind: 'opened', incident: incident({ trust: 'forgeable', summary, severity: 'critical' }) } as const;
  const message: Message = { ...one, notifications: [opened] };
  const url = 'https://x.example/y';
  const channels: readonly Channel[] = [
    { type: 'webhook', url, ...COMMON },
    { type: 'slack', url, ...COMMON },
    { type: 'teams', url, ...COMMON },
    { type: 'ntfy', url, ...COMMON },
    { type: 'pagerduty', routingKey: 'k', ...COMMON },
    { type: 'alertmanager', url, ...COMMON },
  ];
  for (const channel of channels) assert.match(post(channel, message).body, /\(forgeable log\)/, channel.type);
  assert.equal(json({ type: 'webhook', url, ...COMMON }, message).alerts[0].trust, 'forgeable');
  assert.equal(json({ type: 'alertmanager', url, ...COMMON }, message)[0].annotations.trust, 'forgeable');
  assert.equal(
    json({ type: 'pagerduty', routingKey: 'k', ...COMMON }, message).payload.custom_details.trust,
    'forgeable',
  );
  // A line that does not fit Discord's message is left out; its title says it all the same.
  const [embed] = json({ type: 'discord', url, ...COMMON }, message).embeds;
  assert.equal(embed.title, 'Asgard: 1 critical alert (forgeable log)');
  const mail = render(
    { type: 'email', server: 'smtp://h', from: 'a@b.c', to: ['a@b.c'], ...COMMON },
    message,
    PAGE,
    NOW,
  );
  assert.ok(mail.by === 'mail' && mail.mail.subject.length <= 150);
  assert.match(mail.mail.subject, /… \(forgeable log\)$/);
  const beside = { ...message, notifications: [opened, ...one.notifications], count: 2 };
  assert.equal(json({ type: 'slack', url, ...COMMON }, beside).text, 'Asgard: 1 critical alert, 1 warning');
});

test('a test says that nothing has happened, and wakes nobody', () => {
  const message = testMessage('t1', NOW);
  assert.match(
    json({ type: 'slack', url: 'https://x.example', ...COMMON }, message).text,
    /a test, nothing has happened/,
  );
  assert.equal(json({ type: 'pagerduty', routingKey: 'k', ...COMMON }, message).event_action, 'resolve');
  assert.equal(json({ type: 'webhook', url: 'https://x.example', ...COMMON }, message).test, true);
});

test('a report is rendered by every channel that gets one, with nothing of it as markup', () => {
  const lines = ['Under attack: 1 incident going on; no login and 3 failed attempts in the last day.', HOSTILE];
  const counts = { state: 'attack', since: 'a', until: 'b', attempts: 3, accepted: 0, failed: 3, probes: 0 };
  const report = {
    title: 'Asgard: daily report: under attack',
    severity: 'warning' as const,
    lines,
    tables: HOSTILE,
    counts,
  };
  const message: Message = { id: 'r1', madeAt: NOW, notifications: [], count: 0, test: false, report };
  const url = 'https://x.example/y';
  assert.deepEqual(json({ type: 'webhook', url, ...COMMON }, message).report, { ...counts, lines, page: PAGE });
  const slack = json({ type: 'slack', url, ...COMMON }, message);
  assert.deepEqual(
    slack.blocks.map((block: { text: { type: string; text: string } }) => [block.text.type, block.text.text]),
    [['plain_text', report.title], ...lines.map((line) => ['plain_text', line])],
  );
  const [embed] = json({ type: 'discord', url, ...COMMON }, message).embeds;
  assert.ok(embed.description.startsWith('Under attack\\: 1 incident') && !/(?<!\\)@everyone/.test(embed.description));
  const teams = json({ type: 'teams', url, ...COMMON }, message).attachments[0].content.body;
  assert.deepEqual(
    teams.map((block: { inlines: { text: string }[] }) => block.inlines[0]?.text),
    [report.title, ...lines],
  );
  const ntfy = post({ type: 'ntfy', url, ...COMMON }, message);
  assert.deepEqual([ntfy.headers['title'], ntfy.headers['priority'], ntfy.body], [report.title, '4', lines.join('\n')]);
  const mail = render(
    { type: 'email', server: 'smtp://h', from: 'a@b.c', to: ['a@b.c'], ...COMMON },
    message,
    PAGE,
    NOW,
  );
  assert.ok(mail.by === 'mail');
  assert.equal(mail.mail.subject, report.title);
  assert.equal(mail.mail.text, `${lines.join('\n')}\n${PAGE}\n\n${HOSTILE}\n`);
  assert.ok(!mail.mail.html.includes('<b>') && mail.mail.html.includes('&lt;b&gt;'), mail.mail.html);
});

test('a long report is cut to what Discord takes, and says how much is left out', () => {
  const lines = Array.from({ length: 40 }, () => 'x'.repeat(300));
  const counts = {
    state: 'attack',
    since: 'a',
    until: 'b',
    attempts: null,
    accepted: null,
    failed: null,
    probes: null,
  };
  const report = { title: 't', severity: 'warning' as const, lines, tables: '', counts };
  const message: Message = { id: 'r1', madeAt: NOW, notifications: [], count: 0, test: false, report };
  const [{ description }] = json({ type: 'discord', url: 'https://x.example/y', ...COMMON }, message).embeds;
  assert.ok(description.length <= 4_096 && /and \d+ more/.test(description));
});
