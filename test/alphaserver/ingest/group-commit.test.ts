/** Group commit over a store that takes its time: which commits run at once, in which order they end, and what a failure does. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import {
  COMMIT_LIMIT_EVENTS,
  GroupCommit,
  HEARTBEATS_AT_ONCE,
  HEARTBEATS_EVERY_MS,
} from '../../../alphaserver/ingest/group-commit.ts';
import { type AgentBatch, type Appended, type Mark, StoreError } from '../../../alphaserver/store/store.ts';
import { until } from '../../until.ts';
import { CAUGHT_UP } from '../../wire-messages.ts';

/** An append as the store got it, with its ends. */
interface Running {
  readonly agents: readonly string[];
  readonly hosts: readonly string[];
  readonly durable: () => void;
  readonly done: () => void;
  readonly fail: () => void;
}

let ingest: GroupCommit;
let running: Running[];
/** The agents whose batches may be acknowledged, and those whose batches are through. */
let acknowledged: string[];
let stored: string[];

function open(commitsAtOnce?: number): void {
  [running, acknowledged, stored] = [[], [], []];
  const append = (
    batches: readonly AgentBatch[],
    _: number,
    durable: (place: number, mark: Mark) => void = () => {},
  ): Promise<Appended[]> =>
    new Promise((done, fail) => {
      const agents = batches.map(({ agent }) => agent);
      const mark = { lastSeq: 1, lastEnd: 0 };
      running.push({
        agents,
        hosts: batches.map(({ host }) => host),
        durable: () => {
          for (const place of agents.keys()) durable(place, mark);
        },
        done: () =>
          done(
            agents.map(() => ({
              ...mark,
              sessions: [],
              stored: 0,
              repeats: 0,
              missing: 0,
              totals: [],
              events: [],
              gaps: [],
            })),
          ),
        fail: () => fail(new StoreError('failed', new Error('it is gone'))),
      });
    });
  ingest = new GroupCommit({
    store: { append },
    ...(commitsAtOnce && { commitsAtOnce }),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    now: Date.now,
  });
}

function submit(agent: string, weight = 1): void {
  ingest
    .submit({ agent, host: agent, events: [] }, weight, () => acknowledged.push(agent))
    .then(
      () => stored.push(agent),
      () => {},
    );
}

const begun = (count: number): Promise<void> => until(() => running.length === count);
/** Waits for two turns of the event loop: whatever begins by itself has begun. */
const turns = async (): Promise<void> => {
  for (let i = 0; i < 2; i += 1) await new Promise((later) => setImmediate(later));
};
const at = (place: number): Running => running[place] as Running;

afterEach(() => ingest.close());

it('gives a store of its own one commit at a time', async () => {
  open();
  submit('a');
  await begun(1);
  submit('b', COMMIT_LIMIT_EVENTS);
  at(0).durable();
  await turns();
  assert.equal(running.length, 1);
  at(0).done();
  await begun(2);
  at(1).done();
  await until(() => stored.length === 2);
});

it('gives a shared log the next commit once it has the one before, and no third', async () => {
  open(2);
  submit('a');
  await begun(1);
  submit('b');
  await turns();
  assert.equal(running.length, 1);
  at(0).durable();
  await begun(2);
  submit('c', COMMIT_LIMIT_EVENTS);
  at(1).durable();
  await turns();
  assert.deepEqual([running.length, acknowledged], [2, ['a', 'b']]);
  // Whoever hears of commits hears of them in their order.
  at(1).done();
  await turns();
  assert.deepEqual(stored, []);
  at(0).done();
  await begun(3);
  at(2).done();
  await until(() => stored.length === 3);
  assert.deepEqual(stored, ['a', 'b', 'c']);
});

it('gives a shared log a full commit before it has the one before', async () => {
  open(2);
  submit('a');
  await begun(1);
  submit('b', COMMIT_LIMIT_EVENTS - 1);
  await turns();
  assert.equal(running.length, 1);
  submit('c');
  await begun(2);
  assert.deepEqual(at(1).agents.toSorted(), ['b', 'c']);
  at(0).done();
  at(1).done();
  await until(() => stored.length === 3);
});

it('tries commits again in their order when the first of two fails', async () => {
  open(2);
  submit('a');
  await begun(1);
  submit('b', COMMIT_LIMIT_EVENTS);
  await begun(2);
  at(1).fail();
  at(0).fail();
  await begun(4);
  assert.deepEqual([at(2).agents, at(3).agents], [['a'], ['b']]);
  at(2).durable();
  at(3).durable();
  at(2).done();
  at(3).done();
  await until(() => stored.length === 2);
  assert.deepEqual([stored, acknowledged, ingest.fault, ingest.waitingEvents], [['a', 'b'], ['a', 'b'], null, 0]);
});

