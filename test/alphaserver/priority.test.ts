/** Threads that others wait for go before those that nobody waits for. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import test from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { sends } from './detection/agent.ts';

/** The `nice` of each thread of a process, the first its main one: field 19 of its `stat`, proc(5). */
const nices = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b)
    .map((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    });

test("a server's threads that read, count and watch yield to the one that stores", async (context) => {
  if (process.platform !== 'linux') {
    context.skip('priorities of threads are Linux alone');
    return;
  }
  const pair = await Pair.make();
  try {
    const server = await pair.serving();
    await pair.api('/api/summary');
    // Enough to be counted.
    await sends(pair.port, Array(1_200).fill({ secondsAgo: 1 }));
    const ours = getPriority();
    // Counting by five, rules by ten, reading by fifteen, each at most 19.
    const wanted = [5, 10, 15].map((steps) => Math.min(19, ours + steps)).join();
    const lowered = (): number[] => nices(server.child.pid ?? 0).filter((nice) => nice > ours);
    await until(
      () =>
        lowered()
          .sort((a, b) => a - b)
          .join() === wanted,
      () => `${lowered()} are not ${wanted}`,
    );
    assert.equal(nices(server.child.pid ?? 0)[0], ours);
  } finally {
    await pair.close();
  }
});
