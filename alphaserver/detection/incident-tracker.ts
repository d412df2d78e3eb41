/** Tracks the incidents that keyed states have, and gives what changed of them: opened, grown, closed, withdrawn, regrouped. */
import type { DetectionConfig, EventRule } from '../alert-config/rules.ts';
import { type DetectorState, hasSource, KIND_OF } from './detector.ts';
import { type Incident, type IncidentNames, incidentOf } from './incident.ts';
import type { AnyState, TrackedIncident } from './keyed-state.ts';
import type { RuleEvent } from './rule-event.ts';
import { presentId, ScanGrouping, scanOf } from './scan-grouping.ts';
import type { OpenIncident, ThresholdWindow } from './threshold-window.ts';

/**
 * A change of an incident. `incident`: it is new, has grown or has closed. `withdrawn`: a late event made it part of
 * another one, which is given before, or undid it. `regrouped`: it is part of another scan than before.
 */
export type Change =
  | { readonly type: 'incident'; readonly incident: Incident }
  | { readonly type: 'withdrawn'; readonly id: string; readonly replacedBy: string | null }
  | { readonly type: 'regrouped'; readonly id: string; readonly partOf: string | null };

/** Brings incidents, by their ids, up to date with changes. */
export function applyChanges(changes: Iterable<Change>, incidents: Map<string, Incident>): void {
  for (const change of changes)
    if (change.type === 'incident') incidents.set(change.incident.id, change.incident);
    else if (change.type === 'regrouped') {
      const incident = incidents.get(change.id);
      if (incident) incidents.set(change.id, { ...incident, partOf: change.partOf });
    } else {
      const isScan = incidents.get(change.id)?.rule === 'fleet-scan';
      incidents.delete(change.id);
      // Its parts are parts of what has taken its place.
      if (!isScan) continue;
      for (const [id, one] of incidents)
        if (one.partOf === change.id) incidents.set(id, { ...one, partOf: change.replacedBy });
    }
}

/** Bounds of what is given at once: of closed and grown incidents at most `limit`, and grown ones that have waited. */
export interface ChangeLimits {
  readonly limit?: number;
  /** Growth that began at or after this moment waits. */
  readonly grownBeforeMs?: number;
}

/** The event that decides an incident. `seq` is null for events of versions that did not store it. */
export interface DecidingEvent {
  readonly event: number;
  readonly agent: string;
  readonly seq: number | null;
  /** True where the incident is a warning at most: the same event may make a graver one when more is known. */
  readonly isMild: boolean;
}

/** Names an incident by its rule and the event that decides it. */
export type IncidentId = (rule: EventRule, key: string, by: DecidingEvent) => string;

/** Holds what the tracker asks of the engine. */
export interface TrackerOptions {
  readonly names: IncidentNames;
  readonly incidentId: IncidentId;
  /** The text of a state's key. */
  readonly keyOf: (rule: EventRule, state: AnyState) => string;
  /** Gives all there is to an incident that a state has. */
  readonly detailOf: (incident: TrackedIncident) => OpenIncident | null;
  /** Hears that an incident was given, which is saved with its state. */
  readonly reported: (incident: TrackedIncident) => void;
  /** Hears that the groups of a source are about to change. */
  readonly regroups: (source: number) => void;
}

/** Incidents that are over are looked for so often. */
const CLOSE_EVERY_MS = 1_000;

/** Holds all incidents that may still change. */
export class IncidentTracker {
  readonly #options: TrackerOptions;
  #config: DetectionConfig;
  readonly grouping: ScanGrouping;
  /** Incidents that are given at once: new ones, and those that take the place of withdrawn ones. */
  readonly #opened = new Set<TrackedIncident>();
  readonly #withdrawn: TrackedIncident[] = [];
  readonly #regrouped = new Set<TrackedIncident>();
  /** Left their state, so that this is the last of them. */
  readonly #final = new Set<TrackedIncident>();
  readonly #closed = new Set<TrackedIncident>();
  /** Incidents that have only grown, those that wait longest first. */
  readonly #grown = new Set<TrackedIncident>();
  /** The incidents that were not given as closed yet. */
  readonly #open = new Set<TrackedIncident>();
  #closeLookedMs = Number.NEGATIVE_INFINITY;
  /** The last event that other rules have judged: nothing is raised of it and those before. */
  judgedTo = 0;

  constructor(config: DetectionConfig, options: TrackerOptions) {
    this.#config = config;
    this.#options = options;
    this.grouping = new ScanGrouping(config);
  }

  configure(config: DetectionConfig): void {
    this.#config = config;
    this.grouping.configure(config);
  }

