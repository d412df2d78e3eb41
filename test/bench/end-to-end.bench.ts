/** From the write of a line into the log to `Processed result`; lines a second from log to stored; idle memory. Real processes. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

const LINES_ONE_BY_ONE = 300;
const LINES_AT_ONCE = 200_000;

const line = (i: number): string =>
  `Failed password for root from 192.0.2.${i % 250} port ${1_024 + (i % 60_000)} ssh2\r\n`;

async function latencies(pair: Pair): Promise<number[]> {
  const server = pair.server();
  const agent = pair.agent();
  writeFileSync(pair.logFile, '');
  await agent.says('Connected to');
  const took: number[] = [];
  let heard = (): void => {};
  server.onSaid((text) => {
    if (text.includes('Processed result')) heard();
  });
  for (let i = 0; i < LINES_ONE_BY_ONE; i += 1) {
    const came = new Promise<void>((done) => {
      heard = done;
    });
    const begun = performance.now();
    appendFileSync(pair.logFile, line(i));
    await came;
    took.push(performance.now() - begun);
  }
  return took.sort((a, b) => a - b);
}

/** The rows of this benchmark. */
export async function run(): Promise<{ name: string; value: string; note: string }[]> {
  const quiet = await Pair.make();
  const took = await latencies(quiet);
  const at = (share: number): string => `${(took[Math.floor(took.length * share)] as number).toFixed(2)} ms`;
  await quiet.close();

  const busy = await Pair.make();
  writeFileSync(busy.logFile, Array.from({ length: LINES_AT_ONCE }, (_, i) => line(i)).join(''));
  const server = busy.server();
  await server.says('Socket now listening');
  const begun = performance.now();
  const agent = busy.agent();
  await until(
    () => server.said.includes(`had ${LINES_AT_ONCE} attempt`),
    () => server.said.slice(-500),
    120_000,
  );
  const seconds = (performance.now() - begun) / 1_000;
  await busy.close();

  const idle = await Pair.make();
  writeFileSync(idle.logFile, line(1));
  const idleServer = idle.server();
  const idleAgent = idle.agent();
  await idleServer.says('had 1 attempt');
  const memory = [idleServer.memoryMiB, idleAgent.memoryMiB];
  await idle.close();
  void agent;
  return [
    {
      name: 'log line written to Processed result, median',
      value: at(0.5),
      note: `${LINES_ONE_BY_ONE} lines one by one`,
    },
    { name: 'log line written to Processed result, p99', value: at(0.99), note: '' },
    {
      name: 'lines a second, log to stored',
      value: String(Math.round(LINES_AT_ONCE / seconds)),
      note: `${LINES_AT_ONCE} attempts, the agent's start included`,
    },
    { name: 'idle memory of alphaserver', value: `${memory[0]?.toFixed(0)} MiB`, note: 'resident' },
    { name: 'idle memory of alphaclient', value: `${memory[1]?.toFixed(0)} MiB`, note: 'resident' },
  ];
}
