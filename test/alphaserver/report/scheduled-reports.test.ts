/** Reports on a schedule, over a real store, sent to real receivers; the clock is the test's. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import type { AlertSettings } from '../../../alphaserver/alert-config/settings.ts';
import { sender } from '../../../alphaserver/notify/send.ts';
import { offlineAlerts, offlineViews, openOffline } from '../../../alphaserver/queries/offline.ts';
import type { Views } from '../../../alphaserver/queries/results.ts';
import { reportSchedule } from '../../../alphaserver/report/schedule.ts';
import {
  AHEAD_LIMIT_MS,
  LATE_LIMIT_MS,
  OTHER_LEADS_TICKS,
  REPORTS_FILE,
  ScheduledReports,
} from '../../../alphaserver/report/scheduled-reports.ts';
import type { Database } from '../../../alphaserver/store/database.ts';
import { EventStore } from '../../../alphaserver/store/event-store.ts';
import { NO_ORIGIN } from '../../../service/origin.ts';
import { until } from '../../until.ts';
import { HttpReceiver, SmtpReceiver } from '../notify/receivers.ts';
import { Served } from '../web/served.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Tomorrow at seven, of which the event below is in the last 24 hours. */
const DUE_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS + 7 * HOUR_MS;
const HOSTILE = '<b>\u202e\u001b[31m';

const served = new Served();
let db: Database;
before(async () => {
  await served.open();
  const event = { outcome: 'failed', method: 'password', invalidUser: true, ip: '203.0.113.7', port: 1 };
  await served.store([{ ...event, user: HOSTILE, at: new Date(DUE_MS - 8 * HOUR_MS).toISOString() }]);
  await until(async () => (await served.ask<{ attempts: number }>('/api/summary?since=30d')).body.attempts === 1);
  db = openOffline(join(served.folder, 'store'));
});
after(async () => {
  db.close();
  await served.close();
});

let folder: string;
let nowMs: number;
let webhook: HttpReceiver;
let mail: SmtpReceiver;
let reports: ScheduledReports | null;
/** The store that has the log of decisions. */
let decided: EventStore;
let logged: string[];
/** What the server knows of the lead, and how often it was asked for. */
let leads: boolean | null;
let looks: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'reports-'));
  nowMs = DUE_MS - 1_000;
  webhook = await new HttpReceiver().open();
  mail = await new SmtpReceiver().open();
  decided = new EventStore(join(folder, 'decided'));
  logged = [];
  leads = true;
  looks = 0;
  reports = null;
});
afterEach(async () => {
  await reports?.close();
  await decided.close();
  webhook.close();
  mail.close();
  rmSync(folder, { recursive: true, force: true });
});

const settings = (more: object = {}): AlertSettings =>
  settingsIn(
    JSON.stringify({
      page: 'https://asgard.example',
      channels: {
        hook: { type: 'webhook', url: webhook.url },
        mail: { type: 'email', server: mail.url, from: 'asgard@example.org', to: ['ops@example.org'] },
        grave: { type: 'ntfy', url: `${webhook.url}/grave`, severity: 'critical' },
        asked: { type: 'ntfy', url: `${webhook.url}/asked`, severity: 'critical', report: true },
        no: { type: 'slack', url: `${webhook.url}/no`, report: false },
        pager: { type: 'pagerduty', url: `${webhook.url}/pager`, routingKey: 'k' },
        ...more,
      },
    }),
    'rules.json',
  );

function start(schedule = 'daily 07:00', views: Views = offlineViews(db, NO_ORIGIN, () => nowMs)): void {
  const log = (message: string) => void logged.push(message);
  const parsed = reportSchedule.parse(schedule, 0);
  assert.ok(parsed);
  reports = new ScheduledReports({
    schedule: parsed,
    folder,
    views,
    alerts: offlineAlerts(db, () => nowMs),
    settings,
    senderFor: ({ page }) => sender(page, () => nowMs),
    mayDeliver: () => {
      looks += 1;
      return leads;
    },
    store: decided,
    log: { debug: log, info: log, warn: log, error: log },
    now: () => nowMs,
  });
}

/** Looks at the clock so often. */
const ticked = (times: number): Promise<void> => {
  const before = looks;
  return until(() => {
    if (looks < before + times) reports?.tick();
    return looks >= before + times;
  });
};
/** Ticks until a condition holds. */
const ticking = (condition: () => boolean): Promise<void> =>
  until(
    () => {
      reports?.tick();
      return condition();
    },
    () => JSON.stringify([logged, webhook.received.map(({ path }) => path), mail.mails.length]),
  );
const saved = (): { dueMs: number; pending: string[] } => JSON.parse(readFileSync(join(folder, REPORTS_FILE), 'utf8'));
const isDone = (): boolean => saved().dueMs === DUE_MS && saved().pending.length === 0;

