/** A storm on a real server: many sources that each raise an incident, all at once; and what others feel of it meanwhile. */
import { type Attempt, sends } from '../alphaserver/detection/agent.ts';
import { Pair } from '../programs.ts';
import { BenchAgent } from './agents.ts';

const SOURCES = 10_000;
/** Enough for `brute-force`, 4 s apart. */
const FAILURES = 12;
const HOSTS = 500;
const AGENTS = 8;
/** Small batches beside it, one each so often. */
const PACED = 600;
const PACED_EVENTS = 5;
const PACE_MS = 10;

export interface Storm {
  /** Times from a small batch to its acknowledgement, from the end of the storm on, milliseconds. */
  readonly waitedMs: readonly number[];
  /** Incidents that had opened by then. */
  readonly opened: number;
  readonly memoryMiB: number;
}

/** Sends it, then measures for some seconds, in which the rules have come through. */
export async function storm(): Promise<Storm> {
  const attempts = Array.from({ length: FAILURES * SOURCES }, (_, i): Attempt => {
    const source = i % SOURCES;
    const secondsAgo = 4 * (FAILURES - Math.floor(i / SOURCES));
    return { secondsAgo, ip: `10.0.${source >> 8}.${source & 255}`, user: 'root', host: `host-${source % HOSTS}` };
  });
  const pair = await Pair.make();
  try {
    const server = await pair.serving({ LOG_LEVEL: 'error' });
    const agents = Array.from({ length: AGENTS }, (_, n) =>
      sends(
        pair.port,
        attempts.filter((_, i) => i % AGENTS === n),
        1,
        `5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c0${n}`,
      ),
    );
    await Promise.all(agents);
    const agent = new BenchAgent(pair.port, 1);
    const waitedMs: number[] = [];
    for (let i = 0; i < PACED; i += 1) {
      waitedMs.push(await agent.send(agent.lines(PACED_EVENTS), PACED_EVENTS));
      await new Promise((later) => setTimeout(later, PACE_MS));
    }
    agent.close();
    const metrics = await (await fetch(`http://127.0.0.1:${pair.httpPort}/metrics`)).text();
    const opened = [...metrics.matchAll(/^asgard_alerts_opened_total\{.*\} (\d+)/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
    return { waitedMs, opened, memoryMiB: server.memoryMiB };
  } finally {
    await pair.close();
  }
}
