/** The types of the API's answers, as the server describes them, and what the page makes of them. */
import type { Static } from '../../../service/schema.ts';
import type { Alert, AlertDetail, FleetState } from '../../queries/alert-results.ts';
import type { DecisionEntry } from '../../queries/decisions.ts';
import type { KeyDetail } from '../../queries/key-results.ts';
import type {
  Activity,
  CoverageCounts,
  EventCounts,
  FleetShape,
  KnownGap,
  ListedEvent,
  LoginGroup,
  LoginSession,
  NetworkRank,
  Origin,
  TimelineStep,
  WatchedHost,
} from '../../queries/results.ts';
import type { CERTIFICATES, ChannelState } from '../api-schema.ts';

export type {
  Alert,
  AlertDetail as AlertWhole,
  CoverageCounts,
  EventCounts as Counts,
  FleetShape as Shape,
  FleetState,
  KeyDetail as KeyWhole,
  KnownGap as StoredGap,
  ListedEvent as StoredEvent,
  LoginGroup as Logins,
  LoginSession as Session,
  NetworkRank as NetworkRow,
  TimelineStep as Point,
  WatchedHost,
};
export type Decision = DecisionEntry;
/** When a certificate of the server expires: `GET /api/certificates`. */
export type Certificate = Static<(typeof CERTIFICATES)['schema']['response'][200]>['certificates'][number];
export type Channel = Static<typeof ChannelState>;

/** How much happened, and among how many. */
export interface Amounts extends EventCounts {
  readonly hosts: number;
  readonly sources: number;
  readonly users: number;
  /** True where there is more than was counted. */
  readonly atLeast?: boolean;
}

/** `GET /api/hosts/NAME`, `/api/sources/IP` and `/api/users/NAME`. */
export interface About extends Activity {
  readonly host?: string;
  readonly ip?: string;
  readonly user?: string;
  readonly watched?: WatchedHost | null;
  readonly origin?: Origin | null;
  readonly incidents: readonly Alert[];
}

/** `GET /api/summary`. */
export interface Summary extends Amounts {
  readonly state: FleetState;
  /** Why the state is unknown; else null. */
  readonly why: string | null;
  /** What is wrong with the server itself; null where nothing is. */
  readonly doubt: string | null;
  /** How many hosts are watched how well. */
  readonly coverage: CoverageCounts;
  /** The incidents that say so. */
  readonly because: readonly Alert[];
}

/** A row of `GET /api/top/...`: `host`, `ip` or `user` says of what. */
export interface TopRow extends EventCounts {
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
