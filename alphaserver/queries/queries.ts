/** All queries of a store, answered on one connection, each from one moment of it. */

import { NO_ORIGIN, type OriginOf } from '../../service/origin.ts';
import type { StoredIncident } from '../alerting/incident-store.ts';
import { type Counts, countsOf, type Names } from '../rollups/counts.ts';
import { EventIndex } from '../rollups/event-index.ts';
import { HashedNames } from '../rollups/hashed-names.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../rollups/time-buckets.ts';
import { arrays, type Database, readTransaction } from '../store/database.ts';
import { eventsAfter, eventsWithIds } from '../store/event-rows.ts';
import { HOST_BY_NAME } from '../store/row-names.ts';
import type { StoredEvent, StoredGap } from '../store/store.ts';
import { type AboutKind, aboutOf } from './about.ts';
import { type DecisionEntry, decisionPage } from './decisions.ts';
import { eventPage, firstIdSince } from './events.ts';
import {
  type Absence,
  agentsAfter,
  coverageCounts,
  gaps,
  type HostFacts,
  hostNamed,
  hostsAfter,
  type LedgerFacts,
  ledgerTotals,
  shapes,
} from './fleet.ts';
import { type BlocklistQuery, type BlocklistText, type IncidentQuery, Incidents } from './incidents.ts';
import type { KeyDetail, KeyPage, KeyQuery } from './key-results.ts';
import { keyDetail, keyPage } from './keys.ts';
import { type StoredFigures, storedFigures } from './metrics.ts';
import type {
  Activity,
  Coverage,
  CoverageCounts,
  EventPage,
  EventQuery,
  FleetShape,
  LedgerTotals,
  ListedEvent,
  NetworkRanking,
  Origin,
  Ranking,
  SessionPage,
  SessionQuery,
  SpanQuery,
  SpanSummary,
  TimelineStep,
  TimelineSteps,
} from './results.ts';
import { TIMELINE_LIMIT } from './results.ts';
import { type RuleProgress, ruleProgress } from './rule-progress.ts';
import { sessionPage } from './sessions.ts';
import { Snapshot } from './snapshot.ts';
import { TimelineCounts } from './timeline.ts';
import { type Rank, TopValues } from './top.ts';

/** The most points of a timeline for which no step was asked. */
const POINTS_SHOWN = 1_500;
const KINDS_ASKED = { hosts: 0, sources: 1, users: 2 } as const;

const iso = (ms: number): string => new Date(ms).toISOString();
const counts = ({ accepted, failed, probes }: Counts) => ({ attempts: accepted + failed, accepted, failed, probes });
const rankCounts = ({ firstAt, lastAt, ...one }: Pick<Rank, keyof Counts | 'firstAt' | 'lastAt'>) => ({
  ...counts(one),
  firstSeen: iso(firstAt),
  lastSeen: iso(lastAt),
});

/** Answers at once. Each throws when the file cannot be read. */
export class Queries {
  readonly #db: Database;
  readonly #names: Names;
  readonly #originOf: OriginOf;
  readonly #index: EventIndex;

  /** `originOf` says where sources are; without it nobody knows. */
  constructor(db: Database, originOf: OriginOf = NO_ORIGIN) {
    this.#db = db;
    this.#originOf = originOf;
    this.#names = new HashedNames(db, db);
    this.#index = new EventIndex(db, this.#names);
  }

  /** Runs one query in a read transaction: all that it reads was true at one moment. */
  #at<T>(query: (snapshot: Snapshot) => T): T {
    return readTransaction(this.#db, () => query(new Snapshot(this.#db, this.#names, this.#index)));
  }

