/** The time of the last line in a stretch of a log. */

import { LogClock } from './clock.ts';

const LF = 10;

/**
 * The moment of the last line that begins with a year-less time, taken as the last one there was before `writtenMs`;
 * null when no line does. Unix milliseconds.
 */
export function lastTime(bytes: Buffer, writtenMs: number, timeZone?: string): number | null {
  const clock = new LogClock();
  clock.writtenMs = writtenMs;
  clock.timeZone = timeZone;
  let end = bytes.length;
  while (end > 0) {
    const from = bytes.lastIndexOf(LF, end - 1) + 1;
    if (end - from >= 16 && clock.traditional(bytes, from) && !Number.isNaN(clock.ms)) return clock.ms;
    if (from === 0) return null;
    end = from - 1;
  }
  return null;
}
