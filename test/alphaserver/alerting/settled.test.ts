/** A decision that says up to where a channel is settled takes no notification from the queue that nobody was sent. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Severity } from '../../../alphaserver/alert-config/rules.ts';
import { DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { AlertFile } from '../../../alphaserver/alerting/alert-file.ts';
import { decision, type NotificationKey } from '../../../alphaserver/alerting/decisions.ts';
import type { QueueOfChannel } from '../../../alphaserver/alerting/notification-queue.ts';
import { RuleRunner } from '../../../alphaserver/alerting/rule-runner.ts';
import type { Incident } from '../../../alphaserver/detection/incident.ts';
import type { Decision, NewDecision } from '../../../alphaserver/store/decisions.ts';
import { until } from '../../until.ts';
import { incident } from '../detection/incidents.ts';
import { optionsWith, Rows, repeated, START_MS, stored } from '../detection/stream.ts';
import { CHANNEL, deliver, gather } from './channel-deliveries.ts';
import { Life, rowsIn } from './life.ts';

const SETTINGS = withWebhook(DEFAULT_SETTINGS, 'http://127.0.0.1:9/');
const NOW_MS = Date.parse('2026-11-24T10:20:00Z');

let folder = '';
let log: Decision[] = [];
let files: AlertFile[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-settled-'));
  [log, files] = [[], []];
});
afterEach(() => {
  for (const file of files) file.close();
  rmSync(folder, { recursive: true, force: true });
});

const append = async (decisions: readonly NewDecision[]): Promise<void> => {
  for (const one of decisions) log.push({ ...one, id: log.length + 1, at: NOW_MS });
};

/** The alerts of one server. All servers have one log of decisions. */
class Server {
  readonly file: AlertFile;

  /** Begins with an alerts.db that has nothing but the decisions there are. */
  constructor() {
    this.file = new AlertFile(mkdtempSync(join(folder, 'server-')), append);
    files.push(this.file);
    this.apply();
    this.file.beginReplay(SETTINGS);
  }

  get queue(): QueueOfChannel {
    return this.file.queue.channel(CHANNEL);
  }

  /** Writes incidents as they are when the rules have read up to a position, and looked at the clock. */
  step(incidents: readonly Incident[], position: number, clockMs = NOW_MS, settings = SETTINGS): void {
    const changes = incidents.map((one) => ({ type: 'incident' as const, incident: one }));
    this.file.write({ changes, provisional: [], position, clockMs }, settings, clockMs);
  }

  /** Applies the decisions that were appended. */
  apply(): void {
    this.file.apply((id, limit) => log.slice(id, id + limit));
  }

  gather(severities?: readonly Severity[]): void {
    gather(this.queue, NOW_MS, severities);
  }

  deliver(): Promise<string[]> {
    return deliver(this.queue, NOW_MS);
  }
}

const raised = (id: string, decidedBy: number | null, more: Partial<Incident> = {}): Incident =>
  incident({ id, decidedBy, rule: decidedBy === null ? 'agent-silent' : 'break-in', ...more });

test('what is queued while no event comes stays, whenever the delivery before it is applied', async () => {
  const server = new Server();
  server.step([raised('scan', 1_000), raised('silent a', null)], 1_000);
  assert.deepEqual(await server.deliver(), ['opened scan', 'opened silent a']);
  server.step([raised('silent b', null), raised('scan', 1_000, { closedAt: NOW_MS + 500 })], 1_000, NOW_MS + 1_000);
  await append([decision('acknowledged', 'silent a', {}, 'mira')]);
  server.apply();
  assert.deepEqual(await server.deliver(), ['opened silent b', 'resolved scan']);
  server.apply();
  assert.deepEqual([server.queue.pending, await server.deliver()], [0, []]);
});

