/** Makes the message of a report on a schedule: a title, the answer in words, and the tables of the terminal. Pure. */
import { escapeText } from '../../service/escape.ts';
import type { Severity } from '../alert-config/rules.ts';
import type { ReportContent } from '../notify/message.ts';
import type { FleetState } from '../queries/alert-results.ts';
import type { Report } from './report.ts';
import { tablesText } from './report-text.ts';
import { answerOf, breachMark } from './report-verdict.ts';

/** Text without colours and without a width: a mail wraps by itself. */
const PLAIN = { columns: undefined, colour: false } as const;

const WORDS: Readonly<Record<FleetState, readonly [words: string, severity: Severity]>> = {
  quiet: ['all quiet', 'notice'],
  attack: ['under attack', 'warning'],
  breach: ['someone got in', 'critical'],
  unknown: ['unknown whether anything is wrong', 'warning'],
};

/** Returns the content of a report's message. `every` is `daily` or `weekly`. */
export function reportContent(report: Report, every: string): ReportContent {
  const { state, attempts, accepted, failed, probes } = report.summary;
  const [words, severity] = WORDS[state];
  return {
    title: `Asgard: ${every} report: ${words}${state === 'breach' ? breachMark(report.summary.because) : ''}`,
    severity,
    lines: answerOf(report).map(({ text }) => escapeText(text.trim())),
    tables: tablesText(report, PLAIN),
    counts: { state, since: report.since, until: report.until, attempts, accepted, failed, probes },
  };
}

/** Returns the content where no report can be made: nobody must take silence for quiet. */
export function failedReportContent(every: string, since: string, until: string, reason: string): ReportContent {
  const [words, severity] = WORDS.unknown;
  return {
    title: `Asgard: ${every} report: ${words}`,
    severity,
    lines: [`Unknown: the store could not be read: ${escapeText(reason, 300)}.`],
    tables: '',
    counts: { state: 'unknown', since, until, attempts: null, accepted: null, failed: null, probes: null },
  };
}
