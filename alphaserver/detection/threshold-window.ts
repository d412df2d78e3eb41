/** One rule for one key: the observations in its sliding window, the incident they open, the quiet that closes it. */
import type { DetectionConfig, EventRule } from '../alert-config/rules.ts';
import {
  dropFirst,
  EVENT_FIELDS,
  isMoved,
  isVouched,
  pack,
  packAt,
  packed,
  packedAt,
  packedValue,
  RuleEvent,
  repack,
  unpack,
  visitPacked,
} from './rule-event.ts';

/** Says what opens an incident: `count` observations within `windowMs` (both ends inside), or that many with different values. */
export interface Threshold {
  readonly count: number;
  readonly windowMs: number;
  /** An incident closes after so long without an event. */
  readonly quietMs: number;
  /** The field whose different values are counted; null where each event counts. */
  readonly distinct: 'host' | 'user' | 'source' | null;
  /** True where its incidents are warnings at most. */
  readonly isMild: boolean;
}

/** A threshold that counts events. */
export const countOf = ({ rules, quietMs }: DetectionConfig, rule: EventRule): Threshold => ({
  count: rules[rule].count,
  windowMs: rules[rule].windowMs,
  quietMs,
  distinct: null,
  isMild: false,
});

/** A threshold that counts the different values of a field. */
export const distinctOf = (
  config: DetectionConfig,
  rule: EventRule,
  distinct: NonNullable<Threshold['distinct']>,
): Threshold => ({ ...countOf(config, rule), distinct });

/** The threshold of a rule whose first event opens an incident. */
export const atOnce = ({ quietMs }: DetectionConfig): Threshold => ({
  count: 1,
  windowMs: 0,
  quietMs,
  distinct: null,
  isMild: false,
});

/** Makes a threshold whose incidents are warnings at most. */
export const mildly = (threshold: Threshold): Threshold => ({ ...threshold, isMild: true });

/** Event ids an incident keeps from its beginning, and as many from its end. */
export const EVIDENCE_EACH_END = 10;
/** Hosts, users and addresses an incident names; of more it only says that there are more. */
export const TOUCHED_LIMIT = 64;

/** An incident as its window knows it. Times are Unix milliseconds, names are numbers of the interner and of hosts. */
export interface OpenIncident {
  /** The event that crossed the threshold: with the rule it is the incident's identity. */
  readonly decidedBy: number;
  readonly agent: number;
  readonly seq: number;
  readonly trust: number;
  readonly isMild: boolean;
  /** The earliest event that counted towards the threshold. */
  readonly firstAt: number;
  readonly openedAt: number;
  lastAt: number;
  count: number;
  /**
   * The sum of the ids of its events: it differs where a late event took the place of another one. Where different values are
   * counted it has the first and the last event of each.
   */
  idSum: number;
  /** True while the event that opened it, and all after that, came late. */
  late: boolean;
  /** True when an event of it counts at another time than its own: how long it lasted is not known. */
  isMoved: boolean;
  /** True when one of its events comes from a log that cannot be forged. */
  isVouched: boolean;
  /** True when its user came from a country, or by a network operator, for the first time. */
  isFirstCountry: boolean;
  isFirstOperator: boolean;
  /** The time for which its key was not used on the host before, milliseconds; 0 where that is not what it is about. */
  unusedMs: number;
  readonly first: number[];
  readonly last: number[];
  readonly hosts: number[];
  readonly users: number[];
  readonly ips: number[];
  /** True when more hosts, users or addresses were touched than are named. */
  more: boolean;
}

/** The state of one rule for one key. Its size is bounded by the rule's count. */
export interface ThresholdWindow {
  /**
   * The observations that count towards the threshold, packed and in order: events, or, where different values are counted, a value, how many
   * events had it, and the first and last of them.
   */
  observations: number[];
  open: OpenIncident | null;
  /** Closed incidents that an event out of order may still change. */
  closed: OpenIncident[];
}

/** The content of most windows, shared and never written to. */
const NO_OBSERVATIONS: number[] = [];
const NO_INCIDENTS: OpenIncident[] = [];

/** A window that has observed nothing. */
export const emptyWindow = (): ThresholdWindow => ({
  observations: NO_OBSERVATIONS,
  open: null,
  closed: NO_INCIDENTS,
});

