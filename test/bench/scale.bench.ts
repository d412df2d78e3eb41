/**
 * What grows with the store: everything that people ask at two sizes of it, starts, storing, memory, and bytes on disk. Sizes:
 * BENCH_EVENTS (300,000 unless given) against BENCH_BASE_EVENTS, BENCH_HOSTS, BENCH_SOURCES, BENCH_AGENTS, BENCH_EVENTS_A_DAY.
 * BENCH_STORES names a folder where `scale-store.ts` made `large` and `base` before; without it both are made and taken away. The two
 * settings of events say then how many were made. BENCH_PARTS chooses among starts, storing, reload and routes, with commas, in this
 * order; all unless given. The storing changes the store.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openReader } from '../../alphaserver/queries/snapshot.ts';
import { readerOf } from '../../alphaserver/store/event-tables.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';
import { BenchAgent } from './agents.ts';
import { type BenchRow, ms, number, quantile } from './figures.ts';
import { hostName } from './login-stream.ts';
import { bytesIn } from './made-store.ts';
import { forgetPeak, memoryOf, SERVER_ENV } from './process-memory.ts';
import { asked } from './questions.ts';
import { AGENTS, FOUND_HOST, HOSTS, RARE, SOURCES } from './scale-store.ts';

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 300_000);
const BASE_EVENTS = Number(process.env['BENCH_BASE_EVENTS'] ?? Math.min(1_000_000, EVENTS / 3));
const PARTS = (process.env['BENCH_PARTS'] ?? 'starts,storing,reload,routes').split(',');
const DAY_MS = 86_400_000;
const ASKED_TIMES = 6;
const START_LIMIT_MS = 120_000;
/** Floods that measure storing: one on each server in turn. */
const FLOODS = 3;
const FLOOD_AGENTS = 4;
const FLOOD_EVENTS = 10_000;
/** Sources that each raise an incident, so that there is a blocklist. */
const ATTACKERS = 300;
const TRIES = 12;
/** Agents of the bench are none of the store's, nor those of a run before on the same store. */
const FIRST_AGENT = Math.floor(Date.now() / 1_000) * 10;

/** A store and its server. */
interface Side {
  readonly pair: Pair;
  readonly env: Record<string, string>;
  server: Program;
  readonly endMs: number;
}

/** Times of one thing at both sizes, milliseconds. */
interface Times {
  readonly name: string;
  readonly large: readonly number[];
  readonly base: readonly number[];
  /** The limit for the median at the large size, milliseconds. */
  readonly limitMs: number | null;
}

const median = (times: readonly number[]): number => quantile(times, 0.5);
const lowest = (times: readonly number[]): number => Math.min(...times);
const url = ({ pair }: Side): string => `http://127.0.0.1:${pair.httpPort}`;

/** Every route of the API that reads, each time with values that were not asked for before. */
const ROUTES: { readonly [name: string]: (endMs: number, n: number) => string } = {
  '/api/summary of a day': (endMs, n) => `/api/summary?since=${ago(endMs, DAY_MS, n)}`,
  '/api/summary of all': (endMs, n) => `/api/summary?until=${ago(endMs, -DAY_MS, n)}`,
  '/api/hosts': (_, n) => `/api/hosts?limit=${1_000 - n}`,
  '/api/hosts/NAME': (_, n) => `/api/hosts/${hostName(n)}`,
  '/api/events': (_, n) => `/api/events?limit=${100 + n}`,
  '/api/events of a frequent source': (_, n) => `/api/events?ip=1.0.0.0&limit=${100 + n}`,
  '/api/events of a frequent user on one host': (_, n) => `/api/events?user=root&host=${hostName(FOUND_HOST + n)}`,
  '/api/events of a network on one host': (_, n) => `/api/events?ip=1.0.0.0/8&host=${hostName(FOUND_HOST + n)}`,
  '/api/events, accepted': (_, n) => `/api/events?outcome=accepted&limit=${100 + n}`,
  '/api/events of the first hour': (endMs, n) => `/api/events?until=${ago(endMs, DAY_MS / 4, n)}`,
  '/api/top/hosts of a day': (endMs, n) => `/api/top/hosts?limit=1000&since=${ago(endMs, DAY_MS, n)}`,
  '/api/top/sources of a day': (endMs, n) => `/api/top/sources?limit=500&since=${ago(endMs, DAY_MS, n)}`,
  '/api/top/sources of all': (endMs, n) => `/api/top/sources?limit=500&until=${ago(endMs, -DAY_MS, n)}`,
  '/api/top/networks of a day': (endMs, n) => `/api/top/networks?limit=500&since=${ago(endMs, DAY_MS, n)}`,
  '/api/top/users of a day': (endMs, n) => `/api/top/users?limit=500&since=${ago(endMs, DAY_MS, n)}`,
  '/api/timeline of a day': (endMs, n) => `/api/timeline?step=60s&since=${ago(endMs, DAY_MS, n)}`,
  '/api/timeline of 30 days': (endMs, n) => `/api/timeline?step=1h&since=${ago(endMs, 30 * DAY_MS, n)}`,
  '/api/timeline of a host': (endMs, n) => `/api/timeline?step=60s&host=${hostName(n)}&since=${ago(endMs, DAY_MS, n)}`,
  '/api/alerts': (_, n) => `/api/alerts?limit=${100 + n}`,
  '/api/sessions': (_, n) => `/api/sessions?limit=${100 + n}`,
  '/api/keys': (_, n) => `/api/keys?limit=${100 + n}`,
  '/api/gaps': (_, n) => `/api/gaps?limit=${100 + n}`,
  '/api/decisions': (_, n) => `/api/decisions?limit=${100 + n}`,
  '/api/channels': () => '/api/channels',
};

