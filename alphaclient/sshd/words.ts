/** The words that syslogs write between a line's time and its tag, apart from the host. */

import { isWord } from './clock.ts';
import { latin1 } from './latin1.ts';

const SPACE = 32;
const COLON = 58;
const CLOSE = 93;
const DOT = 46;
const BAR = 124;
const LESS = 60;

const FACILITY =
  /^(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|security|ftp|local[0-7])\.(?:emerg|panic|alert|crit|err|error|warn|warning|notice|info|debug)$/;
const FACILITY_LIMIT_CHARS = 20;
const MONOTONIC = /^\[ *\d+\.\d{6}(?: *< *\d+\.\d{6} *>)? *\]$/;

/** `Nov 20 10:00:00 `. */
const SECOND_TIME_CHARS = 16;

/** Behind `auth.info: Nov 20 10:00:00 `, with which socklog follows its own time (Void Linux); else `at`. */
export function afterSocklog(bytes: Buffer, at: number, end: number): number {
  const limit = Math.min(end, at + FACILITY_LIMIT_CHARS);
  let p = at;
  while (p < limit && bytes[p] !== COLON && bytes[p] !== SPACE) p++;
  if (bytes[p] !== COLON || !isFacility(bytes, at, p) || p + 2 + SECOND_TIME_CHARS > end) return at;
  const time = p + 2;
  const isTime = bytes[time + 3] === SPACE && bytes[time + 9] === COLON && bytes[time + 12] === COLON;
  return isTime && bytes[time + SECOND_TIME_CHARS - 1] === SPACE ? time + SECOND_TIME_CHARS : at;
}

const STREAM = /^std(?:out|err) [FP] /;
const STREAM_BYTES = 9;

/** Behind `stderr F `, which containerd writes between a container's time and its line (Kubernetes); else `at`. */
export function afterStream(bytes: Buffer, at: number, end: number): number {
  return STREAM.test(latin1(bytes, at, Math.min(end, at + STREAM_BYTES))) ? at + STREAM_BYTES : at;
}

/** Whether a word is how sshd begins what it writes to its standard error, and nobody's tag: `error:` or `fatal:`. */
export function isLevel(bytes: Buffer, from: number, end: number): boolean {
  return end - from === 6 && ['error:', 'fatal:'].includes(latin1(bytes, from, end));
}

/** Whether one of the two words that end here is a program's tag. */
export function isTagged(bytes: Buffer, end: number, nextEnd: number): boolean {
  return bytes[end - 1] === COLON || bytes[nextEnd - 1] === COLON;
}

/** What `journalctl` writes of a moment since the start of the machine is shorter than this. */
const MONOTONIC_LIMIT_CHARS = 48;

/** Behind `[12345.678901] ` or `[12345.678901 < 0.130762 >] ` (`journalctl -o short-monotonic`, `-o short-delta`); else `at`. */
export function afterMonotonic(bytes: Buffer, at: number, end: number): number {
  // Looked for no further: the next one may stand at the end of all that was read.
  const close = at + bytes.subarray(at, Math.min(end, at + MONOTONIC_LIMIT_CHARS + 1)).indexOf(CLOSE);
  if (close < at || close + 1 >= end || bytes[close + 1] !== SPACE) return at;
  return MONOTONIC.test(latin1(bytes, at, close + 1)) ? close + 2 : at;
}

/** A zone's name as `journalctl -o short-full` writes it between time and host. */
export function isZone(bytes: Uint8Array, from: number, end: number): boolean {
  if (end - from < 2 || end - from > 5) return false;
  const c = bytes[from] as number;
  if (c === 43 || c === 45) return true;
  for (let i = from; i < end; i++) if (!((bytes[i] as number) >= 65 && (bytes[i] as number) <= 90)) return false;
  return true;
}

/**
 * Where the line came from and how much it matters: `auth|security:info` of AIX, `<auth.info>` of FreeBSD, `auth.info` of
 * BusyBox. A word that ends in a colon is a program's tag.
 */
export function isFacility(bytes: Buffer, from: number, end: number): boolean {
  if (bytes[end - 1] === COLON || end === from) return false;
  let dots = 0;
  for (let i = from; i < end; i++) {
    const c = bytes[i] as number;
    if (c === BAR || c === LESS) return true;
    if (c === DOT) dots++;
  }
  return dots === 1 && end - from <= FACILITY_LIMIT_CHARS && FACILITY.test(latin1(bytes, from, end));
}

/** Whether `last message repeated N times` stands here, which syslogd says of whatever program. */
export function isRepeated(bytes: Buffer, at: number): boolean {
  return isWord(bytes, at, 'last') && isWord(bytes, at + 5, 'message') && isWord(bytes, at + 13, 'repeated');
}

/** What a host's name can be made of. */
export function isHostCharacter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || c === 45 || c === 46 || c === 95;
}

/** The number in these digits, or -1. */
export function wholeNumber(bytes: Buffer, from: number, end: number): number {
  if (from >= end || end - from >= 12) return -1;
  let number = 0;
  for (let i = from; i < end; i++) {
    const digit = (bytes[i] as number) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}
