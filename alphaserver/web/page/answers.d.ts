/** The shapes of the API's answers that the page reads. */

import type { StoredEvent } from '../../store/store.ts';
import type { AlertView, FleetState } from '../alert-views.ts';
import type { HostView } from '../views.ts';

export type { HostView, StoredEvent };

export interface Counts {
  readonly attempts: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

export type Alert = AlertView;

export interface Summary extends Counts {
  readonly state: FleetState;
  readonly because: readonly Alert[];
  readonly hosts: number;
  readonly sources: number;
  readonly users: number;
}

export interface TopRow extends Counts {
  readonly host?: string;
  readonly ip?: string;
  readonly user?: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly hosts?: number;
  readonly users?: number;
}

export interface Point {
  readonly at: string;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

export interface Shape {
  readonly shape: string;
  readonly count: number;
  readonly hosts: readonly string[];
  readonly sample: string;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
}

export interface LedgerAgent {
  readonly agent: string;
  readonly host: string;
  readonly connected: boolean;
  readonly gaps: number;
  readonly declaredLost: number;
  readonly state: string;
}
