/** `alphaclient explain LINE`: which row of the table of messages knows a log line, what it says, and which event it makes, or why none. */

import type { Readable } from 'node:stream';
import { escapeText } from '../../service/escape.ts';
import type { LocatedEvent } from '../sshd/events.ts';
import type { HeaderFormat } from '../sshd/header-format.ts';
import type { Kind, ParsedMessage } from '../sshd/message-types.ts';
import { type Inspection, Reader } from '../sshd/reader.ts';
import { TimestampParser } from '../sshd/timestamp.ts';
import type { CommandStreams } from './scan.ts';
import { scanLine } from './scan-printer.ts';

const USAGE = `usage: alphaclient explain LINE
       alphaclient explain < LOG

Shows for each line which message of sshd it is, what it says, and which event it makes, or why none.
`;
/** As much of a line as sshd can write. */
const SHOWN_LIMIT_CHARS = 1_200;
const SHOWN_LIMIT_EVENTS = 3;

const EVIDENCE =
  'none yet: an attempt was decided; if the line of the decision does not come, one failed attempt when the connection ends';
const ACCOUNT = 'none yet: it names the account; a decision or the end of the connection follows';
const OPEN = 'none yet: the connection is open and nothing is decided';
const SESSION_END = 'none: a session has ended';

/** Why a line makes no event of its own. */
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

/** The fields of a message that are known. */
function fieldsOf(message: ParsedMessage): string {
  const fields: [string, string | number | boolean | null][] = [
    ['method', message.method],
    ['user', message.user],
    ['invalidUser', message.invalidUser],
    ['ip', message.ip],
    ['name', message.hostName],
    ['port', message.port],
    ['reason', message.reason],
    ['key', message.key],
    ['times', message.count > 1 ? message.count : null],
  ];
  return fields
    .filter(([, value]) => value !== null)
    .map(
      ([name, value]) => `${name} ${typeof value === 'string' ? `"${escapeText(value, SHOWN_LIMIT_CHARS)}"` : value}`,
    )
    .join(', ');
}

/** What one line came to. */
interface Explained {
  readonly line: string;
  /** How it fits the header format; null where none is set. */
  readonly format: string | null;
  readonly inspection: Inspection;
  /** The events that the line decided. */
  readonly events: readonly LocatedEvent[];
  /** Those that it would decide if the log ended with it. */
  readonly eventsAtEnd: readonly LocatedEvent[];
  /** True where it was counted as a line of sshd that is not understood. */
  readonly isUnknown: boolean;
}

/** How a line fits the header format: what each hole took, or what it does not fit. */
function formatRow(header: HeaderFormat, line: string, nowMs: number): string {
  const timestamps = new TimestampParser();
  timestamps.setContext(nowMs, undefined);
  const { missing, fields, end } = header.match(line.replace(/\r$/, '').replaceAll('\t', ' '), 0, timestamps);
  const taken = fields.map(({ hole, text }) => `${hole} "${escapeText(text, SHOWN_LIMIT_CHARS)}"`).join(', ');
  if (missing === null) return taken;
  return `${taken === '' ? '' : `${taken}, but `}no ${missing} at character ${end + 1}; built-in forms are tried`;
}

function rowsOf({
  line,
  format,
  inspection,
  events,
  eventsAtEnd,
  isUnknown,
}: Explained): [name: string, text: string][] {
  const rows: [string, string][] = [['line', escapeText(line, SHOWN_LIMIT_CHARS)]];
  if (format !== null) rows.push(['header format', format]);
  const { writer, message, at, host, pid } = inspection;
  let why: string;
  if (writer in NOT_SSHD) why = isUnknown ? UNKNOWN : `none: ${NOT_SSHD[writer]}`;
  else if (message === null) {
    rows.push(['message', 'not known']);
    why = writer === 'raw' && !isUnknown ? 'none: no header, and no message of sshd' : UNKNOWN;
  } else {
    const { row, kind } = message;
    const where = [at ?? 'no time', host === null ? 'no host' : `host ${escapeText(host)}`];
    rows.push(['header', [...where, pid < 0 ? 'no pid' : `pid ${pid}`].join(', ')]);
    rows.push(['message', `${row.name}: ${row.template}`], ['means', row.meaning]);
    if (kind !== 'ignored') rows.push(['fields', fieldsOf(message)]);
    why = WHY[kind];
  }
  if (events.length === 0) rows.push(['event', why]);
  for (const { event, line: number } of events.slice(0, SHOWN_LIMIT_EVENTS))
    rows.push(['event', scanLine(event, number)]);
  if (events.length > SHOWN_LIMIT_EVENTS) rows.push(['', `and ${events.length - SHOWN_LIMIT_EVENTS} more like it`]);
  for (const { event, line: number } of eventsAtEnd.slice(0, 1))
    rows.push(['if it ends here', scanLine(event, number)]);
  return rows;
}

function printed(explained: Explained): string {
  return `${rowsOf(explained)
    .map(([name, text]) => `${name.padEnd(16)}${text}`)
    .join('\n')}\n`;
}

async function linesOf(stdin: Readable): Promise<string[]> {
  let text = '';
  for await (const chunk of stdin) text += Buffer.isBuffer(chunk) ? chunk.toString('latin1') : String(chunk);
  return text.split('\n').filter((line) => line !== '');
}

/** Runs the command: exit code 0, or 2 when there is nothing to explain. */
export async function explain(
  args: readonly string[],
  io: CommandStreams,
  header: HeaderFormat | null = null,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(USAGE);
    return 0;
  }
  const given = args.join(' ');
  const lines =
    given === '' || given === '-'
      ? await linesOf(io.stdin ?? process.stdin)
      : [Buffer.from(given, 'utf8').toString('latin1').replaceAll('\n', ' ')];
  if (lines.length === 0) {
    io.stderr.write(`explain: no line given\n${USAGE}`);
    return 2;
  }
  const nowMs = Date.now();
  const reader = new Reader(null, null, header);
  for (const [i, line] of lines.entries()) {
    const before = reader.counts().unknown;
    const events = reader.read(Buffer.from(`${line}\n`, 'latin1'), { writtenMs: nowMs, nowMs });
    const atEnd = new Reader(reader.save()).end();
    if (i > 0) io.stdout.write('\n');
    io.stdout.write(
      printed({
        line: Buffer.from(line, 'latin1').toString('utf8'),
        format: header === null ? null : formatRow(header, line, nowMs),
        inspection: reader.inspect(),
        events,
        eventsAtEnd: atEnd.filter((located) => located.line === i + 1),
        isUnknown: reader.counts().unknown > before,
      }),
    );
  }
  return 0;
}
