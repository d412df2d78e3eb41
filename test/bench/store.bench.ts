/** The store and its API at two sizes, BENCH_EVENTS events (10 million unless it says otherwise) and 100,000: the same cost is wanted. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Pair, Program } from '../programs.ts';
import { BenchAgent } from './agents.ts';
import { type BenchRow, ms, number, quantile } from './figures.ts';
import { firstPaints } from './first-paint.ts';
import { makeStore } from './made-store.ts';
import { asked, page, QUESTIONS } from './questions.ts';

const LARGE_EVENTS = Number(process.env['BENCH_EVENTS'] ?? 10_000_000);
const SMALL_EVENTS = 100_000;
const ASKED_TIMES = 20;
const AGENTS = 8;
const FLOOD_EVENTS = 50_000;
const WATCHERS = 10;
/** One small batch each so often: what a commit costs, not what a queue does. */
const PACE_MS = 10;
const PACED = 600;
const PACED_EVENTS = 50;

/** The figures at one size, by name. */
type Measured = Map<string, { readonly text: string; readonly value: number }>;

async function measure(events: number): Promise<Measured> {
  const measured: Measured = new Map();
  const note = (name: string, value: number, text: string): void => {
    process.stderr.write(`${events} events, ${name}: ${text}\n`);
    measured.set(name, { value, text });
  };
  const took = (name: string, times: readonly number[]): void => {
    note(`${name}: median`, quantile(times, 0.5), ms(quantile(times, 0.5)));
    note(`${name}: p99`, quantile(times, 0.99), ms(quantile(times, 0.99)));
  };
  const pair = await Pair.make();
  try {
    const folder = join(pair.folder, 'server');
    const endMs = Date.now();
    const made = await makeStore(folder, events, endMs);
    note('events/s through append', made.eventsPerSecond, number(made.eventsPerSecond));
    took('commit of 2,048 events while it is made', made.commitsMs);
    note('bytes an event on disk', made.bytesPerEvent, number(made.bytesPerEvent));
    // A day of what is there goes while the rest is measured.
    const server = await pair.serving({ LOG_LEVEL: 'warn', ALPHASERVER_RETENTION: '29d' });
    const base = `http://127.0.0.1:${pair.httpPort}`;
    await asked(base, '/api/summary');
    for (const [name, path] of Object.entries(QUESTIONS)) {
      const times: number[] = [];
      for (let n = 0; n < ASKED_TIMES; n += 1) times.push(await asked(base, path(endMs, n)));
      took(name, times);
    }
    const pages: number[] = [];
    for (let n = 0; n < ASKED_TIMES; n += 1) {
      const begun = performance.now();
      await Promise.all(page(endMs, 100 + n).map((path) => asked(base, path)));
      pages.push(performance.now() - begun);
    }
    took('all that the page asks for', pages);
    for (const { name, paintMs, answerMs } of (await firstPaints(base)) ?? []) {
      note(`page in Chromium, ${name}: first paint`, paintMs, ms(paintMs));
      note(`page in Chromium, ${name}: the answer`, answerMs, ms(answerMs));
    }
    note('resident memory', server.memoryMiB, `${number(server.memoryMiB)} MiB`);
    const alone = await paced(pair, 100);
    took('acknowledgement, nobody watches', alone);
    note('acknowledgement, nobody watches: longest', Math.max(...alone), ms(Math.max(...alone)));
    note('events/s through sockets, nobody watches', ...rate(await flood(pair, 0)));
    const watchers = new Program('test/bench/watchers.ts', {}, [base, String(WATCHERS)]);
    await watchers.says('watching');
    const watched = await paced(pair, 101);
    took('acknowledgement, ten watch', watched);
    note('acknowledgement, ten watch: longest', Math.max(...watched), ms(Math.max(...watched)));
    note('events/s through sockets, ten watch', ...rate(await flood(pair, AGENTS)));
    await watchers.end('SIGKILL');
    note('resident memory after the flood', server.memoryMiB, `${number(server.memoryMiB)} MiB`);
    if (server.output) process.stderr.write(server.output);
  } finally {
    await pair.close();
    rmSync(pair.folder, { recursive: true, force: true });
  }
  return measured;
}

const rate = (value: number): [number, string] => [value, number(value)];

/** Measures the time from a small batch to its acknowledgement. */
async function paced(pair: Pair, agentNumber: number): Promise<number[]> {
  const agent = new BenchAgent(pair.port, agentNumber);
  const times: number[] = [];
  for (let i = 0; i < PACED; i += 1) {
    times.push(await agent.send(agent.lines(PACED_EVENTS), PACED_EVENTS));
    await new Promise((later) => setTimeout(later, PACE_MS));
  }
  agent.close();
  return times;
}

/** Events a second that agents get rid of who were away. */
async function flood(pair: Pair, first: number): Promise<number> {
  const agents = Array.from({ length: AGENTS }, (_, i) => new BenchAgent(pair.port, first + i));
  const ready = agents.map((agent) => ({ agent, lines: agent.lines(FLOOD_EVENTS) }));
  const begun = performance.now();
  await Promise.all(ready.map(({ agent, lines }) => agent.send(lines, FLOOD_EVENTS)));
  const seconds = (performance.now() - begun) / 1_000;
  for (const agent of agents) agent.close();
  return (AGENTS * FLOOD_EVENTS) / seconds;
}

/** One table of both sizes. */
export async function run(): Promise<BenchRow[]> {
  const small = await measure(SMALL_EVENTS);
  const large = await measure(LARGE_EVENTS);
  return [...large].map(([name, { text, value }]) => {
    const beside = small.get(name) as { text: string; value: number };
    return { name, value: text, note: `${beside.text} at 100,000; ${(value / beside.value).toFixed(2)} times` };
  });
}
