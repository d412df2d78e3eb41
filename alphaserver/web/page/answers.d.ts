/** The types of the API's answers, as the server describes them, and what the page makes of them. */
import type { Static } from '../../../service/schema.ts';
import type { AlertDetail, AlertView, FleetState } from '../../queries/alert-results.ts';
import type { DecisionView } from '../../queries/decisions.ts';
import type {
  AboutView,
  CountsView,
  CoverageCounts,
  EventView,
  FleetShape,
  GapView,
  HostView,
  KeyDetail,
  LoginsView,
  NetworkRank,
  Origin,
  PointView,
  SessionView,
} from '../../queries/results.ts';
import type { CERTIFICATES, ChannelView } from '../api-schema.ts';

export type {
  AlertDetail as AlertWhole,
  AlertView as Alert,
  CountsView as Counts,
  CoverageCounts,
  EventView as StoredEvent,
  FleetShape as Shape,
  FleetState,
  GapView as StoredGap,
  HostView,
  KeyDetail as KeyWhole,
  LoginsView as Logins,
  NetworkRank as NetworkRow,
  PointView as Point,
  SessionView as Session,
};
export type Decision = DecisionView;
/** When a certificate of the server expires: `GET /api/certificates`. */
export type Certificate = Static<(typeof CERTIFICATES)['schema']['response'][200]>['certificates'][number];
export type Channel = Static<typeof ChannelView>;

/** How much happened, and among how many. */
export interface Amounts extends CountsView {
  readonly hosts: number;
  readonly sources: number;
  readonly users: number;
  /** True where there is more than was counted. */
  readonly atLeast?: boolean;
}

/** `GET /api/hosts/NAME`, `/api/sources/IP` and `/api/users/NAME`. */
export interface About extends AboutView {
  readonly host?: string;
  readonly ip?: string;
  readonly user?: string;
  readonly watched?: HostView | null;
  readonly origin?: Origin | null;
  readonly incidents: readonly AlertView[];
}

/** `GET /api/summary`. */
export interface Summary extends Amounts {
  readonly state: FleetState;
  /** Why the state is unknown; else null. */
  readonly why: string | null;
  /** How many hosts are watched how well. */
  readonly coverage: CoverageCounts;
  /** The incidents that say so. */
  readonly because: readonly AlertView[];
}

/** A row of `GET /api/top/...`: `host`, `ip` or `user` says of what. */
export interface TopRow extends CountsView {
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