/** What the issue bounds at a hundred milliseconds whatever the size. */
const BOUNDED: typeof ROUTES = {
  '/api/unknown': (_, n) => `/api/unknown?limit=${100 + n}`,
  '/api/ledger': (_, n) => `/api/ledger?limit=${1_000 - n}`,
  '/metrics': () => '/metrics',
  '/blocklist.txt': () => '/blocklist.txt',
};

/** What is in one event of all. */
const RARE_ROUTES: typeof ROUTES = {
  'rare source': (_, n) => `/api/events?ip=${RARE.ip}&limit=${100 + n}`,
  'rare user': (_, n) => `/api/events?user=${RARE.user}&limit=${100 + n}`,
  'rare key': (_, n) => `/api/sessions?key=${fingerprint}&limit=${100 + n}`,
  "rare source's page": () => `/api/sources/${RARE.ip}`,
  "rare user's page": () => `/api/users/${RARE.user}`,
  "rare key's page": () => `/api/keys/${fingerprint}`,
};
const fingerprint = encodeURIComponent(RARE.key.split(' ')[1] as string);
const ago = (endMs: number, spanMs: number, n: number): string => new Date(endMs - spanMs - n).toISOString();

/**
 * Starts a server on a store of so many events; the time of the last of them is the end of all spans that are asked for. Runs before
 * this one have stored others behind them.
 */
async function open(folder: string, events: number, rules: string): Promise<Side> {
  const reader = openReader(folder);
  const made = Math.min(readerOf(reader).bounds().last, events);
  const endMs = (readerOf(reader).withIds('at', [made])[0]?.[0] as number | undefined) ?? Date.now();
  reader.close();
  return serve(folder, rules, endMs);
}

async function serve(folder: string, rules: string, endMs: number): Promise<Side> {
  const pair = await Pair.make();
  const env = {
    ...SERVER_ENV,
    ...{ ALPHASERVER_DATA: folder, ALPHASERVER_RULES: rules, ALPHASERVER_RETENTION: '3650d', LOG_LEVEL: 'info' },
  };
  const side = { pair, env, endMs, server: pair.server(env) };
  await answers(side);
  return side;
}

/** Resolves with the time, milliseconds, until a server answers about what is stored. */
async function answers(side: Side): Promise<number> {
  const begunMs = performance.now();
  await until(
    () =>
      asked(url(side), '/api/summary?since=1h').then(
        () => true,
        () => false,
      ),
    () => side.server.output,
    START_LIMIT_MS,
  );
  return performance.now() - begunMs;
}

/** Ends a server and starts it again; resolves with the time until it answers. */
async function restart(side: Side, signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
  await side.server.end(signal);
  side.server = side.pair.server(side.env);
  return answers(side);
}

