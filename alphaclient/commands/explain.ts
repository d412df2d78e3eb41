/** `alphaclient explain [--json] LINE`: prints which row of the table of messages knows a log line, its fields, and which event it makes, or why none. */

import { UsageError } from '../../service/command-line.ts';
import { escapeJson, escapeText } from '../../service/escape.ts';
import { Output } from '../../service/terminal/output.ts';
import type { HeaderFormat } from '../sshd/header-format.ts';
import { decoded, encoded } from '../sshd/latin1.ts';
import type { Kind, ParsedMessage } from '../sshd/message-types.ts';
import { type Inspection, Reader } from '../sshd/reader.ts';
import { TimestampParser } from '../sshd/timestamp.ts';
import { scanLine } from './event-lines.ts';
import type { CommandStreams } from './scan.ts';
import { OutputClosed, readLog, STDIN } from './scan-files.ts';

/** The options of the command; no words, or `-`, stand for standard input. */
export interface ExplainOptions {
  readonly words: readonly string[];
  readonly json: boolean;
}

/** The longest line that sshd can write, and some room. */
const SHOWN_LIMIT_CHARS = 1_200;
const SHOWN_LIMIT_EVENTS = 3;

const EVIDENCE =
  'none yet: an attempt was decided; if the line of the decision does not come, one failed attempt when the connection ends';
const ACCOUNT = 'none yet: it names the account; a decision or the end of the connection follows';
const OPEN = 'none yet: the connection is open and nothing is decided';
const SESSION_END = 'none: a session has ended';

/** The reasons why a line makes no event of its own. */
const WHY: Readonly<Record<Kind, string>> = {
  accepted: 'an attempt, emitted at once',
  failed: 'none: the second line of an attempt that was emitted already',
  'pam-failed': 'a failed attempt; a Failed line right behind it is about the same one',
  opened: OPEN,
  pending: OPEN,
  'invalid-user': ACCOUNT,
  account: ACCOUNT,
  evidence: EVIDENCE,
  'attempts-exceeded': EVIDENCE,
  'pam-failure': EVIDENCE,
  'pam-unknown-user': EVIDENCE,
  'pam-failure-summary': EVIDENCE,
  'pam-success': 'none: what other modules wrote of this attempt in the same process was no failed attempt',
  'end-reason': 'none yet: the last line of the connection follows',
  ended: 'a probe, unless the connection had an attempt or was a session',
  'session-opened': 'none: a session has begun',
  'session-closed': SESSION_END,
  'session-ended': SESSION_END,
  dropped: 'a probe for each connection refused',
  repeated: 'none: the line before it is no decision',
  ignored: 'none: it says nothing about an attempt',
};

const NOT_SSHD: Readonly<Record<string, string>> = {
  other: 'not written by sshd',
  json: 'no journal entry, or not one of sshd',
  forged: "under sshd's name, but written by another program: reported, not counted",
  repeated: 'repeats the line before it, which is not given',
  copy: 'the same line as one before it, to the microsecond: syslog wrote it twice',
};
const UNKNOWN = 'none: counted as unknown; please report it';

/** The explanation of one line, as `--json` prints it. Names are texts, decoded as events have them. */
interface Explanation {
  /** The number of the line, from 1. */
  readonly line: number;
  readonly text: string;
  /** The words for how it fits the header format; null where none is set. */
  readonly headerFormat: string | null;
  readonly header: { readonly at: string | null; readonly host: string | null; readonly pid: number | null } | null;
  readonly message: { readonly name: string; readonly template: string; readonly meaning: string } | null;
  /** The fields of the message that are known; empty for a message that says nothing about an attempt. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  /** The events that the line decided, as `scan` prints them. */
  readonly events: readonly string[];
  /** The event that it would decide if the log ended with it. */
  readonly eventAtEnd: string | null;
  /** Says why the line decided no event; null where it did. */
  readonly reason: string | null;
  /** True where it was counted as a line of sshd that is not understood. */
  readonly unknown: boolean;
}

function fieldsOf(message: ParsedMessage): Explanation['fields'] {
  const { method, user, invalidUser, ip, hostName, port, reason, key, count } = message;
  const fields = { method, user, invalidUser, ip, name: hostName, port, reason, key, times: count > 1 ? count : null };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      if (value === null) return [];
      return [[name, typeof value === 'string' ? decoded(value) : value]];
    }),
  );
}

/** Says how a line fits the header format: what each hole took, or what it does not fit. */
function formatWords(header: HeaderFormat, line: string, nowMs: number): string {
  const timestamps = new TimestampParser();
  timestamps.setContext(nowMs, undefined);
  const { missing, fields, end } = header.match(line.replace(/\r$/, '').replaceAll('\t', ' '), 0, timestamps);
  const taken = fields.map(({ hole, text }) => `${hole} "${decoded(text)}"`).join(', ');
  if (missing === null) return taken;
  return `${taken === '' ? '' : `${taken}, but `}no ${missing} at character ${end + 1}; built-in forms are tried`;
}

