/**
 * The header of a log line, in every form that syslogs give it: time, host, tag, pid, and where the message begins. A line of another
 * program is recognised by its tag, and its message is not looked at. JSON is read by journal-entry.ts.
 */

import { digitAt, type TimestampParser } from './timestamp.ts';

/**
 * Who wrote a line. `sshd`: its message is sshd's. `raw`: no header at all, perhaps `sshd -E`. `json`: a JSON object. `repeated`:
 * syslogd's `last message repeated`. `timed`: a time and nobody's tag, as in a container's log. `other`: another program.
 */
export type Writer = 'sshd' | 'raw' | 'json' | 'repeated' | 'timed' | 'other';

/** What stands before a message. */
export interface Header {
  readonly writer: Writer;
  /** Unix milliseconds, NaN where the line has no time. */
  readonly ms: number;
  /** Empty where the line has none. */
  readonly host: string;
  /** The pid in brackets, or -1. */
  readonly pid: number;
  /** Index of the message's first character. */
  readonly from: number;
}

/** A byte order mark (UTF-8), at the beginning of a file, or of a message in RFC 5424. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
const PRIORITY = /^<\d{1,3}>/;
const PRIORITY_LIMIT_CHARS = 5;

/** The names under which sshd and its processes write. */
const PROGRAM = /^(?:[^ ]*\/)?sshd(?:-session|-auth)?$/;
/** A unit's instance (`sshd@7-192.0.2.1:22-192.0.2.9:40000.service`, by `journalctl -o with-unit`) has addresses and ports in its name. */
const INSTANCE = String.raw`sshd?@[^ []{0,150}\.service(?=\[)`;
/**
 * sshd's tag: `sshd[123]: `, with or without a pid, brackets or a path. Some syslogs leave the colon out behind a pid or a bracket.
 */
const TAG = new RegExp(
  String.raw`^(?:/(?:[^ :[]{0,255}/)?)?(\[?)(?:${INSTANCE}|sshd?\.service|sshd(?:-session|-auth|\(pam_unix\))?)(\]?)(?:\[(\d{1,11})\])?(: ?| )`,
);
/** The first characters that it can have. */
const TAG_BEGINS = 's/[';
const TAG_LIMIT_CHARS = 512;
const BEHIND_PID = ']: ';
const PID_LIMIT_CHARS = 10;

/** `[ID n facility.level] ` of Solaris, `<Level>: ` of macOS, `kernel: [ uptime] ` where a line came by way of the kernel's log. */
const MARK = /^(?:\[ID [^\]]*\] ?|<[^>]*>: |kernel: ?\[[^\]]*\]:? ?)/;
const MARK_BEGINS = '[<(k';
const NO_MESSAGE_BEGINS = `${MARK_BEGINS}\r\n`;
const MARK_LIMIT_CHARS = 64;
/** `(libsystem_info.dylib) [com.apple.opendirectoryd:session] ` of macOS, either of which may be missing; `(pam_unix) ` of an old PAM. */
const SENDER = /^(?:\([^()]*\) )?(?:\[[\w.-]+:[\w.-]*\] )?/;
/** The longest that is looked for in macOS's columns: names of libraries and subsystems are shorter. */
const COLUMNS_LIMIT_CHARS = 200;
/** `0x14e5ecb  Default     0x0                  4242   0   `: thread, type, activity, pid, TTL of macOS's `log show`. */
const FULL_COLUMNS = /^0x\S*(?: +\S+){2} +(\S+) +\S+ +/;
/** `Df sshd[123:a5b] `: type, process, pid and thread of macOS's `log show --style compact`. */
const COMPACT_COLUMNS = /^(?:Df|Db|[AEFI] ) ?sshd(?:-session|-auth)?\[(\d{1,10}):[0-9a-f]{1,16}\] /;

const FACILITY =
  '(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|security|ftp|local[0-7])' +
  String.raw`\.(?:emerg|panic|alert|crit|err|error|warn|warning|notice|info|debug)`;
