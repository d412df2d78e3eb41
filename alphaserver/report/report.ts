/** Gathers a report: the answers that the page shows for a span of time. */

import { type VouchedState, vouchedState } from '../queries/agent-state.ts';
import type { Alert, AlertQueries, AsOf } from '../queries/alert-results.ts';
import type {
  Coverage,
  CoverageCounts,
  EventCounts,
  FleetShape,
  LedgerTotals,
  NetworkRank,
  RankRow,
  SpanSummary,
  Views,
  WatchedHost,
} from '../queries/results.ts';
import type { StoredGap } from '../store/store.ts';

/** A host: its state now, and what happened on it in the span. */
export interface ReportHost extends EventCounts {
  readonly host: string;
  readonly state: string;
  readonly coverage: Coverage;
  /** The time at which anything was last heard of it. */
  readonly lastSeen: string;
}

/** The whole report. Times are ISO 8601 in UTC. */
export interface Report {
  readonly at: string;
  readonly since: string;
  readonly until: string;
  /** The answer of `GET /api/summary`. */
  readonly summary: SpanSummary &
    VouchedState & {
      readonly asOf: AsOf;
      readonly because: readonly Alert[];
      readonly coverage: CoverageCounts;
    };
  /** Those that are not watched first, then those that are not up to date, each by attempts. */
  readonly hosts: readonly ReportHost[];
  /** Sources by IPv6 network, most failures first. */
  readonly sources: readonly NetworkRank[];
  readonly users: readonly (Omit<RankRow, 'value' | 'hosts' | 'users'> & { readonly user: string })[];
  /** Shapes of lines that are not understood, of all time. */
  readonly unknown: readonly FleetShape[];
  /** The gaps of the span, the last first. */
  readonly gaps: readonly StoredGap[];
  readonly ledger: LedgerTotals;
}

/** The sources of a report, and its span. Unix milliseconds, `sinceMs` inside, `untilMs` outside. */
export interface ReportOptions {
  readonly views: Views;
  readonly alerts: Pick<AlertQueries, 'state'>;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly nowMs: number;
}

/** Rows asked for of each ranking: the text shows fewer, the JSON all. */
const RANKED_ROWS = 500;
const LISTED_ROWS = 1_000;
/** Pages of hosts that are read, LISTED_ROWS each: all of 50,000. */
const HOST_PAGES = 50;

/** Asks for everything. Rejects when the store cannot be read. */
export async function reportOf(options: ReportOptions): Promise<Report> {
  const { views, alerts, sinceMs, untilMs, nowMs } = options;
  const span = { from: sinceMs, to: untilMs };
  const [
    { state, because, asOf, doubt },
    counts,
    hosts,
    ranked,
    { networks },
    users,
    unknown,
    { gaps },
    { totals },
    coverage,
  ] = await Promise.all([
    alerts.state(),
    views.summary(span),
    allHosts(views),
    views.top('hosts', span, LISTED_ROWS),
    views.networks(span, RANKED_ROWS),
    views.top('users', span, RANKED_ROWS),
    views.unknown(RANKED_ROWS),
    views.gaps(LISTED_ROWS, null),
    views.ledger(1, 0),
    views.coverage(),
  ]);
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    at: iso(nowMs),
    since: iso(sinceMs),
    until: iso(untilMs),
    summary: { ...vouchedState(state, doubt, coverage), asOf, because, coverage, ...counts },
    hosts: hostsOf(hosts, ranked.ranks),
    sources: [...networks].sort(mostFailedFirst),
    users: users.ranks.map(({ value, hosts: _hosts, users: _users, ...rank }) => ({ user: value, ...rank })),
    unknown,
    gaps: gaps.filter(({ at }) => Date.parse(at) >= sinceMs && Date.parse(at) < untilMs),
    ledger: totals,
  };
}

async function allHosts(views: Views): Promise<WatchedHost[]> {
  const all: WatchedHost[] = [];
  let after: string | null = null;
  for (let page = 0; page < HOST_PAGES; page += 1) {
    const { hosts, next }: Awaited<ReturnType<Views['hosts']>> = await views.hosts(LISTED_ROWS, after);
    all.push(...hosts);
    if (next === null) break;
    after = next;
  }
  return all;
}

const mostFailedFirst = (a: EventCounts, b: EventCounts): number =>
  b.failed - a.failed || b.attempts - a.attempts || b.probes - a.probes;

const COVERAGE_RANK: Readonly<Record<Coverage, number>> = { blind: 0, late: 1, live: 2 };
const NOTHING: EventCounts = { attempts: 0, accepted: 0, failed: 0, probes: 0 };

function hostsOf(hosts: readonly WatchedHost[], ranks: readonly RankRow[]): ReportHost[] {
  const counted = new Map(ranks.map((rank) => [rank.value, rank]));
  return hosts
    .map(({ host, state, coverage, lastSeen }): ReportHost => {
      const { attempts, accepted, failed, probes } = counted.get(host) ?? NOTHING;
      return { host, state, coverage, lastSeen, attempts, accepted, failed, probes };
    })
    .sort(
      (a, b) =>
        COVERAGE_RANK[a.coverage] - COVERAGE_RANK[b.coverage] || b.attempts - a.attempts || (a.host < b.host ? -1 : 1),
    );
}
