/** Lines that stand for several: rsyslog's `message repeated N times: [ MSG]`, syslogd's `last message repeated N times`. */

import type { LineContext } from './line-context.ts';
import { type LogText, words } from './log-text.ts';

/** The most events one line can stand for: a line is no proof of more, and memory is bounded. */
export const REPEAT_LIMIT = 100_000;

const REPEATED = words('message repeated ');
const BEGINS = ' times: [';
/** The beginning of the message and the count are within so many characters. */
const REPETITION_LIMIT_CHARS = 400;
/** The count is within so many characters. */
const HEAD_LIMIT_CHARS = 64;

/** Returns how often a message came again, and the message; null where what stands from `begin` to `logEnd` is no such line. */
export function readRepeat(
  log: LogText,
  begin: number,
  logEnd: number,
): { readonly count: number; readonly message: string } | null {
  if (!REPEATED.areAt(log, begin, logEnd)) return null;
  const text = log.slice(begin, logEnd);
  const count = Number.parseInt(text.slice(REPEATED.length, HEAD_LIMIT_CHARS), 10);
  const open = text.slice(0, HEAD_LIMIT_CHARS).indexOf(BEGINS);
  if (!(count > 0) || open < 0) return null;
  let from = open + BEGINS.length;
  if (text.startsWith(' ', from)) from++;
  const end = text.endsWith(']') ? text.length - 1 : text.length;
  return { count: Math.min(count, REPEAT_LIMIT), message: text.slice(from, end) };
}

/**
 * What syslogd and macOS write (`repeated`, `1 time`), sysklogd (`buffered`), syslog-ng (`Last message 'BEGINNING' repeated 2 times,
 * suppressed by syslog-ng on web`) and metalog (`Last output repeated twice`).
 */
const LAST_MESSAGE =
  /^last (?:message (?:'.{0,256}' )?(?:repeated|buffered) (\d{1,9}) time(?:s|\(s\))?(?=\W|$)|output repeated (?:(\d{1,9}) times|twice)$)/i;
/** Words of a line that reports a repetition, in whatever spelling. */
const ANY_REPETITION =
  /\b(?:last|previous|preceding|above) (?:message|line)\b|\b(?:message|line)s? repeated\b|\brepeated \d+ times?\b/i;

/** N of `last message repeated N times`; null for another spelling. */
export function readLastRepeated(text: string): number | null {
  const found = LAST_MESSAGE.exec(text.slice(0, REPETITION_LIMIT_CHARS));
  // metalog writes `twice` for 2.
  return found === null ? null : Math.min(Number(found[1] ?? found[2] ?? 2), REPEAT_LIMIT);
}

/** Returns true for a line that seems to say that the line before it came again. */
export function looksLikeRepetition(text: string): boolean {
  return ANY_REPETITION.test(text.slice(0, HEAD_LIMIT_CHARS * 2));
}

const MODULE_TAG = /\bsshd(?:-session)?\([\w.-]{1,40}\)\[(\d{1,10})\]: /;

/** The message without `error: ` or `fatal: `. */
function withoutLevel(message: string): string {
  return message.replace(/^(?:error|fatal): /, '');
}

/** Keeps the last message that is a decision, for lines that report that it came again. */
export class LastDecision {
  #message = '';
  #pid = -1;
  #host = 0;
  #line = -1;
  /** False where a PAM module had written a line of the same attempt right before. */
  #isAlone = true;
  #moduleLine = -1;
  #modulePid = -1;

  /** The number of its host; 0 for none. */
  get host(): number {
    return this.#host;
  }

  /** Keeps a message, of the line of this context. */
  set(message: string, context: LineContext): void {
    this.#message = message;
    this.#pid = context.pid;
    this.#host = context.host;
    this.#line = context.line;
    this.#isAlone = this.#moduleLine !== context.line - 1 || this.#modulePid !== context.pid;
  }

  /** Keeps of a line that is not sshd's whether a PAM module wrote it in a process of sshd: `sshd(pam_google_auth)[PID]: ...`. */
  addOther(text: string, line: number): void {
    const pid = text.includes('sshd') ? MODULE_TAG.exec(text.slice(0, HEAD_LIMIT_CHARS * 2))?.[1] : undefined;
    if (pid === undefined) return;
    this.#moduleLine = line;
    this.#modulePid = Number(pid);
  }

  /** Completes a repeated message: older rsyslogs cut it, so that the whole is taken from the line before where that begins alike. */
  whole(message: string, context: LineContext): string {
    if (this.#line < 0 || this.#pid !== context.pid || this.#host !== context.host) return message;
    const last = this.#message;
    return withoutLevel(last).startsWith(withoutLevel(message)) ? last : message;
  }

  /**
   * The decision in the line right before `line`, or null: `last message repeated` is about any program's. An attempt in which a module
   * writes a line first does not come again as its last line alone.
   */
  before(line: number): { readonly message: string; readonly pid: number; readonly host: number } | null {
    if (this.#line < 0 || this.#line !== line - 1 || !this.#isAlone) return null;
    return { message: this.#message, pid: this.#pid, host: this.#host };
  }

  /** Plain JSON. */
  save(): unknown {
    const module = [this.#moduleLine, this.#modulePid];
    return { message: this.#message, pid: this.#pid, host: this.#host, line: this.#line, alone: this.#isAlone, module };
  }

  /** Takes over what `save` gave; anything else is ignored. */
  restore(saved: unknown): void {
    const { message, pid, host, line, alone, module } = (saved ?? {}) as Record<string, unknown>;
    const [moduleLine, modulePid] = Array.isArray(module) ? (module as unknown[]) : [];
    if (typeof moduleLine === 'number') this.#moduleLine = moduleLine;
    if (typeof modulePid === 'number') this.#modulePid = modulePid;
    if (typeof message !== 'string' || typeof pid !== 'number' || typeof host !== 'number' || typeof line !== 'number')
      return;
    this.#message = message;
    this.#pid = pid;
    this.#host = host;
    this.#line = line;
    this.#isAlone = alone !== false;
  }
}
