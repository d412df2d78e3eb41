/** The words that syslogs write between a line's time and its tag, apart from the host. */

import { latin1 } from './latin1.ts';

const COLON = 58;
const DOT = 46;
const BAR = 124;
const LESS = 60;

const FACILITY =
  /^(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|security|ftp|local[0-7])\.(?:emerg|panic|alert|crit|err|error|warn|warning|notice|info|debug)$/;
const FACILITY_LIMIT_CHARS = 20;

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
