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
