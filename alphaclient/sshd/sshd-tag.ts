/** sshd's tag in a log line, and what syslogs and libraries write between it and the message. */

/** The names under which sshd and its processes write; NX-OS calls it dcos_sshd. */
const NAME = '(?:dcos_)?sshd(?:-session|-auth)?';
const PROGRAM = new RegExp(`^(?:[^ ]*/)?${NAME}$`);
/** A unit's instance (`sshd@7-192.0.2.1:22-192.0.2.9:40000.service`, by `journalctl -o with-unit`) has addresses and ports in its name. */
const INSTANCE = String.raw`sshd?@[^ []{0,150}\.service(?=\[)`;
/**
 * `sshd[123]: `, with or without a pid, brackets or a path. Some syslogs leave the colon out behind a pid or a bracket. A PAM before
 * 0.99 writes as `sshd(pam_unix)`.
 */
const TAG = new RegExp(
  String.raw`^(?:/(?:[^ :[]{0,255}/)?)?(\[?)(?:${INSTANCE}|sshd?\.service|sshd\(pam_unix\)|${NAME})(\]?)(?: ?\[(\d{1,11})\])?(: ?| )`,
);
/** The first characters that it can have. */
const TAG_BEGINS = 'sd/[';
const TAG_LIMIT_CHARS = 512;

/** `[ID n facility.level] ` of Solaris, `<Level>: ` of macOS, `kernel: [ uptime] ` where a line came by way of the kernel's log. */
const MARK = /^(?:\[ID [^\]]*\] ?|<[^>]*>: |kernel: ?\[[^\]]*\]:? ?)/;
const MARK_LIMIT_CHARS = 64;
/** `(libsystem_info.dylib) [com.apple.opendirectoryd:session] ` of macOS, either of which may be missing; `(pam_unix) ` of an old PAM. */
const SENDER = /^(?:\([^()]*\) )?(?:\[[\w.-]+:[\w.-]*\] )?/;
const SENDER_LIMIT_CHARS = 200;
/** The first characters of what may stand before a message behind a pid: a mark, a second space, a byte order mark. */
export const MARK_BEGINS = '[<(k \xef';
const SPACES = /^(?: |\xef\xbb\xbf)+/;
const SPACES_LIMIT_CHARS = 16;
/** Cygwin's syslog writes the pid that Windows knows the process by into the message. */
export const CYGWIN_BEGINS = 'PID ';
const CYGWIN_PID = /^PID (\d{1,10}): /;
const CYGWIN_PID_LIMIT_CHARS = 16;

/** sshd's tag, and the message behind it. */
export interface SshdTag {
  /** The pid in brackets, or Cygwin's; -1 where there is none. */
  readonly pid: number;
  /** Index of the first digit in brackets, or -1. */
  readonly pidFrom: number;
  /** Index of the message. */
  readonly messageFrom: number;
}

/** Parses sshd's tag at `at`; null where none stands there. */
export function parseTag(line: string, at: number): SshdTag | null {
  if (at >= line.length || !TAG_BEGINS.includes(line[at] as string)) return null;
  const found = TAG.exec(line.slice(at, at + TAG_LIMIT_CHARS));
  if (found === null) return null;
  const [whole, open, close, pid, behind = ''] = found;
  const isBracketed = close !== '';
  if ((open !== '') !== isBracketed || (behind === ' ' && pid === undefined && !isBracketed)) return null;
  const end = at + whole.length;
  const cygwin = line[end] === 'P' ? CYGWIN_PID.exec(line.slice(end, end + CYGWIN_PID_LIMIT_CHARS)) : null;
  const messageFrom = cygwin === null ? messageStart(line, end) : end + cygwin[0].length;
  if (pid === undefined) return { pid: Number(cygwin?.[1] ?? -1), pidFrom: -1, messageFrom };
  return { pid: Number(pid), pidFrom: end - behind.length - 1 - pid.length, messageFrom };
}

/** True for a name of sshd's, with or without a path. */
export function isSshd(program: string): boolean {
  return PROGRAM.test(program);
}

/** Index behind what a syslog or a library put before the message at `at`; sshd begins no message like these. */
export function messageStart(line: string, at: number): number {
  if (!MARK_BEGINS.includes(line[at] ?? '')) return at;
  const spaces = SPACES.exec(line.slice(at, at + SPACES_LIMIT_CHARS));
  if (spaces !== null) return messageStart(line, at + spaces[0].length);
  const mark = MARK.exec(line.slice(at, at + MARK_LIMIT_CHARS)) ?? SENDER.exec(line.slice(at, at + SENDER_LIMIT_CHARS));
  return at + (mark?.[0].length ?? 0);
}
