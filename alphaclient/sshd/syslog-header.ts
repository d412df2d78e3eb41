/**
 * The header of a log line, in every form that syslogs give it: time, host, tag, pid, and where the message stands. A line of another
 * program is recognised by its tag, and its message is not looked at. JSON is read by json-entry.ts.
 */

import { HeaderCache } from './header-cache.ts';
import type { HeaderFormat } from './header-format.ts';
import type { LogText } from './log-text.ts';
import { isSshd, messageStart, parseTag, type SshdTag } from './sshd-tag.ts';
import type { TimestampParser } from './timestamp.ts';

/**
 * Who wrote a line. `sshd`: its message is sshd's. `raw`: no header at all, or none that says who, as of `sshd -E`. `json`: a JSON
 * object. `repeated`: syslogd's `last message repeated`. `timed`: a time and nobody's tag, as in a container's log. `other`: another
 * program.
 */
export type Writer = 'sshd' | 'raw' | 'json' | 'repeated' | 'timed' | 'other';

/** A header: the part of a line before its message. */
export interface Header {
  readonly writer: Writer;
  /** Unix milliseconds, NaN where the line has no time. */
  readonly ms: number;
  /** Empty where the line has none. */
  readonly host: string;
  /** -1 where the line has none. */
  readonly pid: number;
  /** Index of the message's first character. */
  readonly from: number;
  /** Index behind the message's last character, where something follows it. */
  readonly end?: number;
}