test('a report that is due goes once to every channel that is notified of everything, as text and as HTML', async () => {
  start();
  await ticking(() => saved().dueMs === DUE_MS - DAY_MS);
  assert.equal(webhook.received.length, 0, 'nothing is sent before it is due');
  nowMs = DUE_MS;
  await ticking(isDone);
  nowMs += HOUR_MS;
  reports?.tick();
  assert.deepEqual(webhook.received.map(({ path }) => path).sort(), ['/', '/asked']);
  const hook = webhook.received.find(({ path }) => path === '/');
  const { title, report, count, alerts } = JSON.parse(hook?.body ?? '');
  assert.match(title, /^Asgard: daily report: /);
  assert.deepEqual([count, alerts, report.failed, report.attempts], [0, [], 1, 1]);
  assert.equal(report.since, new Date(DUE_MS - DAY_MS).toISOString());
  assert.equal(mail.mails.length, 1);
  const data = (mail.mails[0]?.data ?? '').replaceAll('=\r\n', '');
  assert.match(data, /Subject: Asgard: daily report: /);
  assert.match(data, /text\/plain[\s\S]*203\.0\.113\.7[\s\S]*text\/html[\s\S]*<pre[\s\S]*203\.0\.113\.7/);
  const html = data.slice(data.indexOf('text/html'));
  assert.ok(html.includes('&lt;b&gt;\\u202e') && !html.includes('<b>') && !data.includes('\u001b'), html);
});

test('a report comes also when nothing happened, with the week of a weekly one', async () => {
  nowMs = DUE_MS + 30 * DAY_MS;
  const weekday = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'][new Date(nowMs).getUTCDay()];
  start(`weekly ${weekday} 08:00`);
  await ticking(() => saved().pending.length === 0);
  nowMs += HOUR_MS;
  await ticking(() => mail.mails.length === 1);
  const { report, title } = JSON.parse(webhook.received.find(({ path }) => path === '/')?.body ?? '');
  assert.match(title, /weekly report/);
  assert.equal(Date.parse(report.until) - Date.parse(report.since), 7 * DAY_MS);
  assert.match(report.lines.join('\n'), /nothing happened|no host is watched/i);
});

test('a channel that fails is retried, the others get no second one, and a restart goes on', async () => {
  webhook.answers.push({ status: 500 }, { status: 500 });
  start();
  nowMs = DUE_MS;
  const failures = (): number => logged.filter((text) => /retried until/.test(text)).length;
  await ticking(() => mail.mails.length === 1 && failures() === 2);
  await reports?.close();
  assert.deepEqual(saved().pending.sort(), ['asked', 'hook']);
  start();
  await ticking(isDone);
  assert.equal(mail.mails.length, 1);
  const ids = webhook.received.filter(({ path }) => path === '/').map(({ headers }) => headers['webhook-id']);
  assert.deepEqual([ids.length, new Set(ids).size], [2, 1]);
});

test('a report that was due while the server was down comes late, and not at all after half a day', async () => {
  start();
  await ticking(() => saved().dueMs === DUE_MS - DAY_MS);
  await reports?.close();
  nowMs = DUE_MS + LATE_LIMIT_MS;
  start();
  await ticking(isDone);
  assert.equal(mail.mails.length, 1);
  await reports?.close();
  nowMs = DUE_MS + DAY_MS + LATE_LIMIT_MS + 1;
  start();
  await ticking(() => saved().dueMs === DUE_MS + DAY_MS);
  await reports?.close();
  assert.equal(mail.mails.length, 1);
});

test('a clock that stood ahead and is set right keeps back no report, and one that is set back a little sends none twice', async () => {
  nowMs = DUE_MS + 365 * DAY_MS;
  start();
  await ticking(() => saved().dueMs === DUE_MS + 365 * DAY_MS);
  nowMs = DUE_MS - AHEAD_LIMIT_MS;
  await ticking(() => saved().dueMs === DUE_MS - DAY_MS);
  assert.equal(mail.mails.length, 0, 'nothing is sent before it is due');
  nowMs = DUE_MS;
  await ticking(isDone);
  nowMs = DUE_MS - AHEAD_LIMIT_MS;
  reports?.tick();
  nowMs = DUE_MS;
  reports?.tick();
  await reports?.close();
  assert.ok(isDone());
  assert.equal(mail.mails.length, 1);
});

test('a store that cannot be read is named in the report, and a server that does not lead sends none', async () => {
  const views = offlineViews(db, NO_ORIGIN, () => nowMs);
  const broken = new Proxy(views, {
    get: (target, name: keyof Views) =>
      name === 'summary' ? () => Promise.reject(new Error('disk gone')) : target[name].bind(target),
  });
  start('daily 07:00', broken);
  nowMs = DUE_MS;
  await ticking(isDone);
  const { report } = JSON.parse(webhook.received.find(({ path }) => path === '/')?.body ?? '');
  assert.deepEqual([report.state, report.lines], ['unknown', ['Unknown: the store could not be read: disk gone.']]);
  await reports?.close();
  leads = false;
  start();
  nowMs += DAY_MS;
  await ticking(() => saved().dueMs === DUE_MS + DAY_MS);
  await reports?.close();
  assert.equal(mail.mails.length, 1);
});

