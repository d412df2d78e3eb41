/**
 * The memory of an agent that has read its log, been stopped, and been started again: with it that of the bare runtime with what an
 * agent cannot do without. The processor time that it takes then, its looks at the kernel's connections included. The memory of a server
 * that has been started again on a store, and how soon it is ready. Real processes, from Linux' /proc.
 *
 * Where connections begin and end on this machine meanwhile, each look reads the kernel's tables: `unshare --net sh -c 'ip link set lo up
 * && exec npm run bench -- idle'` measures an idle host.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';
import { writeAuthLog } from './auth-log.ts';
import { ms } from './figures.ts';
import { COMPILED_ENV as ENV, type Memory, mallocEnvOf, memoryOf, SERVER_ENV, v8OptionsOf } from './process-memory.ts';

/** Lines of a log after which an agent holds everything in memory that it ever needs. */
const LINES = 100_000;
/** Time after which what the start left behind is collected and returned. */
const SETTLED_MS = 15_000;
const RUNS = 3;
/** Time over which an idle agent's processor time is measured: six looks at the kernel's connections, and some pings. */
const MEASURED_MS = 60_000;
const NANOSECONDS_PER_MS = 1e6;
/** The share of a core that an idle agent may take, in percent. */
const SHARE_GOAL = 0.1;
const ROOT = join(import.meta.dirname, '..', '..');
/** As `npm run alphaclient` starts it, but for npm itself. */
const START = ['sh', join(ROOT, 'alphaclient', 'start.sh')];
const START_SCRIPT = readFileSync(join(ROOT, 'alphaclient', 'start.sh'), 'utf8');
/** V8's options for an agent: those of the last of the script's two cases. */
const OPTIONS = v8OptionsOf(START_SCRIPT).slice(-2);

/** The processor time that the threads of a process have taken, in milliseconds. Ticks, as in `/proc/PID/stat`, are too coarse for it. */
function processorMs({ child }: Program): number {
  const folder = `/proc/${child.pid}/task`;
  return readdirSync(folder).reduce((sum, thread) => {
    // The first number is the time on a processor in nanoseconds: sched-stats of the kernel's documentation.
    const [ran = '0'] = readFileSync(join(folder, thread, 'schedstat'), 'latin1').split(' ');
    return sum + Number(ran) / NANOSECONDS_PER_MS;
  }, 0);
}

/** The share of one core that a process takes over MEASURED_MS. */
async function processorShare(program: Program): Promise<number> {
  const [begunMs, before] = [performance.now(), processorMs(program)];
  await delay(MEASURED_MS);
  return (processorMs(program) - before) / (performance.now() - begunMs);
}

async function settled(program: Program): Promise<Memory> {
  await delay(SETTLED_MS);
  return memoryOf(program);
}

/** The memory of an agent on its first start, with a log to read, and on its second, with nothing to read, and what share of a core that takes. */
async function agentIdle(): Promise<{ first: Memory; second: Memory; share: number }> {
  const pair = await Pair.make();
  try {
    // The log of this machine: of other hosts' an agent does not ask the kernel.
    writeAuthLog(pair.logFile, LINES, 1, hostname());
    await pair.serving();
    const env = { ...ENV, ...pair.agentEnv() };
    const start = (): Program => pair.add(new Program(null, env, START));
    const first = start();
    await until(
      async () => /to send +0\n(?:.*\n)*.* 100000 lines read/.test((await pair.command('status')).output),
      () => first.output,
      120_000,
    );
    const before = await settled(first);
    await first.end('SIGTERM');
    const second = start();
    await second.says('Connected to');
    return { first: before, second: await settled(second), share: await processorShare(second) };
  } finally {
    await pair.close();
  }
}

/** The memory of a server on its second start with nobody connected, and after how many milliseconds it listened. */
async function serverIdle(): Promise<{ memory: Memory; readyMs: number }> {
  const pair = await Pair.make();
  try {
    // The first start makes the files and the compile cache.
    await (await pair.serving(SERVER_ENV)).end('SIGTERM');
    const begunMs = performance.now();
    const server = await pair.serving(SERVER_ENV);
    const readyMs = performance.now() - begunMs;
    return { memory: await settled(server), readyMs };
  } finally {
    await pair.close();
  }
}

async function bareMemory(): Promise<Memory> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-idle-'));
  const server = createServer(() => {});
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const log = join(folder, 'sshd.log');
  writeFileSync(log, 'one line\n');
  const program = new Program(null, { ...ENV, ...mallocEnvOf(START_SCRIPT) }, [
    process.execPath,
    ...OPTIONS,
    join(import.meta.dirname, 'bare-runtime.ts'),
    join(folder, 'bare.db'),
    log,
    String(port),
  ]);
  try {
    await program.says('connected');
    return await settled(program);
  } finally {
    await program.end('SIGKILL');
    server.close();
    rmSync(folder, { recursive: true });
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const mib = (value: number): string => `${value.toFixed(1)} MiB`;

/** The rows of this benchmark. */
export async function run(): Promise<{ name: string; value: string; note: string }[]> {
  const bare: Memory[] = [];
  const agents: Awaited<ReturnType<typeof agentIdle>>[] = [];
  const servers: { memory: Memory; readyMs: number }[] = [];
  for (let i = 0; i < RUNS; i++) {
    servers.push(await serverIdle());
    bare.push(await bareMemory());
    agents.push(await agentIdle());
  }
  const second = agents.map((one) => one.second);
  const runtime = median(bare.map(({ resident }) => resident));
  const resident = median(second.map((one) => one.resident));
  const shares = agents.map(({ share }) => 100 * share);
  return [
    {
      name: 'idle alphaclient, second start, processor time',
      value: `${median(shares).toFixed(3)} % of a core`,
      note: `median of ${RUNS} over ${MEASURED_MS / 1_000} s: ${shares.map((share) => share.toFixed(3)).join(', ')}; goal: ${SHARE_GOAL} %`,
    },
    {
      name: 'idle alphaserver, second start, anonymous memory',
      value: mib(median(servers.map(({ memory }) => memory.anonymous))),
      note: `median of ${RUNS}; resident ${mib(median(servers.map(({ memory }) => memory.resident)))}`,
    },
    {
      name: 'alphaserver, second start, until it listens',
      value: ms(median(servers.map(({ readyMs }) => readyMs))),
      note: `median of ${RUNS}, the start of the process included`,
    },
    {
      name: 'idle alphaclient, second start, anonymous memory',
      value: mib(median(second.map(({ anonymous }) => anonymous))),
      note: `median of ${RUNS}; on its first start, after ${LINES} lines: ${mib(median(agents.map(({ first }) => first.anonymous)))}; the bare runtime: ${mib(median(bare.map(({ anonymous }) => anonymous)))}`,
    },
    {
      name: 'idle alphaclient, second start, resident memory',
      value: mib(resident),
      note: `${mib(resident - runtime)} more than the bare runtime with node:sqlite, pino, tail and a socket: ${mib(runtime)}`,
    },
  ];
}
