/**
 * Measures several servers on one PostgreSQL with a synchronous standby, all on this machine. BENCH_EVENTS sets the size;
 * BENCH_SECONDS the time for which two servers get BENCH_RATE events a second, 0 (unless given) for none; BENCH_CATCHUP_EVENTS how
 * many events a server reads that starts from nothing, where that is more than the others left.
 */
import { get } from 'node:http';
import { PostgresConnection } from '../../alphaserver/shared-log/postgres-connection.ts';
import { openPostgresLog, type PostgresLog } from '../../alphaserver/shared-log/postgres-log.ts';
import { appendValues } from '../../alphaserver/shared-log/postgres-rows.ts';
import { EVENT_COLUMNS } from '../../alphaserver/shared-log/postgres-schema.ts';
import type { NewAppend } from '../../alphaserver/shared-log/shared-log.ts';
import { noPostgres, Postgres } from '../postgres.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { BenchAgent } from './agents.ts';
import { type BenchRow, ms, number, quantile } from './figures.ts';
import { FLEET, LoginStream } from './login-stream.ts';

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 200_000);
/** Events that are in the log when a server starts from nothing; what the other measurements leave there unless given. */
const CATCH_UP_EVENTS = Number(process.env['BENCH_CATCHUP_EVENTS'] ?? 0);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 0);
const RATE = Number(process.env['BENCH_RATE'] ?? 10_000);
/** Events of one append: what a busy server takes at once. */
const APPEND_EVENTS = 2_048;
/** The first array of events among the parameters of an append. */
const EVENTS_AT = 5;
const AGENTS = 8;
/** Appends that are measured in one go, in turn with their floor. */
const APPENDS_IN_TURN = 10;
/** Appends on their way at once, as the server has them. */
const AT_ONCE = 2;
const PACED = 300;
const PACE_MS = 10;
/** An even load is sent so often: as many events as are due by then. */
const STEP_MS = 100;
const CATCH_UP_LIMIT_MS = 900_000;
/** A row of the floor: what an event takes in PostgreSQL. */
const ROW_BYTES = 200;

