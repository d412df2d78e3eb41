/** What one delivery says: some incidents, or how many there are. Pure. */

import type { NoticeKind } from '../alert-config/routing.ts';
import { SEVERITIES, type Severity } from '../alert-config/rules.ts';
import type { Incident } from '../detection/incident.ts';

/** One incident, and what is told of it. */
export interface Told {
  readonly kind: NoticeKind;
  readonly incident: Incident;
}

/** A message to one channel. It goes out with the same id however often it is tried, so that a receiver can tell. */
export interface Message {
  readonly id: string;
  /** When it was made, Unix milliseconds. */
  readonly madeAt: number;
  /** The gravest first, at most LISTED_LIMIT. */
  readonly told: readonly Told[];
  /** How many incidents it stands for, those listed among them. */
  readonly count: number;
  /** True when somebody only tries whether the channel works. */
  readonly test: boolean;
}

/** The most incidents that one message lists: a storm is one message with a count. */
export const LISTED_LIMIT = 100;
/** The most incidents that a person is shown in one message. */
export const SHOWN_LIMIT = 10;

const WORDS: Record<Severity, [one: string, many: string]> = {
  critical: ['critical alert', 'critical alerts'],
  warning: ['warning', 'warnings'],
  notice: ['notice', 'notices'],
};

/** The gravest severity among those that opened; what is over is no more than a notice. */
export function gravest({ told }: Message): Severity {
  const ranks = told.map(({ kind, incident }) => (kind === 'opened' ? SEVERITIES.indexOf(incident.severity) : 0));
  return SEVERITIES[Math.max(0, ...ranks)] ?? 'notice';
}

/** The message in one line that holds no text from outside: `Asgard: 2 critical alerts, 1 warning, 3 over`. */
export function titleOf(message: Message): string {
  if (message.test) return 'Asgard: a test, nothing has happened';
  const parts = SEVERITIES.toReversed().flatMap((severity) => {
    const n = message.told.filter(({ kind, incident }) => kind === 'opened' && incident.severity === severity).length;
    return n === 0 ? [] : [`${n} ${WORDS[severity][n === 1 ? 0 : 1]}`];
  });
  const over = message.told.filter(({ kind }) => kind === 'resolved').length;
  if (over > 0) parts.push(`${over} over`);
  const more = message.count - message.told.length;
  if (more > 0) parts.push(`and ${more} more`);
  return `Asgard: ${parts.join(', ')}`;
}

/** One incident in a line: `WARNING brute-force: 192.0.2.1 failed 12 times ...`. Holds text from outside: escape it. */
export function lineOf({ kind, incident }: Told): string {
  const word = kind === 'resolved' ? 'OVER' : incident.severity.toUpperCase();
  return `${word} ${incident.rule}: ${incident.summary}`;
}

/** The incidents that a person is shown, and how many are left out. */
export function shownOf(message: Message): { readonly lines: readonly Told[]; readonly left: number } {
  const lines = message.test ? [] : message.told.slice(0, SHOWN_LIMIT);
  return { lines, left: message.test ? 0 : message.count - lines.length };
}

/** `and 12 more`, with where they are where a page is known. */
export const leftLine = (left: number, page: string | null): string =>
  `and ${left} more${page === null ? ' on the page' : `: ${page}`}`;

/** An incident's own page; null where the page's address is not known. */
export const pageOf = ({ id }: Incident, page: string | null): string | null =>
  page === null ? null : `${page}/#/incident/${encodeURIComponent(id)}`;

/** The message of `alert test`, with an incident that says what it is. */
export function testMessage(id: string, nowMs: number): Message {
  const incident: Incident = {
    id: `test-${id}`,
    rule: 'brute-force',
    severity: 'notice',
    key: 'test',
    ordinal: 1,
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
  return { id, madeAt: nowMs, told: [{ kind: 'resolved', incident }], count: 1, test: true };
}
