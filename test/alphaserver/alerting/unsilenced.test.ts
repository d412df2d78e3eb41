/** What a silence kept back is notified once the silence is over, by itself and in order with what is settled. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type AlertSettings, DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { AlertFile } from '../../../alphaserver/alerting/alert-file.ts';
import { decision } from '../../../alphaserver/alerting/decisions.ts';
import { undoing } from '../../../alphaserver/alerting/standing.ts';
import { openStorage } from '../../../alphaserver/storage.ts';
import { until } from '../../until.ts';
import { incident } from '../detection/incidents.ts';
import { HttpReceiver } from '../notify/receivers.ts';
import { Life, type Numbered, rowsIn } from './life.ts';

const SILENCE = { kind: 'silenced', rule: null, host: 'web', source: null, untilMs: null, why: 'a drill' } as const;

let folder = '';
let hook: HttpReceiver;
let settings: AlertSettings;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-unsilenced-'));
  hook = await new HttpReceiver().open();
  settings = { ...withWebhook(DEFAULT_SETTINGS, hook.url), groupWaitMs: 1, groupEveryMs: 1 };
});
afterEach(() => {
  hook.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Ten wrong passwords within ten seconds, just now. */
const bruteForce = (): Numbered[] =>
  Array.from({ length: 10 }, (_, i) => {
    const attempt = { outcome: 'failed', method: 'password', user: 'root', invalidUser: false } as const;
    return {
      seq: i + 1,
      event: { at: new Date(Date.now() - 10_000 + i).toISOString(), ip: '192.0.2.1', port: 4_000, ...attempt },
    };
  });
const rulesHit = (): string[] =>
  hook.received.flatMap(({ body }) =>
    (JSON.parse(body).alerts as { event: string; rule: string }[]).map(({ event, rule }) => `${event} ${rule}`),
  );

/** Silences the host, has it attacked, and gives the id of the silence. */
async function attackedUnderSilence(life: Life): Promise<number> {
  const { decisions, thread } = life.alerting;
  await decisions.decide(SILENCE, 'mira');
  // Its answer comes after it has taken the silence: a thread that only begins may judge what is stored before that.
  await thread.decided();
  await life.add(bruteForce());
  const found = rowsIn(join(folder, 'alerts.db'), 'SELECT rule, notified FROM incidents');
  assert.deepEqual(
    found.map((row) => ({ ...row })),
    [{ rule: 'brute-force', notified: 0 }],
  );
  const [silence] = (await decisions.list(1, null, false)).decisions;
  return silence?.id as number;
}

test('a silence is undone: what opened under it and does not change any more is notified', async () => {
  const life = new Life(folder, settings);
  try {
    const silence = await attackedUnderSilence(life);
    await life.alerting.decisions.undo(silence, 'the drill is over', 'mira');
    await until(
      () => hook.received.length > 0,
      () => life.lines.join('\n'),
    );
    assert.deepEqual(rulesHit(), ['opened brute-force']);
  } finally {
    await life.close();
  }
});

test('a silence ends while the server does not run: it notifies at its start', async () => {
  const before = new Life(folder, settings);
  const silence = await attackedUnderSilence(before).finally(() => before.close());
  const store = openStorage(folder);
  await store.decide([undoing(silence, 'the drill is over', 'mira')], Date.now());
  await store.close();
  const life = new Life(folder, settings);
  try {
    await until(
      () => hook.received.length > 0,
      () => life.lines.join('\n'),
    );
    assert.deepEqual(rulesHit(), ['opened brute-force']);
  } finally {
    await life.close();
  }
});

test('alerts.db lost its last writes: nothing of the end of a silence is notified until the replay is past what is settled', () => {
  const file = new AlertFile(folder, async () => {});
  try {
    const [settled, nowMs] = [{ position: 1_000, clockMs: 1_000 }, 2_000];
    const log = [{ id: 1, at: nowMs, ...decision('settled', 'ALPHASERVER_WEBHOOK', settled) }];
    file.apply((id) => log.slice(id));
    assert.deepEqual(file.beginReplay(settings), [1_000]);
    const changes = [{ type: 'incident' as const, incident: incident({ decidedBy: 990 }) }];
    const step = { provisional: [], clockMs: nowMs };
    file.write(
      { ...step, changes, position: 1_000 },
      { ...settings, silences: [{ ...SILENCE, host: 'web-01' }] },
      nowMs,
    );
    assert.equal(file.notifyUnsilenced(settings, nowMs), false);
    file.write({ ...step, changes: [], position: 1_001 }, settings, nowMs);
    assert.equal(file.notifyUnsilenced(settings, nowMs), true);
    assert.equal(file.queue.channel('ALPHASERVER_WEBHOOK').pending, 1);
    assert.equal(file.notifyUnsilenced(settings, nowMs), false);
  } finally {
    file.close();
  }
});