/** Attacks of two sources, the second one three seconds after the first, and the rules that judge them. */
function attacked(settings = SETTINGS) {
  const rows = new Rows();
  const given = [...repeated(12, 0.01, { ip: '192.0.2.1' }), ...repeated(12, 0.01, { ip: '192.0.2.2', at: 3 })];
  const events = given.map((one, i) => rows.of(stored(one, i + 1)));
  const { names, incidentId } = optionsWith(rows);
  const runner = new RuleRunner({
    events: {
      names: names as never,
      after: (position, limit) => events.filter(([id]) => id > position).slice(0, limit),
      recent: () => [],
      one: () => null,
      newest: events.length,
      agents: () => [],
      keyUsesUpTo: () => [],
    },
    settings,
    incidentId,
    position: 0,
    checkpoint: 0,
    blocks: [],
    isStateLost: false,
    openOfAgents: [],
    boundaries: [],
    provisional: () => [],
    openBesides: () => [],
    openOne: () => null,
    startedMs: START_MS,
  });
  return (server: Server, nowMs: number, using = settings): void => {
    if (using !== settings) runner.configure(using);
    server.file.write(runner.step(nowMs), using, nowMs);
  };
}

/** The sources in what the receiver got: `opened ADDRESS`. */
const bySource = (given: readonly string[]): string[] => given.map((one) => one.replace(/ [^/]*\/(\S+) .*/, ' $1'));

test('an end that is found at the next look stays queued, whatever was delivered and applied before it', async () => {
  const server = new Server();
  const step = attacked();
  const quietMs = START_MS + SETTINGS.detection.quietMs;
  step(server, START_MS + 4_000);
  assert.equal((await server.deliver()).length, 2);
  step(server, quietMs + 2_500);
  server.gather();
  // The second one is over since 3.11 s, and a step of now does not look for it.
  step(server, quietMs + 3_400);
  assert.deepEqual(bySource(await server.deliver()), ['resolved 192.0.2.1']);
  step(server, quietMs + 3_600);
  assert.equal(server.queue.pending, 1);
  await append([decision('acknowledged', 'another', {}, 'mira')]);
  server.apply();
  assert.deepEqual(bySource(await server.deliver()), ['resolved 192.0.2.2']);
});

test('an end that a shorter quiet time sets before the last delivery stays queued', async () => {
  const server = new Server();
  const step = attacked();
  step(server, START_MS + 4_000);
  step(server, START_MS + 300_000);
  assert.equal((await server.deliver()).length, 2);
  const shorter = { ...SETTINGS, detection: { ...SETTINGS.detection, quietMs: 60_000 } };
  step(server, START_MS + 301_000, shorter);
  assert.equal(server.queue.pending, 2);
  server.apply();
  assert.deepEqual(bySource(await server.deliver()).sort(), ['resolved 192.0.2.1', 'resolved 192.0.2.2']);
});

test('alerts.db is deleted: what was delivered at the settled position is not queued again, and what was not is', async () => {
  const server = new Server();
  server.step([raised('a', 1_000), raised('b', 900)], 1_000);
  assert.equal((await server.deliver()).length, 2);
  const over = raised('a', 1_000, { closedAt: NOW_MS + 500 });
  server.step([over], 1_010, NOW_MS + 1_000);
  server.step([raised('c', 1_100)], 1_100, NOW_MS + 2_000);
  await append([decision('settled', CHANNEL, server.queue.settled())]);
  const rebuilt = new Server();
  rebuilt.step([raised('a', 1_000), raised('b', 900)], 1_000);
  rebuilt.step([], 1_009);
  assert.equal(rebuilt.queue.pending, 0);
  rebuilt.step([over, raised('c', 1_100)], 1_100, NOW_MS + 2_000);
  assert.deepEqual((await rebuilt.deliver()).sort(), ['opened c', 'resolved a']);
});

