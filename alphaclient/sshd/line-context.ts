/** The line of a message, without the message. */

import type { Trust } from '../../protocol/event.ts';

/** One object, filled anew for each line: whoever keeps something of it keeps a copy. */
export interface LineContext {
  /** Number of the host; 0 where the line has none. */
  host: number;
  /** -1 where the line has none. */
  pid: number;
  /** Unix milliseconds; NaN where the line has no time. */
  ms: number;
  /** The number of the line, from 1. */
  line: number;
  /** The clock, Unix milliseconds. */
  nowMs: number;
  trust: Trust;
}

/** A moment of a log: Unix milliseconds by the log, or NaN, and the number of the line. */
export type LogMoment = Pick<LineContext, 'ms' | 'line'>;
