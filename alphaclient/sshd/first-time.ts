/** The time of the first line of a log that has no years and may go over several of them. */

import { LogClock } from './clock.ts';

const LF = 10;
const DAY_MS = 86_400_000;
/** What the clock allows a line to be ahead of the time that it is measured by, and behind the line before it. */
const AHEAD_MS = 26 * 3_600_000;
const BEHIND_MS = 2 * DAY_MS;
/** A log in which time goes back more often is no log in order, and its years cannot be told by it. */
const YEARS_LIMIT_MS = 12 * 366 * DAY_MS;

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
  const isInOrder = (): boolean => lastMs - first <= YEARS_LIMIT_MS;
  const look = (bytes: Buffer, from: number): boolean => {
    clock.writtenMs = first + BEHIND_MS - AHEAD_MS;
    clock.previousMs = Number.NaN;
    if (bytes.length - from < 16 || !clock.traditional(bytes, from) || Number.isNaN(clock.ms)) return false;
    first = Math.min(first, clock.ms);
    found = true;
    return true;
  };
  for (let i = samples.length - 1; i > 0 && isInOrder(); i--) anyOf(samples[i] as Buffer, look);
  // Of the first stretch every line.
  const [beginning] = samples;
  if (beginning !== undefined)
    for (const from of [...beginnings(beginning).reverse(), 0]) if (isInOrder()) look(beginning, from);
  if (!isInOrder()) return null;
  return found ? first : null;
}

/** Looks at one line of a stretch that may begin in the middle of one. */
function anyOf(bytes: Buffer, look: (bytes: Buffer, from: number) => boolean): void {
  for (let from = bytes.indexOf(LF) + 1; from > 0 && !look(bytes, from); ) from = bytes.indexOf(LF, from) + 1;
}

/** Where lines begin, but for the first. */
function beginnings(bytes: Buffer): number[] {
  const all: number[] = [];
  for (let from = bytes.indexOf(LF) + 1; from > 0; from = bytes.indexOf(LF, from) + 1) all.push(from);
  return all;
}
