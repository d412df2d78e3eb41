/** Measures what keeps the promise: the window, a fleet that loses its server at once, acknowledgements beside a long queue. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Outbox } from '../../alphaclient/outbox/outbox.ts';
import { dialer } from '../../alphaclient/uplink/connect.ts';
import { type Queue, Uplink, WINDOW_EVENTS } from '../../alphaclient/uplink/uplink.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { CAUGHT_UP } from '../wire-messages.ts';

interface Row {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

const AGENTS = 1_000;
const DOWN_MS = 2_000;
const WINDOWS = [128, 1_024, WINDOW_EVENTS, 4 * WINDOW_EVENTS];
const WINDOW_RUN_EVENTS = 60_000;
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const event = (i: number) =>
  ({
    at: '2026-11-23T19:46:01.123Z',
    outcome: 'failed',
    method: 'password',
    // One agent brings no more users than this at once, or it is read later.
    user: `u${i % 10_000}`,
    invalidUser: false,
    ip: '192.0.2.1',
    port: 1,
  }) as const;

function uplink(pair: Pair, outbox: Queue, windowEvents: number): Uplink {
  const one = new Uplink({
    outbox,
    windowEvents,
    host: 'bench',
    token: null,
    run: randomUUID(),
    tokenFault: () => null,
    connect: dialer([{ scheme: 'tcp', host: '127.0.0.1', port: pair.port }], {
      caFile: null,
      certFile: null,
      keyFile: null,
    }),
    pingContent: () => [{ report: CAUGHT_UP, shapes: [], gaps: [] }],
    onOutboxError: () => {},
    log: quiet,
    now: Date.now,
    random: Math.random,
  });
  one.start();
  return one;
}

function fill(outbox: Outbox, count: number): void {
  for (let from = 0; from < count; from += 2_000)
    outbox.commit({
      log: '/x',
      position: {},
      reader: {},
      events: Array.from({ length: Math.min(2_000, count - from) }, (_, i) => event(from + i)),
      gaps: [],
      atMs: 0,
    });
}

/** Events a second from a full outbox to their acknowledgement. */
async function throughWindow(windowEvents: number): Promise<number> {
  const pair = await Pair.make();
  const folder = mkdtempSync(join(tmpdir(), 'asgard-window-'));
  const outbox = new Outbox(folder);
  try {
    fill(outbox, WINDOW_RUN_EVENTS);
    await pair.serving({ LOG_LEVEL: 'warn' });
    const begun = performance.now();
    const one = uplink(pair, outbox, windowEvents);
    await until(() => outbox.acked === WINDOW_RUN_EVENTS, undefined, 120_000);
    const took = performance.now() - begun;
    await one.stop(1_000);
    return (WINDOW_RUN_EVENTS / took) * 1_000;
  } finally {
    outbox.close();
    rmSync(folder, { recursive: true, force: true });
    await pair.close();
  }
}

const empty = (): Queue => ({
  agent: randomUUID(),
  lastSeq: 0,
  maySentSeq: 0,
  acked: 0,
  resumed: false,
  after: () => [],
  noteSending: () => {},
  acknowledge: () => {},
  setStoredByServer: () => {},
  checkPending: () => {},
  takeNewId: () => 0,
  lastEnd: 0,
  ackedEnd: 0,
  endsAfter: () => [],
  acknowledgeEnds: () => {},
  setEndsStoredByServer: () => {},
});

/** A thousand agents lose their server at once: how they come back. */
async function herd(): Promise<Row[]> {
  const pair = await Pair.make();
  let server = await pair.serving();
  const agents = Array.from({ length: AGENTS }, () => uplink(pair, empty(), WINDOW_EVENTS));
  const all = () => agents.every(({ connected }) => connected);
  await until(all, undefined, 120_000);
  await server.end('SIGKILL');
  await new Promise((later) => setTimeout(later, DOWN_MS));
  const times: number[] = [];
  server = pair.server();
  server.onOutput((text) => {
    const now = performance.now();
    for (const _ of text.matchAll(/Received connection/g)) times.push(now);
  });
  await server.says('Socket now listening');
  const listening = performance.now();
  await until(all, undefined, 120_000);
  const took = (performance.now() - listening) / 1_000;
  for (const agent of agents) void agent.stop(0);
  await pair.close();
  const first = times[0] as number;
  const seconds = new Map<number, number>();
  for (const at of times) {
    const second = Math.floor((at - first) / 1_000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  const span = Math.max(1, ((times.at(-1) as number) - first) / 1_000);
  const peak = Math.max(...seconds.values());
  const mean = times.length / span;
  const down = `${AGENTS} agents, server killed and gone for ${DOWN_MS / 1_000} s`;
  return [
    {
      name: 'herd: all welcome again after',
      value: `${took.toFixed(1)} s`,
      note: `${down}; counted from its listening`,
    },
    {
      name: 'herd: busiest second over the mean',
      value: (peak / mean).toFixed(2),
      note: `${peak} connections in the busiest second, ${mean.toFixed(0)} on the mean over ${span.toFixed(1)} s`,
    },
  ];
}

/** Milliseconds that an acknowledgement of 512 events takes while so many MiB wait. */
function acknowledgement(waitingMiB: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-ack-'));
  const outbox = new Outbox(folder);
  try {
    while (outbox.pendingBytes < waitingMiB * 2 ** 20) fill(outbox, 10_000);
    const times = 15;
    const begun = performance.now();
    for (let i = 1; i <= times; i += 1) {
      outbox.acknowledge(i * 512);
      outbox.compact();
    }
    return (performance.now() - begun) / times;
  } finally {
    outbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rows of this benchmark. */
export async function run(): Promise<Row[]> {
  const speeds: number[] = [];
  for (const windowEvents of WINDOWS) speeds.push(await throughWindow(windowEvents));
  const ours = speeds[WINDOWS.indexOf(WINDOW_EVENTS)] as number;
  const rows = WINDOWS.map((windowEvents, i) => ({
    name: `window of ${windowEvents} events`,
    value: `${Math.round(speeds[i] as number)}/s`,
    note: `${((speeds[i] as number) / ours).toFixed(2)} of the one we use`,
  }));
  const [little, much] = [acknowledgement(1), acknowledgement(200)];
  return [
    ...rows,
    ...(await herd()),
    {
      name: 'acknowledgement with 200 MiB waiting',
      value: `${much.toFixed(2)} ms`,
      note: `${(much / little).toFixed(2)} of that with 1 MiB waiting`,
    },
  ];
}
