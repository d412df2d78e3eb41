/** Tells when nothing more of an answer is written, whether its reader took it or left. */
import type { Writable } from 'node:stream';

/**
 * Calls back once when an answer is closed; at once where it is closed already. A reader who leaves while the answer is worked out
 * closes it before the answer is there, and the event of it does not come again.
 */
export function whenClosed(answer: Writable, release: () => void): void {
  if (answer.destroyed) release();
  else answer.once('close', release);
}
