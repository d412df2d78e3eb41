/** An incident as everybody outside the rules sees it. */

import type { DetectionConfig, EventRule, Rule, Severity } from '../alert-config/rules.ts';
import { KIND_OF, type Kind } from './detectors.ts';
import { summaryOf } from './incident-summary.ts';
import type { Draft } from './threshold-window.ts';

/** One wave of events, or one bad state of an agent. Times are Unix milliseconds. */
export interface Incident {
  readonly id: string;
  readonly rule: Rule;
  readonly severity: Severity;
  /** What it is an incident of, and which one of this rule and key it is. */
  readonly key: string;
  readonly ordinal: number;
  /** The one host, source (an address, or an IPv6 network) or user that it is about; null where there are many or none. */
  readonly host: string | null;
  readonly source: string | null;
  readonly user: string | null;
  /** The earliest event that counted. */
  readonly firstAt: number;
  /** When the threshold was crossed. */
  readonly openedAt: number;
  readonly lastAt: number;
  readonly closedAt: number | null;
  readonly count: number;
  /** True while all that happened in it came long after it happened. */
  readonly late: boolean;
  /** The id of the fleet-scan that it is a part of, or null. */
  readonly partOf: string | null;
  readonly summary: string;
  /** Event ids: the first few and the last few. */
  readonly evidence: readonly number[];
  /** Those touched, at most TOUCHED_LIMIT of each; `more` when there are more. */
  readonly hosts: readonly string[];
  readonly users: readonly string[];
  readonly ips: readonly string[];
  readonly more: boolean;
}

/** An incident that the engine has in hand: its draft goes on changing. */
export interface Live {
  readonly id: string;
  readonly rule: EventRule;
  readonly kind: Kind;
  readonly key: string;
  readonly draft: Draft;
  /** The event that raised it, as far as is known: none before that one. */
  readonly by: number;
  /** True when an event out of order has joined it with another one, or undone it. */
  readonly withdrawn: boolean;
}

const only = (names: readonly string[]): string | null => (names.length === 1 ? (names[0] as string) : null);

/** What everybody outside sees of it. A source that used one address only is shown as that address. */
export function incidentOf(
  { id, rule, kind, key, draft }: Live,
  partOf: string | null,
  nowMs: number,
  config: DetectionConfig,
): Incident {
  const { hosts, users, ips, first, last, ordinal, firstAt, openedAt, lastAt, count, late, more } = draft;
  const network = kind === 'source' ? key : kind === 'pair' ? key.slice(0, key.indexOf(' ')) : null;
  const quietAt = lastAt + config.quietMs;
  const incident = {
    id,
    rule,
    severity: config.rules[rule].severity,
    key,
    ordinal,
    host: kind === 'host' ? key : only(hosts),
    source: only(ips) ?? (network === '?' ? null : network),
    user: kind === 'user' || kind === 'target' ? key : only(users),
    firstAt,
    openedAt,
    lastAt,
    closedAt: quietAt <= nowMs ? quietAt : null,
    count,
    late,
    partOf,
    evidence: [...first, ...last],
    hosts: [...hosts],
    users: [...users],
    ips: [...ips],
    more,
  };
  return { ...incident, summary: summaryOf(incident) };
}

/** An incident taken up again: with its draft where a story still has it, else as far as the incident tells. */
export function liveOf(incident: Incident, rule: EventRule, by: number, held?: Draft): Live {
  const { id, key, ordinal, firstAt, openedAt, lastAt, count, late, more, evidence } = incident;
  const touched = { hosts: [...incident.hosts], users: [...incident.users], ips: [...incident.ips] };
  const first = [...evidence];
  const draft = held ?? { id, ordinal, firstAt, openedAt, lastAt, count, late, more, first, last: [], ...touched };
  return { id, rule, kind: KIND_OF[rule], key, draft, by, withdrawn: false };
}
