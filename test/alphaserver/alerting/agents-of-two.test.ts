/** Incidents about agents on two servers, each of which hears of a fault by its own clock. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { DEFAULT_SETTINGS, withWebhook } from '../../../alphaserver/alert-config/settings.ts';
import { AlertFile } from '../../../alphaserver/alerting/alert-file.ts';
import { decision } from '../../../alphaserver/alerting/decisions.ts';
import { agentIncidentId } from '../../../alphaserver/alerting/incident-id.ts';
import type { QueueOfChannel } from '../../../alphaserver/alerting/notification-queue.ts';
import { AgentHealth, type AgentStatus } from '../../../alphaserver/detection/agent-health.ts';
import type { CheckpointBlock } from '../../../alphaserver/detection/checkpoint.ts';
import { Incidents } from '../../../alphaserver/queries/incidents.ts';
import type { Decision, NewDecision } from '../../../alphaserver/store/decisions.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';
import { CHANNEL, deliver, gather } from './channel-deliveries.ts';

const SETTINGS = withWebhook(DEFAULT_SETTINGS, 'http://127.0.0.1:9/');
const START_MS = Date.parse('2026-11-24T10:00:00Z');
const CHECK_MS = 5_000;
const AGENT = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
/** The position of the alerts: no event comes. */
const POSITION = 500;

/** What an agent says, each time that it changes. */
interface Reported {
  readonly ms: number;
  readonly state: 'following' | 'log missing' | 'log unreadable';
}

/** The agents that are checked, and when all of them were heard last. */
interface Fleet {
  readonly agents?: readonly string[];
  readonly lastSeen?: number;
}

let folder = '';
let log: Decision[] = [];
let reported: Reported[] = [];
let servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-agents-of-two-'));
  [log, reported, servers] = [[], [{ ms: START_MS, state: 'following' }], []];
});
afterEach(() => {
  for (const { file } of servers) file.close();
  rmSync(folder, { recursive: true, force: true });
});

const append = async (decisions: readonly NewDecision[]): Promise<void> => {
  for (const one of decisions) log.push({ ...one, id: log.length + 1, at: START_MS });
};

