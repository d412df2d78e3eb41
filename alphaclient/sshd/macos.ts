/** What macOS's `log show` and `log stream` write between a line's time and its message. */

import { latin1 } from './latin1.ts';
import { wholeNumber } from './words.ts';

const SPACE = 32;
/** The longest that is looked for before a message: names of libraries and subsystems are shorter. */
const COLUMNS_LIMIT_BYTES = 200;

/** `Df sshd[123:a5b] `: how much it matters, the process, its pid and thread. */
const COMPACT = /^(?:Df|Db|[AEFI] ) ?sshd(?:-session|-auth)?\[(\d{1,10}):[0-9a-f]{1,16}\] /;
/** `(libsystem_info.dylib) [com.apple.opendirectoryd:session] `, either of which may be missing. */
const SENDER = /^(?:\([^()]*\) )?(?:\[[\w.-]+:[\w.-]*\] )?/;

/** Reads the columns of a line; keeps the pid of the last one. */
export class Columns {
  /** The pid of the process, or -1. */
  pid = -1;

  /** Where the tag begins behind `THREAD TYPE ACTIVITY PID TTL ` at `at`, whose thread and activity are hexadecimal; else -1. */
  full(bytes: Buffer, at: number, end: number): number {
    this.pid = -1;
    if (bytes[at] !== 48 || bytes[at + 1] !== 120) return -1;
    let p = at;
    for (let word = 0; word < 5; word++) {
      const from = p;
      while (p < end && bytes[p] !== SPACE) p++;
      if (word === 3) this.pid = wholeNumber(bytes, from, p);
      while (p < end && bytes[p] === SPACE) p++;
    }
    return p;
  }

  /** Where what sshd wrote begins behind `TYPE PROCESS[PID:THREAD] ` at `at`, the style `compact`; else -1. */
  compact(bytes: Buffer, at: number, end: number): number {
    if (bytes[at + 2] !== SPACE) return -1;
    const found = COMPACT.exec(latin1(bytes, at, Math.min(end, at + COLUMNS_LIMIT_BYTES)));
    if (found === null) return -1;
    this.pid = Number(found[1]);
    return at + found[0].length;
  }
}

/** Behind the library and the subsystem that the message at `at` came by way of; `at` where there is neither. */
export function afterSender(bytes: Buffer, at: number, end: number): number {
  const found = SENDER.exec(latin1(bytes, at, Math.min(end, at + COLUMNS_LIMIT_BYTES)));
  return at + (found?.[0].length ?? 0);
}
