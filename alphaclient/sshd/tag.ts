/** sshd's tag in a log line: `sshd[123]:`, `sshd-session[123]:`, with or without pid, brackets or a path. */

import { afterSender } from './macos.ts';

const SSHD = 0x73736864; // sshd
const SSH_DOT = 0x7373682e; // ssh.
const SSH_AT = 0x73736840; // ssh@
const SPACE = 32;
const COLON = 58;
const OPEN = 91;
const CLOSE = 93;

/** Reads tags; keeps the pid of the last one. */
export class Tag {
  /** The pid in brackets, or -1. */
  pid = -1;

  /** Where the message begins if sshd's tag stands at `at`, else -1. */
  read(bytes: Uint8Array, at: number, end: number): number {
    this.pid = -1;
    let p = at;
    if (bytes[p] === 47) {
      // A path: only its last name counts.
      let slash = p;
      while (p < end && p < at + 256) {
        const c = bytes[p];
        if (c === SPACE || c === COLON || c === OPEN) break;
        if (c === 47) slash = p;
        p++;
      }
      p = slash + 1;
    }
    const bracket = bytes[p] === OPEN;
    if (bracket) p++;
    if (bytes[p] !== 115) return -1;
    const word =
      ((bytes[p] as number) << 24) |
      ((bytes[p + 1] as number) << 16) |
      ((bytes[p + 2] as number) << 8) |
      (bytes[p + 3] as number);
    if (word === SSHD) p += 4;
    else if (word === SSH_DOT || word === SSH_AT) p += 3;
    else return -1;
    const c = bytes[p];
    if (c === 45) {
      if (startsWith(bytes, p, '-session')) p += 8;
      else if (startsWith(bytes, p, '-auth')) p += 5;
      else return -1;
    } else if (c === 46) {
      if (!startsWith(bytes, p, '.service')) return -1;
      p += 8;
    } else if (c === 64) {
      p = afterInstance(bytes, p, end);
      if (p < 0) return -1;
    } else if (c === 40) {
      if (!startsWith(bytes, p, '(pam_unix)')) return -1;
      p += 10;
    }
    if (bracket) {
      if (bytes[p] !== CLOSE) return -1;
      p++;
      // The brackets mark the end well enough where there is no colon.
      if (bytes[p] === SPACE && p < end) return p + 1;
    }
    if (bytes[p] === OPEN) {
      let pid = 0;
      let q = p + 1;
      for (; q < end && q < p + 12; q++) {
        const d = (bytes[q] as number) - 48;
        if (!(d >= 0 && d <= 9)) break;
        pid = pid * 10 + d;
      }
      if (bytes[q] !== CLOSE || q === p + 1) return -1;
      this.pid = pid;
      p = q + 1;
      // Some syslogs leave the colon out behind a pid.
      if (bytes[p] === SPACE) return p + 1;
    }
    if (bytes[p] !== COLON || p >= end) return -1;
    return bytes[p + 1] === SPACE ? p + 2 : p + 1;
  }
}

/** A unit's instance has addresses and ports in its name, which are shorter than this. */
const INSTANCE_LIMIT_BYTES = 160;
const SERVICE = '.service';

/** Behind `@INSTANCE.service` (a connection that systemd accepted: `-o with-unit` writes the unit), or -1. */
function afterInstance(bytes: Uint8Array, at: number, end: number): number {
  const limit = Math.min(end, at + INSTANCE_LIMIT_BYTES);
  let p = at;
  while (p < limit && bytes[p] !== OPEN && bytes[p] !== SPACE) p++;
  return bytes[p] === OPEN && startsWith(bytes, p - SERVICE.length, SERVICE) ? p : -1;
}

/** What syslogs write between tag and message is shorter than this. */
const MARK_LIMIT_BYTES = 64;

/**
 * Behind what a syslog put before the message at `at`: `[ID n facility.level] ` of Solaris, `<Level>: ` and `(LIBRARY) ` of
 * macOS, `(pam_unix) ` of Debian's old PAM, `kernel: [ uptime] ` where the line came by way of the kernel's log. sshd begins
 * no message like these.
 */
export function afterMark(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at];
  const limit = Math.min(end, at + MARK_LIMIT_BYTES);
  if (first === OPEN && startsWith(bytes, at, '[ID ')) {
    const close = bytes.indexOf(CLOSE, at);
    return close < 0 || close >= limit ? at : close + (bytes[close + 1] === SPACE ? 2 : 1);
  }
  if (first === 60) {
    const close = bytes.indexOf(62, at);
    return close > 0 && close < limit && bytes[close + 1] === COLON && bytes[close + 2] === SPACE ? close + 3 : at;
  }
  if (first === 40 || first === OPEN) return afterSender(bytes, at, end);
  if (first !== 107 || !startsWith(bytes, at, 'kernel:')) return at;
  const close = bytes.indexOf(CLOSE, at);
  if (close < 0 || close >= limit || bytes[bytes[at + 7] === SPACE ? at + 8 : at + 7] !== OPEN) return at;
  const behind = bytes[close + 1] === COLON ? close + 2 : close + 1;
  return bytes[behind] === SPACE ? behind + 1 : behind;
}

/** True when the bytes at `at` are these ASCII characters. */
export function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