/** A byte order mark (UTF-8), at the beginning of a file, or of a message in RFC 5424. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
const PRIORITY = /^<\d{1,3}>/;
const PRIORITY_LIMIT_CHARS = 5;
/** A tag with its pid, where a format has no hole for the latter. */
const TAG_AND_PID = /^(.*)\[(\d{1,10})\]$/;
/** ` HOST sshd[`, as most syslogs write it between time and pid; `0x` begins macOS's columns. */
const PLAIN_HOST = /^ ((?!0x)\w[\w.-]*) (?=sshd(?:-session|-auth)?\[$)/;

/** `0x14e5ecb  Default     0x0                  4242   0   `: thread, type, activity, pid, TTL of macOS's `log show`. */
const FULL_COLUMNS = /^0x\S*(?: +\S+){2} +(\S+) +\S+ +/;
/** `Df sshd[123:a5b] `: type, process, pid and thread of macOS's `log show --style compact`. */
const COMPACT_COLUMNS = /^(?:Df|Db|[AEFI] ) ?sshd(?:-session|-auth)?\[(\d{1,10}):[0-9a-f]{1,16}\] /;
const COLUMNS_LIMIT_CHARS = 200;

const FACILITY =
  '(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|security|ftp|local[0-7])' +
  '[.,:](?:emerg|panic|alert|crit|err|error|warn|warning|notice|info|debug)';
/** `auth.info` of BusyBox, `<auth.info>` of FreeBSD, `auth|security:info` of AIX, `!info |`, `INFO`, `[info]`. */
const FACILITY_WORD = new RegExp(
  String.raw`^(?:${FACILITY}:?|[^\s:]*[|<](?:\S*[^\s:])?|!\S*[^\s:]|\[?(?:EMERG|ALERT|CRIT(?:ICAL)?|ERR(?:OR)?|WARN(?:ING)?|NOTICE|INFO|DEBUG)\]?)$`,
  'i',
);
/** `auth.info: Nov 20 10:00:00 `, with which socklog follows its own time (Void Linux), and an address before it. */
const SOCKLOG = new RegExp(String.raw`^(?:([\w.:-]+): )?${FACILITY}: [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d `);
const SOCKLOG_LIMIT_CHARS = 100;
/** `stderr F `, which containerd writes between a container's time and its line (Kubernetes). */
const STREAM = /^std(?:out|err) [FP] /;
const STREAM_CHARS = 9;
/** A zone's name or offset as `journalctl -o short-full` writes it between time and host. */
const ZONE = /^(?:[A-Z]{2,5}|[+-].{1,4})$/;
/** `openssh[123]:`, `sshd(123):`, `SSHD_[123]:`. PAM modules write as `sshd(pam_x)[123]:`, sshguard and ssh-agent as themselves. */
const SSH_LIKE = /^(?:open-?ssh|sshd_|sshd\(\d)/i;
const HOST_AND_SPACE = /^[\w.-]+ /;
/** More characters than a host's name can have. */
const HOST_LIMIT_CHARS = 260;
/** Syslogs write so many words between time and tag at most: a zone, a host, a facility, a level and a bar. */
const WORDS_LIMIT = 5;
/** syslogd's own line, and that of macOS: `--- last message repeated 2 times ---`. */
const LAST_MESSAGE =
  /^(?:r?syslogd?(?:\[\d{1,10}\])?: |-- MARK -- )?(?=(?:last |previous )?(?:message|output) (?:repeated |buffered |'))/i;
const LAST_MESSAGE_LIMIT_CHARS = 64;
/** Headers are shorter: what stands further back is a message. */
const TABS_LIMIT_CHARS = 1_024;

/** `HOST APP PROCID MSGID DATA` of RFC 5424, where neither priority nor version shows that it is that. */
const RFC_5424_WORDS = /^[^\s:[]+ [^\s:[]+ (?:\d{1,10}|-) \S+ (?:- |\[)/;
const RFC_5424_LIMIT_CHARS = 400;

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
/** The beginnings of most headers; a shorter test than to parse them. */
const HEADER_BEGINS = String.raw`(?:<\d{1,3}>|1 \d{4}-|\d{4}[-/]\d\d[-/]\d\d[T_ ]|(?:\d{4} )?${MONTH} {1,2}\d{1,2} )`;
/** The header of whom a relay had the line from, behind its own. NX-OS writes a colon before it. */
const SECOND_HEADER = new RegExp(`^(?:: )?(?=${HEADER_BEGINS})`);
const SECOND_HEADER_LIMIT_CHARS = 20;

const RECORD_SEPARATOR = '\u001e';
/** Texts that may stand before a header: the octet count of RFC 6587, seconds since a machine's start, and what `cat -n` and `grep` add. */
const LEADINGS: readonly RegExp[] = [
  /^\d{1,6} (?=<\d{1,3}>)/,
  // Spaces, the separator before a JSON text (RFC 7464), server-sent events
  new RegExp(String.raw`^(?: +|${RECORD_SEPARATOR}|data: ?(?=\{))`),
  // `docker compose logs`, pssh; `kubectl logs --prefix`
  /^(?:[\w.-]{1,255} +\| ?|\[pod\/[^\s\]]{1,255}\] )/,
  /^\[ *\d+(?:\.\d+)?(?: *< *\d+\.\d{6} *>)? *\] ?/,
  new RegExp(String.raw`^ *\d{1,9} {1,2}(?=${HEADER_BEGINS})`),
  new RegExp(
    String.raw`^(?:\(standard input\)|(?:[A-Za-z]:)?[^\s<>{}"']{1,255}?)[:-](?=${HEADER_BEGINS}|\d{1,10} (?:\d{4}-|\d\d:)|\{"|\[|@4[0-9a-f]{15}|sshd(?:-session|-auth)?\[\d)`,
  ),
];
/** Texts that may stand before a line that has no header: a log's name, and `service_1  | `. */
const BEFORE_RAW =
  /^(?:(?:[\w.-]{0,100}\/){0,9}(?:[\w-]{1,100}\.log|secure|messages|authlog)(?:[.-][\w.-]{1,40}?)?[:-](?:\d{1,9}[:-])?(?=[A-Za-z])|[\w.-]{1,255} +\| |\[pod\/[^\s\]]{1,255}\] )/;
const LEADING_LIMIT_CHARS = 320;
/** So many of them may stand before each other: a file's name, an octet count, seconds. */
const LEADINGS_LIMIT = 3;

/** `9332 2026-11-20 10:00:00.123 ` of Win32-OpenSSH's sshd.log, and `9332 10:00:00 123 ` of its first versions. */
const WINDOWS_PID = /^(\d{1,10}) (?=\d{4}-\d\d-\d\d \d\d:)/;
const WINDOWS_DATELESS = /^(\d{1,10}) \d\d:\d\d:\d\d \d{3} /;
const WINDOWS_LIMIT_CHARS = 30;

/** `sw1: ` or `: ` of NX-OS before the time. */
const NXOS_HOST = new RegExp(String.raw`^([\w.-]{0,255}) ?: (?=(?:\d{4} )?${MONTH} )`);
/** `%$ VDC-1 %$ %DAEMON-6-SYSTEM_MSG: `, with which NX-OS begins a message. */
const NXOS_MNEMONIC = /^(?:%\$ \S+ %\$ )?%[A-Z][A-Z0-9_]*-\d-[A-Z0-9_]+: /;
/** NX-OS writes the tag behind the message: ` - dcos_sshd[123]`. */
const NXOS_TAG = / - (\S{1,64}?)(?:\[(\d{1,10})\])? *$/;
const NXOS_LIMIT_CHARS = 128;

/** Parses headers, in the order of the log. */
export class HeaderParser {
  readonly #timestamps: TimestampParser;
  readonly #format: HeaderFormat | null;
  readonly #cache: HeaderCache;

  /** A `format` is tried before all forms. */
  constructor(timestamps: TimestampParser, format: HeaderFormat | null = null) {
    this.#timestamps = timestamps;
    this.#format = format;
    this.#cache = new HeaderCache(timestamps);
  }

  /** Parses the header of the line that begins at `at` of a chunk by the header cache; null where only `parse` may know it. */
  parseKnown(chunk: LogText, at: number): Header | null {
    return this.#format === null ? this.#cache.parse(chunk, at) : null;
  }

  /** Parses the header of a line, which has no line end. */
  parse(line: string): Header {
    const start = line.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
    const text = line.includes('\t') ? withoutTabs(line) : line;
    return (
      this.#ofFormat(text, start) ?? this.#parseAt(text, start, LEADINGS_LIMIT) ?? timeless('raw', rawFrom(text, start))
    );
  }

  /** Parses the header in the form that was set. Where that has no tag, a line is sshd's as far as its message is. */
  #ofFormat(line: string, start: number): Header | null {
    const match = this.#format?.match(line, start, this.#timestamps);
    if (match === undefined || match.missing !== null) return null;
    const { fields, ms, end } = match;
    const [host = '', tag, pid] = (['host', 'tag', 'pid'] as const).map(
      (hole) => fields.find((field) => field.hole === hole)?.text,
    );
    const [, program = tag ?? '', tagPid] = TAG_AND_PID.exec(tag ?? '') ?? [];
    const writer = tag === undefined ? 'raw' : isSshd(program) ? 'sshd' : 'other';
    const from = writer === 'sshd' ? messageStart(line, end) : end;
    return { writer, ms, host, pid: wholeNumber(pid ?? tagPid), from };
  }

  /** Parses the time that a container's runtime wrote before a line; gives it and where the line begins, or null. */
  parseContainerTime(line: string): { readonly ms: number; readonly from: number } | null {
    const end = this.#timestamps.parse(line);
    // One space: a continued user name may begin with others.
    return end < 0 ? null : { ms: this.#timestamps.ms, from: skip(line, end + 1, STREAM, STREAM_CHARS) };
  }

  /** Parses the header at `from`, before which a relay or a tool may have written up to `leadings` others; null where there is none. */
  #parseAt(line: string, from: number, leadings: number): Header | null {
    const at = skip(line, from, PRIORITY, PRIORITY_LIMIT_CHARS);
    if (line.startsWith('1 ', at)) {
      const header = this.#rfc5424(line, at + 2);
      if (header !== null) return header;
    }
    const timeEnd = this.#timestamps.parse(line, at);
    if (timeEnd >= 0) return this.#afterTime(line, timeEnd, leadings);
    if (line[from] === '{' || line.startsWith('[{', from)) return timeless('json', from);
    // A line that begins with the tag itself: `sshd[123]: message`.
    const tag = parseTag(line, at);
    if (tag !== null) return sshdHeader(tag, Number.NaN, '');
    if (isPlainWord(line, at)) return afterHost(line, at);
    return (
      this.#windows(line, at) ??
      this.#nxos(line, at, leadings) ??
      afterHost(line, at) ??
      this.#afterLeading(line, at, leadings)
    );
  }

  #afterLeading(line: string, at: number, leadings: number): Header | null {
    if (leadings === 0) return null;
    for (const leading of LEADINGS) {
      const behind = skip(line, at, leading, LEADING_LIMIT_CHARS);
      const header = behind > at ? this.#parseAt(line, behind, leadings - 1) : null;
      if (header !== null) return header;
    }
    return null;
  }

  /** Parses what follows the time, which ends at `timeEnd`: `[ZONE ][HOST ][FACILITY ]TAG[PID]: MESSAGE`. */
  #afterTime(line: string, timeEnd: number, leadings: number): Header {
    const { ms } = this.#timestamps;
    const timeBehind = behindTime(line, timeEnd);
    const socklog = SOCKLOG.exec(line.slice(timeBehind, timeBehind + SOCKLOG_LIMIT_CHARS));
    const begin = timeBehind + (socklog?.[0].length ?? 0);
    const tag = parseTag(line, begin);
    if (tag !== null) return this.#message(line, timeEnd, tag, socklog?.[1] ?? '');
    const columns = parseColumns(line, begin, ms) ?? this.#rfc5424Words(line, begin);
    if (columns !== null) return columns;
    const words: string[] = [];
    let text = begin;
    for (let p = begin; ; ) {
      const found = this.#headerIn(line, p, ms, words, leadings);
      if (found !== null) return found;
      const end = line.indexOf(' ', p);
      if (end >= 0) words.push(line.slice(p, end));
      if (end < 0 || words.length > WORDS_LIMIT || isOtherText(words)) {
        const writer = hasTag(words) ? 'other' : 'timed';
        return { writer, ms, host: '', pid: -1, from: skip(line, text, STREAM, STREAM_CHARS) };
      }
      p = skipSpaces(line, end);
      const behind = parseTag(line, p);
      if (behind !== null) return this.#message(line, timeEnd, behind, hostIn(words));
      if (words.every((word) => ZONE.test(word))) text = p;
    }
  }

  /** Parses what may stand at `at` behind a time and these words in place of a tag: another header, NX-OS's mnemonic, syslogd's own line, JSON. */
  #headerIn(line: string, at: number, ms: number, words: readonly string[], leadings: number): Header | null {
    if (line[at] === '%') return nxosMessage(line, at, ms, hostIn(words.filter((word) => !word.endsWith(':'))));
    if (words.length > 0 && line[at] === '{') return { ...timeless('json', at), ms };
    const last = LAST_MESSAGE.exec(line.slice(at, at + LAST_MESSAGE_LIMIT_CHARS));
    if (last !== null) return { writer: 'repeated', ms, host: '', pid: -1, from: at + last[0].length };
    const second = SECOND_HEADER.exec(line.slice(at, at + SECOND_HEADER_LIMIT_CHARS));
    if (second === null || leadings === 0) return null;
    // Two times and nothing between: a container's runtime wrote the first.
    if (words.length === 0) return { writer: 'timed', ms, host: '', pid: -1, from: at };
    const header = this.#parseAt(line, at + second[0].length, leadings - 1);
    return header === null || header.host !== '' ? header : { ...header, host: hostIn(words) };
  }

  #message(line: string, timeEnd: number, tag: SshdTag, host: string): Header {
    if (tag.pidFrom >= 0) {
      const beforePid = line.slice(timeEnd, tag.pidFrom);
      this.#cache.remember(beforePid, plainHost(beforePid), host);
    }
    return sshdHeader(tag, this.#timestamps.ms, host);
  }

  /** Parses `TIMESTAMP HOST APP PROCID MSGID DATA MESSAGE` (RFC 5424, section 6); null where it is not that. */
  #rfc5424(line: string, at: number): Header | null {
    const isTimeless = line.startsWith('- ', at);
    const timeEnd = isTimeless ? at + 1 : this.#timestamps.parseIso(line, at);
    if (timeEnd < 0 || line[timeEnd] !== ' ') return null;
    return rfc5424Fields(line, timeEnd + 1, isTimeless ? Number.NaN : this.#timestamps.ms);
  }

  /** Parses the same from `HOST` on, where no version shows that it is that. */
  #rfc5424Words(line: string, at: number): Header | null {
    const isThat = RFC_5424_WORDS.test(line.slice(at, at + RFC_5424_LIMIT_CHARS));
    return isThat ? rfc5424Fields(line, at, this.#timestamps.ms) : null;
  }

  /** Parses what Win32-OpenSSH writes before a line of sshd.log. No other program writes into it. */
  #windows(line: string, at: number): Header | null {
    const text = line.slice(at, at + WINDOWS_LIMIT_CHARS);
    const dateless = WINDOWS_DATELESS.exec(text);
    if (dateless !== null) return { ...timeless('raw', at + dateless[0].length), pid: Number(dateless[1]) };
    const pid = WINDOWS_PID.exec(text);
    const end = pid === null ? -1 : this.#timestamps.parse(line, at + pid[0].length);
    if (end < 0) return null;
    return { writer: 'raw', ms: this.#timestamps.ms, host: '', pid: Number(pid?.[1]), from: behindTime(line, end) };
  }

  /** Parses NX-OS's header where it begins with the host or a colon. */
  #nxos(line: string, at: number, leadings: number): Header | null {
    const found = NXOS_HOST.exec(line.slice(at, at + HOST_LIMIT_CHARS));
    const end = found === null ? -1 : this.#timestamps.parse(line, at + found[0].length);
    const header = end < 0 ? null : this.#afterTime(line, end, leadings);
    return header?.end === undefined ? null : { ...header, host: found?.[1] ?? '' };
  }
}