/** Numbers before the two events of an observation where different values are counted: the value, and how many had it. */
export const VALUE_FIELDS = 2;
export const DISTINCT_FIELDS = VALUE_FIELDS + 2 * EVENT_FIELDS;

/** Adds a name; true when there is no room for it. `more`: that is known already, and a full list is not searched. */
function touch(names: number[], name: number, more: boolean): boolean {
  const full = names.length >= TOUCHED_LIMIT;
  if (name === 0 || (full && more) || names.includes(name)) return more;
  if (full) return true;
  names.push(name);
  return more;
}

function grow(incident: OpenIncident, event: RuleEvent, n: number): void {
  incident.lastAt = Math.max(incident.lastAt, event.place);
  incident.count += n;
  incident.idSum += event.id;
  incident.late &&= event.late;
  incident.isMoved ||= isMoved(event);
  incident.isVouched ||= isVouched(event);
  if (incident.first.length < EVIDENCE_EACH_END) incident.first.push(event.id);
  else {
    incident.last.push(event.id);
    if (incident.last.length > EVIDENCE_EACH_END) incident.last.shift();
  }
}

function name(incident: OpenIncident, event: RuleEvent): void {
  incident.more = touch(incident.hosts, event.host, incident.more);
  incident.more = touch(incident.users, event.user, incident.more);
  incident.more = touch(incident.ips, event.ip, incident.more);
}

/** The incident that these observations make when `by` has crossed the threshold; `by` is the last of them. */
function opened(
  observations: readonly number[],
  by: RuleEvent,
  { windowMs, distinct, isMild }: Threshold,
): OpenIncident {
  const incident = {
    decidedBy: by.id,
    agent: by.agent,
    seq: by.seq,
    trust: by.trust,
    isMild,
    firstAt: by.place,
    openedAt: by.place,
    lastAt: by.place,
    count: 0,
    idSum: 0,
    late: by.late,
    isMoved: isMoved(by),
    isVouched: false,
    isFirstCountry: false,
    isFirstOperator: false,
    unusedMs: 0,
    first: [],
    last: [],
    hosts: [],
    users: [],
    ips: [],
    more: false,
  };
  const event = new RuleEvent();
  const take = (offset: number, n: number): void => {
    unpack(observations, offset, event);
    grow(incident, event, n);
    name(incident, event);
  };
  for (let i = 0; i < observations.length; i += distinct ? DISTINCT_FIELDS : EVENT_FIELDS) {
    const first = distinct ? i + VALUE_FIELDS : i;
    take(first, distinct ? (observations[i + 1] as number) : 1);
    // What counts was within the window, also where its value was observed before that.
    let beganAt = packedAt(observations, first);
    if (distinct && (observations[i + 1] as number) > 1) {
      take(first + EVENT_FIELDS, 0);
      if (by.at - beganAt > windowMs) beganAt = packedAt(observations, first + EVENT_FIELDS);
    }
    incident.firstAt = Math.min(incident.firstAt, beganAt);
  }
  // What crossed the threshold and what came after decide whether it is late, not what led there.
  incident.late = by.late;
  return incident;
}

/** Closes the incident when nothing of it came for `quietMs` before `at`. */
export function endIfQuiet(window: ThresholdWindow, at: number, quietMs: number): void {
  if (window.open && at - window.open.lastAt >= quietMs) end(window, window.open);
}

/**
 * Ends the incident when it opened `quietMs` or more before an event and does not name the event's host: it takes no more events,
 * and what happens on further hosts opens another one.
 */
export function endIfElsewhere(window: ThresholdWindow, { place, host }: RuleEvent, quietMs: number): void {
  const { open } = window;
  if (open && place - open.openedAt >= quietMs && !open.hosts.includes(host)) end(window, open);
}

function end(window: ThresholdWindow, incident: OpenIncident): void {
  window.closed = [...window.closed, incident];
  window.open = null;
}

/** Drops what counted towards the threshold. An open incident stays as it is. */
export function reset(window: ThresholdWindow): void {
  window.observations = NO_OBSERVATIONS;
}

/**
 * Adds an event that keeps an open incident open and belongs to it, but would not open one. `named`: whether its host, user
 * and address are among those that the incident names.
 */
