/** What the page and the API show: the shapes of the answers, and who gives them. Times in answers are ISO 8601 in UTC. */
import type { Outcome } from '../../protocol/event.ts';
import type { StoredEvent, StoredGap } from '../store/store.ts';

/** How many of each outcome; `attempts` is `accepted` and `failed` together. */
export interface CountsView {
  readonly attempts: number;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** A host in `GET /api/hosts`. */
export interface HostView extends CountsView {
  readonly host: string;
  /** True while its agent is connected. */
  readonly connected: boolean;
  /** What its agent last said of itself, `unknown` where it said nothing, or `agent silent since TIME`. */
  readonly state: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** Unix milliseconds, `from` inside, `to` outside; infinite where nothing was asked. */
export interface SpanQuery {
  readonly from: number;
  readonly to: number;
}

/** Where a page of events goes on: after the event of this time and id. */
export interface EventCursor {
  readonly atMs: number;
  readonly id: number;
}

/** As an answer's `next` has it. */
export const eventCursor = ({ atMs, id }: EventCursor): string => `${atMs}.${id}`;

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
  readonly cursor: EventCursor | null;
}

/** Where a source is: from the files that ALPHASERVER_GEOIP names. */
export interface Origin {
  /** ISO 3166 code of the country, such as `DE`. */
  readonly country: string | null;
  /** The network it belongs to, such as `203.0.113.0/24`. */
  readonly network: string | null;
  /** The number and the name of whoever runs that network, such as 64500. */
  readonly asn: number | null;
  readonly organization: string | null;
}

/** Events by the time they happened, newest first, and where to go on. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly next: EventCursor | null;
}

/** What happened in a span: part of `GET /api/summary`. The last three are how many different ones had a part in it. */
export interface SummaryView extends CountsView {
  readonly hosts: number;
  readonly sources: number;
  readonly users: number;
}

/** A row of `GET /api/top/...`. */
export interface RankView extends CountsView {
  /** The host's name, the source's address, or the user's name. */
  readonly value: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** How many different ones a source met; null for hosts and users. */
  readonly hosts: number | null;
  readonly users: number | null;
}

/** A ranking, most attempts first. Each count may be too low by `error` events at most; 0 while all values are kept. */
export interface RankingView {
  readonly ranks: readonly RankView[];
  readonly error: number;
}

/** A step of `GET /api/timeline`; `at` is where it begins. */
export interface PointView {
  readonly at: string;
  readonly accepted: number;
  readonly failed: number;
  readonly probes: number;
}

/** `GET /api/timeline`; `step` in seconds. */
export interface TimelineView {
  readonly step: number;
  readonly points: readonly PointView[];
}

/** An agent in `GET /api/ledger`: `sent = stored + gaps + waiting`, and `lastSeq = stored + gaps`. */
export interface LedgerView {
  readonly agent: string;
  readonly host: string;
  readonly connected: boolean;
  readonly state: string;
  /** Events it made, as far as known: what came, and what it last said is still to come. */
  readonly sent: number;
  readonly stored: number;
  readonly repeats: number;
  /** Events that never came: jumps in `seq`. */
  readonly gaps: number;
  readonly waiting: number;
  readonly lastSeq: number;
  /** Log lines that the agent could not read and knows of. */
  readonly declaredLost: number;
  readonly linesRead: number;
  readonly linesUnknown: number;
  readonly linesForged: number;
}

/** The same over all agents. */
export interface LedgerTotals extends Omit<LedgerView, 'agent' | 'host' | 'connected' | 'state' | 'lastSeq'> {
  readonly agents: number;
  /** Bytes of logs known to be unread. */
  readonly behindBytes: number;
  /** How many agents are in each state, those that nobody is in too; a silent one is `agent silent` and nothing else. */
  readonly states: Readonly<Record<string, number>>;
}

/** A shape of lines that no rule knew, over the fleet: `GET /api/unknown`. */
export interface FleetShape {
  readonly shape: string;
  readonly count: number;
  /** How many agents saw it, and the hosts of those that saw it most, at most 20. */
  readonly agents: number;
  readonly hosts: readonly string[];
  readonly sample: string;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
}

/** Answers questions about what is stored. All reject when the store cannot be read. */
export interface Views {
  /** Hosts by name, those after `after`. */
  hosts(
    limit: number,
    after: string | null,
  ): Promise<{ readonly hosts: readonly HostView[]; readonly next: string | null }>;
  events(query: EventQuery): Promise<EventPage>;
  /** Events stored after the one with this id, in the order they were stored, at most `limit`. */
  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]>;
  summary(span: SpanQuery): Promise<SummaryView>;
  /**
   * A span in steps, empty ones too. Null where nothing was asked: the first event, now, and the finest step that gives
   * few enough points. `tooLong` where more than TIMELINE_LIMIT points would be needed.
   */
  timeline(
    sinceMs: number | null,
    untilMs: number | null,
    stepMs: number | null,
    host: string | null,
  ): Promise<TimelineView | 'tooLong'>;
  top(kind: 'hosts' | 'sources' | 'users', span: SpanQuery, limit: number): Promise<RankingView>;
  /** Agents in the order they were first seen, those after the one with the store's number `after`. */
  ledger(
    limit: number,
    after: number,
  ): Promise<{ readonly agents: readonly LedgerView[]; readonly next: number | null; readonly totals: LedgerTotals }>;
  /** Shapes, seen most first. */
  unknown(limit: number): Promise<readonly FleetShape[]>;
  /** Gaps, the last stored first, those before the one with the id `before`. */
  gaps(
    limit: number,
    before: number | null,
  ): Promise<{ readonly gaps: readonly StoredGap[]; readonly next: number | null }>;
}

/** An answer as it goes out: JSON in UTF-8. */
export type Written = Uint8Array;

/** Large answers as the API gives them, written out where they were made, so that nobody else's time goes into them. */
export interface WrittenViews {
  events(query: EventQuery): Promise<Written>;
  timeline(...span: Parameters<Views['timeline']>): Promise<Written | 'tooLong'>;
  top(...ranking: Parameters<Views['top']>): Promise<Written>;
}

/** The most points a timeline has. */
export const TIMELINE_LIMIT = 10_000;
