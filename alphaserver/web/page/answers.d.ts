/** The shapes of the API's answers that the page reads. */

import type { StoredEvent } from '../../store/store.ts';
import type { HostView } from '../views.ts';

export type { HostView, StoredEvent };

export interface Counts {
  readonly attempts: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

export interface Alert {
  readonly id: string | number;
  readonly rule: string;
  readonly severity: 'critical' | 'warning' | 'notice';
  readonly host: string | null;
  readonly source: string | null;
  readonly user: string | null;
  readonly openedAt: string;
  readonly lastAt: string;
  readonly closedAt: string | null;
  readonly count: number;
  readonly summary: string;
  readonly evidence: readonly number[];
  readonly acknowledgedAt?: string | null;
  readonly acknowledgedBy?: string | null;
}

export interface Summary extends Counts {
  readonly state: 'quiet' | 'attack' | 'breach';
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
