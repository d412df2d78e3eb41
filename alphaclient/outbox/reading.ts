/** What goes into the outbox and what comes out of it. */
import type { LoginEvent } from '../../protocol/event.ts';
import type { Gap, LogPosition } from '../log/source.ts';

/** An event on its way: `body` is `encodeBody`'s. */
export interface Outgoing {
  readonly seq: number;
  readonly body: string;
}

/** What one read of the log gave; it becomes durable as a whole or not at all. */
export interface Reading {
  /** Which log: its path, or `journald`. Positions of different logs do not mix. */
  readonly log: string;
  readonly position: LogPosition | null;
  /** The reader's state after these lines; plain JSON. */
  readonly reader: unknown;
  readonly events: readonly LoginEvent[];
  readonly gaps: readonly Gap[];
  readonly atMs: number;
}

/** Where reading stood when the outbox was last written. */
export interface Bookmark {
  readonly position: LogPosition | null;
  readonly reader: unknown;
}