  hosts(limit: number, after: string, only: (Absence & { readonly coverage: Coverage }) | null): HostFacts[] {
    return hostsAfter(this.#db, after, limit, only);
  }

  events(query: EventQuery): EventPage {
    const { events, next } = this.#at((snapshot) => eventPage(snapshot, query));
    return { events: this.#located(events), next };
  }

  /** Adds where their sources are to events. */
  #located(events: readonly StoredEvent[]): ListedEvent[] {
    if (this.#originOf === NO_ORIGIN) return events as ListedEvent[];
    return events.map((event) => ({ ...event, ...this.#originOf(event.ip) }));
  }

  keys(query: KeyQuery): KeyPage {
    return this.#at(() => keyPage(this.#db, query));
  }

  key(fingerprint: string): KeyDetail | null {
    return this.#at(() => keyDetail(this.#db, fingerprint));
  }

  sessions(query: SessionQuery): SessionPage {
    return this.#at(() => sessionPage(this.#db, query));
  }

  eventsAfter(id: number, limit: number): StoredEvent[] {
    return eventsAfter(this.#db, id, limit);
  }

  firstSince(sinceMs: number): number | null {
    return this.#at((snapshot) => firstIdSince(snapshot, sinceMs));
  }

  summary(span: SpanQuery): SpanSummary {
    return this.#at((snapshot) => {
      const [hosts = 0, sources = 0, users = 0] = new TopValues(snapshot, span).distinct();
      return { ...counts(new TimelineCounts(snapshot, null).of(span)), hosts, sources, users };
    });
  }

  top(kind: keyof typeof KINDS_ASKED, span: SpanQuery, limit: number): Ranking {
    return this.#at((snapshot) => {
      const { ranks, error } = new TopValues(snapshot, span).first(KINDS_ASKED[kind], limit);
      return {
        error,
        ranks: ranks.map(({ value, hosts, users, ...one }) => ({
          value,
          ...rankCounts(one),
          hosts,
          users,
          ...(kind === 'sources' ? this.#originOf(value) : {}),
        })),
      };
    });
  }

  networks(span: SpanQuery, limit: number): NetworkRanking {
    return this.#at((snapshot) => {
      const { ranks, error } = new TopValues(snapshot, span).networks(limit);
      const source = ({ value: _, hosts, users, ...one }: Rank) => ({
        ...rankCounts(one),
        hosts: hosts ?? 0,
        users: users ?? 0,
      });
      return {
        error,
        networks: ranks.map(({ addresses, busiest, ...one }) => ({
          network: one.value,
          ...source(one),
          addresses,
          busiest: busiest.map((address) => ({
            ip: address.value,
            ...source(address),
            ...this.#originOf(address.value),
          })),
          // Of a network, where its busiest address is.
          ...this.#originOf(busiest[0]?.value ?? one.value),
        })),
      };
    });
  }

  coverage(absence: Absence): CoverageCounts {
    return coverageCounts(this.#db, absence);
  }

  timeline(
    sinceMs: number | null,
    untilMs: number | null,
    stepMs: number | null,
    host: string | null,
    nowMs: number,
  ): TimelineSteps | 'tooLong' {
    return this.#at((snapshot) => {
      const to = untilMs ?? this.#lastTime(snapshot, nowMs) + 1;
      const first = sinceMs ?? Math.min(this.#firstTime(snapshot), to - 1);
      const step = stepMs ?? [MINUTE_MS, HOUR_MS].find((ms) => (to - first) / ms <= POINTS_SHOWN) ?? DAY_MS;
      // Only without a `since`: one clock that is years wrong must not hide everything else.
      const from = sinceMs ?? Math.max(first, floorTo(to - 1, step) - (TIMELINE_LIMIT - 1) * step);
      if (floorTo(to - 1, step) - floorTo(from, step) >= TIMELINE_LIMIT * step) return 'tooLong';
      const steps = this.#steps(snapshot, { from, to }, step, host);
      const points: TimelineStep[] = [];
      for (let at = floorTo(from, step); at < to; at += step)
        points.push({ at: iso(at), ...(steps.get(at) ?? countsOf()) });
      return { step: step / 1_000, points };
    });
  }

  #steps(snapshot: Snapshot, span: SpanQuery, step: number, host: string | null): Map<number, Counts> {
    if (host === null) return new TimelineCounts(snapshot, null).steps(span, step);
    const [row] = arrays(this.#db, HOST_BY_NAME, host) as [number][];
    return row ? new TimelineCounts(snapshot, row[0]).steps(span, step) : new Map();
  }

  /** Gives the time of the first event, or the start of its minute or hour; infinite for a store without any. */
  #firstTime({ events, rolledTo, horizon }: Snapshot): number {
    const [row] = arrays(
      this.#db,
      `SELECT min(at) FROM (
         SELECT min(at) AS at FROM counts WHERE step = ?
         UNION ALL SELECT min(at) FROM counts WHERE step = ? AND at < ?)`,
      ...[MINUTE_MS, HOUR_MS, horizon],
    ) as [number | null][];
    const newest = events.each('min(at)', rolledTo, 'true') as [number | null][];
    return Math.min(row?.[0] ?? Infinity, ...newest.map(([at]) => at ?? Infinity));
  }

