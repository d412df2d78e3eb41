/**
 * Caches the header of sshd's last line. Nearly every line of a busy log has the same up to its pid, or up to the tag of another program, and
 * the parser of all forms (syslog-header.ts) takes ten times as long. That does without this cache.
 */

import { ByteCopy, type LogText, type Words, words } from './log-text.ts';
import { CYGWIN_BEGINS, MARK_BEGINS } from './sshd-tag.ts';
import type { Header, Writer } from './syslog-header.ts';
import type { TimestampParser } from './timestamp.ts';

const BEHIND_PID = words(']: ');
const PID_LIMIT_CHARS = 10;
/** The characters, by their codes, that no message begins with behind the tag (true); the parser knows what they begin. */
const BEGINS_NO_MESSAGE: readonly boolean[] = Array.from({ length: 256 }, (_, code) =>
  `${MARK_BEGINS}\r\n`.includes(String.fromCharCode(code)),
);

/** Knows the last header. The timestamps are the log's own: what is read here counts among them. */
export class HeaderCache {
  readonly #timestamps: TimestampParser;
  /** The text between time and pid; empty before the first line. */
  #beforePid = words('');
  /** The beginning of that, ` HOST `, where it has nothing but host and tag; else empty. */
  #beforeTag = words('');
  #host = '';
  /** The last line's time, with the character behind it, and its number; nothing where it has a fraction. */
  readonly #time = new ByteCopy();
  #second = -1;
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
    this.#beforePid = words(beforePid);
    this.#beforeTag = words(beforeTag);
    this.#host = host;
  }

  /**
   * Parses the header of the line that begins at `at` of a chunk, where it differs from that of sshd's last line in nothing but minute,
   * second and pid, or from there on in the tag of another program; else null. The header is good until the next call.
   */
  parse(chunk: LogText, at: number): Header | null {
    const before = this.#beforePid;
    if (before.length === 0) return null;
    const timeEnd = this.#endOfTime(chunk, at);
    if (timeEnd < 0) return null;
    const isOfSshd = before.areAt(chunk, timeEnd, chunk.bytes.length);
    return isOfSshd ? this.#ofSshd(chunk, timeEnd + before.length) : this.#ofOther(chunk, timeEnd);
  }

  /** Parses a time of the hour of the time before; gives the index behind it, or -1. */
  #endOfTime(chunk: LogText, at: number): number {
    const timestamps = this.#timestamps;
    if (this.#second === timestamps.second && this.#time.isAt(chunk, at))
      return timestamps.repeatSecond() ? at + this.#time.length - 1 : -1;
    const end = timestamps.parseInKnownHour(chunk.text, at);
    if (end < 0) return -1;
    this.#second = timestamps.second;
    this.#time.take(chunk, at, this.#second < 0 ? 0 : end + 1 - at);
    return end;
  }

  /** Parses `PID]: ` of sshd's. */
  #ofSshd(chunk: LogText, pidFrom: number): Header | null {
    const { bytes } = chunk;
    let pid = 0;
    let end = pidFrom;
    for (let digit = digitAt(bytes, end); digit >= 0; digit = digitAt(bytes, ++end)) pid = pid * 10 + digit;
    if (end === pidFrom || end > pidFrom + PID_LIMIT_CHARS || !BEHIND_PID.areAt(chunk, end, bytes.length)) return null;
    const from = end + BEHIND_PID.length;
    if (from >= bytes.length || BEGINS_NO_MESSAGE[bytes[from] as number] === true) return null;
    if (CYGWIN.areAt(chunk, from, bytes.length)) return null;
    return this.#fill('sshd', this.#host, pid, from);
  }

  /** Parses ` HOST TAG: ` or ` HOST TAG[PID]: ` of the last line's host, with the tag of another program. */
  #ofOther(chunk: LogText, timeEnd: number): Header | null {
    const { bytes } = chunk;
    const { length } = bytes;
    const before = this.#beforeTag;
    if (before.length === 0 || !before.areAt(chunk, timeEnd, length)) return null;
    const tagFrom = timeEnd + before.length;
    if (tagFrom >= length || !isLetter(bytes[tagFrom] as number) || isSpecialTag(chunk, tagFrom)) return null;
    let end = tagFrom;
    while (end < length && isTagChar(bytes[end] as number)) end++;
    if (bytes[end] === OPEN) {
      const pidFrom = ++end;
      while (digitAt(bytes, end) >= 0) end++;
      if (end === pidFrom || bytes[end] !== CLOSE) return null;
      end++;
    }
    return BEHIND_TAG.areAt(chunk, end, length) ? this.#fill('other', '', -1, timeEnd + 1) : null;
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

const CYGWIN = words(CYGWIN_BEGINS);
const BEHIND_TAG = words(': ');
const OPEN = 91;
const CLOSE = 93;

/** The digit at an index; -1 where none stands there. */
function digitAt(bytes: Buffer, at: number): number {
  const digit = at < bytes.length ? (bytes[at] as number) - 48 : -1;
  return digit >= 0 && digit <= 9 ? digit : -1;
}

/** The beginnings of tags that may be sshd's, by whatever name, or syslogd's own. */
const SPECIAL_TAGS: readonly Words[] = [
  'ssh',
  'SSH',
  'openssh',
  'open-ssh',
  'OpenSSH',
  'dcos_',
  'syslog',
  'rsyslog',
].map(words);

function isSpecialTag(chunk: LogText, at: number): boolean {
  return SPECIAL_TAGS.some((tag) => tag.areAt(chunk, at, chunk.bytes.length));
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
}

/** Returns true for a letter, a digit, `-`, `.` and `_`. */
function isTagChar(code: number): boolean {
  return isLetter(code) || (code >= 48 && code <= 57) || code === 45 || code === 46 || code === 95;
}