export function extend(window: ThresholdWindow, event: RuleEvent, quietMs: number, named: boolean): void {
  endIfQuiet(window, event.place, quietMs);
  if (!window.open) return;
  grow(window.open, event, 1);
  if (named) name(window.open, event);
}

/**
 * Adds an event that counts; events come in order. What one incident has used up does not count for the next: a source that
 * goes on slowly after a close has to cross the threshold anew. Returns the window.
 */
export function observe(window: ThresholdWindow, event: RuleEvent, threshold: Threshold): ThresholdWindow {
  endIfQuiet(window, event.place, threshold.quietMs);
  if (window.open) {
    grow(window.open, event, 1);
    name(window.open, event);
    return window;
  }
  const counted = threshold.distinct
    ? addDistinct(window, event, fieldOf(event, threshold.distinct), threshold)
    : addNext(window, event, threshold);
  if (counted < threshold.count) return window;
  window.open = opened(window.observations, event, threshold);
  window.observations = NO_OBSERVATIONS;
  return window;
}

/** Reads a field by its name: an access by a variable's name is looked up each time. */
function fieldOf({ host, user, source }: RuleEvent, field: NonNullable<Threshold['distinct']>): number {
  if (field === 'host') return host;
  return field === 'user' ? user : source;
}

/** Observations are kept at the times that they happened, in that order: of events that were moved so many times the count. */
const MOVED_COUNTS = 2;

/** Adds an observation after dropping those that left the window; gives how many are near it. */
function addNext(window: ThresholdWindow, event: RuleEvent, { windowMs, count }: Threshold): number {
  const { observations } = window;
  if (observations.length === 0) {
    window.observations = packed(event);
    return 1;
  }
  if (event.place > event.at) return addMoved(window, event, windowMs, count);
  let from = 0;
  while (from < observations.length && event.at - packedAt(observations, from) > windowMs) from += EVENT_FIELDS;
  if (from > 0) dropFirst(observations, from);
  pack(observations, event);
  return observations.length / EVENT_FIELDS;
}

/**
 * Adds an observation of an event that came too late for its place: near it is what happened near it, before or after, not what
 * it was put next to. With enough of them the others are dropped.
 */
function addMoved(window: ThresholdWindow, event: RuleEvent, windowMs: number, count: number): number {
  const { observations } = window;
  let place = observations.length;
  while (place > 0 && packedAt(observations, place - EVENT_FIELDS) > event.at) place -= EVENT_FIELDS;
  packAt(observations, place, event);
  let from = place;
  while (from > 0 && event.at - packedAt(observations, from - EVENT_FIELDS) <= windowMs) from -= EVENT_FIELDS;
  let until = place + EVENT_FIELDS;
  while (until < observations.length && packedAt(observations, until) - event.at <= windowMs) until += EVENT_FIELDS;
  const [before, after] = [place + EVENT_FIELDS - from, until - place];
  const near = Math.max(before, after) / EVENT_FIELDS;
  if (near >= count)
    window.observations =
      before >= after ? observations.slice(from, place + EVENT_FIELDS) : observations.slice(place, until);
  else if (observations.length > MOVED_COUNTS * count * EVENT_FIELDS) dropFirst(observations, EVENT_FIELDS);
  return near;
}

/** The first observation of a value, in an array of its own. */
function observationOf(event: RuleEvent, value: number): number[] {
  // Fractions make it an array of doubles at once: it is not made again when the first large number comes.
  const made = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  made[0] = value;
  made[1] = 1;
  repack(made, VALUE_FIELDS, event);
  repack(made, VALUE_FIELDS + EVENT_FIELDS, event);
  return made;
}

