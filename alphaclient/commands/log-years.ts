/** From which to which moment a log goes that has no years. */

import { fstatSync, readSync } from 'node:fs';
import { firstTime, lastTime } from '../sshd/timestamp.ts';

/** How much of a file's end is looked at for its last line's time. */
const TAIL_BYTES = 65_536;
/** A log of this size is looked through whole for turns of the year, a larger one at so many places. */
const WHOLE_BYTES = 1_048_576;
const PLACES = 1_024;
const PLACE_BYTES = 1_024;
/** A log that is one of syslog's begins with a time within so many lines. */
const LINES_LIMIT = 100;

/** Unix milliseconds. */
export interface Span {
  /** When the first line was written, or null where it is not known to be in another year than the last. */
  readonly firstMs: number | null;
  /** When the log was last written to. */
  readonly lastMs: number;
}

/**
 * When the log was last written to: its last line's time, where that has no year and so hangs on the file's own (a file that
 * was copied is younger than its lines); and when its first line was, as far as the turns of the year between them tell. Throws
 * what the system says when it cannot be read.
 */
export function spanOf(fd: number, mtimeMs: number): Span {
  const { size } = fstatSync(fd);
  if (size === 0) return { firstMs: null, lastMs: mtimeMs };
  const lastMs = lastTime(piece(fd, Math.max(0, size - TAIL_BYTES), TAIL_BYTES), mtimeMs);
  if (lastMs === null) return { firstMs: null, lastMs: mtimeMs };
  return { firstMs: firstTime(samples(fd, size), lastMs), lastMs };
}

function samples(fd: number, size: number): Buffer[] {
  if (size <= WHOLE_BYTES) return [piece(fd, 0, size)];
  return Array.from({ length: PLACES }, (_, i) => piece(fd, Math.floor((size / PLACES) * i), PLACE_BYTES));
}

/** A thousand of them from threads would take longer to come than a million lines to be read. */
function piece(fd: number, at: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, at));
}

/** Where the first line ends that begins with a year-less time; 0 when there is none near. */
export function firstTimedEnd(lines: Buffer): number {
  for (let from = 0, n = 0; from < lines.length && n < LINES_LIMIT; n++) {
    const end = lines.indexOf(10, from) + 1 || lines.length;
    if (lastTime(lines.subarray(from, end - 1), Date.UTC(2000, 0)) !== null) return end;
    from = end;
  }
  return 0;
}