  /** Compares the incidents that a state has with those tracked. */
  compare(state: AnyState, now: DetectorState<unknown>, rules: readonly EventRule[], nowMs: number): void {
    const before = state.incidents;
    // A new list only where it is another one: mostly the same incidents have grown.
    let there: readonly TrackedIncident[] | null = null;
    let count = 0;
    state.hasAllIncidents = true;
    const keep = (window: number, incident: OpenIncident): void => {
      const one = this.#track(state, rules, window, incident, nowMs);
      if (!one) {
        state.hasAllIncidents = false;
        return;
      }
      if (!there && before[count] !== one) there = before.slice(0, count);
      // Never longer than it has to be: most have one incident.
      if (there) there = there.length === 0 ? [one] : [...there, one];
      count += 1;
    };
    for (let window = 0; window < rules.length; window += 1) {
      const { open, closed } = now.windows[window] as ThresholdWindow;
      for (const one of closed) keep(window, one);
      if (open) keep(window, open);
    }
    if (!there && count === before.length) return;
    const incidents = there ?? before.slice(0, count);
    state.incidents = incidents;
    for (const incident of before) if (!incidents.includes(incident)) this.#withdraw(incident, incidents);
  }

  /** Takes over what is new of an incident; null where other rules have judged it. */
  #track(
    state: AnyState,
    rules: readonly EventRule[],
    window: number,
    incident: OpenIncident,
    nowMs: number,
  ): TrackedIncident | null {
    const known = state.tracked(window, incident.decidedBy);
    if (!known)
      return incident.decidedBy > this.judgedTo
        ? this.#begin(state, rules[window] as EventRule, window, incident)
        : null;
    const { firstAt, lastAt, count, idSum } = incident;
    const isSame =
      known.count === count && known.lastAt === lastAt && known.firstAt === firstAt && known.idSum === idSum;
    if (!isSame) this.#change(known, incident, nowMs);
    return known;
  }

  #change(
    known: TrackedIncident,
    { firstAt, lastAt, count, idSum }: Pick<OpenIncident, 'firstAt' | 'lastAt' | 'count' | 'idSum'>,
    nowMs: number,
  ): void {
    this.#options.regroups(known.source);
    known.firstAt = firstAt;
    known.lastAt = lastAt;
    known.count = count;
    known.idSum = idSum;
    this.#regroup(this.grouping.change(known));
    if (!known.isOpen) this.#setOpen(known);
    if (known.grownSinceMs !== null) return;
    known.grownSinceMs = nowMs;
    this.#grown.add(known);
  }

  #setOpen(incident: TrackedIncident): void {
    incident.isOpen = true;
    this.#open.add(incident);
  }

  /** Adds an event to an incident that is open, as its window does. */
  grow(known: TrackedIncident, { place, id }: RuleEvent, nowMs: number): void {
    const { firstAt, lastAt, count, idSum } = known;
    this.#change(known, { firstAt, lastAt: Math.max(lastAt, place), count: count + 1, idSum: idSum + id }, nowMs);
  }

  #begin(state: AnyState, rule: EventRule, window: number, incident: OpenIncident): TrackedIncident {
    const { decidedBy, agent, seq, isMild, firstAt, openedAt, lastAt, count, idSum } = incident;
    const { names, keyOf, incidentId } = this.#options;
    const key = keyOf(rule, state);
    const by = { event: decidedBy, agent: names.agent(agent), seq: seq === 0 ? null : seq, isMild };
    const id = incidentId(rule, key, by);
    // One late event undid it and the next one brings it back: its withdrawal, which was not given yet, must not follow it.
    const withdrawn = this.#withdrawn.findIndex((one) => one.id === id);
    if (withdrawn >= 0) this.#withdrawn.splice(withdrawn, 1);
    const begun: TrackedIncident = {
      id,
      rule,
      window,
      key,
      source: hasSource(KIND_OF[rule]) ? state.first : 0,
      decidedBy,
      firstAt,
      openedAt,
      lastAt,
      count,
      idSum,
      partOf: null,
      replacedBy: undefined,
      isOpen: true,
      isReported: withdrawn >= 0,
      grownSinceMs: null,
      state,
      settled: null,
    };
    this.#opened.add(begun);
    this.#open.add(begun);
    this.#options.regroups(begun.source);
    this.#regroup(this.grouping.add(begun));
    return begun;
  }

  /** The ids of the incidents that were not given as closed yet. */
  get openIds(): Set<string> {
    return new Set(Array.from(this.#open, ({ id }) => id));
  }

  /** Gives an incident as it is now, also where it has not changed; null where its state does not know it. */
  give(incident: TrackedIncident, nowMs: number): Change | null {
    return this.#given(incident, nowMs);
  }

  /** The open incident of the same rule and key that has a time in common with this one. */
  covering({
    id,
    rule,
    key,
    firstAt,
    lastAt,
  }: Pick<Incident, 'id' | 'rule' | 'key' | 'firstAt' | 'lastAt'>): TrackedIncident | null {
    let covering: TrackedIncident | null = null;
    for (const one of this.#open) {
      if (one.rule !== rule || one.key !== key || one.firstAt > lastAt || firstAt > one.lastAt) continue;
      if (one.id === id) return one;
      covering ??= one;
    }
    return covering;
  }

  #withdraw(incident: TrackedIncident, there: readonly TrackedIncident[]): void {
    const { firstAt, lastAt, rule } = incident;
    const other = there.find((one) => one.rule === rule && one.firstAt <= lastAt && firstAt <= one.lastAt) ?? null;
    incident.replacedBy = other;
    this.#options.regroups(incident.source);
    this.#regroup(this.grouping.remove(incident));
    incident.isOpen = false;
    for (const set of [this.#opened, this.#open, this.#closed, this.#grown, this.#regrouped]) set.delete(incident);
    if (!incident.isReported) return;
    if (other) this.#opened.add(other);
    this.#withdrawn.push(incident);
  }

  #regroup(parts: readonly TrackedIncident[]): void {
    for (const part of parts) if (part.isReported) this.#regrouped.add(part);
  }

  /** Takes incidents that left their state: they are given with their end, and forgotten. */
  settle(incidents: readonly TrackedIncident[]): void {
    for (const incident of incidents) {
      incident.state = null;
      // Given as closed already, and not changed since.
      if (!incident.isOpen) continue;
      this.#final.add(incident);
    }
  }

  /** Takes back an incident that a state had when it was saved. */
  restore(incident: TrackedIncident): void {
    if (incident.isOpen) this.#open.add(incident);
    if (incident.grownSinceMs !== null) this.#grown.add(incident);
    if (!incident.isReported) this.#opened.add(incident);
  }

  /** Visits the interned texts of incidents that have left their state. */
  visitTexts(visit: (text: number) => void): void {
    for (const { source, settled } of this.#final) {
      visit(source);
      for (const text of [...(settled?.users ?? []), ...(settled?.ips ?? [])]) visit(text);
    }
  }

  /** The moment up to which those that are over were looked for last, by the clock that `changes` was given. */
  get lookedMs(): number {
    return this.#closeLookedMs;
  }

  /** The number of incidents that wait and only grew or closed. */
  get waiting(): number {
    return this.#final.size + this.#closed.size + this.#grown.size;
  }

  /** Gives what changed since the last calls, by the clock `nowMs`. What is over the limits is for the next call. */
  changes(
    nowMs: number,
    { limit = Number.POSITIVE_INFINITY, grownBeforeMs = Number.POSITIVE_INFINITY }: ChangeLimits,
  ): Change[] {
    this.#close(nowMs);
    const given = new Set([...this.#opened, ...this.#final]);
    const most = given.size + limit;
    for (const one of this.#closed) {
      if (given.size >= most) break;
      given.add(one);
    }
    for (const one of this.#grown) {
      if (given.size >= most || (one.grownSinceMs as number) >= grownBeforeMs) break;
      given.add(one);
    }
    const changes: Change[] = [];
    for (const one of given) {
      const change = this.#given(one, nowMs);
      if (change) changes.push(change);
    }
    // What took its place may have been withdrawn itself since, and was never given then.
    for (const one of this.#withdrawn) changes.push({ type: 'withdrawn', id: one.id, replacedBy: presentId(one) });
    for (const one of this.#regrouped)
      if (!given.has(one)) changes.push({ type: 'regrouped', id: one.id, partOf: scanOf(one) });
    this.#withdrawn.length = 0;
    this.#regrouped.clear();
    return changes;
  }

  /** Finds those that are over. It looks at all that are open, so not more than once a second. */
  #close(nowMs: number): void {
    if (nowMs >= this.#closeLookedMs && nowMs - this.#closeLookedMs < CLOSE_EVERY_MS) return;
    this.#closeLookedMs = nowMs;
    for (const one of this.#open) if (one.lastAt + this.#config.quietMs <= nowMs) this.#closed.add(one);
  }

  #given(one: TrackedIncident, nowMs: number): Change | null {
    const detail = one.settled ?? this.#options.detailOf(one);
    this.#opened.delete(one);
    this.#final.delete(one);
    this.#closed.delete(one);
    this.#grown.delete(one);
    if (!detail) return null;
    const endMs = detail.lastAt + this.#config.quietMs;
    const closedAt = one.settled || endMs <= nowMs ? endMs : null;
    if (closedAt !== null) {
      one.isOpen = false;
      this.#open.delete(one);
    }
    one.isReported = true;
    one.grownSinceMs = null;
    this.#options.reported(one);
    return {
      type: 'incident',
      incident: incidentOf(one, detail, { closedAt, partOf: scanOf(one) }, this.#options.names, this.#config),
    };
  }
}
