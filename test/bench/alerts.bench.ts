/** What the rules cost: per event, in memory, and for who stores. CPU time where it can be, for other programs run as well. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DEFAULT_SETTINGS } from '../../alphaserver/alert-config/settings.ts';
import { GROWTH_EVERY_MS, SAVED_AT_ONCE } from '../../alphaserver/alerting/rule-runner.ts';
import { Alerting } from '../../alphaserver/alerts.ts';
import { openStorage } from '../../alphaserver/storage.ts';
import type { StoredEvent } from '../../alphaserver/store/store.ts';
import { dice } from '../alphaserver/detection/mixed.ts';
import { engineWith, Rows, stored } from '../alphaserver/detection/stream.ts';
import { until } from '../until.ts';
import { backlog, OLD_EVENTS } from './backlog.ts';
import { ms, number, quantile } from './figures.ts';
import { storm } from './storm.ts';

const HOSTS = 50_000;
const EVENTS_PER_RUN = 200_000;
const EVENTS_FOR_MEMORY = 600_000;
const STORED_EVENTS = 100_000;
const BATCH_EVENTS = 1_000;
const MIB = 1_048_576;

const address = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

/** An attack: how many sources try how many hosts, how many agents tell of it, and how many events a second. */
interface Attack {
  readonly sources: number;
  readonly hosts: number;
  readonly agents: number;
  readonly perSecond: number;
}

/** All that one agent has to tell of some days, as fast as it comes. */
const OLD_LOG: Attack = { sources: 16_000, hosts: 1, agents: 1, perSecond: 10 };
const WIDE: Attack = { sources: 100_000, hosts: HOSTS, agents: 20_000, perSecond: 60_000 };
const ORDINARY: Attack = { sources: 1_000, hosts: 500, agents: 500, perSecond: 1_000 };

/** An endless attack, its sources in any order, one event in fifty a success. */
function* attack({ sources, hosts, agents, perSecond }: Attack, seed = 1): Generator<StoredEvent> {
  const roll = dice(seed);
  for (let id = 1; ; id += 1) {
    const host = roll(hosts);
    yield stored(
      {
        at: id / perSecond,
        ip: address(roll(sources)),
        host: `host-${host}`,
        agent: `agent-${host % agents}`,
        user: roll(2) === 0 ? 'root' : `user${roll(20_000)}`,
        outcome: roll(50) === 0 ? 'accepted' : 'failed',
      },
      id,
    );
  }
}

/** What an event costs, CPU in microseconds; and how long the longest of the pieces takes in which all state is saved. */
function perEvent(kind: Attack): { microseconds: number; states: number; pieceMs: number; savedMs: number } {
  const rows = new Rows();
  const engine = engineWith(rows);
  const events = attack(kind)
    .take(2 * EVENTS_PER_RUN)
    .map((event) => rows.of(event))
    .toArray();
  let begun = process.cpuUsage();
  for (const [i, event] of events.entries()) {
    // The first half makes the state that the second half meets.
    if (i === EVENTS_PER_RUN) begun = process.cpuUsage();
    engine.take(event);
    const [id, , , storedMs] = event;
    if (id % BATCH_EVENTS === 0) engine.changes(storedMs, { limit: 200, grownBeforeMs: storedMs - GROWTH_EVERY_MS });
  }
  const { user, system } = process.cpuUsage(begun);
  const pieces: number[] = [];
  engine.beginCheckpoint();
  for (;;) {
    const from = performance.now();
    if (!engine.nextBlocks(SAVED_AT_ONCE)) break;
    pieces.push(performance.now() - from);
  }
  return {
    microseconds: (user + system) / EVENTS_PER_RUN,
    states: engine.size.states,
    pieceMs: Math.max(...pieces),
    savedMs: pieces.reduce((sum, one) => sum + one, 0),
  };
}

function heapMiB(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / MIB;
}

function memory(): { mib: number; states: number; events: number } {
  const before = heapMiB();
  const rows = new Rows();
  const engine = engineWith(rows);
  for (const event of attack({ ...WIDE, perSecond: 1_000 })) {
    engine.take(rows.of(event));
    if (event.id % BATCH_EVENTS > 0) continue;
    engine.changes(Date.parse(event.storedAt), { limit: 200 });
    if (event.id >= EVENTS_FOR_MEMORY) break;
  }
  const { states, events } = engine.size;
  return { mib: heapMiB() - before, states, events };
}

