/** Results of queries about incidents, which the API calls alerts. Each is described once, as in results.ts. */
import { flag, integer, list, object, oneOf, orNull, type Static, text } from '../../service/schema.ts';
import { ListedEvent, time, type Written } from './results.ts';

/** An incident in `GET /api/alerts`. */
export const Alert = object({
  id: text(),
  rule: text(),
  severity: oneOf(['critical', 'warning', 'notice']),
  host: orNull(text()),
  source: orNull(text()),
  user: orNull(text()),
  openedAt: time,
  lastAt: time,
  closedAt: orNull(text({ description: 'Null while it is open' })),
  count: integer(),
  summary: text(),
  evidence: list(integer(), { description: 'Ids of its first and its last events' }),
  late: flag({ description: 'All its events came long after they happened: an old log, an agent that was cut off' }),
  trust: orNull(
    oneOf(['journal', 'syslog', 'forgeable'], {
      description:
        'Of the event that decided it: `forgeable` where a client can write to the log; null where it is not known',
    }),
  ),
  partOf: orNull(text({ description: 'The fleet-scan that it is a part of; lists leave such parts out' })),
  acknowledgedAt: orNull(time),
  acknowledgedBy: orNull(text()),
});
export type Alert = Static<typeof Alert>;

/** `GET /api/alerts/ID`. */
export const AlertDetail = object({
  ...Alert.properties,
  hosts: list(text(), { description: 'All that it touched, at most 64 of each' }),
  users: list(text()),
  sources: list(text()),
  more: flag({ description: 'True where more were touched than are named' }),
  parts: list(Alert, { description: 'Incidents that are a part of this scan, newest first, at most 100' }),
  events: list(ListedEvent, { description: 'Its evidence, oldest first, without what retention has deleted' }),
});
export type AlertDetail = Static<typeof AlertDetail>;

/** A question for alerts: `open` only open ones, or only closed ones; null leaves a condition out. */
export interface AlertQuery {
  readonly open: boolean | null;
  readonly sinceMs: number | null;
  readonly limit: number;
  /** The cursor of an earlier answer's `next`. */
  readonly cursor: string | null;
}

/**
 * The state of the fleet. `breach`: an incident of severity critical that nobody has acknowledged is open, or had its last
 * event in the last 7 days; `attack`: an open one says that somebody attacks; `unknown`: the server cannot vouch for any of
 * these; else `quiet`.
 */
export const FleetState = oneOf(['quiet', 'attack', 'breach', 'unknown']);
export type FleetState = Static<typeof FleetState>;

/** Up to when the state of the fleet is known. */
export const AsOf = object({
  stored: orNull(text({ description: 'When the newest event was stored, null where none is' })),
  rules: orNull(text({ description: 'When the newest event that the rules have judged was stored' })),
});
export type AsOf = Static<typeof AsOf>;

/** The state of the fleet by its incidents, and those that it follows from, gravest first, at most 100. */
export interface FleetAnswer {
  readonly state: FleetState;
  readonly because: readonly Alert[];
  readonly asOf: AsOf;
  /** Why the rules cannot be vouched for at the moment; null where they can. */
  readonly doubt: string | null;
}

/** Answers questions about alerts, newest first. */
export interface AlertQueries {
  /** `GET /api/alerts` as it goes out. */
  list(query: AlertQuery): Promise<Written>;
  /** The state of the fleet now. */
  state(): Promise<FleetAnswer>;
  /** One alert, null for an id that there is not. */
  one(id: string): Promise<AlertDetail | null>;
  /** Notes who takes care of it, `by`; the first one stays. Null for an id that there is not. */
  acknowledge(id: string, by: string): Promise<AlertDetail | null>;
}
