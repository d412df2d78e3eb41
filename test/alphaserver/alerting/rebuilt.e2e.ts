/** alerts.db is deleted, or loses its last writes while the logs keep theirs: no notification is missing, and none comes twice. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import type { AlertSettings } from '../../../alphaserver/alert-config/settings.ts';
import { until } from '../../until.ts';
import { HttpReceiver } from '../notify/receivers.ts';
import { Life, type Numbered, rowsIn } from './life.ts';

let folder = '';
/** The agent's number of its last event. */
let seq = 0;
let hook: HttpReceiver;
let down: HttpReceiver;

beforeEach(async () => {
  seq = 0;
  folder = mkdtempSync(join(tmpdir(), 'asgard-alerts-'));
  [hook, down] = [await new HttpReceiver().open(), await new HttpReceiver().open()];
});
afterEach(() => {
  hook.close();
  down.close();
  rmSync(folder, { recursive: true, force: true });
});

const ALERTS = ['alerts.db', 'alerts.db-wal', 'alerts.db-shm'];
const lose = (): void => {
  for (const file of ALERTS) rmSync(join(folder, file), { force: true });
};

/** Two channels, with more of the rules file. */
const settings = (more: object = {}): AlertSettings => ({
  ...settingsIn(
    JSON.stringify({
      channels: { hook: { type: 'webhook', url: hook.url }, down: { type: 'webhook', url: down.url } },
      ...more,
    }),
    'rules.json',
  ),
  groupWaitMs: 1,
  groupEveryMs: 1,
});

/** So many failures of a source just now, a second apart, numbered on. */
const failures = (ip: string, count = 10): Numbered[] =>
  Array.from({ length: count }, (_, i) => {
    seq += 1;
    const at = new Date(Date.now() - (count - i) * 1_000).toISOString();
    const attempt = { outcome: 'failed', method: 'password', user: 'root', invalidUser: false } as const;
    return { seq, event: { at, ip, port: 4_000, ...attempt } };
  });

/** What a receiver was notified of: `opened SOURCE`. */
const received = ({ received: requests }: HttpReceiver): string[] =>
  requests.flatMap(({ body }) =>
    (JSON.parse(body).alerts as { event: string; source: string }[]).map(({ event, source }) => `${event} ${source}`),
  );
/** Waits until a channel has been sent so many messages, and the server has heard the answers. */
async function sent(life: Life, channel: 'hook' | 'down', messages: number): Promise<void> {
  const receiver = channel === 'hook' ? hook : down;
  await until(
    () => receiver.received.length >= messages,
    () => `${messages} messages to ${channel}\n${life.lines.join('\n')}`,
  );
  await life.delivered(channel);
}
const incidents = (): Record<string, unknown>[] =>
  rowsIn(
    join(folder, 'alerts.db'),
    'SELECT i.id, rule, source, a.by FROM incidents i LEFT JOIN acknowledgements a ON a.incident = i.id ORDER BY i.id',
  );
/** Leaves a message to a channel without an answer, so that it stays undelivered. */
const silence = ({ answers }: HttpReceiver): void => void answers.push(null);

async function life(using: AlertSettings, during: (life: Life) => Promise<void>): Promise<Life> {
  const one = new Life(folder, using);
  try {
    await during(one);
  } finally {
    await one.close();
  }
  return one;
}

test('alerts.db is deleted: the same incidents, who acknowledged them, and only what was not delivered is delivered', async () => {
  silence(down);
  await life(settings(), async (one) => {
    await one.add(failures('192.0.2.1'));
    await sent(one, 'hook', 1);
    const [first] = incidents();
    await one.alerting.thread.acknowledge(String(first?.['id']), 'mira');
    await one.add(failures('192.0.2.2'));
    await sent(one, 'hook', 2);
    await until(() => down.received.length === 1);
  });
  const before = incidents();
  assert.equal(before.length, 2);
  assert.deepEqual(received(hook), ['opened 192.0.2.1', 'opened 192.0.2.2']);
  assert.deepEqual(received(down), ['opened 192.0.2.1'], 'and this one was never answered');
  lose();
  const again = await life(settings(), async (one) => {
    await one.judged();
    await sent(one, 'down', 2);
    await one.add(failures('192.0.2.3'));
    await sent(one, 'hook', 3);
    await sent(one, 'down', 3);
  });
  assert.deepEqual(
    incidents().filter(({ source }) => source !== '192.0.2.3'),
    before,
  );
  assert.deepEqual(
    received(hook),
    ['opened 192.0.2.1', 'opened 192.0.2.2', 'opened 192.0.2.3'],
    again.lines.join('\n'),
  );
  assert.deepEqual(received(down).slice(1).sort(), ['opened 192.0.2.1', 'opened 192.0.2.2', 'opened 192.0.2.3']);
});