/** Events a second that a store takes, and how long after the last commit the rules were through, milliseconds. */
async function stores(withAlerts: boolean): Promise<{ rate: number; behindMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-bench-'));
  const store = openStorage(join(folder, 'store'));
  const quiet = (): void => {};
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const parts = { ingest: { onCommit: quiet }, live: { alert: quiet }, log, now: Date.now };
  const alerts = withAlerts
    ? new Alerting({
        delivers: true,
        folder: join(folder, 'store'),
        store,
        settings: DEFAULT_SETTINGS,
        ...parts,
      })
    : null;
  const events = attack({ ...ORDINARY, sources: 10_000 })
    .take(STORED_EVENTS)
    .toArray();
  const begun = performance.now();
  for (let i = 0; i < STORED_EVENTS; i += BATCH_EVENTS) {
    const batch = events.slice(i, i + BATCH_EVENTS).map((event, j) => ({ seq: i + j + 1, event }));
    await store.append([{ agent: 'bench', host: 'bench', events: batch }], Date.now());
    alerts?.thread.stored();
    await new Promise((next) => setImmediate(next));
  }
  const rate = STORED_EVENTS / ((performance.now() - begun) / 1_000);
  const ended = performance.now();
  await until(() => (alerts?.thread.progress.position ?? STORED_EVENTS) >= STORED_EVENTS, undefined, 120_000);
  const behindMs = performance.now() - ended;
  await alerts?.close();
  await store.close();
  rmSync(folder, { recursive: true });
  return { rate, behindMs };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;

/** The rows of this benchmark. */
export async function run(): Promise<{ name: string; value: string; note: string }[]> {
  const kinds = [
    ['1,000 sources on 500 hosts', perEvent(ORDINARY)],
    ['an old log of one agent', perEvent(OLD_LOG)],
    [`100,000 sources on ${number(HOSTS)} hosts`, perEvent(WIDE)],
  ] as const;
  const { mib, states, events } = memory();
  const off: number[] = [];
  const on: number[] = [];
  const behind: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    off.push((await stores(false)).rate);
    const { rate, behindMs } = await stores(true);
    on.push(rate);
    behind.push(behindMs);
  }
  const { waitedMs, opened, memoryMiB } = await storm();
  const { foundMs, storedMs, judgedMs } = await backlog();
  const rate = (values: readonly number[]): string => `${Math.round(median(values))} /s`;
  return [
    ...kinds.flatMap(([kind, { microseconds, states, pieceMs, savedMs }]) => [
      {
        name: `rules, an event, ${kind}`,
        value: `${microseconds.toFixed(1)} us`,
        note: `CPU, ${number(Math.round(1e6 / microseconds))} events/s on one core; ${number(states)} states`,
      },
      {
        name: `rules, longest piece of saving, ${kind}`,
        value: ms(pieceMs),
        note: `all of the state in ${ms(savedMs)}`,
      },
    ]),
    {
      name: 'rules, memory, 100,000 sources, 50,000 hosts',
      value: `${mib.toFixed(0)} MiB`,
      note: `heap and columns after ${EVENTS_FOR_MEMORY} events; ${states} states with ${events} events in them`,
    },
    { name: 'events stored, alerts off', value: rate(off), note: `batches of ${BATCH_EVENTS}, median of 3` },
    {
      name: 'events stored, alerts on',
      value: rate(on),
      note: `${(median(on) / median(off)).toFixed(2)} of that; the rules were through ${Math.round(median(behind))} ms later`,
    },
    {
      name: 'acknowledgement while rules go through a storm: p99',
      value: ms(quantile(waitedMs, 0.99)),
      note: `median ${ms(median(waitedMs))}, longest ${ms(Math.max(...waitedMs))}; ${opened} incidents opened; ${memoryMiB.toFixed(0)} MiB resident`,
    },
    {
      name: 'break-in found while an old log is read: p99',
      value: ms(quantile(foundMs, 0.99)),
      note: `median ${ms(quantile(foundMs, 0.5))}, longest ${ms(Math.max(...foundMs))}, of ${foundMs.length}; ${number(OLD_EVENTS)} old events stored in ${ms(storedMs)}, judged in ${ms(judgedMs)}`,
    },
  ];
}
