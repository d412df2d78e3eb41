/** The time of the first line of a log that has no years and may go over several of them. */

import { LogClock } from './clock.ts';

const LF = 10;
const DAY_MS = 86_400_000;
/** What the clock allows a line to be ahead of the time that it is measured by, and behind the line before it. */
const AHEAD_MS = 26 * 3_600_000;
const BEHIND_MS = 2 * DAY_MS;
/** A log in which time goes back more often is no log in order, and its years cannot be told by it. */
const YEARS_LIMIT = 12;

/**
 * The moment of the first line that begins with a year-less time, Unix milliseconds: from the last line's moment (`lastMs`)
 * backwards, each line is the last such day that is not after the one behind it. `samples` are stretches of the log in order;
 * a year must not pass between two of them. Null when no line has such a time, or they are in no order.
 */
export function firstTime(samples: readonly Buffer[], lastMs: number, timeZone?: string): number | null {
  const clock = new LogClock();
  clock.timeZone = timeZone;
  let first = lastMs;
  let found = false;
  for (let i = samples.length - 1; i >= 0; i--) {
    const bytes = samples[i] as Buffer;
    for (let end = bytes.length; end > 0; ) {
      const from = bytes.lastIndexOf(LF, end - 1) + 1;
      // A stretch that is not the first may begin in the middle of a line.
      if (from === 0 && i > 0) break;
      clock.writtenMs = first + BEHIND_MS - AHEAD_MS;
      clock.previousMs = Number.NaN;
      if (end - from >= 16 && clock.traditional(bytes, from) && !Number.isNaN(clock.ms)) {
        first = Math.min(first, clock.ms);
        found = true;
      }
      if (lastMs - first > YEARS_LIMIT * 366 * DAY_MS) return null;
      end = from - 1;
    }
  }
  return found ? first : null;
}
