/** Other settings hold after a kill than before it: an incident that the replay does not raise again ends as it would have. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { type AlertSettings, DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { RuleRunner } from '../../../alphaserver/alerting/rule-runner.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import type { Change } from '../../../alphaserver/detection/incident-tracker.ts';
import { until } from '../../until.ts';
import { incident } from '../detection/incidents.ts';
import { configWith, optionsWith, Rows, repeated, stored } from '../detection/stream.ts';
import { HttpReceiver } from '../notify/receivers.ts';
import { Life, type Numbered, rowsIn } from './life.ts';

const SOURCE = '203.0.113.5';

let folder = '';
let hook: HttpReceiver;
let settings: AlertSettings;
let lives: Life[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-unknown-'));
  hook = await new HttpReceiver().open();
  settings = { ...withWebhook(DEFAULT_SETTINGS, hook.url), groupWaitMs: 1, groupEveryMs: 1 };
  lives = [];
});
afterEach(async () => {
  for (const life of lives) await life.close();
  hook.close();
  rmSync(folder, { recursive: true, force: true });
});

const started = (using: AlertSettings, from = 'before'): Life => {
  const path = join(folder, from);
  mkdirSync(path, { recursive: true });
  const life = new Life(path, using);
  lives.push(life);
  return life;
};
async function ended(life: Life): Promise<void> {
  lives = lives.filter((one) => one !== life);
  await life.close();
}
/** Makes a folder of what a kill would leave behind now. */
function killed(): void {
  const path = join(folder, 'after');
  mkdirSync(path);
  // The alerts first: the logs may be ahead of them, never behind.
  for (const file of ['alerts.db', 'asgard.db', 'rollups.db']) {
    const db = new DatabaseSync(join(folder, 'before', file), { readOnly: true });
    db.prepare('VACUUM INTO ?').run(join(path, file));
    db.close();
  }
}
const tries = (count: number, ip = SOURCE): Numbered[] =>
  Array.from({ length: count }, (_, i) => {
    const attempt = { outcome: 'failed', method: 'password', user: 'root', invalidUser: false } as const;
    return { seq: i + 1, event: { at: new Date(Date.now() - count + i).toISOString(), ip, port: 4_000, ...attempt } };
  });
const written = (from = 'after') =>
  rowsIn(
    join(folder, from, 'alerts.db'),
    `SELECT i.id, rule, closedAt, lastAt, a.by FROM incidents i LEFT JOIN acknowledgements a ON a.incident = i.id ORDER BY i.id`,
  ).map((row) => ({ ...row })) as {
    id: string;
    rule: string;
    closedAt: number | null;
    lastAt: number;
    by: string | null;
  }[];
const received = (): string[] =>
  hook.received.flatMap(({ body }) =>
    (JSON.parse(body).alerts as { event: string; id: string }[]).map(({ event, id }) => `${event} ${id}`),
  );

/** Has a source attack, and gives its one incident, which somebody acknowledged and the receiver knows as open. */
async function attacked(life: Life): Promise<{ id: string; lastAt: number }> {
  await life.add(tries(30));
  const [found, ...more] = written('before');
  assert.ok(found);
  assert.deepEqual(more, []);
  await life.delivered('ALPHASERVER_WEBHOOK');
  await until(() => hook.received.length > 0);
  await life.alerting.thread.acknowledge(found.id, 'mira');
  return found;
}

test('a source is allowed before a kill: its incident ends after it, and whoever knows it as open gets the end', async () => {
  const life = started(settings);
  const { id, lastAt } = await attacked(life);
  const allowance = { kind: 'allowed', source: SOURCE, host: null, rule: null, untilMs: null, why: 'ours' } as const;
  await life.alerting.decisions.decide(allowance, 'mira');
  killed();
  const again = started({ ...settings, detection: { ...settings.detection, quietMs: 1 } }, 'after');
  await until(
    () => received().length >= 2,
    () => `${JSON.stringify(written())}\n${again.lines.join('\n')}`,
  );
  assert.deepEqual(written(), [{ id, rule: 'brute-force', closedAt: lastAt + 1, lastAt, by: 'mira' }]);
  assert.deepEqual(received(), [`opened ${id}`, `resolved ${id}`]);
  await until(async () => (await again.alerting.view.state()).state === 'quiet');
});

test('a threshold is another one after a kill: the incident goes on as the one that takes its place, and is sent once', async () => {
  const { id } = await attacked(started(settings));
  killed();
  const { detection } = settings;
  const stricter = { ...settings, detection: configWith({ 'brute-force': { count: 20 } }, detection) };
  const again = started(stricter, 'after');
  await until(
    () => written().every((one) => one.id !== id),
    () => `${JSON.stringify(written())}\n${again.lines.join('\n')}`,
  );
  assert.deepEqual(
    written().map(({ rule, closedAt, by }) => ({ rule, closedAt, by })),
    [{ rule: 'brute-force', closedAt: null, by: 'mira' }],
  );
  await ended(again);
  const over = started({ ...stricter, detection: { ...stricter.detection, quietMs: 1 } }, 'after');
  await until(() => received().length >= 2);
  await over.delivered('ALPHASERVER_WEBHOOK');
  assert.deepEqual(received(), [`opened ${id}`, `resolved ${id}`]);
});

