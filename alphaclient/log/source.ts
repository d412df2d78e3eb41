/** What every kind of log (a file, the journal, standard input) gives to the agent. */

/**
 * Where a log was read up to, as its source understands it: plain JSON, versioned by the source,
 * saved in the outbox in the same transaction as the events read before it.
 */
export type LogPosition = Readonly<Record<string, unknown>>;

/** Part of a log that could not be read: deleted, or dropped before it reached the log. */
export interface Gap {
  /** `rotated-away`: deleted before it was read; `suppressed`: the log's writer says that it dropped lines. */
  readonly kind: 'rotated-away' | 'suppressed' | 'unreadable';
  /** What is known of it, for a person: file, sizes, times. */
  readonly text: string;
  /** Bytes missing, where known. */
  readonly bytes: number | null;
  /** Lines missing, where known. */
  readonly lines: number | null;
}

/** A stretch of a log: whole lines only. */
export interface Chunk {
  /** Whole lines, each ended by `\n` (a `\r` before it is kept). Empty when only the position or a gap is news. */
  readonly bytes: Uint8Array;
  /** The position after these lines. */
  readonly position: LogPosition;
  /** When the file these lines stand in was last written, Unix milliseconds: the year of year-less lines hangs on it. */
  readonly writtenMs: number;
  /** Gaps that lie before these lines. */
  readonly gaps: readonly Gap[];
  /** How many of these lines were longer than the limit and are cut. */
  readonly cutLines: number;
}

/** How a source is doing, as told to people: contract words. */
export type SourceState = 'starting' | 'log missing' | 'log unreadable' | 'log quiet' | 'caught up' | 'behind';

/** A log being followed. */
export interface LogSource {
  /** The next stretch; waits until there is one. Null once the source was closed, or its input has ended. */
  next(): Promise<Chunk | null>;
  /** How it is doing right now, and how many bytes of the log are known to be unread. */
  status(): { readonly state: SourceState; readonly behindBytes: number };
  /** Stops waiting and lets go of what is open. May be called more than once. */
  close(): void;
}

/** Lines longer than this are cut, marked and counted: 64 KiB, sshd itself never writes more than 1,023 bytes. */
export const LINE_LIMIT_BYTES = 65_536;
