/** Sets the priority of threads and processes. */
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
