/** Finds the years of a log whose times have none. */

import { fstatSync, readSync } from 'node:fs';
import { firstTime, lastTime } from '../sshd/timestamp.ts';

/** The part of a file's end that is searched for the time of its last line. */
const TAIL_BYTES = 65_536;
/** A log up to this size is searched whole for turns of the year, a larger one in so many samples. */
const WHOLE_BYTES = 1_048_576;
const SAMPLES = 1_024;
const SAMPLE_BYTES = 1_024;
/** A log of syslog begins with a time within so many lines. */
const FIRST_LINES_LIMIT = 100;

/** The span in which a log was written, Unix milliseconds. */
export interface TimeSpan {
  /** The time of the first line; null where it is not known to be in another year than the last. */
  readonly firstMs: number | null;
  /** The time at which the log was last written. */
  readonly lastMs: number;
}

/**
 * Returns when the first and the last line of a file were written. Where times have no year, the last line's is the one nearest
 * before the file's own time (a copied file is younger than its lines), and the turns of the year between the two lines give the
 * first line's. Throws read's errors.
 */
export function timeSpanOf(fd: number, mtimeMs: number): TimeSpan {
  const { size } = fstatSync(fd);
  if (size === 0) return { firstMs: null, lastMs: mtimeMs };
  const lastMs = lastTime(bytesFrom(fd, Math.max(0, size - TAIL_BYTES), TAIL_BYTES), mtimeMs);
  if (lastMs === null) return { firstMs: null, lastMs: mtimeMs };
  return { firstMs: firstTime(samples(fd, size), lastMs), lastMs };
}

function samples(fd: number, size: number): Buffer[] {
  if (size <= WHOLE_BYTES) return [bytesFrom(fd, 0, size)];
  return Array.from({ length: SAMPLES }, (_, i) => bytesFrom(fd, Math.floor((size / SAMPLES) * i), SAMPLE_BYTES));
}

/** Reads synchronously: a thousand samples from threads take longer than a million lines. */
function bytesFrom(fd: number, at: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, at));
}

/** Returns the end of the first line that begins with a year-less time; 0 when there is none among the first lines. */
export function endOfFirstTimedLine(lines: Buffer): number {
  for (let from = 0, n = 0; from < lines.length && n < FIRST_LINES_LIMIT; n++) {
    const end = lines.indexOf(10, from) + 1 || lines.length;
    if (lastTime(lines.subarray(from, end - 1), Date.UTC(2000, 0)) !== null) return end;
    from = end;
  }
  return 0;
}
