/** `scale-store.ts FOLDER EVENTS`: makes the store that `scale.bench.ts` measures, where it is not there yet. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { openEvents } from '../../alphaserver/store/folder.ts';
import type { AgentBatch } from '../../alphaserver/store/store.ts';
import type { AgentReport } from '../../protocol/report.ts';
import { cloneDays } from './cloned-days.ts';
import { agentOf, hostName, type StreamOptions } from './login-stream.ts';
import { makeLargeStore, skipRules } from './made-store.ts';

const setting = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);

/** The sizes of the store. The days are by the events: as dense as a hundred million in thirty days, unless set. */
export const HOSTS = setting('BENCH_HOSTS', 5_000);
export const SOURCES = setting('BENCH_SOURCES', 10_000);
export const AGENTS = setting('BENCH_AGENTS', 2_000);
const USERS = 20_000;
const DAY_MS = 86_400_000;
const EVENTS_A_DAY = setting('BENCH_EVENTS_A_DAY', (10_000_000 / 3) * (HOSTS / 50_000));

/** What one event alone has, near the beginning of the store. */
export const RARE = {
  ip: '203.0.113.77',
  user: 'rare-user',
  key: 'ED25519 SHA256:rAreRareRareRareRareRareRareRareRareRareRar',
} as const;
/** The first of some hosts with events of frequent users in a store of a million events, too. */
export const FOUND_HOST = 20;
/** Messages that are not understood, by agent and in the fleet. */
const AGENT_SHAPES = 5;
const FLEET_SHAPES = 500;

/** Gives the stream of a store of so many events. */
export const streamOf = (events: number, endMs: number): StreamOptions => ({
  ...{ events, endMs, days: events / EVENTS_A_DAY, hosts: HOSTS, sources: SOURCES, users: USERS, agents: AGENTS },
});

const report = (agent: number): AgentReport => ({
  ...{ state: 'caught up', behindBytes: 0, sentSeq: 0, waiting: 0, linesRead: 1_000 + agent },
  ...{ linesUnknown: AGENT_SHAPES, linesForged: 0, declaredLost: 0 },
});

/** The reports of all agents, each with unknown messages of its own choice. */
function reports(endMs: number): AgentBatch[] {
  const at = new Date(endMs).toISOString();
  return Array.from({ length: AGENTS }, (_, agent) => ({
    agent: agentOf(agent),
    host: hostName(agent),
    events: [],
    ping: {
      report: report(agent),
      shapes: Array.from({ length: AGENT_SHAPES }, (__, i) => {
        const shape = `a message that is not understood, number ${(agent * 7 + i * i) % FLEET_SHAPES}, of {user} from {ip}`;
        return { shape, count: 1 + (agent % 50), sample: shape, firstAt: at, lastAt: at };
      }),
      gaps: [],
    },
  }));
}

function rare(endMs: number, days: number): AgentBatch {
  const at = new Date(endMs - (days + 1) * DAY_MS).toISOString();
  return {
    agent: agentOf(AGENTS),
    host: hostName(HOSTS),
    events: [
      {
        seq: 1,
        event: {
          ...{ at, outcome: 'accepted', method: 'publickey', user: RARE.user, invalidUser: false },
          ...{ ip: RARE.ip, port: 40_022, key: RARE.key, reason: null },
        },
      },
    ],
  };
}

/**
 * Makes the store. It is there once it is whole. Of several days the first is written by the program, and the others are copies of it:
 * where SIGTERM comes meanwhile, another call goes on with them.
 */
export async function makeScaleStore(folder: string, events: number): Promise<void> {
  if (existsSync(folder)) return;
  const days = Math.round(events / EVENTS_A_DAY);
  const isCopied = days > 1;
  // Days of the rollups are those of UTC.
  const endMs = isCopied ? (Math.floor(Date.now() / DAY_MS) - days + 1) * DAY_MS : Date.now();
  const options = isCopied ? { ...streamOf(Math.round(EVENTS_A_DAY), endMs), days: 1 } : streamOf(events, endMs);
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
  };
  process.once('SIGTERM', stop);
  const [making, first] = [`${folder}.making`, `${folder}.first`];
  if (!existsSync(first)) {
    rmSync(making, { recursive: true, force: true });
    await makeLargeStore(making, options, [rare(endMs, options.days), ...reports(endMs)], () => isStopped);
    renameSync(making, isCopied ? first : folder);
  }
  if (isCopied && !isStopped) {
    // The first event is the rare one.
    const last = await cloneDays(first, { firstId: 2, beginMs: endMs - DAY_MS }, days, (done) => {
      process.stderr.write(`${done} of ${days} days\n`);
      return !isStopped;
    });
    const db = openEvents(first);
    skipRules(first, db, last);
    db.close();
    if (!isStopped) renameSync(first, folder);
  }
  process.off('SIGTERM', stop);
}

if (import.meta.main) {
  const [folder = '', events = '0'] = process.argv.slice(2);
  await makeScaleStore(folder, Number(events));
}
