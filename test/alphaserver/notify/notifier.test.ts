import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type TestContext } from 'node:test';
import { settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import type { AlertSettings } from '../../../alphaserver/alert-config/settings.ts';
import type { NotificationQueue } from '../../../alphaserver/alerting/notification-queue.ts';
import { Notifier } from '../../../alphaserver/notify/notifier.ts';
import { sender } from '../../../alphaserver/notify/send.ts';
import { until } from '../../until.ts';
import { alertTables } from '../alerting/alert-tables.ts';
import { incident } from '../detection/incidents.ts';
import { HttpReceiver, SmtpReceiver } from './receivers.ts';

const settingsOf = (channels: object, more: object = {}): AlertSettings => ({
  ...settingsIn(JSON.stringify({ channels, ...more }), 'rules.json'),
  groupWaitMs: 1,
  groupEveryMs: 1,
});

/** A notifier on a file, with a clock that a test moves on. */
class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'notifier-'));
  db = this.#open();
  readonly lines: string[] = [];
  /** Added to the real clock, milliseconds. */
  aheadMs = 0;
  notifier: Notifier | null = null;
  /** While set, transactions fail with it. */
  fault: Error | null = null;

  #open(): DatabaseSync {
    const db = new DatabaseSync(join(this.folder, 'x.db'));
    db.exec('PRAGMA journal_mode=WAL');
    alertTables({}, db);
    return db;
  }

  #queues(): NotificationQueue {
    const durably = <T>(work: () => T): T => {
      if (this.fault) throw this.fault;
      this.db.exec('BEGIN');
      const result = work();
      this.db.exec('COMMIT');
      return result;
    };
    return alertTables({ durably }, this.db).queue;
  }

  start(settings: AlertSettings): Notifier {
    const say = (line: string): void => void this.lines.push(line);
    const now = (): number => Date.now() + this.aheadMs;
    this.notifier = new Notifier({
      mayDeliver: () => true,
      queues: this.#queues(),
      settings,
      senderFor: ({ page }) => sender(page, now),
      log: { debug: say, info: say, warn: say, error: say },
      now,
      // The shortest delays.
      chance: () => 0,
      changed: () => {},
    });
    return this.notifier;
  }

  tell(channel: string, ...ids: string[]): void {
    const queues = this.#queues();
    const nowMs = Date.now() + this.aheadMs;
    for (const id of ids)
      queues.add(
        { channel, incident: incident({ id }), kind: 'opened', number: 1, nowMs },
        { position: 1, clockMs: nowMs },
      );
    this.notifier?.wake();
  }

  /** As after a crash: another process on the same file. */
  async restart(settings: AlertSettings): Promise<Notifier> {
    await this.notifier?.close();
    this.db.close();
    this.db = this.#open();
    return this.start(settings);
  }

  async close(): Promise<void> {
    await this.notifier?.close();
    this.db.close();
    rmSync(this.folder, { recursive: true });
  }
}

async function make(t: TestContext): Promise<{ bench: Bench; http: HttpReceiver; hook: AlertSettings }> {
  const bench = new Bench();
  const http = await new HttpReceiver().open();
  t.after(async () => {
    await bench.close();
    http.close();
  });
  return { bench, http, hook: settingsOf({ hook: { type: 'webhook', url: `${http.url}/secret-path` } }) };
}
const idsIn = (body: string): string[] => JSON.parse(body).alerts.map(({ id }: { id: string }) => id);

test('what is queued is delivered, and nothing waits afterwards', async (t) => {
  const { bench, http, hook } = await make(t);
  bench.start(hook);
  bench.tell('hook', 'a', 'b');
  await until(() => bench.notifier?.status()[0]?.deliveredAt !== null);
  assert.deepEqual(
    http.received.map(({ body }) => idsIn(body)),
    [['a', 'b']],
  );
  assert.deepEqual(
    bench.notifier
      ?.status()
      .map(({ name, kind, waiting, fault, delivered, failed }) => ({ name, kind, waiting, fault, delivered, failed })),
    [{ name: 'hook', kind: 'webhook', waiting: 0, fault: null, delivered: 1, failed: 0 }],
  );
});

test('a message that fails is sent again as it was, with the same id, until it is taken; then come the others', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push({ status: 500, body: 'out\nof order' }, { status: 404 });
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => http.received.length >= 1);
  bench.tell('hook', 'b');
  await until(() => http.received.length >= 4);
  const [first, second, third, fourth] = http.received;
  assert.equal(second?.body, first?.body);
  assert.equal(third?.body, first?.body);
  assert.equal(second?.headers['webhook-id'], first?.headers['webhook-id']);
  assert.deepEqual(idsIn(fourth?.body ?? ''), ['b']);
  assert.notEqual(fourth?.headers['webhook-id'], first?.headers['webhook-id']);
  await until(() => bench.notifier?.status()[0]?.delivered === 2);
  assert.equal(bench.lines.length, 2);
  assert.match(bench.lines[0] ?? '', /^Channel hook: HTTP 500 from http:\/\/127\.0\.0\.1:\d+: out of order; retried/);
  assert.equal(bench.lines[1], 'Channel hook works again');
  assert.ok(!bench.lines.join().includes('secret-path'));
});