test('alerts.db is deleted under a silence: who was notified before it gets the end, and of nothing else', async () => {
  const silent = { ...SETTINGS, silences: [{ rule: null, host: 'web-01', source: null }] };
  const [mild, grave] = (['warning', 'critical'] as const).map((severity) => raised('grave', 900, { severity }));
  const server = new Server();
  server.step([raised('known', 900), mild as Incident], 900);
  server.step([grave as Incident], 910);
  assert.deepEqual((await server.deliver()).sort(), ['opened grave', 'opened known']);
  server.step([raised('unknown', 920)], 920, NOW_MS, silent);
  await append([decision('settled', CHANNEL, server.queue.settled())]);
  const rebuilt = new Server();
  rebuilt.step([raised('known', 900), mild as Incident], 900, NOW_MS, silent);
  rebuilt.step([grave as Incident, raised('unknown', 920)], 920, NOW_MS, silent);
  const over = { closedAt: NOW_MS + 500 };
  for (const one of [server, rebuilt]) {
    const ended = [raised('known', 900, over), { ...(grave as Incident), ...over }, raised('unknown', 920, over)];
    one.step(ended, 930, NOW_MS + 1_000, silent);
    one.gather();
    const notifications = one.queue.first?.message.notifications ?? [];
    assert.deepEqual(notifications.map(({ kind, incident: { id } }) => `${kind} ${id}`).sort(), [
      'resolved grave',
      'resolved known',
    ]);
  }
});

test('alerts.db is deleted: an agent whose incident and its end were in one message has no open one', async () => {
  const server = new Server();
  server.step([raised('silent', null)], 1_000);
  server.step([raised('silent', null, { closedAt: NOW_MS + 500 })], 1_000, NOW_MS + 1_000);
  assert.deepEqual(await server.deliver(), ['opened silent', 'resolved silent']);
  assert.deepEqual(new Server().file.openOfAgents(), []);
});

test('of two servers the one that takes over delivers what the other one had still to send', async () => {
  const [leader, follower] = [new Server(), new Server()];
  for (const one of [leader, follower]) one.step([raised('first', 490)], 495);
  leader.gather();
  // They read the same events and look at the same clock, in steps of their own.
  const over = raised('first', 490, { closedAt: NOW_MS + 500 });
  leader.step([raised('second', 500), over], 520, NOW_MS + 1_300);
  follower.step([raised('second', 500)], 502, NOW_MS + 400);
  follower.step([over], 505, NOW_MS + 600);
  assert.deepEqual(await leader.deliver(), ['opened first']);
  follower.apply();
  assert.deepEqual(await follower.deliver(), ['opened second', 'resolved first']);
  leader.apply();
  assert.deepEqual([leader.queue.pending, await leader.deliver()], [0, []]);
});

test('an end that one server found before the other one looked stays queued there', async () => {
  const [leader, follower] = [new Server(), new Server()];
  for (const one of [leader, follower]) one.step([raised('first', 490)], 495);
  // It grew, and was over when it was written, after the last look.
  follower.step([raised('first', 490, { closedAt: NOW_MS + 500 })], 505, NOW_MS + 400);
  leader.step([], 520, NOW_MS + 450);
  assert.deepEqual(await leader.deliver(), ['opened first']);
  follower.apply();
  assert.deepEqual(await follower.deliver(), ['resolved first']);
});

test('a message whose notifications another server delivered in messages of its own is sent no more', async () => {
  const [one, two] = [new Server(), new Server()];
  for (const server of [one, two]) server.step([raised('a', 500)], 510);
  // The server loses the lead before this message is delivered.
  one.gather();
  for (const server of [one, two]) server.step([raised('b', 600)], 610);
  assert.deepEqual(await two.deliver(), ['opened a', 'opened b']);
  for (const server of [one, two])
    server.step(
      ['a', 'b'].map((id) => raised(id, 500, { closedAt: NOW_MS + 5 })),
      700,
      NOW_MS + 1_000,
    );
  assert.deepEqual(await two.deliver(), ['resolved a', 'resolved b']);
  one.apply();
  assert.deepEqual([one.queue.pending, await one.deliver()], [0, []]);
});

