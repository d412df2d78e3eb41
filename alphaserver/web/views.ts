/** What the page and the API show: the shapes of the answers, and who gives them. */
import type { Outcome } from '../../protocol/event.ts';
import type { StoredEvent } from '../store/store.ts';

/** A host in `GET /api/hosts`; `attempts` is `accepted` and `failed` together. */
export interface HostView {
  readonly host: string;
  /** True while its agent is connected. */
  readonly connected: boolean;
  /** What its agent last said of itself, or `silent since TIME`. */
  readonly state: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly attempts: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** Which events are asked for; null leaves a condition out. Times are Unix milliseconds, `sinceMs` inside, `untilMs` outside. */
export interface EventQuery {
  readonly host: string | null;
  readonly ip: string | null;
  readonly user: string | null;
  readonly outcome: Outcome | null;
  readonly method: string | null;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly limit: number;
  /** From an earlier answer's `next`. */
  readonly cursor: number | null;
}

/** Events, newest first, and where to go on. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly next: string | null;
}

/** Answers questions about what is stored. */
export interface Views {
  hosts(
    limit: number,
    after: string | null,
  ): Promise<{ readonly hosts: readonly HostView[]; readonly next: string | null }>;
  events(query: EventQuery): Promise<EventPage>;
  /** Events stored after the one with this id, in the order they were stored, at most `limit`. */
  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]>;
}

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
  /** Ids of events, bounded. */
  readonly evidence: readonly number[];
}

/** Which alerts are asked for: `open` only open ones, or only closed ones; null leaves a condition out. */
export interface AlertQuery {
  readonly open: boolean | null;
  readonly sinceMs: number | null;
  readonly limit: number;
  /** From an earlier answer's `next`. */
  readonly cursor: string | null;
}

/** `breach`: an incident of severity critical is open; `attack`: another one that says somebody attacks; else `quiet`. */
export type FleetState = 'quiet' | 'attack' | 'breach';

/** Answers questions about alerts, newest first. */
export interface AlertsView {
  list(query: AlertQuery): Promise<{ readonly alerts: readonly AlertView[]; readonly next: string | null }>;
  /** The state of the fleet now, and the open alerts that say so, gravest first, at most 100. */
  state(): Promise<{ readonly state: FleetState; readonly because: readonly AlertView[] }>;
}

/** What a server without rules says. */
export const NO_ALERTS: AlertsView = {
  list: async () => ({ alerts: [], next: null }),
  state: async () => ({ state: 'quiet', because: [] }),
};