/** Asks both sides in turn, so that whatever else the machine does is in both. */
async function compared(large: Side, base: Side, routes: typeof ROUTES, limitMs: number | null): Promise<Times[]> {
  const all: Times[] = [];
  for (const [name, path] of Object.entries(routes)) {
    const times = { large: [] as number[], base: [] as number[] };
    for (let n = 0; n < ASKED_TIMES; n += 1) {
      times.large.push(await asked(url(large), path(large.endMs, n)));
      times.base.push(await asked(url(base), path(base.endMs, n)));
    }
    process.stderr.write(`${name}: ${ms(median(times.large))}, ${ms(median(times.base))} in the smaller store\n`);
    all.push({ name, limitMs, ...times });
  }
  return all;
}

/** Events that each agent of the bench has sent, by side and agent. */
class Flood {
  readonly #agents: readonly BenchAgent[];

  constructor({ pair }: Side) {
    this.#agents = Array.from(
      { length: FLOOD_AGENTS },
      (_, i) => new BenchAgent(pair.port, FIRST_AGENT + i, hostName(i)),
    );
  }

  /** Resolves with the events a second, from the first byte to the last acknowledgement. */
  async run(): Promise<number> {
    const ready = this.#agents.map((agent) => ({ agent, lines: agent.lines(FLOOD_EVENTS) }));
    const begunMs = performance.now();
    await Promise.all(ready.map(({ agent, lines }) => agent.send(lines, FLOOD_EVENTS)));
    return (FLOOD_AGENTS * FLOOD_EVENTS * 1_000) / (performance.now() - begunMs);
  }

  close(): void {
    for (const agent of this.#agents) agent.close();
  }
}

/** Lets sources raise an incident each. */
async function attack({ pair }: Side): Promise<void> {
  const agent = new BenchAgent(pair.port, FIRST_AGENT + FLOOD_AGENTS, hostName(FLOOD_AGENTS));
  const lines = Array.from({ length: ATTACKERS * TRIES }, (_, i) => {
    const attacker = Math.floor(i / TRIES);
    const event = {
      ...{
        type: 'event',
        seq: i + 1,
        at: new Date().toISOString(),
        outcome: 'failed',
        method: 'password',
        user: 'root',
      },
      ...{
        invalidUser: false,
        ip: `9.9.${attacker >> 8}.${attacker & 255}`,
        port: 40_000 + (i % TRIES),
        trust: 'journal',
      },
    };
    return `${JSON.stringify(event)}\n`;
  });
  await agent.send(lines.join(''), lines.length);
  agent.close();
}

/** The first figure of a metric. */
async function metric(side: Side, name: string): Promise<number> {
  const text = await (await fetch(`${url(side)}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** The most memory while the rules are read again, and before, MiB. */
async function reload(side: Side, rules: string): Promise<{ before: number; peak: number }> {
  await until(
    async () => (await metric(side, 'asgard_alerts_lag_seconds')) === 0,
    () => 'the rules are not through',
    START_LIMIT_MS,
  );
  await delay(2_000);
  forgetPeak(side.server);
  const before = memoryOf(side.server).resident;
  writeFileSync(rules, '{"rules":{"brute-force":{"count":11}}}');
  side.server.child.kill('SIGHUP');
  await side.server.says('Alert rules read again');
  return { before, peak: memoryOf(side.server).peak };
}

async function starts(large: Side): Promise<BenchRow[]> {
  const startMs = await restart(large, 'SIGTERM');
  const killedMs = await restart(large, 'SIGKILL');
  process.stderr.write(`answers after a start ${ms(startMs)}, after a kill ${ms(killedMs)}\n`);
  return [
    { name: 'answers after a start', value: ms(startMs), note: 'goal under 2 s' },
    { name: 'answers after a kill', value: ms(killedMs), note: 'goal under 2 s' },
  ];
}

async function storing(large: Side, folder: string, rules: string): Promise<BenchRow[]> {
  const empty = await serve(folder, rules, Date.now());
  try {
    const floods = { large: new Flood(large), empty: new Flood(empty) };
    const speeds = { large: [] as number[], empty: [] as number[] };
    for (let n = 0; n < FLOODS; n += 1) {
      speeds.empty.push(await floods.empty.run());
      speeds.large.push(await floods.large.run());
      process.stderr.write(
        `stored a second: ${number(speeds.large[n] ?? 0)}, ${number(speeds.empty[n] ?? 0)} in an empty store\n`,
      );
    }
    for (const flood of Object.values(floods)) flood.close();
    const fastest = { large: Math.max(...speeds.large), empty: Math.max(...speeds.empty) };
    return [
      {
        name: 'events/s stored from sockets, fastest of three',
        value: number(fastest.large),
        note: `${(fastest.large / fastest.empty).toFixed(2)} of an empty store's ${number(fastest.empty)}; goal 0.8`,
      },
    ];
  } finally {
    await empty.pair.close();
  }
}