/** The alerts of one server, and its rules of agents. It hears what an agent says `lagMs` later. */
class Server {
  readonly #folder = mkdtempSync(join(folder, 'server-'));
  file = new AlertFile(this.#folder, append);
  readonly #lagMs: number;
  readonly #saved = new Map<number, CheckpointBlock>();
  #health = this.#begun(START_MS);

  constructor(lagMs: number) {
    this.#lagMs = lagMs;
    this.file.beginReplay(SETTINGS);
    servers.push(this);
  }

  get queue(): QueueOfChannel {
    return this.file.queue.channel(CHANNEL);
  }

  /** The ids of what is open. */
  get open(): string[] {
    return this.file.openOfAgents().map(({ id }) => id);
  }

  /** Begins again with what was saved and written. */
  restart(nowMs: number): void {
    this.file.close();
    this.file = new AlertFile(this.#folder, append);
    this.apply();
    this.file.beginReplay(SETTINGS);
    this.#health = this.#begun(nowMs);
    for (const incident of this.file.openOfAgents()) this.#health.resume(incident);
  }

  /** Checks the agents, and writes what changed. Unless told otherwise there is one, which is heard now. */
  check(nowMs: number, { agents = [AGENT], lastSeen = nowMs }: Fleet = {}): void {
    const heard = reported.findLast(({ ms }) => ms + this.#lagMs <= nowMs) ?? (reported[0] as Reported);
    const statusOf = (uuid: string): AgentStatus => ({
      uuid,
      host: `host of ${uuid}`,
      lastSeen,
      gaps: 0,
      report: JSON.stringify({ ...CAUGHT_UP, state: heard.state }),
      reportedAt: heard.ms + this.#lagMs,
      endedAt: null,
      cloneAt: null,
      looked: null,
    });
    for (const one of this.file.takeRestored()) this.#health.adoptIncident(one, nowMs);
    const changes = this.#health
      .check(agents.map(statusOf), nowMs)
      .map((incident) => ({ type: 'incident' as const, incident }));
    this.file.write({ changes, provisional: [], position: POSITION, clockMs: nowMs }, SETTINGS, nowMs);
    for (const block of this.#health.checkpoint()) this.#saved.set(block.block, block);
  }

  apply(): void {
    this.file.apply((id, limit) => log.slice(id, id + limit));
  }

  gather(): void {
    gather(this.queue, START_MS);
  }

  deliver(): Promise<string[]> {
    return deliver(this.queue, START_MS);
  }

  #begun(startedMs: number): AgentHealth {
    const health = new AgentHealth({ config: SETTINGS.detection, incidentId: agentIncidentId, startedMs });
    for (const block of this.#saved.values()) if (block.data !== null) health.restore(block);
    return health;
  }
}

/** Lets time pass for both servers, of which the first delivers. Gives what the receiver got. */
async function passed(
  [leader, follower]: readonly [Server, Server],
  fromMs: number,
  toMs: number,
  fleet: Fleet = {},
): Promise<string[]> {
  const got: string[] = [];
  for (let ms = fromMs; ms < toMs; ms += CHECK_MS) {
    for (const one of [leader, follower]) one.check(ms, fleet);
    got.push(...(await leader.deliver()));
    for (const one of [leader, follower]) one.apply();
  }
  return got;
}

/** The first server has delivered that the log is gone, before or after the other one found that, 9 s later. */
async function gone(waits = false): Promise<{ one: Server; two: Server; id: string; ms: number }> {
  const [one, two] = [new Server(0), new Server(9_000)];
  reported.push({ ms: START_MS + 10_000, state: 'log missing' });
  const ms = START_MS + 400_000;
  const foundMs = START_MS + 350_000;
  if (waits) for (let at = START_MS; at < foundMs; at += CHECK_MS) for (const server of [one, two]) server.check(at);
  assert.equal(two.open.length, waits ? 1 : 0);
  const [opened, ...rest] = await passed([one, two], waits ? foundMs : START_MS, ms);
  assert.deepEqual(rest, []);
  const id = /^opened (.+)$/.exec(opened ?? '')?.[1] ?? assert.fail(`${opened}`);
  return { one, two, id, ms };
}

for (const waits of [false, true]) {
  const when = waits ? 'after both found it' : 'before the other one found it';
  test(`an agent's incident has one id on two servers, one of which notified of it ${when}, and one end after a takeover`, async () => {
    const { one, two, id, ms } = await gone(waits);
    assert.deepEqual([one.open, two.open], [[id], [id]]);
    one.restart(ms);
    reported.push({ ms, state: 'following' });
    assert.deepEqual(await passed([two, one], ms, ms + 60_000), [`resolved ${id}`]);
    assert.deepEqual([one.open, two.open, one.queue.pending, two.queue.pending], [[], [], 0, 0]);
  });

  for (const takesOver of [true, false])
    test(`it has one end where the other one was restarted and ${takesOver ? 'takes over' : 'does not'}, ${when}`, async () => {
      const { one, two, id, ms } = await gone(waits);
      two.restart(ms);
      reported.push({ ms, state: 'following' });
      const order = takesOver ? ([two, one] as const) : ([one, two] as const);
      assert.deepEqual(await passed(order, ms, ms + 60_000), [`resolved ${id}`]);
      assert.deepEqual([one.open, two.open, one.queue.pending, two.queue.pending], [[], [], 0, 0]);
    });
}

test('what waits at a server of an incident that has another id since waits under that, in messages too', async () => {
  const [one, two] = [new Server(0), new Server(9_000)];
  reported.push({ ms: START_MS, state: 'log missing' });
  for (let ms = START_MS; ms < START_MS + 400_000; ms += CHECK_MS) for (const server of [one, two]) server.check(ms);
  const [name] = two.open;
  await append([decision('acknowledged', name ?? '', {}, 'mira')]);
  two.apply();
  two.gather();
  const other = 'ANOTHER';
  const [found] = one.file.openOfAgents();
  const body = { message: 'm', notifications: [], incidents: [[1, found]] as never, position: 0, clockMs: 0 };
  await append([decision('notified', other, body)]);
  two.apply();
  assert.deepEqual(two.open, one.open);
  assert.notDeepEqual(two.open, [name]);
  const acknowledged = two.file.db.prepare('SELECT by FROM acknowledgements WHERE incident = ?').all(two.open[0] ?? '');
  assert.equal(acknowledged.length, 1);
  assert.equal(new Incidents(two.file.db).get(name ?? '')?.incident.id, two.open[0]);
  assert.deepEqual(await two.deliver(), [`opened ${two.open[0]}`]);
  one.apply();
  assert.deepEqual([one.queue.pending, await one.deliver()], [0, []]);
});

test('a server that hears of a fault after it was told of the incident goes on with that one', async () => {
  const [one, two] = [new Server(0), new Server(30_000)];
  reported.push({ ms: START_MS, state: 'log missing' });
  const ms = START_MS + 400_000;
  const [opened, ...rest] = await passed([one, two], START_MS, ms);
  assert.deepEqual([rest, one.open, two.open], [[], two.open, one.open]);
  assert.equal(opened, `opened ${one.open[0]}`);
  one.restart(ms);
  reported.push({ ms, state: 'following' });
  assert.deepEqual(await passed([two, one], ms, ms + 60_000), [`resolved ${opened?.slice('opened '.length)}`]);
  assert.deepEqual([one.open, two.open], [[], []]);
});

test('an incident that no fault at this server explains is over after a minute', async () => {
  const { one, id, ms } = await gone();
  const third = new Server(Number.POSITIVE_INFINITY);
  third.apply();
  assert.deepEqual(third.open, [id]);
  for (let at = ms; at < ms + 60_000; at += CHECK_MS) third.check(at);
  assert.deepEqual([third.open, one.open], [[id], [id]]);
  third.check(ms + 60_000);
  assert.deepEqual(third.open, []);
});

test('of two incidents that two servers notified of before they knew of each other, the first one ends', async () => {
  const [one, two] = [new Server(0), new Server(9_000)];
  reported.push({ ms: START_MS, state: 'log missing' });
  const ms = START_MS + 400_000;
  for (let at = START_MS; at < ms; at += CHECK_MS) for (const server of [one, two]) server.check(at);
  const [[first], [second]] = [await one.deliver(), await two.deliver()];
  assert.notEqual(first, second);
  const got = await passed([two, one], ms, ms + 60_000);
  assert.deepEqual(got, [first?.replace('opened', 'resolved')]);
  assert.deepEqual([one.open, two.open].flat(), Array(2).fill(second?.slice('opened '.length)));
  reported.push({ ms: ms + 60_000, state: 'following' });
  assert.deepEqual(await passed([two, one], ms + 60_000, ms + 120_000), [second?.replace('opened', 'resolved')]);
  assert.deepEqual([one.open, two.open], [[], []]);
});

test('a server that is told of both of them at once has the later one', async () => {
  const [one, two] = [new Server(0), new Server(9_000)];
  reported.push({ ms: START_MS, state: 'log missing' });
  for (let ms = START_MS; ms < START_MS + 400_000; ms += CHECK_MS) for (const server of [one, two]) server.check(ms);
  const [later] = two.open;
  await two.deliver();
  await one.deliver();
  for (const third of [new Server(0), one, two]) {
    third.apply();
    for (const ms of [405_000, 410_000]) third.check(START_MS + ms);
    assert.deepEqual(third.open, [later]);
  }
});

test('the fault of now is notified of by a server that learns only then of one that is over', async () => {
  const one = new Server(0);
  reported.push({ ms: START_MS, state: 'log missing' }, { ms: START_MS + 400_000, state: 'following' });
  reported.push({ ms: START_MS + 500_000, state: 'log missing' });
  for (let ms = START_MS; ms < START_MS + 700_000; ms += CHECK_MS) {
    one.check(ms);
    await one.deliver();
    one.apply();
  }
  const two = new Server(0);
  const ms = START_MS + 1_100_000;
  for (let at = START_MS + 700_000; at < ms; at += CHECK_MS) two.check(at);
  const [now] = two.open;
  two.apply();
  assert.deepEqual(two.open, [now]);
  two.check(ms);
  assert.deepEqual(await two.deliver(), [`opened ${now}`]);
});

test('a server that goes on under the id of a notification keeps what it knows since', async () => {
  const [one, two] = [new Server(0), new Server(9_000)];
  reported.push({ ms: START_MS, state: 'log missing' }, { ms: START_MS + 340_000, state: 'log unreadable' });
  for (let ms = START_MS; ms < START_MS + 400_000; ms += CHECK_MS) for (const server of [one, two]) server.check(ms);
  await one.deliver();
  for (const server of [one, two]) server.apply();
  assert.deepEqual(two.open, one.open);
  assert.match(two.file.openOfAgents()[0]?.summary ?? '', /log unreadable/);
});

test('of two open incidents about one agent that an earlier version left, one is over at the start', async () => {
  const { one, two, ms } = await gone();
  const sql =
    "INSERT INTO incidents SELECT 'left', rule, key, severity, source, openedAt - 1, lastAt, closedAt, partOf, provisional, json_set(body, '$.id', 'left', '$.openedAt', openedAt - 1), notified FROM incidents";
  two.file.db.exec(sql);
  assert.equal(two.open.length, 2);
  two.restart(ms);
  two.check(ms);
  assert.deepEqual(two.open, one.open);
});

test('agents that fall silent together are one incident on two servers, of which one listens for less long', async () => {
  const [one, two] = [new Server(0), new Server(0)];
  two.restart(START_MS + 20_000);
  const agents = Array.from({ length: 12 }, (_, i) => `agent-${i}`);
  const ms = START_MS + 200_000;
  const got = await passed([one, two], START_MS + 20_000, ms, { agents, lastSeen: START_MS });
  assert.equal(got.length, 1);
  assert.deepEqual([one.open, two.open], [two.open, [got[0]?.slice('opened '.length)]]);
  const over = await passed([two, one], ms, ms + 60_000, { agents, lastSeen: ms });
  assert.deepEqual(over, [got[0]?.replace('opened', 'resolved')]);
  assert.deepEqual([one.open, two.open], [[], []]);
});
