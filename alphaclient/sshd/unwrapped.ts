/** What a container's runtime wrote down of a line, without what the runtime put around it. */

import { readEntry } from './journal.ts';
import type { Prefix } from './prefix.ts';

const BRACE = 123;

/** A line that a container wrote, and when, in Unix milliseconds. */
export interface Contained {
  readonly bytes: Buffer;
  readonly ms: number;
}

/** What the container wrote, or null where no runtime of one wrote this line. */
export function unwrapped(prefix: Prefix, bytes: Buffer, from: number, end: number): Contained | null {
  if (bytes[from] === BRACE) {
    const entry = readEntry(bytes.subarray(from, end));
    return entry?.writer === 'contained' ? { bytes: entry.message, ms: entry.ms } : null;
  }
  const at = prefix.behindTime(bytes, from, end);
  return at < 0 ? null : { bytes: bytes.subarray(at, end), ms: prefix.ms };
}