async function reloading(large: Side, rules: string): Promise<BenchRow[]> {
  const memory = await reload(large, rules);
  process.stderr.write(`SIGHUP: ${number(memory.before)} MiB, at most ${number(memory.peak)}\n`);
  return [
    {
      name: 'peak of memory while SIGHUP reads the rules',
      value: `${number(memory.peak)} MiB`,
      note: `${(memory.peak / memory.before).toFixed(2)} times the ${number(memory.before)} before; goal below 2`,
    },
  ];
}

async function routes(large: Side, base: Side): Promise<BenchRow[]> {
  for (const side of [large, base]) await attack(side);
  const times = [
    ...(await compared(large, base, RARE_ROUTES, 50)),
    ...(await compared(large, base, BOUNDED, 100)),
    ...(await compared(large, base, ROUTES, null)),
  ];
  const slow = times.filter(({ limitMs, large: at, base: of }) => limitMs === null && lowest(at) > 2 * lowest(of));
  return [
    {
      name: 'routes slower than twice the smaller store',
      value: String(slow.length),
      note:
        slow.length === 0
          ? `of ${Object.keys(ROUTES).length}, by the lowest of ${ASKED_TIMES}`
          : slow.map(({ name }) => name).join(', '),
    },
    ...times.map(({ name, large: at, base: of, limitMs }) => ({
      name: `${name}: median`,
      value: ms(median(at)),
      note:
        `${ms(median(of))} in the smaller store; lowest ${ms(lowest(at))}, ${(lowest(at) / lowest(of)).toFixed(2)} times` +
        (limitMs === null ? '' : `; goal under ${limitMs} ms`),
    })),
  ];
}

/** Rows of the table. */
export async function run(): Promise<BenchRow[]> {
  const given = process.env['BENCH_STORES'];
  const stores = given ?? mkdtempSync(join(tmpdir(), 'asgard-scale-'));
  const made = async (name: string, events: number): Promise<string> => {
    const folder = join(stores, name);
    const maker = new Program('test/bench/scale-store.ts', { ...(process.env as Record<string, string>) }, [
      folder,
      String(events),
    ]);
    if ((await maker.ended) !== 0) throw new Error(maker.output);
    return folder;
  };
  const sides: Side[] = [];
  try {
    const folders = { large: await made('large', EVENTS), base: await made('base', BASE_EVENTS) };
    const rules = join(stores, 'rules.json');
    writeFileSync(rules, '{}');
    const size = sizeOf(folders.large);
    const large = await open(folders.large, EVENTS, rules);
    sides.push(large);
    const rows: BenchRow[] = [
      {
        name: 'events in the store',
        value: number(size.events),
        note: `${number(HOSTS)} hosts, ${number(SOURCES)} sources, ${number(AGENTS)} agents, against ${number(BASE_EVENTS)} events`,
      },
      { name: 'bytes an event on disk, all in', value: number(size.bytesPerEvent), note: 'goal under 120' },
    ];
    if (PARTS.includes('starts')) rows.push(...(await starts(large)));
    if (PARTS.includes('storing')) rows.push(...(await storing(large, join(stores, 'empty'), rules)));
    if (PARTS.includes('reload')) rows.push(...(await reloading(large, rules)));
    if (PARTS.includes('routes')) {
      const base = await open(folders.base, BASE_EVENTS, rules);
      sides.push(base);
      rows.push(...(await routes(large, base)));
    }
    return rows;
  } finally {
    for (const { pair } of sides) await pair.close();
    rmSync(given === undefined ? stores : join(stores, 'empty'), { recursive: true, force: true });
  }
}

function sizeOf(folder: string): { events: number; bytesPerEvent: number } {
  const reader = openReader(folder);
  const { first, last } = readerOf(reader).bounds();
  reader.close();
  const events = first === null ? 0 : last - first + 1;
  return { events, bytesPerEvent: bytesIn(folder) / events };
}