test('a server that delivers nothing shows what another one delivered as waiting no more', async () => {
  const life = new Life(folder, SETTINGS, false);
  const attempt = { outcome: 'failed', method: 'password', user: 'root', invalidUser: false } as const;
  const at = new Date().toISOString();
  const tries = Array.from({ length: 10 }, (_, i) => ({
    seq: i + 1,
    event: { at, ip: '192.0.2.1', port: 4_000 + i, ...attempt },
  }));
  const waiting = (): number | undefined => life.alerting.channels()[0]?.waiting;
  try {
    await life.add(tries);
    await until(() => waiting() === 1);
    const [queued] = life.rows('alerts.db', 'SELECT incident FROM notifications');
    const notifications: NotificationKey[] = [[String(queued?.incident), 1]];
    const body = { message: 'm', notifications, incidents: [], position: 0, clockMs: 0 };
    await life.store.decide([decision('notified', CHANNEL, body)], Date.now());
    await life.alerting.decided([]);
    await until(() => waiting() === 0);
  } finally {
    await life.close();
  }
});

test('a message stays of which another server delivered only a part', async () => {
  const [one, two] = [new Server(), new Server()];
  one.step([raised('a', 500), raised('b', 600)], 610);
  two.step([raised('a', 500)], 510);
  one.gather();
  assert.deepEqual(await two.deliver(), ['opened a']);
  one.apply();
  assert.deepEqual(await one.deliver(), ['opened a', 'opened b']);
});

test('what one server was sent to, or what was discarded, leaves the queue of the other as soon as an event comes', async () => {
  const [leader, follower] = [new Server(), new Server()];
  for (const one of [leader, follower]) one.step([raised('a', 500)], 510);
  leader.gather();
  leader.queue.discard(leader.queue.first?.message as never);
  leader.step([raised('b', 530)], 540);
  follower.step([raised('b', 530)], 535);
  assert.deepEqual(await leader.deliver(), ['opened b']);
  follower.apply();
  assert.equal(follower.queue.pending, 0);
});

test("an agent's incident that another server named by its own clock is not sent again by the one that takes over", async () => {
  const [leader, follower] = [new Server(), new Server()];
  leader.step([raised('lost, by the clock of one', null)], 500);
  follower.step([raised('lost, by the clock of the other', null)], 500, NOW_MS + 300);
  leader.step([], 500, NOW_MS + 1_000);
  assert.deepEqual(await leader.deliver(), ['opened lost, by the clock of one']);
  follower.apply();
  assert.deepEqual([follower.queue.pending, await follower.deliver()], [0, []]);
});

test('an incident that turned out graver before anything of it was sent is sent as that alone', async () => {
  const server = new Server();
  server.step([raised('a', 500, { severity: 'warning' })], 500);
  server.step([raised('a', 500, { severity: 'critical' })], 510);
  assert.equal(server.queue.pending, 2);
  // At night, when warnings wait.
  server.gather(['critical']);
  assert.deepEqual([await server.deliver(), server.queue.pending], [['opened a'], 0]);
});

test('a server that delivers nothing records nothing of what is settled', async () => {
  const life = new Life(folder, SETTINGS, false);
  const attempt = { outcome: 'failed', method: 'password', user: 'root', invalidUser: false } as const;
  const event = { at: new Date().toISOString(), ip: '192.0.2.1', port: 4_000, ...attempt };
  try {
    await life.add([{ seq: 1, event }]);
  } finally {
    await life.close();
  }
  const settled = [
    ...rowsIn(join(folder, 'asgard.db'), "SELECT 1 FROM decisions WHERE kind = 'settled'"),
    ...rowsIn(join(folder, 'alerts.db'), "SELECT 1 FROM unrecorded WHERE kind = 'settled'"),
  ];
  assert.deepEqual(settled, []);
});
