/**
 * Results of queries, each described once: a schema, which the API's answers are written and documented by, and the type
 * of the same name. Times are ISO 8601 in UTC.
 */
import type { Outcome } from '../../protocol/event.ts';
import { SSHD_PROGRAMS } from '../../protocol/report.ts';
import { END_CAUSES } from '../../protocol/session.ts';
import {
  flag,
  integer,
  list,
  object,
  oneOf,
  optional,
  orNull,
  record,
  type Static,
  text,
} from '../../service/schema.ts';
import type { StoredEvent } from '../store/store.ts';
import type { Alert } from './alert-results.ts';
import type { KeyDetail, KeyPage, KeyQuery } from './key-results.ts';

/** Describes a time. */
export const time = text({ description: 'ISO 8601 in UTC' });

/** The number of events of each outcome. */
export const EventCounts = object({
  attempts: integer({ description: 'accepted and failed together' }),
  accepted: integer(),
  failed: integer(),
  probes: integer(),
});
export type EventCounts = Static<typeof EventCounts>;

/** A word for how well a host is watched. */
export const COVERAGES = ['live', 'late', 'blind'] as const;
export const Coverage = oneOf(COVERAGES, {
  description: 'live: an attack shows at once; late: it shows with delay; blind: one now would not be seen',
});
export type Coverage = Static<typeof Coverage>;

/** The number of hosts in each state of watching. */
export const CoverageCounts = object({ live: integer(), late: integer(), blind: integer() });
export type CoverageCounts = Static<typeof CoverageCounts>;

/** A host in `GET /api/hosts`. */
export const WatchedHost = object({
  host: text(),
  connected: flag({ description: 'True while its agent is connected' }),
  state: text({
    description: 'What its agent last reported, `unknown` without a report, or `agent silent since TIME`',
  }),
  coverage: Coverage,
  firstSeen: time,
  lastSeen: time,
  sshd: optional(
    orNull(
      object({
        program: orNull(oneOf(SSHD_PROGRAMS, { description: 'The newest name of a process of sshd in its log' })),
        version: orNull(text({ description: 'As sshd writes it at LogLevel DEBUG, such as OpenSSH_9.6p1' })),
      }),
    ),
  ),
  ...EventCounts.properties,
});
export type WatchedHost = Static<typeof WatchedHost>;

/** Unix milliseconds, `from` inside, `to` outside; infinite where nothing was asked. */
export interface SpanQuery {
  readonly from: number;
  readonly to: number;
}

/** The place at which a page of events continues: after the event of this time and id. */
export interface EventCursor {
  readonly atMs: number;
  readonly id: number;
}

/** The cursor as an answer's `next` has it. */
export const eventCursor = ({ atMs, id }: EventCursor): string => `${atMs}.${id}`;

/** A question for events; null leaves a condition out. Times are Unix milliseconds, `sinceMs` inside, `untilMs` outside. */
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

/** A question for events without a condition. */
export const ANY_EVENT: Omit<EventQuery, 'limit'> = {
  host: null,
  ip: null,
  user: null,
  outcome: null,
  method: null,
  sinceMs: null,
  untilMs: null,
  cursor: null,
};

/** The country and network of a source, from the files that ALPHASERVER_GEOIP names. */
export const Origin = object({
  country: orNull(text({ description: 'ISO 3166 code, such as DE' })),
  network: orNull(text({ description: 'The network it belongs to, such as 203.0.113.0/24' })),
  asn: orNull(integer({ description: 'The number of the autonomous system that announces the network' })),
  organization: orNull(text({ description: 'Who runs the autonomous system' })),
});
export type Origin = Static<typeof Origin>;

/** Adds `origin` to what has a source. */
const origin = { origin: optional(orNull(Origin)) };

