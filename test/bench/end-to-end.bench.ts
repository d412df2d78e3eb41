/** From the write of a line into the log to `Processed result`; lines a second from log to stored; idle memory. Real processes. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Reader } from '../../alphaclient/sshd/reader.ts';
import { Pair } from '../programs.ts';
import { writeAuthLog } from './auth-log.ts';
import type { BenchRow } from './figures.ts';
import { hasRsyslog, ourRate, relpRate } from './log-to-stored.ts';

/** Enough that what happens once in a thousand, as a checkpoint does, is in each run. */
const LINES_ONE_BY_ONE = 3_000;
/** Before them come so many that are not counted: code that never ran is slow, and both programs run for weeks. */
const WARM_UP_LINES = 1_000;
const LINES_AT_ONCE = 200_000;
const AUTH_LOG_LINES = 1_000_000;

const line = (i: number): string =>
  `Failed password for root from 192.0.2.${i % 250} port ${1_024 + (i % 60_000)} ssh2\r\n`;

/** Milliseconds from the write of a line into the log to `Processed result`, one line after the other, in order of size. */
export async function latencies(): Promise<number[]> {
  const pair = await Pair.make();
  const server = pair.server();
  const agent = pair.agent();
  writeFileSync(pair.logFile, '');
  await agent.says('Connected to');
  const took: number[] = [];
  let heard = (): void => {};
  server.onOutput((text) => {
    if (text.includes('Processed result')) heard();
  });
  for (let i = 0; i < WARM_UP_LINES + LINES_ONE_BY_ONE; i += 1) {
    const came = new Promise<void>((done) => {
      heard = done;
    });
    const begun = performance.now();
    appendFileSync(pair.logFile, line(i));
    await came;
    if (i >= WARM_UP_LINES) took.push(performance.now() - begun);
  }
  await pair.close();
  return took.sort((a, b) => a - b);
}

/** A log as one text. */
interface LogSample {
  readonly what: string;
  readonly text: string;
  readonly lines: number;
  readonly attempts: number;
}

/** What `sshd -E` writes of attempts whose connections never end: each stays open until 10,000 others are. */
function endless(): LogSample {
  const text = Array.from({ length: LINES_AT_ONCE }, (_, i) => line(i)).join('');
  return { what: 'log to stored', text, lines: LINES_AT_ONCE, attempts: LINES_AT_ONCE };
}

/** A syslog's file, of which three in ten lines are attempts: what the agents of a server that came late have to read. */
function authLog(): LogSample {
  const folder = mkdtempSync(join(tmpdir(), 'auth-log-'));
  try {
    const path = join(folder, 'auth.log');
    writeAuthLog(path, AUTH_LOG_LINES);
    const bytes = readFileSync(path);
    const nowMs = Date.now();
    const events = new Reader().read(bytes, { writtenMs: nowMs, nowMs });
    const attempts = events.filter(({ event }) => event.outcome !== 'probe').length;
    return { what: 'the same of an auth.log', text: bytes.toString('latin1'), lines: AUTH_LOG_LINES, attempts };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Rows that say how many lines a second of a log get through, and how many by rsyslog in the same run. */
async function stored({ what, text, lines, attempts }: LogSample): Promise<BenchRow[]> {
  const ours = await ourRate(text, lines, attempts);
  const rate = {
    name: `lines a second, ${what}`,
    value: String(Math.round(ours)),
    note: `${attempts} attempts, the agent's start included`,
  };
  if (!hasRsyslog()) {
    console.error('NO RSYSLOG HERE: nothing to compare with. Debian: apt-get install rsyslog rsyslog-relp');
    return [rate];
  }
  const relp = await relpRate(text, lines);
  return [
    rate,
    {
      name: "the same by rsyslog's RELP, which syncs nothing",
      value: String(Math.round(relp)),
      note: `ours is ${(ours / relp).toFixed(2)} times that`,
    },
  ];
}

/** The rows of this benchmark. */
export async function run(): Promise<BenchRow[]> {
  const took = await latencies();
  const at = (share: number): string => `${(took[Math.floor(took.length * share)] as number).toFixed(2)} ms`;
  const rates = [...(await stored(endless())), ...(await stored(authLog()))];
  const idle = await Pair.make();
  writeFileSync(idle.logFile, line(1));
  const idleServer = idle.server();
  const idleAgent = idle.agent();
  await idleServer.says('had 1 attempt');
  const memory = [idleServer.memoryMiB, idleAgent.memoryMiB];
  await idle.close();
  return [
    {
      name: 'log line written to Processed result, median',
      value: at(0.5),
      note: `${LINES_ONE_BY_ONE} lines one by one, after ${WARM_UP_LINES} others`,
    },
    { name: 'log line written to Processed result, p99', value: at(0.99), note: '' },
    ...rates,
    { name: 'idle memory of alphaserver', value: `${memory[0]?.toFixed(0)} MiB`, note: 'resident' },
    { name: 'idle memory of alphaclient', value: `${memory[1]?.toFixed(0)} MiB`, note: 'resident' },
  ];
}
