/** Every question that can be asked of the store's file, answered on one connection, each from one moment of it. */

import type { Rule } from '../alert-config/rules.ts';
import type { Incident } from '../detection/incident.ts';
import { type Names, type Tally, tallyOf } from '../rollups/counts.ts';
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../rollups/time-buckets.ts';
import type { Database } from '../store/database.ts';
import { eventsAfter, eventsWithIds } from '../store/event-rows.ts';
import type { StoredEvent, StoredGap } from '../store/store.ts';
import { eventPage } from './events.ts';
import { agentsAfter, gaps, type HostFacts, hostsAfter, type LedgerFacts, ledgerTotals, shapes } from './fleet.ts';
import { Archive, type IncidentQuery, type KeptIncident } from './incidents.ts';
import { type StoredFigures, storedFigures } from './metrics.ts';
import type {
  EventPage,
  EventQuery,
  FleetShape,
  LedgerTotals,
  PointView,
  RankingView,
  SpanQuery,
  SummaryView,
  TimelineView,
} from './results.ts';
import { TIMELINE_LIMIT } from './results.ts';
import { arrays, factIn, namesIn, Snapshot } from './snapshot.ts';
import { Tallies } from './timeline.ts';
import { Ranks } from './top.ts';

/** How many points a timeline has at most where no step was asked for. */
const POINTS_SHOWN = 1_500;
const KINDS_ASKED = { hosts: 0, sources: 1, users: 2 } as const;

const iso = (ms: number): string => new Date(ms).toISOString();
const counts = ({ accepted, failed, probes }: Tally) => ({ attempts: accepted + failed, accepted, failed, probes });

/** Answers at once. Throws when the file cannot be read. */
export class Answers {
  readonly #db: Database;
  readonly #names: Names;

  constructor(db: Database) {
    this.#db = db;
    this.#names = namesIn(db, factIn(db, 'hashSeed'));
  }