/** Adds an observation with a value; gives how many different values are near it. */
function addDistinct(window: ThresholdWindow, event: RuleEvent, value: number, { windowMs, count }: Threshold): number {
  const isMovedBack = event.place > event.at;
  const { observations } = window;
  if (observations.length === 0) {
    window.observations = observationOf(event, value);
    return 1;
  }
  const lastAt = (i: number): number => packedAt(observations, i + VALUE_FIELDS + EVENT_FIELDS);
  let found = -1;
  let kept = 0;
  for (let i = 0; i < observations.length; i += DISTINCT_FIELDS) {
    if (!isMovedBack && event.at - lastAt(i) > windowMs) continue;
    if (observations[i] === value) found = kept;
    if (kept < i)
      for (let field = 0; field < DISTINCT_FIELDS; field += 1)
        observations[kept + field] = observations[i + field] as number;
    kept += DISTINCT_FIELDS;
  }
  if (kept < observations.length) observations.length = kept;
  if (found < 0) {
    observations.push(value, 1);
    pack(observations, event);
    pack(observations, event);
  } else {
    observations[found + 1] = (observations[found + 1] as number) + 1;
    if (event.at >= lastAt(found)) repack(observations, found + VALUE_FIELDS + EVENT_FIELDS, event);
  }
  if (!isMovedBack) return observations.length / DISTINCT_FIELDS;
  const near: number[] = [];
  for (let i = 0; i < observations.length; i += DISTINCT_FIELDS)
    if (Math.abs(event.at - lastAt(i)) <= windowMs) near.push(...observations.slice(i, i + DISTINCT_FIELDS));
  if (near.length >= count * DISTINCT_FIELDS) window.observations = near;
  else if (observations.length > MOVED_COUNTS * count * DISTINCT_FIELDS) dropFirst(observations, DISTINCT_FIELDS);
  return near.length / DISTINCT_FIELDS;
}

/** Different values are looked for in a buffer where a threshold has at most so many: each is compared with those found. */
const VALUES_SOUGHT = 32;

/**
 * False where the newest of the events in a buffer cannot be the one that crosses a threshold: too few came in its window, or
 * with too few values. An event does not count before `settledTo`.
 */
export function mayCross(
  threshold: Threshold,
  buffer: readonly number[],
  settled: ThresholdWindow | undefined,
  settledTo: number,
): boolean {
  const { count, windowMs, distinct } = threshold;
  const observations = settled?.observations ?? NO_OBSERVATIONS;
  const first = buffer.length - count * EVENT_FIELDS;
  if (first >= 0) {
    const last = buffer.length - EVENT_FIELDS;
    const spanMs = Math.max(settledTo, packedAt(buffer, last)) - Math.max(settledTo, packedAt(buffer, first));
    if (spanMs > windowMs) return false;
  } else {
    const observed = observations.length / (distinct ? DISTINCT_FIELDS : EVENT_FIELDS);
    if (observed + buffer.length / EVENT_FIELDS < count) return false;
  }
  return distinct === null || count > VALUES_SOUGHT || hasValues(buffer, observations, distinct, count);
}

/** True when packed events, and observations of values, have so many different values together. */
function hasValues(
  events: readonly number[],
  observations: readonly number[],
  field: NonNullable<Threshold['distinct']>,
  count: number,
): boolean {
  const found: number[] = [];
  for (let i = events.length - EVENT_FIELDS; i >= 0 && found.length < count; i -= EVENT_FIELDS) {
    const value = packedValue(events, i, field);
    if (!found.includes(value)) found.push(value);
  }
  for (let i = 0; i < observations.length && found.length < count; i += DISTINCT_FIELDS) {
    const value = observations[i] as number;
    if (!found.includes(value)) found.push(value);
  }
  return found.length >= count;
}

const copyIncident = (incident: OpenIncident): OpenIncident => ({
  ...incident,
  first: [...incident.first],
  last: [...incident.last],
  hosts: [...incident.hosts],
  users: [...incident.users],
  ips: [...incident.ips],
});

/** A window that can be changed without changing this one. */
export const copyWindow = ({ observations, open, closed }: ThresholdWindow): ThresholdWindow => ({
  observations: observations.length === 0 ? NO_OBSERVATIONS : observations.slice(),
  open: open && copyIncident(open),
  closed: closed.length === 0 ? NO_INCIDENTS : closed.map(copyIncident),
});

/** Visits the interned texts that a window holds. */
export function visitWindow(
  { observations, open }: ThresholdWindow,
  isDistinct: boolean,
  visit: (text: number) => void,
): void {
  if (isDistinct)
    for (let i = VALUE_FIELDS; i < observations.length; i += DISTINCT_FIELDS) {
      visitPacked(observations, i, visit);
      visitPacked(observations, i + EVENT_FIELDS, visit);
    }
  else for (let i = 0; i < observations.length; i += EVENT_FIELDS) visitPacked(observations, i, visit);
  for (const text of open?.users ?? []) visit(text);
  for (const text of open?.ips ?? []) visit(text);
}