test('the same settings after a kill: the incident stays as it is', async () => {
  const { id } = await attacked(started(settings));
  const before = written('before');
  killed();
  const again = started(settings, 'after');
  await again.judged();
  // Once it judges, the comparison is made.
  await again.add(tries(31, '192.0.2.9').slice(30));
  assert.deepEqual(written(), before);
  await again.delivered('ALPHASERVER_WEBHOOK');
  assert.deepEqual(received(), [`opened ${id}`]);
});

test('an open incident that an earlier start left behind ends at the next one', async () => {
  const life = started(settings);
  await life.add(tries(1));
  await ended(life);
  const { id, rule, key, severity, openedAt, lastAt } = incident();
  const db = new DatabaseSync(join(folder, 'before', 'alerts.db'));
  db.prepare(
    `INSERT INTO incidents (id, rule, key, severity, source, openedAt, lastAt, closedAt, partOf, provisional, body, notified)
     VALUES (?, ?, ?, ?, NULL, ?, ?, NULL, NULL, 0, ?, 1)`,
  ).run(id, rule, key, severity, openedAt, lastAt, JSON.stringify(incident()));
  db.close();
  started(settings);
  await until(() => received().length > 0);
  assert.deepEqual(received(), [`resolved ${id}`]);
  assert.equal(written('before')[0]?.closedAt, lastAt + settings.detection.quietMs);
});

/** Rules that know nothing of what is written as open, and have judged one event of a source. */
function runnerOf(open: readonly Incident[], boundaries: readonly number[] = []) {
  const rows = new Rows();
  const events = repeated(2, 1, { ip: '192.0.2.9' }).map((one, i) => rows.of(stored(one, i + 1)));
  const { names, incidentId } = optionsWith(rows);
  let last = 1;
  const runner = new RuleRunner({
    events: {
      names: names as never,
      after: (position, limit) => events.filter(([id]) => id > position && id <= last).slice(0, limit),
      recent: () => [],
      one: () => null,
      newest: events.length,
      agents: () => [],
      keyUsesUpTo: () => [],
    },
    settings: DEFAULT_SETTINGS,
    incidentId,
    position: 1,
    checkpoint: 0,
    blocks: [],
    isStateLost: false,
    openOfAgents: [],
    boundaries,
    provisional: () => [],
    openBesides: () => open,
    openOne: (id) => open.find((one) => one.id === id) ?? null,
    startedMs: 0,
  });
  return {
    step: (nowMs: number): readonly Change[] => runner.step(nowMs).changes,
    goOn: (): void => {
      last = 2;
    },
    runner,
  };
}
const QUIET_MS = DEFAULT_SETTINGS.detection.quietMs;

test('an incident that the rules do not know ends when it was quiet for long enough, by the quiet time of then', () => {
  const [first, second] = [incident({ id: 'first', lastAt: 2e12 }), incident({ id: 'second', lastAt: 2e12 + 5_000 })];
  const { step, runner } = runnerOf([second, first]);
  assert.deepEqual(step(2e12 + QUIET_MS), [], 'the replay');
  assert.deepEqual(step(2e12 + QUIET_MS - 1), []);
  const ends = (one: Incident, closedAt: number): Change => ({ type: 'incident', incident: { ...one, closedAt } });
  assert.deepEqual(step(2e12 + QUIET_MS), [ends(first, 2e12 + QUIET_MS)]);
  const { detection } = DEFAULT_SETTINGS;
  runner.configure({ ...DEFAULT_SETTINGS, detection: { ...detection, quietMs: QUIET_MS + 1_000 } });
  assert.deepEqual(step(2e12 + QUIET_MS + 5_999), []);
  assert.deepEqual(step(2e12 + QUIET_MS + 6_000), [ends(second, 2e12 + QUIET_MS + 6_000)]);
  assert.deepEqual(step(3e12), []);
});

test('many of them end some at a time, and their time counts as looked at when all have', () => {
  const open = Array.from({ length: 201 }, (_, i) => incident({ id: `${i}`, lastAt: 2e12 + i }));
  const { step, runner } = runnerOf(open);
  step(3e12);
  assert.equal(step(3e12).length, 200);
  assert.ok(runner.hasMore);
  const { changes, clockMs } = runner.step(3e12);
  assert.deepEqual([changes.length, clockMs, runner.hasMore], [1, 3e12, false]);
});

test('none of them ends before the rules are past where all channels are settled', () => {
  const { step, goOn } = runnerOf([incident()], [1]);
  for (let i = 0; i < 3; i += 1) assert.deepEqual(step(3e12 + i * 1_000), []);
  goOn();
  assert.equal(step(3e12 + 4_000).length, 1);
});