it('stores the heartbeats of a large fleet in several commits, with what comes meanwhile in the next', async () => {
  open();
  const agents = Array.from({ length: HEARTBEATS_AT_ONCE + 1 }, (_, i) => `agent ${i}`);
  const ping = { report: null, shapes: [], gaps: [] };
  for (const agent of agents) ingest.heartbeat({ agent, host: agent, events: [], ping });
  await begun(1);
  assert.deepEqual(at(0).agents, agents.slice(0, HEARTBEATS_AT_ONCE));
  submit('a');
  at(0).done();
  await begun(2);
  assert.deepEqual(at(1).agents, ['a', agents.at(-1)]);
  at(1).done();
  await until(() => stored.length === 1);
});

it('stores the heartbeats of a large fleet while a commit that failed is tried again and hangs', async () => {
  open(2);
  submit('a');
  await begun(1);
  const agents = Array.from({ length: 3 * HEARTBEATS_AT_ONCE }, (_, i) => `agent ${i}`);
  const ping = { report: null, shapes: [], gaps: [] };
  for (const agent of agents) ingest.heartbeat({ agent, host: agent, events: [], ping });
  // They are due while it hangs: of two timers of one length the one that was set first ends first.
  await new Promise((due) => setTimeout(due, HEARTBEATS_EVERY_MS));
  at(0).fail();
  await begun(3);
  assert.deepEqual(at(1).agents, ['a']);
  // The commit hangs from here on.
  at(2).done();
  await begun(4);
  at(3).fail();
  await turns();
  assert.equal(running.length, 4);
  assert.match(ingest.fault ?? '', /cannot write/);
  at(1).fail();
  // What could not be stored is tried again with it, and what was stored is not.
  await begun(6);
  const kept = at(5).agents;
  at(5).done();
  await begun(7);
  at(6).done();
  await turns();
  const stored = [...at(2).agents, ...kept, ...at(6).agents];
  assert.deepEqual(stored.toSorted(), agents.toSorted());
  at(4).done();
  await until(() => ingest.fault === null);
});

it('stores a heartbeat while a commit that failed is tried again, although its agent has said more since', async () => {
  open();
  submit('a');
  await begun(1);
  at(0).fail();
  await until(() => ingest.fault !== null);
  const said = { agent: 'b', host: 'b', events: [] };
  ingest.heartbeat({ ...said, ping: { report: CAUGHT_UP, shapes: [], gaps: [] } });
  const gap = { id: 1, at: '2026-11-24T10:00:00Z', kind: 'rotated-away', text: 'gone', bytes: 1, lines: null } as const;
  ingest.submit({ ...said, ping: { report: CAUGHT_UP, shapes: [], gaps: [gap] } }).catch(() => {});
  await until(() => running.length > 1);
  let tries = 1;
  for (; at(tries).agents[0] !== 'b' && tries < 10; tries += 1) {
    if (running.length === tries + 1) at(tries).fail();
    await until(() => running.length > tries + 1);
  }
  assert.deepEqual(at(tries).agents, ['b']);
  assert.notEqual(ingest.fault, null);
});

it('keeps the newer heartbeat of an agent where the store does not take the one before', async () => {
  open();
  submit('a');
  await begun(1);
  at(0).fail();
  const batch = { agent: 'b', host: 'b', events: [], ping: { report: null, shapes: [], gaps: [] } };
  ingest.heartbeat({ ...batch, host: 'older' });
  await new Promise((due) => setTimeout(due, HEARTBEATS_EVERY_MS));
  await until(() => running.length > 1);
  for (let tries = 1; at(tries).agents[0] !== 'b'; tries += 1) {
    if (running.length === tries + 1) at(tries).fail();
    await until(() => running.length > tries + 1);
  }
  const tried = running.length - 1;
  ingest.heartbeat({ ...batch, host: 'newer' });
  at(tried).fail();
  at(tried - 1).done();
  await begun(tried + 2);
  assert.deepEqual(at(tried + 1).hosts, ['newer']);
  at(tried + 1).done();
  await turns();
});

it('stores heartbeats that came while a commit hung at the next attempt, although that commit failed', async () => {
  open();
  submit('a');
  await begun(1);
  ingest.heartbeat({ agent: 'b', host: 'b', events: [], ping: { report: null, shapes: [], gaps: [] } });
  // They are due while it hangs: of two timers of one length the one that was set first ends first.
  await new Promise((due) => setTimeout(due, HEARTBEATS_EVERY_MS));
  at(0).fail();
  await begun(3);
  assert.deepEqual([at(1).agents, at(2).agents], [['a'], ['b']]);
  at(2).done();
  at(1).done();
  await until(() => stored.length === 1);
});
