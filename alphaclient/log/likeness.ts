/** Whether bytes of a file can be those of a known one. */

import { isRemembered, lastOf } from './fingerprint.ts';
import type { KnownFile } from './position.ts';

/** Whether a file with this beginning, at least as long as what is remembered of it or all there is, begins as `known` does. */
export function beginsAs({ head }: KnownFile, beginning: Buffer): boolean {
  return head === null || isRemembered(head, beginning.subarray(0, head.bytes));
}

/** Whether these bytes, which stand before the offset of `known` in a file, end as what was handed out of it. */
export function endsAs({ before }: KnownFile, last: Buffer): boolean {
  return before === null || isRemembered(before, lastOf(last, before.bytes));
}

/** Whether these bytes, all that a file has, are fewer than were seen of `known`, and its first ones. */
export function isShorterStart({ start }: KnownFile, bytes: Buffer): boolean {
  if (start === null || bytes.length === 0) return false;
  const known = Buffer.from(start, 'base64');
  return bytes.length < known.length && known.subarray(0, bytes.length).equals(bytes);
}
