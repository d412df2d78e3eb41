/** Sets the priority of threads and processes. */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** The lowest there is. */
const LOWEST_NICE = 19;

/**
 * Lowers the priority of the calling thread by so many steps of `nice`: where processors are short, others go first. On
 * Linux alone, where priorities belong to threads; elsewhere they belong to processes, and nothing changes. Where the
 * system refuses, it stays as it was.
 */
export function yieldToOthers(steps: number): void {
  if (process.platform !== 'linux') return;
  try {
    // 0 is whoever calls: setpriority(2).
    setPriority(0, Math.min(LOWEST_NICE, getPriority(0) + steps));
  } catch {
    // A sandbox that forbids it: all is done as well, only with less regard for others.
  }
}

/**
 * Gives all threads of this process the priority of the calling one: on a busy machine their end takes seconds otherwise. On Linux
 * alone, and where the process may: root, or anybody whose RLIMIT_NICE allows it; elsewhere they stay as they are.
 */
export function stopYielding(): void {
  if (process.platform !== 'linux') return;
  const own = getPriority(0);
  for (const thread of readdirSync('/proc/self/task').map(Number))
    try {
      if (getPriority(thread) > own) setPriority(thread, own);
    } catch {
      // It is not allowed, or the thread has just ended.
    }
}