test('alerts.db is deleted twice, and each time nothing is notified again', async () => {
  await life(settings(), async (one) => {
    await one.add(failures('192.0.2.1'));
    await sent(one, 'hook', 1);
    await sent(one, 'down', 1);
  });
  for (let i = 0; i < 2; i += 1) {
    lose();
    await life(settings(), async (one) => {
      await one.judged();
      await one.delivered('hook');
    });
  }
  assert.deepEqual([received(hook), received(down)], [['opened 192.0.2.1'], ['opened 192.0.2.1']]);
});

test('alerts.db is deleted and a channel is new, or is sent more than before: old incidents are no news', async () => {
  const critical = { hook: { type: 'webhook', url: hook.url, severity: 'critical' } };
  await life(settings({ channels: critical }), async (one) => {
    await one.add(failures('192.0.2.1'));
  });
  // Without alerts.db deleted: what a channel gets changes, and that is recorded.
  const noted = await life(settings({ channels: { hook: { type: 'webhook', url: hook.url } } }), (one) => one.judged());
  lose();
  const rebuilt = await life(settings(), async (one) => {
    await one.judged();
    await one.add(failures('192.0.2.2'));
    await sent(one, 'hook', 1);
    await sent(one, 'down', 1);
  });
  const output = [...noted.lines, ...rebuilt.lines].join('\n');
  assert.deepEqual(received(hook), ['opened 192.0.2.2'], output);
  assert.deepEqual(received(down), ['opened 192.0.2.2'], output);
  assert.equal(incidents().length, 2);
});

test('alerts.db loses its last writes: what was delivered meanwhile is not delivered again, the rest is', async () => {
  silence(down);
  await life(settings(), async (one) => {
    await one.add(failures('192.0.2.1'));
    await sent(one, 'hook', 1);
    await until(() => down.received.length === 1);
  });
  for (const file of ALERTS.filter((one) => existsSync(join(folder, one))))
    cpSync(join(folder, file), join(folder, `old-${file}`));
  silence(down);
  await life(settings(), async (one) => {
    await one.add(failures('192.0.2.2'));
    await sent(one, 'hook', 2);
    await until(() => down.received.length === 2);
    const [, second] = incidents();
    await one.alerting.thread.acknowledge(String(second?.['id']), 'mira');
  });
  const before = incidents();
  lose();
  for (const file of ALERTS.filter((one) => existsSync(join(folder, `old-${one}`))))
    cpSync(join(folder, `old-${file}`), join(folder, file));
  await life(settings(), async (one) => {
    await one.judged();
    await sent(one, 'down', 4);
    await one.delivered('hook');
  });
  assert.deepEqual(incidents(), before);
  assert.deepEqual(received(hook), ['opened 192.0.2.1', 'opened 192.0.2.2']);
  // Twice without an answer, with the same id, then delivered; and the other one once.
  const ids = down.received.map(({ headers }) => headers['webhook-id']);
  assert.deepEqual(received(down).slice(0, 2), ['opened 192.0.2.1', 'opened 192.0.2.1']);
  assert.equal(new Set(ids.slice(0, 3)).size, 1);
  assert.deepEqual(received(down).slice(3), ['opened 192.0.2.2']);
});

test('asgard.db is restored from a backup: alerts.db is ahead of it, and is rebuilt', async () => {
  await life(settings(), async (one) => {
    await one.add(failures('192.0.2.1'));
    await sent(one, 'hook', 1);
  });
  for (const file of ['asgard.db', 'rollups.db']) cpSync(join(folder, file), join(folder, `old-${file}`));
  await life(settings(), async (one) => {
    await one.add(failures('192.0.2.2'));
    await sent(one, 'hook', 2);
  });
  for (const file of ['asgard.db', 'rollups.db']) cpSync(join(folder, `old-${file}`), join(folder, file));
  await life(settings(), async (one) => {
    await one.judged();
    assert.deepEqual(
      incidents().map(({ source }) => source),
      ['192.0.2.1'],
    );
  });
  assert.deepEqual(received(hook), ['opened 192.0.2.1', 'opened 192.0.2.2']);
});
