/** The shapes of the API's answers that the page reads. */

import type { AlertDetail, AlertView, FleetState } from '../../queries/alert-results.ts';
import type { HostView, Origin } from '../../queries/results.ts';
import type { StoredEvent, StoredGap } from '../../store/store.ts';

export type { HostView, StoredEvent, StoredGap };

/** How many of each outcome; `attempts` is `accepted` and `failed` together. */
export interface Counts {
  readonly attempts: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** An alert in a list, and the whole of it with its story. */
export type Alert = AlertView;
export type AlertWhole = AlertDetail;

/** How much happened, and among how many. */
export interface Amounts extends Counts {
  readonly hosts: number;
  readonly sources: number;
  readonly users: number;
  /** True where there is more than was counted. */
  readonly atLeast?: boolean;
}

/** `GET /api/summary`. */
export interface Summary extends Amounts {
  readonly state: FleetState;
  /** The incidents that say so. */
  readonly because: readonly Alert[];
}

/** A row of `GET /api/top/...`: `host`, `ip` or `user` says of what. */
export interface TopRow extends Counts {
  /** Where a source is, where the server knows. */
  readonly origin?: Origin | null;
  readonly host?: string;
  readonly ip?: string;
  readonly user?: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly hosts?: number;
  readonly users?: number;
}

/** A step of `GET /api/timeline`; `at` is where it begins. */
export interface Point {
  readonly at: string;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** A shape of `GET /api/unknown`. */
export interface Shape {
  readonly shape: string;
  readonly count: number;
  readonly hosts: readonly string[];
  readonly sample: string;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
}

/** A way to tell people, and how it fares. */
export interface Channel {
  readonly name: string;
  readonly kind: string;
  readonly waiting: number;
  readonly fault: string | null;
  readonly faultAt: string | null;
}