/** Index of a line without a header, behind what a tool may have written before it. */
function rawFrom(line: string, at: number): number {
  return isPlainWord(line, at) ? at : skip(line, at, BEFORE_RAW, HOST_LIMIT_CHARS);
}

/**
 * True where a word of ASCII letters and one space stand at `at`, and behind them no space, bar or colon: so begin sshd's messages without
 * a header. Of all that may stand before a message, only a time, a tag and a host's name begin like this.
 */
function isPlainWord(line: string, at: number): boolean {
  let p = at;
  while (isLetter(line.charCodeAt(p))) p++;
  return p > at && line[p] === ' ' && !' |:'.includes(line[p + 1] ?? ' ');
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/** The header of a line that says nothing of when, where and by whom it was written. */
function timeless(writer: Writer, from: number): Header {
  return { writer, ms: Number.NaN, host: '', pid: -1, from };
}

function sshdHeader({ pid, messageFrom }: SshdTag, ms: number, host: string): Header {
  return { writer: 'sshd', ms, host, pid, from: messageFrom };
}

/** Parses `HOST TAG[PID]: MESSAGE`, a line without its time. sshd begins no message like this. */
function afterHost(line: string, at: number): Header | null {
  // Few words begin as a tag does: the cheaper test first.
  const space = line.indexOf(' ', at);
  const tag = space < 0 ? null : parseTag(line, space + 1);
  if (tag === null || tag.pid < 0 || skip(line, at, HOST_AND_SPACE, HOST_LIMIT_CHARS) !== space + 1) return null;
  return sshdHeader(tag, Number.NaN, line.slice(at, space));
}

/** Parses the styles `default` and `compact` of macOS's `log`; null where it is neither. */
function parseColumns(line: string, at: number, ms: number): Header | null {
  const text = line.slice(at, at + COLUMNS_LIMIT_CHARS);
  const compact = COMPACT_COLUMNS.exec(text);
  if (compact !== null) {
    const from = messageStart(line, at + compact[0].length);
    return { writer: 'sshd', ms, host: '', pid: Number(compact[1]), from };
  }
  const full = FULL_COLUMNS.exec(text);
  if (full === null) return null;
  const tag = parseTag(line, at + full[0].length);
  if (tag === null) return { writer: 'other', ms, host: '', pid: -1, from: at };
  return { ...sshdHeader(tag, ms, ''), pid: tag.pid < 0 ? wholeNumber(full[1]) : tag.pid };
}

/** Parses `HOST APP PROCID MSGID DATA MESSAGE` at `at`; null where it is not that. */
function rfc5424Fields(line: string, at: number, ms: number): Header | null {
  const words: string[] = [];
  let p = at;
  for (let word = 0; word < 4; word++) {
    const end = line.indexOf(' ', p);
    if (end < 0) return null;
    words.push(line.slice(p, end));
    p = end + 1;
  }
  const [host = '-', program = '', pid] = words;
  const dataEnd = afterStructuredData(line, p);
  const isOfSshd = isSshd(program);
  if (dataEnd < 0 && isOfSshd) return null;
  // rsyslog's own template for this form writes a second space; no message of sshd begins with any.
  const begin = skipSpaces(line, dataEnd);
  const from = line.startsWith(BYTE_ORDER_MARK, begin) ? begin + BYTE_ORDER_MARK.length : begin;
  const header = { ms, host: host === '-' ? '' : host, pid: wholeNumber(pid), from: messageStart(line, from) };
  if (isOfSshd) return { writer: 'sshd', ...header };
  if (LAST_MESSAGE.test(line.slice(from, from + LAST_MESSAGE_LIMIT_CHARS))) return { writer: 'repeated', ...header };
  // Nobody's line: a relay may have put the whole line into it.
  return { writer: program === '-' ? 'timed' : 'other', ...header };
}

/** Parses NX-OS's `%FACILITY-SEVERITY-MNEMONIC: MESSAGE - TAG[PID]` at `at`; null where it is not that. */
function nxosMessage(line: string, at: number, ms: number, host: string): Header | null {
  const from = skip(line, at, NXOS_MNEMONIC, NXOS_LIMIT_CHARS);
  const tailFrom = Math.max(from, line.length - NXOS_LIMIT_CHARS);
  const tag = from === at ? null : NXOS_TAG.exec(line.slice(tailFrom));
  if (tag === null) return null;
  const [, program = '', pid] = tag;
  const end = tailFrom + tag.index;
  return { writer: isSshd(program) ? 'sshd' : 'other', ms, host, pid: wholeNumber(pid), from, end };
}

/** Returns true where the last of these words is neither host, zone nor facility, and so belongs to another program. */
function isOtherText(words: readonly string[]): boolean {
  const before = words.slice(0, -1);
  return (
    before.length > 0 && !isFacility(words.at(-1) ?? '') && before.some((word) => !isFacility(word) && !ZONE.test(word))
  );
}

/** Returns true where a program's tag is among these words; `error:` and `fatal:` are how sshd begins what it writes to its standard error. */
function hasTag(words: readonly string[]): boolean {
  const first = words.find((word) => !ZONE.test(word));
  return first !== 'error:' && first !== 'fatal:' && words.some(isForeignTag);
}

/** Returns true for the tag of a program other than sshd. What may be sshd by another name is not: its messages count as unknown. */
function isForeignTag(word: string): boolean {
  return word.endsWith(':') && word.length > 1 && !isFacility(word) && !SSH_LIKE.test(word);
}

/** The host in the words between time and tag: a zone may stand before it, a facility on either side. */
function hostIn(words: readonly string[]): string {
  const names = words.filter((word) => !isFacility(word));
  return names.find((word) => !ZONE.test(word)) ?? names.at(-1) ?? '';
}

/** True for a facility, a level or a bar; any other word that ends in a colon is a program's tag. */
function isFacility(word: string): boolean {
  return FACILITY_WORD.test(word);
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

/** The beginning of ` HOST sshd[` up to the tag; empty where anything else may stand in it. */
function plainHost(beforePid: string): string {
  const [text = '', host = ''] = PLAIN_HOST.exec(beforePid) ?? [];
  return ZONE.test(host) || isFacility(host) ? '' : text;
}

/** Index of the first word behind a time that ends at `at`. */
function behindTime(line: string, at: number): number {
  return skipSpaces(line, line[at] === ':' || line[at] === ',' ? at + 1 : at);
}

/** Index behind what `pattern` finds at `at` within `limit` characters; `at` where it finds nothing. */
function skip(line: string, at: number, pattern: RegExp, limit: number): number {
  return at + (pattern.exec(line.slice(at, at + limit))?.[0].length ?? 0);
}

/** Some write tabs between the words of a header. */
function withoutTabs(line: string): string {
  return line.slice(0, TABS_LIMIT_CHARS).replaceAll('\t', ' ') + line.slice(TABS_LIMIT_CHARS);
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
