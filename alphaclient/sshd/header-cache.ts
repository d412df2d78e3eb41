/**
 * Caches the header of sshd's last line. Nearly every line of a busy log has the same up to its pid, or up to the tag of another program, and
 * the parser of all forms (syslog-header.ts) takes ten times as long. That does without this cache.
 */

import { flat } from './latin1.ts';
import { CYGWIN_BEGINS, MARK_BEGINS } from './sshd-tag.ts';
import type { Header, Writer } from './syslog-header.ts';
import { digitAt, type TimestampParser } from './timestamp.ts';

const BEHIND_PID = ']: ';
const PID_LIMIT_CHARS = 10;
/** By its code, true for a character that no message begins with behind the tag; what it begins is the parser's to know. */
const BEGINS_NO_MESSAGE: readonly boolean[] = Array.from({ length: 256 }, (_, code) =>
  `${MARK_BEGINS}\r\n`.includes(String.fromCharCode(code)),
);

/** Knows the last header. The timestamps are the log's own: what is read here counts among them. */
export class HeaderCache {
  readonly #timestamps: TimestampParser;
  /** The text between time and pid; empty before the first line. */
  #beforePid = '';
  /** The beginning of that, ` HOST `, where it has nothing but host and tag; else empty. */
  #beforeTag = '';
  #host = '';
  /** The last line's text up to its pid, and its time in that; empty where its time has a fraction. */
  #start = '';
  #second = '';
  /** Filled anew for each line: one object for a million of them. */
  readonly #header: { -readonly [field in keyof Header]: Header[field] } = {
    writer: 'sshd',
    ms: Number.NaN,
    host: '',
    pid: -1,
    from: 0,
  };

  constructor(timestamps: TimestampParser) {
    this.#timestamps = timestamps;
  }

  /** Takes what stood between time and pid in a line of sshd's, the part of it before the tag (see `#beforeTag`), and the host in it. */
  remember(beforePid: string, beforeTag: string, host: string): void {
    this.#beforePid = flat(beforePid);
    this.#beforeTag = flat(beforeTag);
    this.#host = host;
    this.#start = '';
  }

  /**
   * Parses the header of the line that begins at `at` of a chunk, where it differs from that of sshd's last line in nothing but minute,
   * second and pid, or from there on in the tag of another program; else null. The header is good until the next call.
   */
  parse(chunk: string, at: number): Header | null {
    const before = this.#beforePid;
    if (before === '') return null;
    if (this.#isSameStart(chunk, at)) return this.#ofSshd(chunk, at + this.#start.length);
    const timeEnd = this.#timestamps.parseInKnownHour(chunk, at);
    if (timeEnd < 0) return null;
    if (!chunk.startsWith(before, timeEnd)) return this.#ofOther(chunk, timeEnd);
    const { secondText } = this.#timestamps;
    this.#second = secondText;
    this.#start = secondText === '' ? '' : flat(secondText.slice(0, -1) + before);
    return this.#ofSshd(chunk, timeEnd + before.length);
  }

  /** Returns true, and sets the time, where the line begins like sshd's last one up to the pid. */
  #isSameStart(chunk: string, at: number): boolean {
    const start = this.#start;
    if (start === '' || this.#second !== this.#timestamps.secondText || !chunk.startsWith(start, at)) return false;
    return this.#timestamps.repeatSecond();
  }

  /** Parses `PID]: ` of sshd's. */
  #ofSshd(chunk: string, pidFrom: number): Header | null {
    let pid = 0;
    let end = pidFrom;
    for (let digit = digitAt(chunk, end); digit >= 0 && digit <= 9; digit = digitAt(chunk, ++end))
      pid = pid * 10 + digit;
    if (end === pidFrom || end > pidFrom + PID_LIMIT_CHARS || !chunk.startsWith(BEHIND_PID, end)) return null;
    const from = end + BEHIND_PID.length;
    if (from >= chunk.length || BEGINS_NO_MESSAGE[chunk.charCodeAt(from)] === true) return null;
    if (chunk.startsWith(CYGWIN_BEGINS, from)) return null;
    return this.#fill('sshd', this.#host, pid, from);
  }

  /** Parses ` HOST TAG: ` or ` HOST TAG[PID]: ` of the last line's host, with the tag of another program. */
  #ofOther(chunk: string, timeEnd: number): Header | null {
    const before = this.#beforeTag;
    if (before === '' || !chunk.startsWith(before, timeEnd)) return null;
    const tagFrom = timeEnd + before.length;
    if (!isLetter(chunk.charCodeAt(tagFrom)) || isSpecialTag(chunk, tagFrom)) return null;
    let end = tagFrom;
    while (isTagChar(chunk.charCodeAt(end))) end++;
    if (chunk.startsWith('[', end)) {
      const pidFrom = ++end;
      for (let digit = digitAt(chunk, end); digit >= 0 && digit <= 9; digit = digitAt(chunk, end)) end++;
      if (end === pidFrom || !chunk.startsWith(']', end)) return null;
      end++;
    }
    return chunk.startsWith(': ', end) ? this.#fill('other', '', -1, timeEnd + 1) : null;
  }

  #fill(writer: Writer, host: string, pid: number, from: number): Header {
    const header = this.#header;
    header.writer = writer;
    header.ms = this.#timestamps.ms;
    header.host = host;
    header.pid = pid;
    header.from = from;
    return header;
  }
}

/** The beginnings of tags that may be sshd's, by whatever name, or syslogd's own. */
const SPECIAL_TAGS = ['ssh', 'SSH', 'openssh', 'open-ssh', 'OpenSSH', 'dcos_', 'syslog', 'rsyslog'] as const;

function isSpecialTag(text: string, at: number): boolean {
  return SPECIAL_TAGS.some((tag) => text.startsWith(tag, at));
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
}

/** Returns true for a letter, a digit, `-`, `.` and `_`. */
function isTagChar(code: number): boolean {
  return isLetter(code) || (code >= 48 && code <= 57) || code === 45 || code === 46 || code === 95;
}
