/**
 * A fleet of BENCH_AGENTS agents (2,000 unless it says otherwise) on one server: what each costs while it has nothing to send, how long
 * an event waits for its acknowledgement when each has one a minute, and how soon all are back after the server was away. The agents
 * are sockets of some processes, over several addresses of loopback.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../free-port.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';
import { type BenchRow, ms, number, quantile } from './figures.ts';
import { memoryOf, SERVER_ENV } from './process-memory.ts';

const AGENTS_WANTED = Number(process.env['BENCH_AGENTS'] ?? 2_000);
const PROCESSES = 4;
const LIMIT_MS = 300_000;
/** Time after which what connecting left behind is collected and returned. */
const SETTLED_MS = 12_000;
/** Files that a server has open besides. */
const SPARE_FILES = 500;
const AGENTS = agentsThatFit();

interface Report {
  readonly tookMs: number;
  readonly refused: number;
  /** Milliseconds that each acknowledgement took. */
  readonly waits: readonly number[];
}

/** The processes of one fleet. */
class Fleet {
  readonly #programs: readonly Program[];

  constructor(port: number) {
    const share = Math.ceil(AGENTS / PROCESSES);
    this.#programs = Array.from({ length: PROCESSES }, (_, i) => {
      const count = Math.min(share, AGENTS - i * share);
      return new Program('test/bench/fleet.ts', {}, [port, i * share, count, AGENTS].map(String));
    });
  }

  /** Gives the reports of all once each has sent one. */
  async all(word: string): Promise<Report> {
    const line = new RegExp(`^${word} (.*)\n`, 'm');
    const output = (): string => this.#programs.map((one) => one.output.slice(-500)).join('\n');
    await until(() => this.#programs.every((one) => line.test(one.output)), output, LIMIT_MS);
    const reports = this.#programs.map((one) => JSON.parse(line.exec(one.output)?.[1] ?? '{}') as Report);
    return {
      tookMs: Math.max(...reports.map(({ tookMs }) => tookMs)),
      refused: reports.reduce((sum, { refused }) => sum + refused, 0),
      waits: reports.flatMap(({ waits }) => waits),
    };
  }

  /** Lets each send an event within a minute. */
  send(): void {
    for (const one of this.#programs) one.child.stdin?.write('go\n');
  }

  async end(): Promise<void> {
    for (const one of this.#programs) await one.end('SIGKILL');
  }
}

/** The growth of a server's memory by the connections of a fleet, KiB for each. */
async function perConnection(
  server: Program,
  fleet: () => Fleet,
): Promise<{ kib: number; connected: Report; used: Fleet }> {
  await delay(SETTLED_MS / 2);
  const before = memoryOf(server).anonymous;
  const used = fleet();
  const connected = await used.all('connected');
  await delay(SETTLED_MS);
  return { kib: ((memoryOf(server).anonymous - before) * 1_024) / AGENTS, connected, used };
}

async function bareKiB(): Promise<number> {
  const port = await freePort();
  const bare = new Program('test/bench/bare-server.ts', SERVER_ENV, [String(port)]);
  await bare.says('listening');
  const { kib, used } = await perConnection(bare, () => new Fleet(port));
  await used.end();
  await bare.end('SIGKILL');
  return kib;
}

/** Raises the limit of open files for what is started from now on; gives how many agents fit, fewer where the system does not allow it. */
function agentsThatFit(): number {
  const wanted = AGENTS_WANTED + SPARE_FILES;
  const limit = (): number =>
    Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
  if (limit() < wanted) spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${wanted}:${wanted}`]);
  return Math.min(AGENTS_WANTED, limit() - SPARE_FILES);
}

/** Rows of the table, each as soon as it is known: a run of 20,000 takes minutes. */
export async function* run(): AsyncGenerator<BenchRow> {
  const bare = await bareKiB();
  const pair = await Pair.make();
  let fleet: Fleet | null = null;
  try {
    const env = { ...SERVER_ENV, LOG_LEVEL: 'error' };
    const server = await pair.serving(env);
    const { kib, connected, used } = await perConnection(server, () => new Fleet(pair.port));
    fleet = used;
    fleet.send();
    yield {
      name: `${number(AGENTS)} agents connect, none known before`,
      value: ms(connected.tookMs),
      note: `${connected.refused} refused${AGENTS < AGENTS_WANTED ? `; ${number(AGENTS_WANTED)} ARE MORE THAN A PROCESS MAY HAVE OPEN HERE` : ''}`,
    };
    yield {
      name: 'memory of an idle connection beyond a bare Node server',
      value: `${(kib - bare).toFixed(1)} KiB`,
      note: `${kib.toFixed(1)} KiB, and ${bare.toFixed(1)} on a server of Node and nothing of ours; goal under 8`,
    };
    const minute = await fleet.all('minute');
    yield {
      name: 'an event a minute from each: acknowledgement, p99',
      value: ms(quantile(minute.waits, 0.99)),
      note: `median ${ms(quantile(minute.waits, 0.5))}, longest ${ms(Math.max(...minute.waits))}; ${minute.refused} refused; goal under 50 ms`,
    };
    await server.end('SIGKILL');
    const again = pair.server({ ...env, ALPHASERVER_DATA: join(pair.folder, 'server') });
    const back = await fleet.all('back');
    if (again.output) process.stderr.write(again.output);
    yield {
      name: 'all back after the server was killed',
      value: ms(back.tookMs),
      note: `${back.refused} refused; agents wait up to 30 s by themselves: bench -- delivery`,
    };
  } finally {
    await fleet?.end();
    await pair.close();
  }
}