test('429 with Retry-After is obeyed, and kept over a restart', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push({ status: 429, headers: { 'retry-after': '600' } });
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => bench.notifier?.status()[0]?.failed === 1);
  await bench.restart(hook);
  bench.notifier?.wake();
  await until(() => bench.notifier?.status()[0]?.waiting === 1);
  assert.equal(http.received.length, 1);
  bench.aheadMs = 601_000;
  bench.notifier?.wake();
  await until(() => http.received.length === 2);
});

test('a receiver that never answers fails after the limit of the test, and is not waited for at the end', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push(null);
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => http.received.length === 1);
  await bench.restart(hook);
  await until(() => http.received.length === 2);
  assert.equal(http.received[1]?.body, http.received[0]?.body);
  await until(() => bench.notifier?.status()[0]?.waiting === 0);
});

test('one channel that is down does not delay the others', async (t) => {
  const { bench, http } = await make(t);
  const gone = await new HttpReceiver().open();
  const { url } = gone;
  gone.close();
  bench.start(settingsOf({ down: { type: 'slack', url }, hook: { type: 'webhook', url: http.url } }));
  bench.tell('down', 'a');
  bench.tell('hook', 'a');
  await until(() => http.received.length === 1);
  await until(() => bench.notifier?.status()[0]?.fault !== null);
  assert.match(bench.notifier?.status()[0]?.fault ?? '', /^http:\/\/127\.0\.0\.1:\d+ cannot be reached: /);
});

test('a storm of a thousand incidents is one message with a count', async (t) => {
  const { bench, http, hook } = await make(t);
  bench.tell('hook', ...Array.from({ length: 1_000 }, (_, i) => `i${i}`));
  bench.start(hook);
  await until(() => bench.notifier?.status()[0]?.delivered === 1);
  assert.equal(http.received.length, 1);
  const { count, alerts } = JSON.parse(http.received[0]?.body ?? '');
  assert.equal(count, 1_000);
  assert.equal(alerts.length, 100);
  assert.equal(bench.notifier?.status()[0]?.waiting, 0);
});

test('a delivery that the store does not record is recorded later, and the message is not sent again', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push(null);
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => http.received.length === 1);
  await bench.restart(hook);
  await until(() => http.received.length === 2);
  bench.fault = new Error('the disk is full');
  bench.tell('hook');
  await until(() => bench.lines.length > 0 || bench.notifier?.status()[0]?.delivered === 1);
  bench.fault = null;
  await until(() => bench.notifier?.status()[0]?.waiting === 0);
  assert.equal(http.received.length, 2);
});

test('a message that is delivered and not yet recorded is not sent again where its channel begins anew, or changes', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push({ status: 500 });
  const notifier = bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => notifier.status()[0]?.failed === 1);
  bench.fault = new Error('the disk is full');
  // The next delivery is due, and is taken.
  bench.aheadMs = 3_600_000;
  const waits = (): number => bench.lines.filter((line) => line.includes('waits for the store')).length;
  notifier.wake();
  await until(() => waits() === 1);
  await notifier.restart();
  await until(() => waits() === 2);
  await notifier.use(settingsOf({ hook: { type: 'webhook', url: `${http.url}/other-path` } }));
  await until(() => waits() === 3);
  assert.equal(http.received.length, 2);
  bench.fault = null;
  bench.tell('hook', 'b');
  await until(() => notifier.status()[0]?.waiting === 0);
  assert.deepEqual(
    http.received.map(({ body }) => idsIn(body)),
    [['a'], ['a'], ['b']],
  );
});

test('a redirect is a fault, and not followed', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push({ status: 302, headers: { location: 'http://127.0.0.1:1/' } });
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => bench.lines.length > 0);
  assert.match(bench.lines[0] ?? '', /HTTP 302: .* redirects to another address/);
});

test('a message that is refused for a day is discarded with an error, and the next one is sent', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push({ status: 400, body: 'invalid_payload' }, { status: 400, body: 'invalid_payload' });
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => bench.notifier?.status()[0]?.failed === 1);
  bench.aheadMs = 25 * 3_600_000;
  bench.tell('hook', 'b');
  await until(() => http.received.length === 3);
  assert.deepEqual(idsIn(http.received[2]?.body ?? ''), ['b']);
  assert.match(bench.lines.join('\n'), /discarded after a day: HTTP 400/);
});