const FACILITY_WORD = new RegExp(`^${FACILITY}$`);
/** `auth.info: Nov 20 10:00:00 `, with which socklog follows its own time (Void Linux). */
const SOCKLOG = new RegExp(String.raw`^${FACILITY}: [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d `);
const SOCKLOG_LIMIT_CHARS = 40;
/** `stderr F `, which containerd writes between a container's time and its line (Kubernetes). */
const STREAM = /^std(?:out|err) [FP] /;
const STREAM_CHARS = 9;
/** `[12345.678901] ` and `[12345.678901 < 0.130762 >] ` of `journalctl -o short-monotonic` and `-o short-delta`. */
const MONOTONIC = /^\[ *\d+\.\d{6}(?: *< *\d+\.\d{6} *>)? *\] /;
const MONOTONIC_LIMIT_CHARS = 50;
/** A zone's name or offset as `journalctl -o short-full` writes it between time and host. */
const ZONE = /^(?:[A-Z]{2,5}|[+-].{1,4})$/;
const HOST_AND_SPACE = /^[\w.-]+ /;
/** More characters than a host's name can have. */
const HOST_LIMIT_CHARS = 260;
/** How many words syslogs write between time and tag at most: a zone, a host, a facility and a level. */
const WORDS_LIMIT = 4;
const LAST_MESSAGE_REPEATED = 'last message repeated ';

/** Parses headers, in the order of the log. */
export class HeaderParser {
  readonly #timestamps: TimestampParser;
  /** What stood between time and pid in sshd's last line, and the host in it. */
  #known = '';
  #knownHost = '';

  constructor(timestamps: TimestampParser) {
    this.#timestamps = timestamps;
  }

