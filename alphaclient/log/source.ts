/** The interface between the agent and every kind of log: a file, or the systemd journal. */
import type { AgentState } from '../../protocol/report.ts';
import type { Logger } from '../../service/logger.ts';

/**
 * A position says where a log was read up to, in the terms of its source: plain JSON, versioned by the source, saved in the outbox in the
 * same transaction as the events read before it.
 */
export type LogPosition = Readonly<Record<string, unknown>>;

/** Part of a log that could not be read: deleted, or dropped before it reached the log. */
export interface Gap {
  /**
   * `rotated-away`: deleted before it was read, or taken for a copy of what was read and perhaps none; `suppressed`: the log's writer
   * reports that it dropped lines; `unreadable`: it is there, and cannot be opened, read on or decompressed, or is a record of the journal
   * that is too long.
   */
  readonly kind: 'rotated-away' | 'suppressed' | 'unreadable';
  /** File, sizes and times as far as they are known, for a person. */
  readonly text: string;
  /** Bytes missing; null where not known. */
  readonly bytes: number | null;
  /** Lines missing; null where not known. */
  readonly lines: number | null;
}

/** Whole lines of a log, with the position behind them. */
export interface Chunk {
  /** Whole lines, each ended by `\n` (a `\r` before it is kept). Empty where only the position or a gap is new. */
  readonly bytes: Uint8Array;
  /** The position behind these lines. */
  readonly position: LogPosition;
  /** The time of the last write to the file with these lines, Unix milliseconds: it gives year-less lines their year. */
  readonly writtenMs: number;
  /** Gaps that lie before these lines. */
  readonly gaps: readonly Gap[];
  /** The number of these lines that were longer than LOG_LINE_LIMIT_BYTES and were cut. */
  readonly cutLines: number;
}

/** The state of a source: the agent's, without what its outbox adds. */
export type SourceState = Exclude<AgentState, 'outbox full' | 'outbox failing'>;

/** A log being followed. */
export interface LogSource {
  /** Resolves with the next chunk, once there is one; with null once the source is closed or its input has ended. */
  next(): Promise<Chunk | null>;
  /** Returns the present state, and how many bytes of the log are known to be unread. */
  status(): { readonly state: SourceState; readonly behindBytes: number };
  /** Stops waiting and closes what is open. It may be called more than once. */
  close(): void;
}

/** The logger of a source: what an operator should know. */
export type SourceLogger = Pick<Logger, 'info' | 'warn' | 'error'>;

/** Lines longer than this are cut, marked and counted: 64 KiB. sshd itself writes at most 1,023 bytes. */
export const LOG_LINE_LIMIT_BYTES = 65_536;