test('what is queued for a channel that is removed from the settings is dropped, and logged', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push({ status: 500 });
  bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => bench.notifier?.status()[0]?.failed === 1);
  await bench.notifier?.use(settingsOf({}));
  assert.deepEqual(bench.notifier?.status(), []);
  assert.equal(bench.lines.at(-1), 'Channel hook was removed: 1 pending notifications dropped');
});

test('changes of the settings that overlap leave one sender for each channel, under the newest of them', async (t) => {
  const { bench, http } = await make(t);
  const at = (path: string): AlertSettings => settingsOf({ hook: { type: 'webhook', url: `${http.url}/${path}` } });
  http.answers.push(null);
  const notifier = bench.start(at('first'));
  bench.tell('hook', 'a');
  await until(() => http.received.length === 1);
  await Promise.all([notifier.use(at('second')), notifier.use(at('third'))]);
  await until(() => notifier.status()[0]?.waiting === 0);
  bench.tell('hook', 'b');
  await until(() => notifier.status()[0]?.delivered === 2);
  assert.deepEqual(
    http.received.map(({ path, body }) => [path, ...idsIn(body)]),
    [
      ['/first', 'a'],
      ['/third', 'a'],
      ['/third', 'b'],
    ],
  );
});

test('a change of the settings during the end starts nothing', async (t) => {
  const { bench, http, hook } = await make(t);
  http.answers.push(null);
  const notifier = bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => http.received.length === 1);
  await Promise.all([notifier.use(settingsOf({ hook: { type: 'webhook', url: http.url } })), notifier.close()]);
  await notifier.use(hook);
  assert.equal(notifier.status()[0]?.waiting, 1);
  assert.equal(http.received.length, 1);
});

test('a delivery goes on where the settings change nothing of its channel, and is aborted where the server stops to deliver', async (t) => {
  const { bench, http, hook } = await make(t);
  const other = await new HttpReceiver().open();
  t.after(() => other.close());
  http.answers.push(null);
  const notifier = bench.start(hook);
  bench.tell('hook', 'a');
  await until(() => http.received.length === 1);
  const channels = { ...hook.channels, other: { type: 'webhook' as const, url: other.url } };
  const silences = [{ rule: 'break-in' as const, host: null, source: null }];
  await notifier.use({ ...structuredClone(hook), channels: settingsOf(channels).channels, silences });
  bench.tell('other', 'b');
  await until(() => notifier.status()[1]?.delivered === 1);
  assert.deepEqual([http.received.length, notifier.status()[0]?.failed], [1, 0]);
  await notifier.restart();
  await until(() => notifier.status()[0]?.delivered === 1);
  assert.equal(http.received[1]?.headers['webhook-id'], http.received[0]?.headers['webhook-id']);
});

test('a channel that is removed while the disk is full keeps no other from sending, and is dropped once there is room', async (t) => {
  const { bench, http, hook } = await make(t);
  const gone = await new HttpReceiver().open();
  const { url } = gone;
  gone.close();
  bench.start(settingsOf({ ...hook.channels, gone: { type: 'webhook', url } }));
  bench.tell('gone', 'a');
  await until(() => bench.notifier?.status()[1]?.failed === 1);
  bench.fault = new Error('the disk is full');
  await bench.notifier?.use(hook);
  assert.equal(bench.lines.at(-1), 'What removed channels had pending is dropped later: the disk is full');
  bench.fault = null;
  bench.tell('hook', 'b');
  await until(() => bench.notifier?.status()[0]?.delivered === 1);
  assert.deepEqual(idsIn(http.received[0]?.body ?? ''), ['b']);
  await until(() => bench.lines.at(-1) === 'Channel gone was removed: 1 pending notifications dropped');
});

test('a mail server that is busy gets the mail again later; the mail keeps its id', async (t) => {
  const { bench } = await make(t);
  const smtp = await new SmtpReceiver().open();
  t.after(() => smtp.close());
  smtp.refusals.push('451 later');
  bench.start(
    settingsOf({
      mail: { type: 'email', server: smtp.url, from: 'asgard@a.example', to: ['x@b.example', 'y@b.example'] },
    }),
  );
  bench.tell('mail', 'a');
  await until(() => bench.notifier?.status()[0]?.delivered === 1);
  assert.equal(smtp.mails.length, 1);
  assert.deepEqual(smtp.mails[0]?.to, ['<x@b.example>', '<y@b.example>']);
  assert.match(smtp.mails[0]?.data ?? '', /^Message-ID: <[0-9a-f-]{36}@asgard\.invalid>\r$/m);
  assert.match(smtp.mails[0]?.data ?? '', /^Subject: Asgard: WARNING brute-force: /m);
  assert.match(bench.lines[0] ?? '', /^Channel mail: mail server 127\.0\.0\.1: .*451 later/);
});
