/**
 * A fleet of BENCH_AGENTS agents (2,000 unless it says otherwise) on one server: what each costs while it has nothing to send, how long
 * an event waits for its acknowledgement when each has one a minute, and how soon all are back after the server was away. The agents
 * are sockets of a process of their own, over several addresses of loopback.
 */
import { join } from 'node:path';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';
import { type BenchRow, ms, number } from './figures.ts';

const AGENTS = Number(process.env['BENCH_AGENTS'] ?? 2_000);
const LIMIT_MS = 180_000;

interface Report {
  readonly connectedMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly refused: number;
}

/** Rows of the table. */
export async function run(): Promise<BenchRow[]> {
  const pair = await Pair.make();
  try {
    const server = await pair.serving({ LOG_LEVEL: 'error' });
    const aloneMiB = server.memoryMiB;
    const fleet = pair.add(new Program('test/bench/fleet.ts', {}, [String(pair.port), String(AGENTS)]));
    const report = async (word: string): Promise<Report> => {
      const line = new RegExp(`^${word} (.*)$`, 'm');
      await until(
        () => line.test(fleet.said),
        () => fleet.said.slice(-2_000),
        LIMIT_MS,
      );
      return JSON.parse(line.exec(fleet.said)?.[1] ?? '{}') as Report;
    };
    const connected = await report('connected');
    const idleMiB = server.memoryMiB;
    const minute = await report('minute');
    await server.end('SIGKILL');
    const again = pair.server({ LOG_LEVEL: 'error', ALPHASERVER_DATA: join(pair.folder, 'server') });
    const back = await report('back');
    const rows: [string, string, string][] = [
      [
        `${number(AGENTS)} agents connect, none known before`,
        ms(connected.connectedMs),
        `${connected.refused} refused`,
      ],
      [
        'resident memory an agent',
        `${number(((idleMiB - aloneMiB) * 1_024) / AGENTS)} KiB`,
        `${number(idleMiB)} MiB in all, ${number(aloneMiB)} without`,
      ],
      ['an event a minute from each: acknowledgement, p99', ms(minute.p99Ms), `median ${ms(minute.medianMs)}`],
      [
        'all back after the server was killed',
        ms(back.connectedMs),
        `${back.refused} refused; agents wait up to 30 s by themselves`,
      ],
    ];
    if (again.said) process.stderr.write(again.said);
    return rows.map(([name, value, note]) => ({ name, value, note }));
  } finally {
    await pair.close();
  }
}