  /**
   * Parses the header of the line that begins at `at` of a chunk, where it differs from that of sshd's last line in nothing but minute,
   * second and pid, as nearly every line of a busy log does; else null. This is the header cache: `parse` does without it.
   */
  parseKnown(chunk: string, at: number): Header | null {
    const timeEnd = this.#known === '' ? -1 : this.#timestamps.parseInKnownHour(chunk, at);
    if (timeEnd < 0 || !chunk.startsWith(this.#known, timeEnd + 1)) return null;
    const pidFrom = timeEnd + 1 + this.#known.length;
    let pid = 0;
    let end = pidFrom;
    for (let digit = digitAt(chunk, end); digit >= 0 && digit <= 9; digit = digitAt(chunk, ++end))
      pid = pid * 10 + digit;
    if (end === pidFrom || end > pidFrom + PID_LIMIT_CHARS || !chunk.startsWith(BEHIND_PID, end)) return null;
    const from = end + BEHIND_PID.length;
    if (from >= chunk.length || NO_MESSAGE_BEGINS.includes(chunk[from] as string)) return null;
    return { writer: 'sshd', ms: this.#timestamps.ms, host: this.#knownHost, pid, from };
  }

  /** Parses the header of a line, which has no line end. */
  parse(line: string): Header {
    const start = line.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
    let at = start;
    if (line[at] === '<') {
      const priority = PRIORITY.exec(line.slice(at, at + PRIORITY_LIMIT_CHARS));
      if (priority === null) return timeless('raw', start);
      at += priority[0].length;
      if (line.startsWith('1 ', at)) return this.#rfc5424(line, at + 2) ?? timeless('other', start);
    }
    const timeEnd = this.#timestamps.parse(line, at);
    if (timeEnd >= 0) return this.#afterTime(line, timeEnd + 1, this.#timestamps.ms);
    if (line[at] === '{') return timeless('json', start);
    // A line that begins with the tag itself: `sshd[123]: message`.
    const tag = parseTag(line, at);
    if (tag !== null) return message(line, tag.end, Number.NaN, '', tag.pid);
    const found = line.startsWith('1 ', start) ? this.#rfc5424(line, start + 2) : afterHost(line, at);
    return found ?? timeless('raw', start);
  }

  /** Parses the time that a container's runtime wrote before a line; gives it and where the line begins, or null. */
  parseContainerTime(line: string): { readonly ms: number; readonly from: number } | null {
    const end = this.#timestamps.parse(line);
    return end < 0 ? null : { ms: this.#timestamps.ms, from: afterStream(line, end + 1) };
  }

  /** Parses what follows the time: `[ZONE ][HOST ][FACILITY ]TAG[PID]: MESSAGE`. */
  #afterTime(line: string, at: number, ms: number): Header {
    const other: Header = { writer: 'other', ms, host: '', pid: -1, from: at };
    const begin = skip(line, skipSpaces(line, at), SOCKLOG, SOCKLOG_LIMIT_CHARS);
    const tag = parseTag(line, begin);
    if (tag !== null) return this.#message(line, at, tag, ms, '');
    const columns = parseColumns(line, begin, ms);
    if (columns !== null) return columns;
    const words: string[] = [];
    let text = begin;
    for (let p = begin; words.length < WORDS_LIMIT; ) {
      const end = line.indexOf(' ', p);
      if (end < 0) return other;
      words.push(line.slice(p, end));
      if (isOtherText(words))
        return hasTag(words) ? other : { ...other, writer: 'timed', from: afterStream(line, text) };
      p = skipSpaces(line, end);
      const found = parseTag(line, p);
      if (found !== null) return this.#message(line, at, found, ms, hostIn(words));
      if (line.startsWith(LAST_MESSAGE_REPEATED, p)) return { ...other, writer: 'repeated', from: p };
      if (words.every((word) => ZONE.test(word))) text = p;
    }
    return other;
  }

  #message(line: string, timeEnd: number, { pid, pidFrom, end }: ParsedTag, ms: number, host: string): Header {
    if (pid >= 0) {
      this.#known = line.slice(timeEnd, pidFrom);
      this.#knownHost = host;
    }
    return message(line, end, ms, host, pid);
  }

  /** Parses `TIMESTAMP HOST APP PROCID MSGID DATA MESSAGE` (RFC 5424, section 6); null where it is not that, or not sshd's. */
  #rfc5424(line: string, at: number): Header | null {
    let ms = Number.NaN;
    let p = at + 1;
    if (line[at] !== '-') {
      p = this.#timestamps.parseIso(line, at);
      if (p < 0) return null;
      ms = this.#timestamps.ms;
    }
    const words: string[] = [];
    for (let word = 0; word < 4; word++) {
      if (line[p] !== ' ') return null;
      const end = line.indexOf(' ', p + 1);
      if (end < 0) return null;
      words.push(line.slice(p + 1, end));
      p = end;
    }
    const [host = '-', program = '', pid = ''] = words;
    if (!PROGRAM.test(program)) return null;
    const from = afterStructuredData(line, p + 1);
    if (from < 0) return null;
    // rsyslog's own template for this form writes a second space; no message of sshd begins with any.
    const text = skipSpaces(line, from);
    const begin = line.startsWith(BYTE_ORDER_MARK, text) ? text + BYTE_ORDER_MARK.length : text;
    return message(line, begin, ms, host === '-' ? '' : host, wholeNumber(pid));
  }
}

/** The header of a line that says nothing of when, where and by whom it was written. */
function timeless(writer: Writer, from: number): Header {
  return { writer, ms: Number.NaN, host: '', pid: -1, from };
}

/** sshd's tag in a line. */
interface ParsedTag {
  /** The pid in brackets, or -1. */
  readonly pid: number;
  /** Index of the pid's first digit. */
  readonly pidFrom: number;
  /** Index of the message. */
  readonly end: number;
}

/** Parses sshd's tag at `at`; null where none stands there. */
function parseTag(line: string, at: number): ParsedTag | null {
  if (at >= line.length || !TAG_BEGINS.includes(line[at] as string)) return null;
  const found = TAG.exec(line.slice(at, at + TAG_LIMIT_CHARS));
  if (found === null) return null;
  const [whole, open, close, pid, behind = ''] = found;
  const isBracketed = close !== '';
  if ((open !== '') !== isBracketed || (behind === ' ' && pid === undefined && !isBracketed)) return null;
  const end = at + whole.length;
  return pid === undefined
    ? { pid: -1, pidFrom: end, end }
    : { pid: Number(pid), pidFrom: end - behind.length - 1 - pid.length, end };
}

/** The header of a message of sshd's, behind what a syslog or a library put before it; sshd begins no message like these. */
function message(line: string, at: number, ms: number, host: string, pid: number): Header {
  let from = at;
  if (MARK_BEGINS.includes(line[at] ?? '')) {
    from = skip(line, at, MARK, MARK_LIMIT_CHARS);
    if (from === at) from = skip(line, at, SENDER, COLUMNS_LIMIT_CHARS);
  }
  return { writer: 'sshd', ms, host, pid, from };
}

/** Parses `HOST TAG[PID]: MESSAGE`, a line without its time. sshd begins no message like this. */
function afterHost(line: string, at: number): Header | null {
  const begin = skip(line, at, MONOTONIC, MONOTONIC_LIMIT_CHARS);
  const behind = skip(line, begin, HOST_AND_SPACE, HOST_LIMIT_CHARS);
  const tag = behind > begin ? parseTag(line, behind) : null;
  if (tag === null || tag.pid < 0) return null;
  return message(line, tag.end, Number.NaN, line.slice(begin, behind - 1), tag.pid);
}

/** Parses the styles `default` and `compact` of macOS's `log`; null where it is neither. */
function parseColumns(line: string, at: number, ms: number): Header | null {
  const text = line.slice(at, at + COLUMNS_LIMIT_CHARS);
  const compact = COMPACT_COLUMNS.exec(text);
  if (compact !== null) return message(line, at + compact[0].length, ms, '', wholeNumber(compact[1]));
  const full = FULL_COLUMNS.exec(text);
  if (full === null) return null;
  const tag = parseTag(line, at + full[0].length);
  if (tag === null) return { writer: 'other', ms, host: '', pid: -1, from: at };
  return message(line, tag.end, ms, '', tag.pid < 0 ? wholeNumber(full[1]) : tag.pid);
}

/** Whether the last of these words is neither host, zone nor facility, and so belongs to another program. */
function isOtherText(words: readonly string[]): boolean {
  const last = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  return before.length > 0 && !isFacility(last) && before.some((word) => !isFacility(word) && !ZONE.test(word));
}

/** Whether a program's tag is among these words; `error:` and `fatal:` are how sshd begins what it writes to its standard error. */
function hasTag(words: readonly string[]): boolean {
  const first = words.find((word) => !ZONE.test(word));
  return first !== 'error:' && first !== 'fatal:' && words.some((word) => word.endsWith(':'));
}

/** The host in the words between time and tag: a zone may stand before it, a facility on either side. */
function hostIn(words: readonly string[]): string {
  const names = words.filter((word) => !isFacility(word));
  return names.find((word) => !ZONE.test(word)) ?? names.at(-1) ?? '';
}

/** `auth.info` of BusyBox, `<auth.info>` of FreeBSD, `auth|security:info` of AIX. A word that ends in a colon is a program's tag. */
function isFacility(word: string): boolean {
  if (word.endsWith(':') || word === '') return false;
  return word.includes('|') || word.includes('<') || FACILITY_WORD.test(word);
}

/** Index behind RFC 5424's structured data at `at`: `-`, or `[...]` elements, whose quoted values may hold brackets; -1 where none stands there. */
function afterStructuredData(line: string, at: number): number {
  if (line[at] === '-') return at + 1;
  let p = at;
  while (line[p] === '[') {
    let isQuoted = false;
    for (p++; p < line.length; p++) {
      const c = line[p];
      if (isQuoted && c === '\\') p++;
      else if (c === '"') isQuoted = !isQuoted;
      else if (c === ']' && !isQuoted) break;
    }
    p++;
  }
  return p > at && p <= line.length ? p : -1;
}

function afterStream(line: string, at: number): number {
  return skip(line, at, STREAM, STREAM_CHARS);
}

/** Index behind what `pattern` finds at `at` within `limit` characters; `at` where it finds nothing. */
function skip(line: string, at: number, pattern: RegExp, limit: number): number {
  return at + (pattern.exec(line.slice(at, at + limit))?.[0].length ?? 0);
}

function skipSpaces(line: string, at: number): number {
  let p = at;
  while (line[p] === ' ') p++;
  return p;
}

/** The number in these digits, or -1. */
function wholeNumber(text: string | undefined): number {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) : -1;
}