/** An attempt or a probe in `GET /api/events`. */
export const ListedEvent = object({
  id: integer(),
  at: time,
  storedAt: time,
  agent: text(),
  host: text(),
  outcome: oneOf(['accepted', 'failed', 'probe']),
  method: orNull(text()),
  user: orNull(text()),
  invalidUser: orNull(flag()),
  ip: orNull(text()),
  port: orNull(integer()),
  key: optional(orNull(text())),
  reason: optional(orNull(text())),
  seq: orNull(integer({ description: 'Its number in the order of its agent' })),
  trust: optional(orNull(oneOf(['journal', 'syslog', 'forgeable']))),
  pid: optional(orNull(integer())),
  ...origin,
});
export type ListedEvent = Static<typeof ListedEvent>;

/** Events by the time they happened, newest first, and where to go on. */
export interface EventPage {
  readonly events: readonly ListedEvent[];
  readonly next: EventCursor | null;
}

/** A session in `GET /api/sessions`, on the stream, and of `alphaserver who`. */
export const LoginSession = object({
  id: integer(),
  agent: text(),
  host: text(),
  user: orNull(text()),
  method: orNull(text()),
  key: orNull(text({ description: 'Type and fingerprint; of a certificate its id, serial and CA, too' })),
  ip: orNull(text()),
  port: orNull(integer()),
  pid: orNull(integer()),
  trust: optional(orNull(oneOf(['journal', 'syslog', 'forgeable']))),
  since: orNull(time),
  until: orNull(time),
  lastedSeconds: orNull(integer()),
  how: orNull(oneOf(END_CAUSES, { description: 'How it ended' })),
  confirmedAt: orNull(text({ description: 'When the kernel of its host last confirmed the connection' })),
  followed: flag({ description: 'False where no agent follows it, and its end is not known' }),
});
export type LoginSession = Static<typeof LoginSession>;