/** Says why a line makes no event of its own. */
function reasonOf({ writer, message }: Inspection, isUnknown: boolean): string {
  if (writer in NOT_SSHD) return isUnknown ? UNKNOWN : `none: ${NOT_SSHD[writer]}`;
  if (message !== null) return WHY[message.kind];
  return writer === 'raw' && !isUnknown ? 'none: no header, and no message of sshd' : UNKNOWN;
}

/** Reads one line, in Latin-1, behind those before it. */
function explanationOf(reader: Reader, latin1: string, line: number, header: HeaderFormat | null): Explanation {
  const nowMs = Date.now();
  const before = reader.counts().unknown;
  const events = reader.read(Buffer.from(`${latin1}\n`, 'latin1'), { writtenMs: nowMs, nowMs });
  const atEnd = new Reader(reader.save()).end().find((located) => located.line === line);
  const inspection = reader.inspect();
  const { message, at, host, pid } = inspection;
  const isUnknown = reader.counts().unknown > before;
  return {
    line,
    text: decoded(latin1),
    headerFormat: header === null ? null : formatWords(header, latin1, nowMs),
    header: message && { at, host, pid: pid < 0 ? null : pid },
    message: message && { name: message.row.name, template: message.row.template, meaning: message.row.meaning },
    fields: message === null || message.kind === 'ignored' ? {} : fieldsOf(message),
    events: events.map((located) => scanLine(located)),
    eventAtEnd: atEnd === undefined ? null : scanLine(atEnd),
    reason: events.length > 0 ? null : reasonOf(inspection, isUnknown),
    unknown: isUnknown,
  };
}

function asJson({ events, eventAtEnd, ...rest }: Explanation): string {
  const parsed = {
    ...rest,
    events: events.map((event) => JSON.parse(event)),
    eventAtEnd: eventAtEnd === null ? null : JSON.parse(eventAtEnd),
  };
  return `${escapeJson(parsed)}\n`;
}

function asText({
  line,
  text,
  headerFormat,
  header,
  message,
  fields,
  events,
  eventAtEnd,
  reason,
  unknown,
}: Explanation): string {
  const rows: [string, string][] = [['line', text]];
  if (headerFormat !== null) rows.push(['header format', headerFormat]);
  if (header !== null) {
    const { at, host, pid } = header;
    const where = [at ?? 'no time', host === null ? 'no host' : `host ${host}`];
    rows.push(['header', [...where, pid === null ? 'no pid' : `pid ${pid}`].join(', ')]);
  }
  if (message !== null) rows.push(['message', `${message.name}: ${message.template}`], ['means', message.meaning]);
  else if (unknown) rows.push(['message', 'not known']);
  const shown = Object.entries(fields).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? `"${value}"` : value}`,
  );
  if (shown.length > 0) rows.push(['fields', shown.join(', ')]);
  if (reason !== null) rows.push(['event', reason]);
  for (const event of events.slice(0, SHOWN_LIMIT_EVENTS)) rows.push(['event', event]);
  if (events.length > SHOWN_LIMIT_EVENTS) rows.push(['', `and ${events.length - SHOWN_LIMIT_EVENTS} more like it`]);
  if (eventAtEnd !== null) rows.push(['if it ends here', eventAtEnd]);
  return `${line > 1 ? '\n' : ''}${rows
    .map(([name, value]) => `${name.padEnd(16)}${escapeText(value, SHOWN_LIMIT_CHARS)}\n`)
    .join('')}`;
}

/** Runs the command: exit code 0. Rejects with a UsageError when there is nothing to explain. Ends silently when nobody reads any more. */
export async function explain(
  { words, json }: ExplainOptions,
  io: CommandStreams,
  header: HeaderFormat | null = null,
): Promise<number> {
  const output = new Output(io.stdout);
  const reader = new Reader(null, null, header);
  let line = 0;
  let due = '';
  const take = (latin1: string): void => {
    if (latin1 === '') return;
    line += 1;
    const explanation = explanationOf(reader, latin1, line, header);
    due += json ? asJson(explanation) : asText(explanation);
  };
  const given = words.join(' ');
  if (given !== '' && given !== STDIN) take(encoded(given).replaceAll('\n', ' '));
  else
    await readLog(STDIN, io.stdin ?? process.stdin, Date.now(), {
      consume: (lines) => lines.toString('latin1').split('\n').forEach(take),
      cut: () => undefined,
      async afterRead() {
        await output.write(due);
        due = '';
        if (output.closed) throw new OutputClosed();
      },
    }).catch((error: unknown) => {
      if (!(error instanceof OutputClosed)) throw error;
    });
  await output.write(due);
  if (line === 0 && !output.closed)
    throw new UsageError('alphaclient explain', 'LINE is missing, and standard input has none');
  return 0;
}
