/** Shows incidents as the API's alerts. */

import { ATTACK_RULES } from '../alert-config/rules.ts';
import type { StoredIncident } from '../alerting/incident-store.ts';
import type { Alert, AlertDetail, AlertQueries, AlertQuery, FleetAnswer, FleetState } from './alert-results.ts';
import type { QueryThread } from './query-thread.ts';
import { lagWords } from './rule-progress.ts';

/** A critical incident that nobody has acknowledged makes the state `breach` for so long after its last event. */
export const BREACH_SHOWN_MS = 7 * 86_400_000;
/** The most incidents that explain the state of the fleet, and parts of a scan, in one result. */
export const BECAUSE_LIMIT = 100;
export const PARTS_LIMIT = 100;

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

/** Returns an incident as the API gives it. */
export function alertOf({ incident, acknowledgedAt, acknowledgedBy }: StoredIncident): Alert {
  const { id, rule, severity, host, source, user, count, summary, evidence, late, trust, partOf } = incident;
  return {
    id,
    rule,
    severity,
    host,
    source,
    user,
    openedAt: iso(incident.openedAt),
    lastAt: iso(incident.lastAt),
    closedAt: isoOrNull(incident.closedAt),
    count,
    summary,
    evidence,
    late,
    trust: trust ?? null,
    partOf,
    acknowledgedAt: isoOrNull(acknowledgedAt),
    acknowledgedBy,
  };
}

/** Returns the state of the fleet by its open and unacknowledged incidents, and those among them that it follows from. */
export function fleetState(counting: readonly StoredIncident[]): { state: FleetState; because: Alert[] } {
  const grave = counting.filter(
    ({ incident, acknowledgedAt }) => incident.severity === 'critical' && acknowledgedAt === null,
  );
  const attacks = counting.filter(
    (one) => !grave.includes(one) && one.incident.closedAt === null && ATTACK_RULES.includes(one.incident.rule),
  );
  const state = grave.length > 0 ? 'breach' : attacks.length > 0 ? 'attack' : 'quiet';
  return { state, because: [...grave, ...attacks].map(alertOf) };
}

const toTheMinute = (ms: number): number => Math.floor(ms / 60_000) * 60_000;

/** Returns the state of the fleet now. */
export async function stateNow(thread: Pick<QueryThread, 'run'>, nowMs: number): Promise<FleetAnswer> {
  // To the minute, so that viewers share an answer.
  const since = toTheMinute(nowMs - BREACH_SHOWN_MS);
  const [counting, progress] = await Promise.all([
    thread.run('alertsCounting', since, BECAUSE_LIMIT, toTheMinute(nowMs)),
    // To the second: the rules go on without a commit that would outdate the result.
    thread.run('ruleProgress', Math.floor(nowMs / 1_000)),
  ]);
  return {
    ...fleetState(counting),
    asOf: { stored: isoOrNull(progress.storedMs), rules: isoOrNull(progress.judgedMs) },
    doubt: lagWords(progress, nowMs),
  };
}

interface Options {
  readonly thread: Pick<QueryThread, 'run' | 'runJson' | 'invalidate'>;
  /** Records who acknowledges an incident. Resolves when queries show it. */
  readonly acknowledge: (id: string, by: string) => Promise<void>;
  readonly now: () => number;
}

/** Runs the queries about alerts on the query thread. */
export class StoreAlerts implements AlertQueries {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  list(query: AlertQuery): ReturnType<AlertQueries['list']> {
    return this.#options.thread.runJson('alerts', query);
  }

  state(): ReturnType<AlertQueries['state']> {
    const { thread, now } = this.#options;
    return stateNow(thread, now());
  }

  async one(id: string): Promise<AlertDetail | null> {
    const found = await this.#options.thread.run('alert', id, PARTS_LIMIT);
    if (!found) return null;
    const { stored, parts, events } = found;
    const { hosts, users, ips, more } = stored.incident;
    return { ...alertOf(stored), hosts, users, sources: ips, more, parts: parts.map(alertOf), events };
  }

  async acknowledge(id: string, by: string): Promise<AlertDetail | null> {
    const known = await this.one(id);
    if (known === null) return null;
    await this.#options.acknowledge(known.id, by);
    this.#options.thread.invalidate();
    return this.one(known.id);
  }
}
