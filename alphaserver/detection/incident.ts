/** Defines an incident as the rest of the server sees it, and makes it from what a window knows. */

import type { Trust } from '../../protocol/event.ts';
import { type DetectionConfig, type Rule, SEVERITIES, type Severity } from '../alert-config/rules.ts';
import { KIND_OF } from './detector.ts';
import { summaryOf } from './incident-summary.ts';
import type { TrackedIncident } from './keyed-state.ts';
import { trustOf } from './rule-event.ts';
import type { OriginNames } from './source-origin.ts';
import type { OpenIncident } from './threshold-window.ts';

/** One finding of a rule over its time. Times are Unix milliseconds. */
export interface Incident {
  readonly id: string;
  readonly rule: Rule;
  readonly severity: Severity;
  /**
   * The key of its state: `source host`, a source, a user, a host, `fingerprint host`, an agent, or `fleet` for agents that fell silent
   * together.
   */
  readonly key: string;
  /** The id of the event that crossed the threshold; null for rules that read no events. */
  readonly decidedBy: number | null;
  /** The trust of that event; null where it is not known. */
  readonly trust: Trust | null;
  /** True when at least one of its events comes from a log that no client can write to. */
  readonly vouched: boolean;
  /** The id of the agent by whose word it is: the one that sent the deciding event, or that it is about. */
  readonly agent: string;
  /** The one host, source (an address, or an IPv6 network) or user that it is about; null where there are many or none. */
  readonly host: string | null;
  readonly source: string | null;
  readonly user: string | null;
  /** The earliest event that counted. */
  readonly firstAt: number;
  /** The time at which the threshold was crossed. */
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
  /** The hosts, users and addresses touched, at most TOUCHED_LIMIT of each; `more` when there are more. */
  readonly hosts: readonly string[];
  readonly users: readonly string[];
  readonly ips: readonly string[];
  readonly more: boolean;
}

/** An open incident of a rule that reads no events, as another server found it. */
export interface AdoptedIncident {
  readonly incident: Incident;
  /** Other open incidents of this rule about this agent. */
  readonly overtaken: readonly Incident[];
}

/** Names for the numbers that an incident holds. */
export interface IncidentNames {
  agent(number: number): string;
  host(number: number): string;
  text(number: number): string | null;
  /** Gives the origin of an address, where files say so. */
  origin(ip: string): OriginNames | null;
}

const only = (names: readonly string[]): string | null => (names.length === 1 ? (names[0] as string) : null);

/** Makes what the rest of the server sees of an incident. A source that used one address only is shown as that address. */
export function incidentOf(
  { id, rule, key, source: network }: Pick<TrackedIncident, 'id' | 'rule' | 'key' | 'source'>,
  detail: OpenIncident,
  { closedAt, partOf }: Pick<Incident, 'closedAt' | 'partOf'>,
  names: IncidentNames,
  config: DetectionConfig,
): Incident {
  const kind = KIND_OF[rule];
  const { firstAt, openedAt, lastAt, count, late, more } = detail;
  const texts = (numbers: readonly number[]): string[] => numbers.map((number) => names.text(number) ?? '');
  const [hosts, users, ips] = [detail.hosts.map((host) => names.host(host)), texts(detail.users), texts(detail.ips)];
  const incident = {
    id,
    rule,
    severity: severityOf(config.rules[rule].severity, detail.isMild),
    key,
    decidedBy: detail.decidedBy,
    trust: trustOf(detail.trust),
    vouched: detail.isVouched,
    agent: names.agent(detail.agent),
    host: kind === 'host' ? key : only(hosts),
    source: only(ips) ?? names.text(network),
    user: kind === 'user' || kind === 'target' ? key : only(users),
    firstAt,
    openedAt,
    lastAt,
    closedAt,
    count,
    late,
    partOf,
    evidence: [...detail.first, ...detail.last],
    hosts,
    users,
    ips,
    more,
    summary: '',
  };
  const { isMoved, isMild, isFirstCountry, isFirstOperator, unusedMs } = detail;
  const origin = names.origin(only(ips) ?? '');
  const facts = { isMoved, isMild, isFirstCountry, isFirstOperator, unusedMs, decoys: config.decoys, origin };
  incident.summary = summaryOf(incident, facts);
  return incident;
}

/** A mild incident is a warning at most. */
function severityOf(severity: Severity, isMild: boolean): Severity {
  return isMild && SEVERITIES.indexOf(severity) > SEVERITIES.indexOf('warning') ? 'warning' : severity;
}
