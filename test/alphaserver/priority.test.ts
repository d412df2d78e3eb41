/** Threads that others wait for go before those that nobody waits for. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import test from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { sends } from './detection/agent.ts';

/** The lowest priority, setpriority(2). */
const NICE_LIMIT = 19;
/** The `nice` of each thread of a process. */
const nices = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((thread) => niceOf(pid, Number(thread)) ?? []);

/** The `nice` of a thread: field 19 of its `stat`, proc(5). Null where it has ended. */
function niceOf(pid: number, thread: number): number | null {
  const stat = statOf(pid, thread);
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

/** A thread's `stat`, or null where it has ended: since it was listed, or while it was read. */
function statOf(pid: number, thread: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

test("a server's threads that read, count and watch yield to the one that stores", async (context) => {
  if (process.platform !== 'linux') {
    context.skip('priorities of threads are Linux alone');
    return;
  }
  const ours = getPriority();
  if (ours >= NICE_LIMIT) {
    context.skip(`at nice ${ours} no thread can yield any more`);
    return;
  }
  const pair = await Pair.make();
  try {
    const server = await pair.serving();
    await pair.api('/api/summary');
    // Enough to be counted.
    await sends(pair.port, Array(1_200).fill({ secondsAgo: 1 }));
    // Counting by five, rules by ten, reading by fifteen, each at most 19.
    const wanted = [5, 10, 15].map((steps) => Math.min(NICE_LIMIT, ours + steps)).join();
    const pid = server.child.pid ?? 0;
    const lowered = (): number[] => nices(pid).filter((nice) => nice > ours);
    await until(
      () =>
        lowered()
          .sort((a, b) => a - b)
          .join() === wanted,
      () => `${lowered()} are not ${wanted}`,
    );
    // The main thread has the number of the process.
    assert.equal(niceOf(pid, pid), ours);
  } finally {
    await pair.close();
  }
});
