/** How a stretch of a log is known again: by what stands at its beginning and right before where reading stopped. */
import { createHash } from 'node:crypto';

/** Bytes of a log's beginning that go into its fingerprint; fewer while less of it has been read, so it grows with the log. */
export const HEAD_BYTES = 1_024;
/** Bytes right before the position that go into it: several lines, with times, pids and ports that hardly come twice. */
export const TAIL_BYTES = 512;

/** What is known of a log that was read up to `offset`. Only what was read goes in: that never changes any more. */
export interface Fingerprint {
  readonly offset: number;
  /** SHA-256 of the first min(HEAD_BYTES, offset) bytes. */
  readonly head: string;
  /** SHA-256 of the min(TAIL_BYTES, offset) bytes before `offset`. */
  readonly tail: string;
}

/** Reads `length` bytes at `at`, or fewer where the log ends. */
export type ReadAt = (at: number, length: number) => Uint8Array;

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url');

/** The fingerprint of what `readAt` reads, up to `offset`. */
export function fingerprint(readAt: ReadAt, offset: number): Fingerprint {
  const head = Math.min(HEAD_BYTES, offset);
  const tail = Math.min(TAIL_BYTES, offset);
  return { offset, head: hash(readAt(0, head)), tail: hash(readAt(offset - tail, tail)) };
}

/** True when what `readAt` reads is the log of the fingerprint, read up to there or grown since. */
export function matches(readAt: ReadAt, print: Fingerprint): boolean {
  const now = fingerprint(readAt, print.offset);
  return now.head === print.head && now.tail === print.tail;
}
