/** What the API shows of alerts: the shapes of the answers, and who gives them. Times in answers are ISO 8601 in UTC. */
import type { StoredEvent } from '../store/store.ts';
import type { Written } from './results.ts';

/** An incident in `GET /api/alerts`: contract section 6. Times are ISO 8601. */
export interface AlertView {
  readonly id: string;
  readonly rule: string;
  readonly severity: 'critical' | 'warning' | 'notice';
  readonly host: string | null;
  readonly source: string | null;
  readonly user: string | null;
  readonly openedAt: string;
  readonly lastAt: string;
  /** Null while it is open. */
  readonly closedAt: string | null;
  readonly count: number;
  readonly summary: string;
  /** Ids of events, the first few and the last few. */
  readonly evidence: readonly number[];
  /** True while all that happened in it came long after it happened: an old log, an agent that was cut off. */
  readonly late: boolean;
  /** The id of the fleet-scan that it is a part of; lists leave such parts out. */
  readonly partOf: string | null;
  /** When somebody said that they take care of it, and who: null while nobody has. */
  readonly acknowledgedAt: string | null;
  readonly acknowledgedBy: string | null;
}

/** `GET /api/alerts/ID`. */
export interface AlertDetail extends AlertView {
  /** All that it touched, at most 64 of each; `more` is true where there were more. */
  readonly hosts: readonly string[];
  readonly users: readonly string[];
  readonly sources: readonly string[];
  readonly more: boolean;
  /** Incidents that are a part of this scan, newest first, at most 100. */
  readonly parts: readonly AlertView[];
  /** Its evidence, oldest first, without what retention has deleted. */
  readonly events: readonly StoredEvent[];
}

/** Which alerts are asked for: `open` only open ones, or only closed ones; null leaves a condition out. */
export interface AlertQuery {
  readonly open: boolean | null;
  readonly sinceMs: number | null;
  readonly limit: number;
  /** From an earlier answer's `next`. */
  readonly cursor: string | null;
}

/**
 * `breach`: an incident of severity critical that nobody has acknowledged is open, or had its last event in the last 7
 * days; `attack`: an open one says that somebody attacks; else `quiet`.
 */
export type FleetState = 'quiet' | 'attack' | 'breach';

/** Answers questions about alerts, newest first. */
export interface AlertsView {
  /** `GET /api/alerts` as it goes out. */
  list(query: AlertQuery): Promise<Written>;
  /** The state of the fleet now, and the alerts that say so, gravest first, at most 100. */
  state(): Promise<{ readonly state: FleetState; readonly because: readonly AlertView[] }>;
  /** One alert, null for an id that there is not. */
  one(id: string): Promise<AlertDetail | null>;
  /** Notes who takes care of it, `by`; the first one stays. Null for an id that there is not. */
  acknowledge(id: string, by: string): Promise<AlertDetail | null>;
}

/** What a server without rules says. */
export const NO_ALERTS: AlertsView = {
  list: async () => new TextEncoder().encode('{"alerts":[],"next":null}'),
  state: async () => ({ state: 'quiet', because: [] }),
  one: async () => null,
  acknowledge: async () => null,
};
