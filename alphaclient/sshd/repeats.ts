/** Lines that stand for several: rsyslog's `message repeated N times: [ MSG]`, syslogd's `last message repeated N times`. */

import { latin1 } from './latin1.ts';
import type { Place } from './matching.ts';

/** The most events one line can stand for: a line is no proof of more, and memory is bounded. */
export const REPEAT_LIMIT = 100_000;

const REPEATED = 'message repeated ';
const LAST = 'last message repeated ';

/** How often, and where the repeated message stands in the bytes; null when it is no such line. */
export function readRepeat(
  bytes: Buffer,
  from: number,
  end: number,
): { count: number; from: number; end: number } | null {
  // `mess`: the only thing sshd's tag is followed by that begins so.
  if (bytes[from] !== 109 || bytes[from + 1] !== 101 || bytes[from + 2] !== 115 || bytes[from + 3] !== 115) return null;
  const head = latin1(bytes, from, Math.min(end, from + 48));
  if (!head.startsWith(REPEATED)) return null;
  const count = Number.parseInt(head.slice(REPEATED.length), 10);
  const open = head.indexOf(' times: [');
  if (!(count > 0) || open < 0) return null;
  let at = from + open + 9;
  if (bytes[at] === 32) at++;
  const last = bytes[end - 1] === 93 ? end - 1 : end;
  return { count: Math.min(count, REPEAT_LIMIT), from: at, end: Math.max(last, at) };
}

/** N of `last message repeated N times`, 0 when it is another line. */
export function readLastRepeated(bytes: Buffer, from: number, end: number): number {
  const text = latin1(bytes, from, Math.min(end, from + 64));
  if (!text.startsWith(LAST)) return 0;
  const count = Number.parseInt(text.slice(LAST.length), 10);
  return count > 0 ? Math.min(count, REPEAT_LIMIT) : 0;
}

/** The last message that decided, for lines that say that it came again. Without its level and ` [preauth]`. */
export class LastDecision {
  #message = '';
  #pid = -1;
  #host = 0;
  #line = -1;

  set(message: string, place: Place): void {
    this.#message = message;
    this.#pid = place.pid;
    this.#host = place.host;
    this.#line = place.line;
  }

  /** What is repeated: older rsyslogs cut it, so the whole is taken from the line before where that begins alike. */
  whole(message: string, place: Place): string {
    if (this.#line < 0 || this.#pid !== place.pid || this.#host !== place.host) return message;
    const last = this.#message;
    return last.startsWith(message.replace(/^(?:error|fatal): /, '')) ? last : message;
  }

  /** The decision in the line right before `line`, or null: `last message repeated` speaks of any program's. */
  before(line: number): { readonly message: string; readonly pid: number; readonly host: number } | null {
    if (this.#line < 0 || this.#line !== line - 1) return null;
    return { message: this.#message, pid: this.#pid, host: this.#host };
  }

  /** Plain JSON. */
  save(): unknown {
    return { message: this.#message, pid: this.#pid, host: this.#host, line: this.#line };
  }

  /** Takes over what `save` gave; anything else is ignored. */
  restore(saved: unknown): void {
    const { message, pid, host, line } = (saved ?? {}) as Record<string, unknown>;
    if (typeof message !== 'string' || typeof pid !== 'number' || typeof host !== 'number' || typeof line !== 'number')
      return;
    this.set(message, { pid, host, line, ms: Number.NaN, nowMs: 0 });
  }
}
