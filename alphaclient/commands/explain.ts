/** `alphaclient explain LINE`: which rule knows a log line, what it says, and which event it makes, or why none. */

import type { Readable } from 'node:stream';
import { escapeText } from '../../service/escape.ts';
import type { LocatedEvent } from '../sshd/events.ts';
import type { Kind, ParsedMessage } from '../sshd/message-types.ts';
import type { Inspection } from '../sshd/reader.ts';
import { Reader } from '../sshd/reader.ts';
import type { CommandStreams } from './scan.ts';
import { scanLine } from './scan-lines.ts';

const USAGE = `usage: alphaclient explain LINE
       alphaclient explain < LOG

Says for each line which rule knows it, what it says, and which event it makes, or why none.
`;
/** As much of a line as sshd can write. */
const SHOWN_LIMIT_CHARS = 1_200;

const EVIDENCE =
  'none yet: a decision was made; if its own line does not come, one failed attempt when the connection ends';

const WHY: Readonly<Record<Kind, string>> = {
  accepted: 'an attempt, told at once',
  failed: 'an attempt, told at once; or the second line of one that was told already',
  'pam-failed': 'a failed attempt; a Failed line right behind it tells the same one',
  opened: 'none yet: the connection is open and nothing is decided',
  pending: 'none yet: the connection is open and nothing is decided',
  'invalid-user': 'none yet: it names the account; a decision or the end of the connection follows',
  account: 'none yet: it names the account; a decision or the end of the connection follows',
  evidence: EVIDENCE,
  'pam-failure': EVIDENCE,
  'pam-unknown-user': EVIDENCE,
  'pam-failure-summary': EVIDENCE,
  'end-reason': 'none yet: the last line of the connection follows',
  ended: 'a probe, unless the connection had an attempt or was a session',
  'session-opened': 'none: a session has begun',
  'session-closed': 'none: a session has ended',
  'session-ended': 'none: a session has ended',
  dropped: 'a probe for each connection refused',
};

const NOT_SSHD: Readonly<Record<string, string>> = {
  other: 'not written by sshd',
  json: 'no journal entry, or not one of sshd',
  forged: "under sshd's name, but written by another program: reported, not counted",
  repeated: 'repeats the line before it, which is not given',
};

function known(fact: ParsedMessage): string {
  const fields: [string, string | number | boolean | null][] = [
    ['method', fact.method],
    ['user', fact.user],
    ['invalidUser', fact.invalidUser],
    ['ip', fact.ip],
    ['name', fact.hostName],
    ['port', fact.port],
    ['reason', fact.reason],
    ['key', fact.key],
    ['times', fact.count > 1 ? fact.count : null],
  ];
  return fields
    .filter(([, value]) => value !== null)
    .map(
      ([name, value]) => `${name} ${typeof value === 'string' ? `"${escapeText(value, SHOWN_LIMIT_CHARS)}"` : value}`,
    )
    .join(', ');
}

/** `unknown`: whether it was counted as a line of sshd that is not understood. */
function explained(
  line: string,
  now: readonly LocatedEvent[],
  atEnd: readonly LocatedEvent[],
  seen: Inspection,
  unknown: boolean,
): string {
  const rows: [string, string][] = [['line', escapeText(line, SHOWN_LIMIT_CHARS)]];
  const { writer, rule, fact } = seen;
  const counted = 'none: counted as unknown; please report it';
  if (writer in NOT_SSHD) rows.push(['event', unknown ? counted : `none: ${NOT_SSHD[writer]}`]);
  else if (rule === null)
    rows.push(
      ['rule', 'none knows it'],
      ['event', writer === 'raw' && !unknown ? 'none: no prefix, and no message of sshd' : counted],
    );
  else {
    const where = [seen.at ?? 'no time', seen.host === null ? 'no host' : `host ${escapeText(seen.host)}`];
    rows.push(['prefix', [...where, seen.pid < 0 ? 'no pid' : `pid ${seen.pid}`].join(', ')]);
    rows.push(['rule', `${rule.name}: ${rule.message}`], ['means', rule.meaning]);
    if (fact === null)
      rows.push([
        'event',
        rule.read === undefined
          ? 'none: it says nothing about an attempt'
          : 'none: the attempts of its connection have been told',
      ]);
    else rows.push(['fields', known(fact)], ['event', now.length > 0 ? '' : WHY[fact.kind]]);
  }
  const last = rows.at(-1);
  for (const { event, line: number } of now.slice(0, 3)) {
    if (last?.[1] === '') rows.pop();
    rows.push(['event', scanLine(event, number)]);
  }
  if (now.length > 3) rows.push(['', `and ${now.length - 3} more like it`]);
  for (const { event, line: number } of atEnd.slice(0, 1)) rows.push(['if it ends here', scanLine(event, number)]);
  return `${rows.map(([name, text]) => `${name.padEnd(16)}${text}`).join('\n')}\n`;
}

async function linesOf(stdin: Readable): Promise<string[]> {
  let text = '';
  for await (const chunk of stdin) text += Buffer.isBuffer(chunk) ? chunk.toString('latin1') : String(chunk);
  return text.split('\n').filter((line) => line !== '');
}

/** Runs the command: exit code 0, or 2 when there is nothing to explain. */
export async function explain(args: readonly string[], io: CommandStreams): Promise<number> {
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
  const reader = new Reader();
  for (const [i, line] of lines.entries()) {
    const before = reader.counts().unknown;
    const now = reader.read(Buffer.from(`${line}\n`, 'latin1'), { writtenMs: nowMs, nowMs });
    const seen = reader.inspect();
    const after = new Reader(reader.save());
    const atEnd = after.end().filter((sighting) => sighting.line === i + 1);
    if (i > 0) io.stdout.write('\n');
    io.stdout.write(
      explained(Buffer.from(line, 'latin1').toString('utf8'), now, atEnd, seen, reader.counts().unknown > before),
    );
  }
  return 0;
}
