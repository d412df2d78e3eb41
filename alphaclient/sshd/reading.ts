/** What goes into a reader beside the bytes, and what comes out beside the events. */

import type { ParsedMessage, Rule } from './message-types.ts';

/** Plain JSON with a version; saved in the same transaction as the events and the log's position. */
export type ReaderState = Readonly<Record<string, unknown>>;

/** What the bytes cannot say themselves. */
export interface ReadContext {
  /** When the file was last written, Unix milliseconds: the years of year-less lines hang on it. */
  readonly writtenMs: number;
  /** The clock, Unix milliseconds: when connections of a log without times are over. */
  readonly nowMs: number;
  /** The zone of local times; this machine's where absent. */
  readonly timeZone?: string;
}

/** What one line came to, for `explain`. */
export interface Inspection {
  /** `sshd`, `raw` (no prefix), `forged`, `json` (no journal entry), `repeated`, `other` (another program). */
  readonly writer: string;
  /** ISO 8601; null where the line has no time. */
  readonly at: string | null;
  readonly host: string | null;
  /** -1 where the line has none. */
  readonly pid: number;
  readonly rule: Rule | null;
  readonly fact: ParsedMessage | null;
}