  /** Runs one question in a read transaction: what it sees was true at one moment. */
  #at<T>(question: (snapshot: Snapshot) => T): T {
    this.#db.exec('BEGIN');
    try {
      return question(new Snapshot(this.#db, this.#names));
    } finally {
      this.#db.exec('COMMIT');
    }
  }

  hosts(limit: number, after: string): HostFacts[] {
    return hostsAfter(this.#db, after, limit);
  }

  events(query: EventQuery): EventPage {
    return this.#at((snapshot) => eventPage(snapshot, query));
  }

  eventsAfter(id: number, limit: number): StoredEvent[] {
    return eventsAfter(this.#db, id, limit);
  }

  summary(span: SpanQuery): SummaryView {
    return this.#at((snapshot) => {
      const [hosts = 0, sources = 0, users = 0] = new Ranks(snapshot, span).distinct();
      return { ...counts(new Tallies(snapshot, null).of(span)), hosts, sources, users };
    });
  }

  top(kind: keyof typeof KINDS_ASKED, span: SpanQuery, limit: number): RankingView {
    return this.#at((snapshot) => {
      const { ranks, error } = new Ranks(snapshot, span).first(KINDS_ASKED[kind], limit);
      return {
        error,
        ranks: ranks.map(({ value, firstAt, lastAt, hosts, users, ...tally }) => ({
          value,
          ...counts(tally),
          firstSeen: iso(firstAt),
          lastSeen: iso(lastAt),
          hosts,
          users,
        })),
      };
    });
  }

  timeline(
    sinceMs: number | null,
    untilMs: number | null,
    stepMs: number | null,
    host: string | null,
    nowMs: number,
  ): TimelineView | 'tooLong' {
    return this.#at((snapshot) => {
      const to = untilMs ?? this.#lastTime(snapshot, nowMs) + 1;
      const first = sinceMs ?? Math.min(this.#firstTime(snapshot), to - 1);
      const step = stepMs ?? [MINUTE_MS, HOUR_MS].find((ms) => (to - first) / ms <= POINTS_SHOWN) ?? DAY_MS;
      // Only where nothing was asked for: one clock that is years wrong must not hide everything else.
      const from = sinceMs ?? Math.max(first, floorTo(to - 1, step) - (TIMELINE_LIMIT - 1) * step);
      if (floorTo(to - 1, step) - floorTo(from, step) >= TIMELINE_LIMIT * step) return 'tooLong';
      const steps = this.#steps(snapshot, { from, to }, step, host);
      const points: PointView[] = [];
      for (let at = floorTo(from, step); at < to; at += step)
        points.push({ at: iso(at), ...(steps.get(at) ?? tallyOf()) });
      return { step: step / 1_000, points };
    });
  }

  #steps(snapshot: Snapshot, span: SpanQuery, step: number, host: string | null): Map<number, Tally> {
    if (host === null) return new Tallies(snapshot, null).steps(span, step);
    const [row] = arrays(this.#db, 'SELECT id FROM hosts WHERE name = ?', host) as [number][];
    return row ? new Tallies(snapshot, row[0]).steps(span, step) : new Map();
  }

  /** The time of the first event, or the start of its minute or hour; now for a store without any. */
  #firstTime({ rolledTo, horizon }: Snapshot): number {
    const [row] = arrays(
      this.#db,
      `SELECT min(at) FROM (
         SELECT min(at) AS at FROM counts WHERE step = ?
         UNION ALL SELECT min(at) FROM counts WHERE step = ? AND at < ?
         UNION ALL SELECT min(at) FROM events WHERE id > ?)`,
      ...[MINUTE_MS, HOUR_MS, horizon, rolledTo],
    ) as [number | null][];
    return row?.[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Now, or the newest event where a clock runs ahead by less than a day. */
  #lastTime({ rolledTo }: Snapshot, nowMs: number): number {
    const [row] = arrays(
      this.#db,
      `SELECT max(at) FROM (
         SELECT max(at) AS at FROM times WHERE at > ? AND at < ?
         UNION ALL SELECT max(at) FROM events WHERE id > ? AND at > ? AND at < ?)`,
      ...[nowMs, nowMs + DAY_MS, rolledTo, nowMs, nowMs + DAY_MS],
    ) as [number | null][];
    return row?.[0] ?? nowMs;
  }

  ledger(limit: number, after: number, nowMs: number): { agents: LedgerFacts[]; totals: LedgerTotals } {
    return this.#at(() => ({ agents: agentsAfter(this.#db, after, limit), totals: ledgerTotals(this.#db, nowMs) }));
  }

  unknown(limit: number): FleetShape[] {
    return this.#at(() => shapes(this.#db, limit));
  }

  gaps(limit: number, before: number | null): { gaps: StoredGap[]; next: number | null } {
    return gaps(this.#db, before, limit);
  }

  figures(nowMs: number, singleLimit: number): StoredFigures {
    return this.#at(() => storedFigures(this.#db, nowMs, singleLimit));
  }

  alerts(query: IncidentQuery): { incidents: readonly KeptIncident[]; next: string | null } {
    return new Archive(this.#db).list(query);
  }

  alertsCounting(sinceMs: number, limit: number): KeptIncident[] {
    return this.#at(() => new Archive(this.#db).counting(sinceMs, limit));
  }

  openIncidents(rules: readonly Rule[]): Incident[] {
    return new Archive(this.#db).open(rules);
  }

  alert(
    id: string,
    parts: number,
  ): { kept: KeptIncident; parts: readonly KeptIncident[]; events: StoredEvent[] } | null {
    return this.#at(() => {
      const archive = new Archive(this.#db);
      const kept = archive.get(id);
      if (!kept) return null;
      const query = { open: null, sinceMs: null, limit: parts, cursor: null, partOf: id };
      const events = eventsWithIds(this.#db, kept.incident.evidence);
      return { kept, parts: archive.list(query).incidents, events: events.sort(byTime) };
    });
  }

  /** Lets go of the file. */
  close(): void {
    this.#db.close();
  }
}

const byTime = (a: StoredEvent, b: StoredEvent): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id - b.id);

/** What can be asked. */
export type Question = Exclude<keyof Answers, 'close'>;