test('a report that is due while no server leads is sent by the one that leads next', async () => {
  start();
  await ticked(1);
  leads = null;
  nowMs = DUE_MS;
  await ticked(2 * OTHER_LEADS_TICKS);
  // The lock of a server that has died is there for a while: the others see a leader that sends nothing.
  leads = false;
  await ticked(OTHER_LEADS_TICKS - 1);
  leads = null;
  await ticked(1);
  leads = false;
  await ticked(OTHER_LEADS_TICKS - 1);
  assert.equal(saved().dueMs, DUE_MS - DAY_MS);
  leads = true;
  await ticking(isDone);
  assert.equal(mail.mails.length, 1);
  assert.deepEqual(logged, []);
});

test('a report is left to another server that leads for long enough, and is not sent where the lead changes later', async () => {
  start();
  await ticked(1);
  leads = false;
  nowMs = DUE_MS;
  await ticked(OTHER_LEADS_TICKS - 1);
  assert.equal(saved().dueMs, DUE_MS - DAY_MS);
  await ticked(1);
  assert.ok(isDone());
  leads = true;
  await ticked(3);
  await reports?.close();
  assert.deepEqual([mail.mails.length, webhook.received.length], [0, 0]);
});

test('a report that another server has delivered is not sent again by one that leads since, but to the channel that lacks it', async () => {
  // Before the report is due both servers run; each has a folder, and both have the log.
  start();
  await ticked(1);
  await reports?.close();
  const file = join(folder, REPORTS_FILE);
  const ofOther = readFileSync(file);
  webhook.answers.push({ status: 500 }, { status: 500 });
  nowMs = DUE_MS;
  start();
  await ticking(() => mail.mails.length === 1 && logged.filter((text) => /retried until/.test(text)).length === 2);
  await reports?.close();
  writeFileSync(file, ofOther);
  start();
  await ticking(isDone);
  await reports?.close();
  const paths = (): string[] => webhook.received.map(({ path }) => path).sort();
  assert.equal(mail.mails.length, 1);
  assert.deepEqual(paths(), ['/', '/', '/asked', '/asked']);
  writeFileSync(file, ofOther);
  start();
  await ticking(isDone);
  assert.deepEqual([mail.mails.length, paths().length], [1, 4]);
});

test('a delivery that the log does not take is said, and keeps no other channel waiting', async () => {
  start();
  await ticked(1);
  decided.decide = () => Promise.reject(new Error('the log is away'));
  nowMs = DUE_MS;
  await ticking(isDone);
  await until(() => logged.length === 3);
  assert.match(
    logged.sort()[0] ?? '',
    /^Channel asked: that it got the report could not be recorded, another server may send it again: the log is away$/,
  );
});

test('a report that no server sends for half a day is an error of the log, and one that was due as long before a start is none', async () => {
  leads = null;
  start();
  await ticked(1);
  nowMs = DUE_MS;
  await ticked(1);
  nowMs = DUE_MS + LATE_LIMIT_MS + 1;
  await ticked(2);
  assert.ok(isDone());
  const iso = new Date(DUE_MS).toISOString();
  assert.deepEqual(logged, [`The report of ${iso} was not sent: it was not known which server sends it`]);
  await reports?.close();
  nowMs = DUE_MS + DAY_MS + LATE_LIMIT_MS + 1;
  start();
  await ticked(1);
  assert.deepEqual([saved().dueMs, logged.length], [DUE_MS + DAY_MS, 1]);
});

test('ALPHASERVER_REPORT starts them with the server', async (t) => {
  const server = new Served();
  t.after(() => server.close());
  await server.open({ ALPHASERVER_REPORT: 'daily 07:00' });
  await until(() => existsSync(join(server.folder, 'store', REPORTS_FILE)));
});

test('where the clocks go back the report is about 25 hours', async () => {
  // Berlin: 2026-10-25 03:00 becomes 02:00.
  nowMs = Date.parse('2026-10-25T05:59:59Z');
  start('daily 07:00 Europe/Berlin');
  nowMs += 1_000;
  await ticking(() => webhook.received.some(({ path }) => path === '/'));
  const { report } = JSON.parse(webhook.received.find(({ path }) => path === '/')?.body ?? '{}');
  assert.deepEqual([report.since, report.until], ['2026-10-24T05:00:00.000Z', '2026-10-25T06:00:00.000Z']);
});
