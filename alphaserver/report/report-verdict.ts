/** Puts the answer into words: is anything wrong, and what to look at. Pure. */
import { escapeText } from '../../service/escape.ts';
import { grouped } from '../../service/terminal/grouped.ts';
import { cutMarked, spanWords, trustMark } from '../detection/incident-summary.ts';
import type { Alert } from '../queries/alert-results.ts';
import type { Report, ReportHost } from './report.ts';

/** The gravity of a line, for its colour. */
export type Tone = 'good' | 'bad' | 'grave' | 'plain';

/** One line of the answer; the first is the answer itself. */
export interface Line {
  readonly text: string;
  readonly tone: Tone;
}

/** Incidents and hosts that are named; the rest is counted. */
const NAMED_INCIDENTS = 8;
const NAMED_HOSTS = 5;
const NAME_LIMIT_CHARS = 60;
const SUMMARY_LIMIT_CHARS = 240;
/** What is said of hosts where an attack would not show, or with delay: of all there are, and of some. */
const UNWATCHED = {
  blind: { all: 'No host is watched at the moment', some: 'Not watched at the moment' },
  late: { all: 'No host is up to date', some: 'Not up to date' },
} as const;
const RANK = { critical: 0, warning: 1, notice: 2 } as const;

/** `1 host`, `3 hosts`. */
export const counted = (number: number, noun: string): string => `${grouped(number)} ${noun}${number === 1 ? '' : 's'}`;

/** `2026-11-24 19:46`: UTC, as every time in a report. */
export const minute = (iso: string): string => iso.slice(0, 16).replace('T', ' ');

/** Returns what a person should know first. */
export function answerOf(report: Report): Line[] {
  const { summary, hosts } = report;
  const { state, because } = summary;
  const lines: Line[] = [];
  if (state === 'quiet') lines.push({ text: `All quiet: ${happened(report)}.`, tone: 'good' });
  else if (state === 'attack')
    lines.push({
      text: `Under attack: ${counted(because.length, 'incident')} going on; ${happened(report)}.`,
      tone: 'bad',
    });
  else if (state === 'unknown') lines.push({ text: `Unknown: ${unknownWords(report)}.`, tone: 'bad' });
  else
    lines.push({
      text: `Someone got in${breachMark(because)}: ${breach(because)}; ${happened(report)}.`,
      tone: 'grave',
    });
  const gravest = [...because].sort((a, b) => RANK[a.severity] - RANK[b.severity] || (a.lastAt < b.lastAt ? 1 : -1));
  for (const alert of gravest.slice(0, NAMED_INCIDENTS)) lines.push(incident(alert));
  if (because.length > NAMED_INCIDENTS)
    lines.push({ text: `  and ${counted(because.length - NAMED_INCIDENTS, 'more incident')}`, tone: 'plain' });
  for (const coverage of ['blind', 'late'] as const) {
    const some = hosts.filter((host) => host.coverage === coverage);
    const words = UNWATCHED[coverage][some.length === hosts.length ? 'all' : 'some'];
    if (some.length > 0) lines.push({ text: `${words}: ${named(some)}.`, tone: 'bad' });
  }
  if (report.gaps.length > 0)
    lines.push({
      text: `Something is missing: ${counted(report.gaps.length, 'gap')} in the logs of this time, listed below.`,
      tone: 'bad',
    });
  return lines;
}

function happened({ summary, since, until, at }: Report): string {
  const { accepted, failed, probes } = summary;
  const span = spanWords(Date.parse(until) - Date.parse(since));
  const when = until === at ? `in the last ${span}` : `from ${minute(since)} to ${minute(until)}`;
  if (summary.attempts + summary.probes === 0) return `nothing happened ${when}`;
  const logins = accepted === 0 ? 'no login' : counted(accepted, 'login');
  const attempts = counted(failed, 'failed attempt');
  // On a host for keys alone, probes are all that sshd says of refused logins.
  return probes === 0
    ? `${logins} and ${attempts} ${when}`
    : `${logins}, ${attempts} and ${counted(probes, 'probe')} ${when}`;
}

/** Says why the server cannot vouch for any answer; what is stored happened before. */
function unknownWords(report: Report): string {
  const { why, because } = report.summary;
  const reason = why === null ? '' : why.charAt(0).toLowerCase() + why.slice(1);
  if (report.ledger.agents === 0) return reason;
  const known = because.length === 0 ? '' : `${counted(because.length, 'incident')} known so far; `;
  return `${reason}; ${known}${happened(report)}`;
}

function breach(because: readonly Alert[]): string {
  const critical = because.filter(({ severity }) => severity === 'critical').length;
  const more = because.length - critical;
  return `${counted(critical, 'critical incident')} to look at now${more > 0 ? `, ${grouped(more)} more going on` : ''}`;
}

/** The trust mark of the critical incidents together: one that is sure takes it away. Those of agents' own states have no events. */
export const breachMark = (because: readonly Alert[]): string =>
  trustMark(
    because
      .filter(({ severity }) => severity === 'critical')
      .map(({ trust, evidence }) => ({ decidedBy: evidence[0] ?? null, trust })),
  );

function incident({ severity, rule, summary, lastAt, closedAt }: Alert): Line {
  const text = `  ${severity}: ${cutMarked(escapeText(summary), SUMMARY_LIMIT_CHARS)} (${rule}, ${minute(lastAt)}${closedAt === null ? '' : ', over'})`;
  return { text, tone: severity === 'critical' ? 'grave' : severity === 'warning' ? 'bad' : 'plain' };
}

/** Names the first of some hosts, with their states, and counts the others. */
function named(hosts: readonly ReportHost[]): string {
  const first = hosts
    .slice(0, NAMED_HOSTS)
    .map(({ host, state }) => `${escapeText(host, NAME_LIMIT_CHARS)} (${state.replace(/T(\d\d:\d\d).*/, ' $1')})`)
    .join(', ');
  return hosts.length > NAMED_HOSTS ? `${first} and ${counted(hosts.length - NAMED_HOSTS, 'other host')}` : first;
}
