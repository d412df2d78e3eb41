/** A report as text for people. Pure. */

import { wrapped } from '../../service/terminal/display-width.ts';
import { grouped } from '../../service/terminal/grouped.ts';
import { styled, type Terminal } from '../../service/terminal/style.ts';
import { type Column, table } from '../../service/terminal/table.ts';
import { SOURCE_SKETCH } from '../rollups/schema.ts';
import type { Report } from './report.ts';
import { answerOf, counted, type Line, minute, type Tone } from './report-verdict.ts';

/** Rows of each table; the JSON has more. */
const HOST_ROWS = 20;
const ROWS = 10;
/** The part of a log line, or of the words for a gap, that is worth the room. */
const SAMPLE_CHARS = 160;
/** An IPv4 address is shown whole. */
const ADDRESS_CHARS = 15;
/** Past this a line is harder to read than two. */
const PROSE_CHARS = 120;

const STYLES = { good: 'green', bad: 'yellow', grave: 'red' } as const;

/** Writes the whole report, ended by a line feed. */
export function reportText(report: Report, terminal: Terminal): string {
  const answer = answerOf(report)
    .map((line, i) => written(line, i === 0, terminal))
    .join('');
  return `${answer}\n${tablesText(report, terminal)}`;
}

/** Writes the tables below the answer. */
export function tablesText(report: Report, terminal: Terminal): string {
  const parts = [
    outcomes(report, terminal),
    hosts(report, terminal),
    sources(report, terminal),
    users(report, terminal),
    unknown(report, terminal),
    gaps(report, terminal),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function written({ text, tone }: Line, first: boolean, terminal: Terminal): string {
  const columns = terminal.columns === undefined ? undefined : Math.min(terminal.columns, PROSE_CHARS);
  return `${toned(wrapped(text, columns, text.startsWith(' ') ? '    ' : ''), tone, first, terminal)}\n`;
}

function toned(text: string, tone: Tone, first: boolean, terminal: Terminal): string {
  if (tone === 'plain') return text;
  return styled(text, first ? ['bold', STYLES[tone]] : STYLES[tone], terminal);
}

/** Writes the line below a table that does not show all. */
const rest = (all: number, shown: number, noun: string): string =>
  all > shown ? `and ${counted(all - shown, `more ${noun}`)}\n` : '';

const COUNTS: readonly Column[] = [
  { title: 'attempts', number: true, spare: 5 },
  { title: 'accepted', number: true },
  { title: 'failed', number: true },
  { title: 'probes', number: true, spare: 4 },
];
const countsOf = ({
  attempts,
  accepted,
  failed,
  probes,
}: Record<'attempts' | 'accepted' | 'failed' | 'probes', number>) => [attempts, accepted, failed, probes];
const named = (name: string): string => (name === '' ? '(empty)' : name);

function outcomes({ summary, since, until }: Report, terminal: Terminal): string {
  const rows = [
    ['accepted', summary.accepted],
    ['failed', summary.failed],
    ['probe', summary.probes],
  ] as const;
  const span = wrapped(`${minute(since)} to ${minute(until)} UTC`, terminal.columns);
  return `${span}\n${table([{ title: 'outcome' }, { title: 'events', number: true }], rows, terminal)}`;
}

function hosts({ hosts: all }: Report, terminal: Terminal): string {
  if (all.length === 0) return '';
  const columns = [{ title: 'host' }, { title: 'state' }, ...COUNTS, { title: 'last heard of', spare: 6, whole: true }];
  const rows = all
    .slice(0, HOST_ROWS)
    .map((host) => [named(host.host), host.state.replace(/ since .*/, ''), ...countsOf(host), minute(host.lastSeen)]);
  return table(columns, rows, terminal) + rest(all.length, HOST_ROWS, 'host');
}

/** Says how many different hosts or users a source tried: a sketch that is full estimates. */
const estimated = (number: number): string => `${number < SOURCE_SKETCH ? '' : 'about '}${grouped(number)}`;

function sources({ sources: all }: Report, terminal: Terminal): string {
  if (all.length === 0) return '';
  const located = all.some(({ origin }) => origin !== undefined);
  const columns = [
    { title: 'source', leastChars: ADDRESS_CHARS },
    ...(located ? [{ title: 'country', spare: 6 }] : []),
    ...COUNTS,
    { title: 'hosts', number: true, spare: 7 },
    { title: 'users', number: true, spare: 8 },
    { title: 'last seen', spare: 9, whole: true },
  ];
  const rows = all
    .slice(0, ROWS)
    .map((row) => [
      row.network,
      ...(located ? [row.origin?.country ?? ''] : []),
      ...countsOf(row),
      estimated(row.hosts),
      estimated(row.users),
      minute(row.lastSeen),
    ]);
  return table(columns, rows, terminal) + rest(all.length, ROWS, 'source');
}

function users({ users: all }: Report, terminal: Terminal): string {
  if (all.length === 0) return '';
  const columns = [{ title: 'user' }, ...COUNTS, { title: 'last seen', spare: 6, whole: true }];
  const rows = all.slice(0, ROWS).map((row) => [named(row.user), ...countsOf(row), minute(row.lastSeen)]);
  return table(columns, rows, terminal) + rest(all.length, ROWS, 'user');
}

function unknown({ unknown: all, ledger }: Report, terminal: Terminal): string {
  if (all.length === 0) return '';
  const title = wrapped(
    `${grouped(ledger.linesUnknown)} lines of sshd that are not understood, since the agents began`,
    terminal.columns,
  );
  const columns = [
    { title: 'lines', number: true },
    { title: 'hosts', number: true, spare: 1 },
    { title: 'for example', limitChars: SAMPLE_CHARS },
  ];
  return `${title}\n${table(
    columns,
    all.slice(0, ROWS).map(({ count, agents, sample }) => [count, agents, sample]),
    terminal,
  )}${rest(all.length, ROWS, 'shape')}`;
}

function gaps({ gaps: all }: Report, terminal: Terminal): string {
  if (all.length === 0) return '';
  const columns = [
    { title: 'missing since', spare: 1, whole: true },
    { title: 'host' },
    { title: 'what', limitChars: SAMPLE_CHARS },
  ];
  return `${table(
    columns,
    all.slice(0, ROWS).map(({ at, host, text }) => [minute(at), host, text]),
    terminal,
  )}${rest(all.length, ROWS, 'gap')}`;
}