  /** Gives now, or the time of the newest event where a clock runs ahead by less than a day. */
  #lastTime(snapshot: Snapshot, nowMs: number): number {
    const ahead = { sinceMs: nowMs + 1, untilMs: nowMs + DAY_MS, limit: 1, cursor: null };
    const { events } = eventPage(snapshot, { ...ahead, host: null, ip: null, user: null, outcome: null, method: null });
    return events[0] ? Date.parse(events[0].at) : nowMs;
  }

  ledger(limit: number, after: number, nowMs: number): { agents: LedgerFacts[]; totals: LedgerTotals } {
    return this.#at(() => ({ agents: agentsAfter(this.#db, after, limit), totals: ledgerTotals(this.#db, nowMs) }));
  }

  unknown(limit: number, host: string | null = null): FleetShape[] {
    return this.#at(() => shapes(this.#db, limit, host));
  }

  gaps(limit: number, before: number | null, host: string | null = null): { gaps: StoredGap[]; next: number | null } {
    return gaps(this.#db, before, limit, host);
  }

  figures(nowMs: number, singleLimit: number): StoredFigures {
    return this.#at(() => storedFigures(this.#db, nowMs, singleLimit));
  }

  alerts(query: IncidentQuery): { incidents: readonly StoredIncident[]; next: string | null } {
    return new Incidents(this.#db).list(query);
  }

  alertsCounting(sinceMs: number, limit: number, nowMs: number): StoredIncident[] {
    return this.#at(() => new Incidents(this.#db).counting(sinceMs, limit, nowMs));
  }

  decisions(
    limit: number,
    before: number | null,
    nowMs: number,
    holding: boolean,
  ): { decisions: DecisionEntry[]; next: number | null } {
    return this.#at(() => decisionPage(this.#db, limit, before, nowMs, holding));
  }

  /** Reads what one host, source or user did, with its newest incidents; null where nothing is known of it. */
  about(
    kind: AboutKind,
    value: string,
    incidents: number,
  ): { about: Activity; host: HostFacts | null; origin: Origin | null; incidents: StoredIncident[] } | null {
    return this.#at((snapshot) => {
      const about = aboutOf(snapshot, kind, value);
      const host = kind === 'host' ? hostNamed(this.#db, value) : null;
      const known = new Incidents(this.#db).about(kind, value, incidents);
      if (about.lastSeen === null && host === null && known.length === 0) return null;
      const origin = (kind === 'ip' && this.#originOf(value.split('/', 1)[0] ?? value).origin) || null;
      return { about, host, origin, incidents: known };
    });
  }

  /** `_second` makes the results of different seconds different ones: see ResultCache. */
  ruleProgress(_second: number): RuleProgress {
    return ruleProgress(this.#db);
  }

  blocklist(query: BlocklistQuery): BlocklistText {
    return new Incidents(this.#db).blocklist(query);
  }

  alert(
    id: string,
    parts: number,
  ): { stored: StoredIncident; parts: readonly StoredIncident[]; events: ListedEvent[] } | null {
    return this.#at(() => {
      const incidents = new Incidents(this.#db);
      const stored = incidents.get(id);
      if (!stored) return null;
      const query = { open: null, sinceMs: null, limit: parts, cursor: null, partOf: stored.incident.id };
      const events = eventsWithIds(this.#db, stored.incident.evidence);
      return { stored, parts: incidents.list(query).incidents, events: this.#located(events.sort(byTime)) };
    });
  }

  /** Closes the files. */
  close(): void {
    this.#db.close();
  }
}

const byTime = (a: StoredEvent, b: StoredEvent): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id - b.id);

/** The names of the queries. */
export type QueryName = Exclude<keyof Queries, 'close'>;
