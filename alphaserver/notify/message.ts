/** Makes the content of one delivery: some incidents, and how many it stands for. Pure. */

import type { NotificationKind } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity } from '../alert-config/rules.ts';
import type { Channel } from '../alert-config/rules-schema.ts';
import type { Incident } from '../detection/incident.ts';
import { trustMark } from '../detection/incident-summary.ts';

/** Says that one incident opened or is over. */
export interface Notification {
  readonly kind: NotificationKind;
  readonly incident: Incident;
  /** Its number among the notifications of its incident, from 1: above that of the first of its kind where it turned out graver or opened again. */
  readonly number?: number;
}

/** Holds a message to one channel. Every delivery of it has the same id, so that a receiver can drop the second of two. */
export interface Message {
  readonly id: string;
  /** The time at which it was made, Unix milliseconds. */
  readonly madeAt: number;
  /** The gravest first and what is over last, at most LISTED_LIMIT. */
  readonly notifications: readonly Notification[];
  /** The number of notifications it stands for, those listed among them. */
  readonly count: number;
  /** True for a message that only tests the channel. */
  readonly test: boolean;
  /** A report on a schedule, in place of notifications. */
  readonly report?: ReportContent;
}

/** Holds a report. Text from outside in it is escaped for a line of text; a format with markup escapes it for that. */
export interface ReportContent {
  readonly title: string;
  /** Words by the state of a notification. */
  readonly severity: Severity;
  /** The answer in words, the most important line first; SHOWN_LIMIT and some. */
  readonly lines: readonly string[];
  /** Tables in a font of fixed width, for who has room; may be empty. */
  readonly tables: string;
  /** The state and the counts of the span, for programs; null where they are not known. */
  readonly counts: Readonly<Record<'state' | 'since' | 'until', string>> &
    Readonly<Record<'attempts' | 'accepted' | 'failed' | 'probes', number | null>>;
}

/** The most notifications that one message lists: a storm is one message with a count. */
export const LISTED_LIMIT = 100;
/** The most notifications that a message shows to a person. */
export const SHOWN_LIMIT = 10;

const WORDS: Record<Severity, [one: string, many: string]> = {
  critical: ['critical alert', 'critical alerts'],
  warning: ['warning', 'warnings'],
  notice: ['notice', 'notices'],
};

/** Returns the gravest severity among the incidents that opened; one that is over counts as a notice. */
export function gravest({ notifications, report }: Message): Severity {
  if (report) return report.severity;
  const ranks = notifications.map(({ kind, incident }) =>
    kind === 'opened' ? SEVERITIES.indexOf(incident.severity) : 0,
  );
  return SEVERITIES[Math.max(0, ...ranks)] ?? 'notice';
}

/**
 * Returns the message as one line without any text from outside: `Asgard: 2 critical alerts, 1 warning, 3 over`. It ends in a trust mark
 * where all that opened rests on logs that a client may have written.
 */
export function titleOf(message: Message): string {
  if (message.report) return message.report.title;
  if (message.test) return 'Asgard: a test, nothing has happened';
  const parts = SEVERITIES.toReversed().flatMap((severity) => {
    const opened = message.notifications.filter(
      ({ kind, incident }) => kind === 'opened' && incident.severity === severity,
    );
    const n = opened.length;
    return n === 0 ? [] : [`${n} ${WORDS[severity][n === 1 ? 0 : 1]}`];
  });
  const over = message.notifications.filter(({ kind }) => kind === 'resolved').length;
  if (over > 0) parts.push(`${over} over`);
  const more = message.count - message.notifications.length;
  if (more > 0) parts.push(`and ${more} more`);
  // A phone shows the title alone.
  const opened = message.notifications.filter(({ kind }) => kind === 'opened').map(({ incident }) => incident);
  return `Asgard: ${parts.join(', ')}${more > 0 ? '' : trustMark(opened)}`;
}

/** Returns a notification as one line: `WARNING brute-force: 192.0.2.1 failed 12 times ...`. Holds text from outside: escape it. */
export function lineOf({ kind, incident }: Notification): string {
  const word = kind === 'resolved' ? 'OVER' : incident.severity.toUpperCase();
  return `${word} ${incident.rule}: ${incident.summary}`;
}

/** Returns the notifications that are shown to a person, and how many are left out. */
export function shownOf(message: Message): { readonly shown: readonly Notification[]; readonly left: number } {
  const shown = message.test ? [] : message.notifications.slice(0, SHOWN_LIMIT);
  return { shown, left: message.test ? 0 : message.count - shown.length };
}

/** Returns `and 12 more`, with the page's address where it is known. */
export const leftLine = (left: number, page: string | null): string =>
  `and ${left} more${page === null ? ' on the page' : `: ${page}`}`;

/** Returns the address of an incident's own page, or null where the page's is not known. Nothing of it stands behind `#`, which a login would lose. */
export const pageOf = ({ id }: Incident, page: string | null): string | null =>
  page === null ? null : `${page}/?alert=${encodeURIComponent(id)}`;

/** Returns the message of `alert test`, with an incident that says that it is a test. */
export function testMessage(id: string, nowMs: number): Message {
  const incident: Incident = {
    id: `test-${id}`,
    rule: 'brute-force',
    severity: 'notice',
    key: 'test',
    decidedBy: null,
    trust: null,
    vouched: true,
    agent: '',
    host: 'test-host',
    source: '192.0.2.1',
    user: 'test',
    firstAt: nowMs,
    openedAt: nowMs,
    lastAt: nowMs,
    closedAt: nowMs,
    count: 0,
    late: false,
    partOf: null,
    summary: 'this is a test of the channel, nothing has happened',
    evidence: [],
    hosts: ['test-host'],
    users: ['test'],
    ips: ['192.0.2.1'],
    more: false,
  };
  return { id, madeAt: nowMs, notifications: [{ kind: 'resolved', incident }], count: 1, test: true };
}

/**
 * Splits a message into those that its channel takes: PagerDuty gets each of the first SHOWN_LIMIT notifications and each listed
 * end by itself, since it resolves incidents one by one, and the rest as one; every other channel gets the whole.
 */
export function messagesFor(channel: Channel, whole: Message): Message[] {
  if (channel.type !== 'pagerduty' || whole.count <= 1) return [whole];
  const isSingle = ({ kind }: Notification, i: number): boolean => i < SHOWN_LIMIT || kind === 'resolved';
  const singles = whole.notifications.flatMap((one, i) =>
    isSingle(one, i)
      ? [{ ...whole, id: `${whole.id}.${String(i).padStart(2, '0')}`, notifications: [one], count: 1 }]
      : [],
  );
  const notifications = whole.notifications.filter((one, i) => !isSingle(one, i));
  const count = whole.count - singles.length;
  return count === 0 ? singles : [...singles, { ...whole, id: `${whole.id}.rest`, notifications, count }];
}
