/** What a follower is to know from the start. */

import type { KnownFile } from './position.ts';

/** Where the follower tells what a person should know. */
export interface FollowLog {
  warn(message: string): void;
  error(message: string): void;
  info(message: string): void;
}

/** What a follower is to know from the start. */
export interface FollowerOptions {
  readonly path: string;
  /** Where to begin in a log never seen before. */
  readonly from: 'start' | 'end';
  /** The files as saved; null for a log never seen before. */
  readonly files: readonly KnownFile[] | null;
  /** Whether `files` were saved for another path: if none of them is found here, the log was never seen before. */
  readonly foreign: boolean;
  readonly log: FollowLog;
}