/** Rows of the table; one that says what is missing where PostgreSQL is not installed. */
export async function run(): Promise<BenchRow[]> {
  if (noPostgres) return [{ name: 'several servers', value: 'NOT MEASURED', note: noPostgres }];
  const primary = await Postgres.start();
  const standby = await primary.standby('standby');
  try {
    primary.sql(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'`);
    primary.sql('SELECT pg_reload_conf()');
    await until(() => primary.sql(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'`) === '1');
    primary.sql('CREATE DATABASE alone');
    const url = primary.url.replace(/postgres$/, 'alone');
    const log = await openPostgresLog({ url, log: { warn: console.error, error: console.error, info: console.error } });
    try {
      return [...(await appends(log, url)), ...(await servers(primary, log, url))];
    } finally {
      await log.close();
    }
  } finally {
    standby.close();
    primary.close();
  }
}

/** Measures the append alone, which no server applies, in turn with its floor: the same values into a table without an index, with the same quorum. */
async function appends(log: PostgresLog, url: string): Promise<BenchRow[]> {
  const plain = new PostgresConnection({ url });
  await plain.query({
    text: `CREATE TABLE bare (${EVENT_COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ')})`,
  });
  const arrays = EVENT_COLUMNS.map(([, type], i) => `$${i + 1}::${type}[]`).join(', ');
  const stream = new LoginStream({ ...FLEET, events: EVENTS, endMs: Date.now() });
  const text = `INSERT INTO bare SELECT * FROM unnest(${arrays})`;
  let [inMs, floorMs] = [0, 0];
  while (stream.given < EVENTS) {
    const turn: NewAppend[] = [];
    while (turn.length < APPENDS_IN_TURN && stream.given < EVENTS) {
      const batches = stream.next(Math.min(APPEND_EVENTS, EVENTS - stream.given));
      turn.push({ name: `bench-${stream.given}`, batches, decisions: [] });
    }
    const values = turn.map((one) => appendValues(one, null).slice(EVENTS_AT, EVENTS_AT + EVENT_COLUMNS.length));
    floorMs += await timed(async () => {
      for (const one of values) await plain.query({ name: 'bare', text, values: one });
    });
    inMs += await timed(async () => {
      const running: Promise<unknown>[] = [];
      for (const one of turn) {
        if (running.length === AT_ONCE) await running.shift();
        running.push(log.append(one));
      }
      await Promise.all(running);
    });
  }
  plain.close();
  return [
    {
      name: 'append to PostgreSQL and a synchronous standby, events/s',
      value: number((EVENTS / inMs) * 1_000),
      note: `in appends of ${number(APPEND_EVENTS)}, the next one encoded meanwhile; ${(inMs / floorMs).toFixed(1)} times the time of a plain INSERT of them, ${number((EVENTS / floorMs) * 1_000)}`,
    },
  ];
}

async function servers(primary: Postgres, alone: PostgresLog, url: string): Promise<BenchRow[]> {
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
    const rows = await singleEvents(one, two, alone, url);
    const agents = Array.from({ length: AGENTS }, (_, i) => new BenchAgent(i % 2 ? one.port : two.port, i));
    const each = Math.floor(EVENTS / AGENTS);
    const ready = agents.map((agent) => ({ agent, lines: agent.lines(each) }));
    const begun = performance.now();
    await Promise.all(ready.map(({ agent, lines }) => agent.send(lines, each)));
    const floodMs = performance.now() - begun;
    let all = each * AGENTS + PACED;
    const agree = (): Promise<void> =>
      until(async () => (await stored(one)) === all && (await stored(two)) === all, undefined, CATCH_UP_LIMIT_MS);
    await agree();
    const agreedMs = performance.now() - begun;
    rows.push({
      name: 'two servers, from sockets, events/s acknowledged',
      value: number(((each * AGENTS) / floodMs) * 1_000),
      note: `${number(((each * AGENTS) / agreedMs) * 1_000)} until both answer with all`,
    });
    if (SECONDS > 0) {
      const { sent, waits, overMs } = await evenLoad(agents);
      all += sent;
      const lagMs = await timed(agree);
      rows.push({
        name: `two servers, ${number(RATE)} events/s for ${number(SECONDS)} s: acknowledged`,
        value: number((sent / (SECONDS * 1_000 + overMs)) * 1_000),
        note: `after median ${ms(quantile(waits, 0.5))}, p99 ${ms(quantile(waits, 0.99))}; both answer with all ${ms(lagMs)} after the last`,
      });
    }
    for (const agent of agents) agent.close();
    if (CATCH_UP_EVENTS > all) {
      // The two would be in the way of the third, and read it all themselves.
      await Promise.all([one.end(), two.end()]);
      await fill(primary.url, CATCH_UP_EVENTS - all);
      all = CATCH_UP_EVENTS;
    }
    const builtMs = await timed(async () => {
      // It answers nothing before it has read all of the log.
      three.server(store);
      await until(async () => (await stored(three).catch(() => -1)) === all, undefined, CATCH_UP_LIMIT_MS);
    });
    rows.push({
      name: 'a server that starts from nothing, events/s',
      value: number((all / builtMs) * 1_000),
      note: `${number(all)} events`,
    });
    return rows;
  } finally {
    for (const pair of [one, two, three]) await pair.close();
  }
}

/** Appends events of a fleet to a log. */
async function fill(url: string, events: number): Promise<void> {
  const log = await openPostgresLog({ url, log: { warn: console.error, error: console.error, info: console.error } });
  const stream = new LoginStream({ ...FLEET, events, endMs: Date.now() });
  while (stream.given < events) {
    const batches = stream.next(Math.min(APPEND_EVENTS, events - stream.given));
    await log.append({ name: `fill-${stream.given}`, batches, decisions: [] });
  }
  await log.close();
}

/**
 * Measures one event at a time in four ways in turn, so that what else the machine does meets all of them: a plain insert with the
 * same quorum, which is the floor; an append; an event from its agent's socket; and when the live streams of both servers have it.
 */
async function singleEvents(one: Pair, two: Pair, alone: PostgresLog, url: string): Promise<BenchRow[]> {
  const plain = new PostgresConnection({ url });
  await plain.query({ text: 'CREATE TABLE floor (id bigint, body text)' });
  const stream = new LoginStream({ ...FLEET, events: PACED * 2, endMs: Date.now() });
  const agent = new BenchAgent(one.port, 100);
  const viewers = [new Viewer(one), new Viewer(two)] as const;
  await Promise.all(viewers.map((viewer) => viewer.opened));
  const times = { floor: [] as number[], append: [] as number[], server: [] as number[] };
  for (let i = 0; i < PACED; i += 1) {
    const values = [i, 'x'.repeat(ROW_BYTES)];
    times.floor.push(
      await timed(() => plain.query({ name: 'floor', text: 'INSERT INTO floor VALUES ($1, $2)', values })),
    );
    const batches = stream.next(1);
    times.append.push(await timed(() => alone.append({ name: `one-${i}`, batches, decisions: [] })));
    times.server.push(await agent.send(agent.lines(1), 1));
    await new Promise((later) => setTimeout(later, PACE_MS));
  }
  agent.close();
  plain.close();
  await until(() => viewers.every(({ seen }) => seen.size >= PACED));
  for (const viewer of viewers) viewer.close();
  const apart = [...viewers[0].seen].map(([id, at]) => Math.abs(at - (viewers[1].seen.get(id) ?? Number.NaN)));
  const floor = quantile(times.floor, 0.5);
  const row = (name: string, values: readonly number[], isFloor = false): BenchRow => ({
    name: `${name}: median`,
    value: ms(quantile(values, 0.5)),
    note: `p99 ${ms(quantile(values, 0.99))}${isFloor ? '' : `; ${(quantile(values, 0.5) / floor).toFixed(1)} times the plain insert`}`,
  });
  return [
    row('one plain INSERT with the same standby', times.floor, true),
    row('one event appended', times.append),
    row('one event, from socket to acknowledgement', times.server),
    row('one event, between the live streams of two servers', apart),
  ];
}

/** Sends RATE events a second for SECONDS, from all agents; gives how long each step's acknowledgement took, and how long the last ones took beyond the time. */
async function evenLoad(
  agents: readonly BenchAgent[],
): Promise<{ sent: number; waits: readonly number[]; overMs: number }> {
  const waits: number[] = [];
  const open: Promise<unknown>[] = [];
  const begun = performance.now();
  let sent = 0;
  for (let step = 1; step * STEP_MS <= SECONDS * 1_000; step += 1) {
    const due = Math.floor((step * STEP_MS * RATE) / 1_000 / agents.length) * agents.length - sent;
    for (const agent of agents)
      open.push(agent.send(agent.lines(due / agents.length), due / agents.length).then((tookMs) => waits.push(tookMs)));
    sent += due;
    const restMs = begun + step * STEP_MS - performance.now();
    await new Promise((later) => setTimeout(later, Math.max(0, restMs)));
  }
  await Promise.all(open);
  return { sent, waits, overMs: Math.max(0, performance.now() - begun - SECONDS * 1_000) };
}

/** One page's live stream: when it had each event. */
class Viewer {
  /** The time of each event's arrival, by its id. */
  readonly seen = new Map<string, number>();
  readonly opened: Promise<void>;
  readonly #request: ReturnType<typeof get>;

  constructor(pair: Pair) {
    let text = '';
    this.#request = get(`http://127.0.0.1:${pair.httpPort}/api/stream`);
    this.#request.on('error', () => {});
    this.opened = new Promise((done) => {
      this.#request.on('response', (response) => {
        done();
        response.on('error', () => {});
        response.on('data', (chunk) => {
          const now = performance.now();
          const parts = `${text}${chunk}`.split('\n\n');
          text = parts.pop() ?? '';
          for (const part of parts) {
            const [, id] = /^id: (.*)$/m.exec(part) ?? [];
            if (id !== undefined && /^event: event$/m.test(part)) this.seen.set(id, now);
          }
        });
      });
    });
  }

  close(): void {
    this.#request.destroy();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