/** A question for sessions; null leaves a condition out. Times are Unix milliseconds. */
export interface SessionQuery {
  /** True: those without an end; false: those with one. */
  readonly open: boolean | null;
  readonly host: string | null;
  readonly user: string | null;
  /** An address, or a network in CIDR form. */
  readonly ip: string | null;
  /** A key's fingerprint. */
  readonly key: string | null;
  /** Those that were open in the span. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly limit: number;
  readonly cursor: EventCursor | null;
}

/** Sessions by when they began, newest first, and where to go on. */
export interface SessionPage {
  readonly sessions: readonly LoginSession[];
  readonly next: EventCursor | null;
}

/** Counts of a span, and how many different hosts, sources and users had a part in it: in `GET /api/summary`. */
export const SpanSummary = object({
  ...EventCounts.properties,
  hosts: integer(),
  sources: integer(),
  users: integer(),
});
export type SpanSummary = Static<typeof SpanSummary>;

/** Counts of one host, source or user in a ranking, and when it was first and last seen. */
export const RankCounts = object({ ...EventCounts.properties, firstSeen: time, lastSeen: time });

/** A row of `GET /api/top/sources`. */
export const SourceRank = object({
  ip: text(),
  ...RankCounts.properties,
  hosts: integer({ description: 'Different hosts it tried; from 128 on an estimate' }),
  users: integer({ description: 'Different users it tried; from 128 on an estimate' }),
  ...origin,
});
export type SourceRank = Static<typeof SourceRank>;

/** A row of `GET /api/top/networks`. */
export const NetworkRank = object({
  network: text({ description: 'An IPv6 network of 64 bits, or an address where it is the only one of it' }),
  ...RankCounts.properties,
  hosts: integer({ description: 'Different hosts it tried; from 128 on an estimate' }),
  users: integer({ description: 'Different users it tried; from 128 on an estimate' }),
  addresses: integer({ description: 'How many addresses of it came' }),
  busiest: list(SourceRank, { description: 'Those with most attempts, at most 20; none where it is one address' }),
  ...origin,
});
export type NetworkRank = Static<typeof NetworkRank>;

/** Sources by network, most attempts first. */
export const NetworkRanking = object({ networks: list(NetworkRank), error: integer() });
export type NetworkRanking = Static<typeof NetworkRanking>;

/** A row of a ranking. `value` is the host's name, the source's address or the user's name. */
export interface RankRow extends Static<typeof RankCounts> {
  readonly value: string;
  /** The number of different hosts and users that a source tried; null for hosts and users. */
  readonly hosts: number | null;
  readonly users: number | null;
  /** The country and network of a source; absent for others, and without a file that has it. */
  readonly origin?: Origin | null;
}

/** A ranking, most attempts first. Each count may be too low by `error` events at most; 0 while all values are kept. */
export interface Ranking {
  readonly ranks: readonly RankRow[];
  readonly error: number;
}

/** A step of `GET /api/timeline`. */
export const TimelineStep = object({
  at: text({ description: 'Where the step begins' }),
  accepted: integer(),
  failed: integer(),
  probes: integer(),
});
export type TimelineStep = Static<typeof TimelineStep>;

/** `GET /api/timeline`. */
export const TimelineSteps = object({ step: integer({ description: 'Seconds' }), points: list(TimelineStep) });
export type TimelineSteps = Static<typeof TimelineSteps>;

const LedgerCounts = object({
  sent: integer({ description: 'Events that it gave a number to, as far as known' }),
  stored: integer(),
  repeats: integer({ description: 'Events that came again and were dropped' }),
  gaps: integer({ description: 'Events that never came: jumps in seq' }),
  waiting: integer({ description: 'Events that it has still to send' }),
  declaredLost: integer({ description: 'Log lines that it knows it could not read' }),
  linesRead: integer(),
  linesUnknown: integer(),
  linesForged: integer(),
});

/** An agent in `GET /api/ledger`: `sent = stored + gaps + waiting`, and `lastSeq = stored + gaps`. */
export const LedgerEntry = object({
  agent: text(),
  host: text(),
  connected: flag(),
  state: text(),
  lastSeq: integer(),
  ...LedgerCounts.properties,
});
export type LedgerEntry = Static<typeof LedgerEntry>;

/** The ledger's sums over all agents. */
export const LedgerTotals = object({
  agents: integer(),
  ...LedgerCounts.properties,
  behindBytes: integer({ description: 'Bytes of logs known to be unread' }),
  states: record(integer(), { description: 'Agents in each state, those with none too; a silent one is in no other' }),
});
export type LedgerTotals = Static<typeof LedgerTotals>;

/** A shape of lines that were not understood, over the fleet: `GET /api/unknown`. */
export const FleetShape = object({
  shape: text(),
  count: integer(),
  agents: integer({ description: 'Agents that read such lines' }),
  hosts: list(text(), { description: 'Hosts of the agents that read most of them, at most 20' }),
  sample: text(),
  firstAt: orNull(time),
  lastAt: orNull(time),
});
export type FleetShape = Static<typeof FleetShape>;

/** Something known to be missing: `GET /api/gaps`. */
export const KnownGap = object({
  id: integer(),
  agent: text(),
  host: text(),
  at: time,
  kind: text({ description: 'rotated-away, suppressed, unreadable, or missing-events' }),
  text: text(),
  bytes: orNull(integer()),
  lines: orNull(integer()),
  events: orNull(integer()),
});
export type KnownGap = Static<typeof KnownGap>;

/** Logins that have user, host, source, method and key in common. */
export const LoginGroup = object({
  user: orNull(text()),
  host: text(),
  ip: orNull(text()),
  method: orNull(text()),
  key: orNull(text()),
  logins: integer(),
  firstUsed: time,
  lastUsed: time,
});
export type LoginGroup = Static<typeof LoginGroup>;

/** A host, source or user among those that another had to do with. */
const AboutRank = object({ value: text(), ...RankCounts.properties });

/** The deeds of one host, source or user, and what was done to it. Counts are of the newest events alone where there are `more`. */
export const Activity = object({
  ...EventCounts.properties,
  more: flag({ description: 'True where older events are not counted' }),
  firstSeen: orNull(time),
  lastSeen: orNull(time),
  trust: orNull(
    oneOf(['journal', 'syslog', 'forgeable'], { description: 'How sure it is that sshd wrote the newest line' }),
  ),
  hosts: list(AboutRank, { description: 'At most 20 of each, those with most events first' }),
  sources: list(AboutRank),
  users: list(AboutRank),
  logins: list(LoginGroup, { description: 'At most 50, those used last first' }),
  hours: list(integer(), { description: 'Logins by the hour of the day in UTC' }),
});
export type Activity = Static<typeof Activity>;

/** The answer about one host, source or user. `watched` is a host's state, `origin` where a source is; null for others. */
export interface About extends Activity {
  readonly watched: WatchedHost | null;
  readonly origin: Origin | null;
  readonly incidents: readonly Alert[];
}

/** Answers questions about what is stored. All reject when the store cannot be read. */
export interface Views {
  /** Hosts by name, those after `after`; with `coverage` those that are watched this well. */
  hosts(
    limit: number,
    after: string | null,
    coverage?: Coverage | null,
  ): Promise<{ readonly hosts: readonly WatchedHost[]; readonly next: string | null }>;
  events(query: EventQuery): Promise<EventPage>;
  /** The history of one host, source or user; null where nothing is known of it. */
  about(kind: 'host' | 'ip' | 'user', value: string): Promise<About | null>;
  sessions(query: SessionQuery): Promise<SessionPage>;
  keys(query: KeyQuery): Promise<KeyPage>;
  /** One key by its fingerprint; null where nobody used it. */
  key(fingerprint: string): Promise<KeyDetail | null>;
  /** Events stored after the one with this id, in the order they were stored, at most `limit`. */
  eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]>;
  summary(span: SpanQuery): Promise<SpanSummary>;
  /**
   * A span in steps, empty ones too. Null where nothing was asked: the first event, now, and the finest step that gives
   * few enough points. `tooLong` where more than TIMELINE_LIMIT points would be needed.
   */
  timeline(
    sinceMs: number | null,
    untilMs: number | null,
    stepMs: number | null,
    host: string | null,
  ): Promise<TimelineSteps | 'tooLong'>;
  top(kind: 'hosts' | 'sources' | 'users', span: SpanQuery, limit: number): Promise<Ranking>;
  /** Sources, the IPv6 addresses of one network as one. */
  networks(span: SpanQuery, limit: number): Promise<NetworkRanking>;
  /** The number of hosts in each state of watching. */
  coverage(): Promise<CoverageCounts>;
  /** Agents in the order they were first seen, those after the one with the store's number `after`. */
  ledger(
    limit: number,
    after: number,
  ): Promise<{ readonly agents: readonly LedgerEntry[]; readonly next: number | null; readonly totals: LedgerTotals }>;
  /** Shapes, seen most first; with a host, those that its agents read. */
  unknown(limit: number, host?: string | null): Promise<readonly FleetShape[]>;
  /** Gaps, the last stored first, those before the one with the id `before`; with a host, those of its agents. */
  gaps(
    limit: number,
    before: number | null,
    host?: string | null,
  ): Promise<{ readonly gaps: readonly KnownGap[]; readonly next: number | null }>;
}

/** An answer as it goes out: JSON in UTF-8. */
export type Written = Uint8Array;

/** Large answers as the API gives them, written out where they were made, so that nobody else's time goes into them. */
export interface WrittenViews {
  events(query: EventQuery): Promise<Written>;
  timeline(...span: Parameters<Views['timeline']>): Promise<Written | 'tooLong'>;
  top(...ranking: Parameters<Views['top']>): Promise<Written>;
  networks(...ranking: Parameters<Views['networks']>): Promise<Written>;
}

/** The most points a timeline has. */
export const TIMELINE_LIMIT = 10_000;
