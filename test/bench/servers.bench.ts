/** Measures several servers on one PostgreSQL with a synchronous standby, all on this machine; BENCH_EVENTS sets the size. */
import { join } from 'node:path';
import { openPostgresLog } from '../../alphaserver/shared-log/postgres-log.ts';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { BenchAgent } from './agents.ts';
import { type BenchRow, ms, number, quantile } from './figures.ts';
import { FLEET, LoginStream } from './login-stream.ts';

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 200_000);
/** Events of one append: what a busy server takes at once. */
const APPEND_EVENTS = 2_048;
const AGENTS = 8;
const PACED = 300;
const PACE_MS = 10;
const CATCH_UP_LIMIT_MS = 600_000;

/** Rows of the table; one that says what is missing where PostgreSQL is not installed. */
export async function run(): Promise<BenchRow[]> {
  if (noPostgres) return [{ name: 'several servers', value: 'NOT MEASURED', note: noPostgres }];
  const primary = await Postgres.start();
  const standby = await primary.standby('standby');
  try {
    primary.sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'`);
    primary.sql('SELECT pg_reload_conf()');
    await until(() => primary.sql(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'`) === '1');
    return [await appends(primary), ...(await servers(primary))];
  } finally {
    standby.close();
    primary.close();
  }
}

/** Measures the append alone: no server applies it. */
async function appends(primary: Postgres): Promise<BenchRow> {
  primary.sql('CREATE DATABASE alone');
  const url = primary.url.replace(/postgres$/, 'alone');
  const log = await openPostgresLog({ url, log: { warn: console.error, error: console.error, info: console.error } });
  const stream = new LoginStream({ ...FLEET, events: EVENTS, endMs: Date.now() });
  let inMs = 0;
  while (stream.given < EVENTS) {
    const batches = stream.next(Math.min(APPEND_EVENTS, EVENTS - stream.given));
    const begun = performance.now();
    await log.append({ name: `bench-${stream.given}`, batches, decisions: [] });
    inMs += performance.now() - begun;
  }
  await log.close();
  return {
    name: 'append to PostgreSQL and a synchronous standby, events/s',
    value: number((EVENTS / inMs) * 1_000),
    note: `in appends of ${number(APPEND_EVENTS)}, one after the other`,
  };
}

async function servers(primary: Postgres): Promise<BenchRow[]> {
  const store = { ALPHASERVER_STORE: primary.url, LOG_LEVEL: 'warn' };
  const one = await Pair.make();
  const two = await Pair.make();
  const three = await Pair.make();
  const stored = async (pair: Pair): Promise<number> => {
    const { totals } = await pair.api<{ totals: { stored: number } }>('/api/ledger?limit=1');
    return totals.stored;
  };
  try {
    await Promise.all([one.serving(store), two.serving(store)]);
    const paced = new BenchAgent(one.port, 100);
    const times: number[] = [];
    for (let i = 0; i < PACED; i += 1) {
      times.push(await paced.send(paced.lines(1), 1));
      await new Promise((later) => setTimeout(later, PACE_MS));
    }
    paced.close();
    const agents = Array.from({ length: AGENTS }, (_, i) => new BenchAgent(i % 2 ? one.port : two.port, i));
    const each = Math.floor(EVENTS / AGENTS);
    const ready = agents.map((agent) => ({ agent, lines: agent.lines(each) }));
    const begun = performance.now();
    await Promise.all(ready.map(({ agent, lines }) => agent.send(lines, each)));
    const floodMs = performance.now() - begun;
    for (const agent of agents) agent.close();
    const all = each * AGENTS + PACED;
    await until(async () => (await stored(one)) === all && (await stored(two)) === all, undefined, CATCH_UP_LIMIT_MS);
    const agreedMs = performance.now() - begun;
    const started = performance.now();
    await three.serving({ ...store, ALPHASERVER_DATA: join(three.folder, 'server') });
    await until(async () => (await stored(three)) === all, undefined, CATCH_UP_LIMIT_MS);
    const builtMs = performance.now() - started;
    return [
      {
        name: 'one event, from socket to acknowledgement: median',
        value: ms(quantile(times, 0.5)),
        note: `p99 ${ms(quantile(times, 0.99))}`,
      },
      {
        name: 'two servers, from sockets, events/s acknowledged',
        value: number(((each * AGENTS) / floodMs) * 1_000),
        note: `${number(((each * AGENTS) / agreedMs) * 1_000)} until both answer with all`,
      },
      {
        name: 'a server that starts from nothing, events/s',
        value: number((all / builtMs) * 1_000),
        note: `${number(all)} events`,
      },
    ];
  } finally {
    for (const pair of [one, two, three]) await pair.close();
  }
}
