/** Describes what an outbox knows besides its pending events: what a checkpoint keeps of it, and a damaged one may still give. */
import type { LogPosition } from '../log/source.ts';
import type { NumberedConnection } from '../sshd/connection-changes.ts';
import type { GapTotals } from './gaps.ts';
import type { SavedSessions } from './sessions.ts';

/** The position in a log, and the reader's state there, as they were committed last. */
export interface Bookmark {
  readonly position: LogPosition | null;
  /** What the agent saved: the state of its reader, and of its hosts. */
  readonly reader: unknown;
}

/** The state of an outbox in which seq and log positions belong together. */
export interface OutboxState {
  readonly agent: string;
  /** The highest seq given out. */
  readonly seq: number;
  readonly logs: readonly {
    readonly log: string;
    readonly bookmark: Bookmark;
    /** The connections before their login; absent in what an earlier version saved. */
    readonly connections?: readonly NumberedConnection[];
  }[];
  readonly declared: GapTotals;
  /** Absent in what an earlier version saved. */
  readonly sessions?: SavedSessions;
}
