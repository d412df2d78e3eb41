/**
 * Holds what one key (a source on a host, a source, a user, a host, an SSH key on a host) has in memory: the newest events in a reorder buffer, and a base
 * state, into which events are folded when they leave the buffer. An event out of order is put in its place in the buffer
 * and the buffer is replayed from the base state, so that the order in which agents report does not matter within the
 * allowed lateness.
 */
import type { EventRule } from '../alert-config/rules.ts';
import { type BaseState, copyState, type Detector, type DetectorState, mayCrossWindow } from './detector.ts';
import {
  type AgentOrder,
  dropFirst,
  EVENT_FIELDS,
  pack,
  packAt,
  packed,
  packedAgent,
  packedAt,
  packedId,
  RuleEvent,
  unpack,
  visitPacked,
} from './rule-event.ts';
import {
  emptyWindow,
  type OpenIncident,
  type Threshold,
  type ThresholdWindow,
  visitWindow,
} from './threshold-window.ts';

/** Events settle at least so many at a time where a buffer is full: its array is moved once for all of them. */
const SETTLED_AT_ONCE = 32;
/**
 * Overdue events settle when there are this many of them, as a share of those that always stay: after that the current state
 * is replayed from the base state, which costs as much as all that stay.
 */
const OVERDUE_SHARE = 0.5;

/** A scan of the fleet as its parts know it. */
export interface ScanReference {
  readonly id: string;
  /** The incident that has taken its place, null where none has; undefined while it is there. */
  replacedBy: ScanReference | null | undefined;
}

/** An incident that may still change. What it takes to show it is read from its state when it is needed. */
export interface TrackedIncident extends ScanReference {
  readonly rule: EventRule;
  /** The place of its rule among those of its kind. */
  readonly window: number;
  readonly key: string;
  /** The number of its source, 0 where its kind has none. */
  readonly source: number;
  readonly decidedBy: number;
  firstAt: number;
  readonly openedAt: number;
  lastAt: number;
  count: number;
  idSum: number;
  partOf: ScanReference | null;
  /** True until it was given as closed. */
  isOpen: boolean;
  /** True when it was given to whoever asked for changes. */
  isReported: boolean;
  /** The time since which it has grown without being given, by the clock; null when it has not. */
  grownSinceMs: number | null;
  /** Null once it has left its state. */
  state: AnyState | null;
  /** Its whole content, once it has left its state. */
  settled: OpenIncident | null;
}

// biome-ignore lint/suspicious/noExplicitAny: an incident's state is held whatever its detector remembers.
export type AnyState = KeyedState<any>;

const NO_INCIDENTS: readonly TrackedIncident[] = [];

const DAY_MS = 86_400_000;
/** The day on which a state without events was touched: before all others. */
const NEVER = -(2 ** 30);

/**
 * Holds what all states of a kind share. `scratch` is filled again and again. The detector's limits stand here too: detectors
 * are of six classes, and reading a field of any of them for each event costs ten times as much.
 */
export interface StateContext<Memory>
  extends Pick<Detector<Memory>, 'thresholds' | 'latenessMs' | 'latenessEvents' | 'leastBuffered'> {
  readonly detector: Detector<Memory>;
  readonly order: AgentOrder;
  readonly scratch: RuleEvent;
}

/** Makes the context of a kind's states. */
export function contextOf<Memory>(detector: Detector<Memory>, order: AgentOrder): StateContext<Memory> {
  const { thresholds, latenessMs, latenessEvents, leastBuffered } = detector;
  return { detector, order, scratch: new RuleEvent(), thresholds, latenessMs, latenessEvents, leastBuffered };
}

/** One key's state. */
export class KeyedState<Memory> {
  /** The key: numbers of interned texts and hosts; the second is 0 where the kind has only one. */
  readonly first: number;
  readonly second: number;
  /** Packed events, in order. */
  buffer: number[];
  /** Null while nothing has left the buffer. */
  base: BaseState<Memory> | null = null;
  /** The state after the buffer's last event; null where it is cheaper to replay the few events there are. */
  #now: DetectorState<Memory> | null = null;
  /** True when an event may have changed its incidents since they were compared with its current state. */
  isPending = false;
  /** Incidents that an event may still change. */
  incidents: readonly TrackedIncident[] = NO_INCIDENTS;
  /** True when those are all that its current state has; not known after a restart. */
  hasAllIncidents = false;
  /** Its place in the KeyedStateMap; -1 where it is in none. */
  place = -1;
  /** When it was saved: whole days and milliseconds of a day, since a field of a larger number is an object by itself. */
  #touchedDay = NEVER;
  #touchedInDay = 0;

  constructor(first: number, second: number, buffer: number[] = []) {
    this.first = first;
    this.second = second;
    this.buffer = buffer;
  }

  /** The time at which the last event was stored, to the minute, as it was saved: Unix milliseconds. The KeyedStateMap goes on from it. */
  get touchedMs(): number {
    return this.#touchedDay * DAY_MS + this.#touchedInDay;
  }

  set touchedMs(ms: number) {
    this.#touchedDay = Math.floor(ms / DAY_MS);
    this.#touchedInDay = ms - this.#touchedDay * DAY_MS;
  }

  /** The number of events it holds. */
  get events(): number {
    let numbers = this.buffer.length;
    if (this.base) for (const { observations } of this.base.state.windows) numbers += observations.length;
    return Math.ceil(numbers / EVENT_FIELDS);
  }

  /**
   * Adds an event; `isNewest` as the method says. False where it cannot have changed any incident but for `grown`, to which it
   * only adds.
   */
  add(event: RuleEvent, isNewest: boolean, context: StateContext<Memory>, grown: TrackedIncident[]): boolean {
    const { detector } = context;
    if (this.buffer.length === 0) this.buffer = packed(event);
    else if (isNewest) pack(this.buffer, event);
    else this.#insert(event, context.order);
    if (!isNewest) {
      // Replayed when it is asked for next: agents that report the same moment make a hot key's events late all the time.
      this.#now = null;
      return this.isPending || !this.hasAllIncidents || !this.#onlyGrowsLate(event, context, grown);
    }
    if (this.#now) {
      event.place = this.base ? Math.max(event.at, this.base.settledTo) : event.at;
      detector.observe(this.#now, event, this.buffer, 0);
      return true;
    }
    if (this.isPending) return true;
    if (this.incidents.length === 0) return detector.mayOpen(event, this.buffer, this.base);
    return !this.hasAllIncidents || !this.#onlyGrows(event, context, grown);
  }

  /**
   * True where the newest event adds to open incidents at most, which are put into `grown` then: the current state need not be
   * replayed to know what they are.
   */
  #onlyGrows(event: RuleEvent, context: StateContext<Memory>, grown: TrackedIncident[]): boolean {
    const { incidents, base, buffer } = this;
    const { detector, thresholds } = context;
    const place = base ? Math.max(event.at, base.settledTo) : event.at;
    // An incident that is over by now stays as it is.
    let open = 0;
    for (const { window, lastAt } of incidents)
      if (place - lastAt < (thresholds[window] as Threshold).quietMs) open |= 1 << window;
    const windows = detector.countedIn?.(event, open) ?? 0;
    // With an incident in a window that the event does not count in, or with no window, more may come of it.
    if (windows === 0 || (open & ~windows) !== 0) return false;
    for (let window = 0; window < thresholds.length; window += 1)
      if (((windows & ~open) >> window) & 1 && mayCrossWindow(window, thresholds[window] as Threshold, buffer, base))
        return false;
    if (open !== 0)
      for (const one of incidents)
        if (place - one.lastAt < (thresholds[one.window] as Threshold).quietMs && isNewestOf(incidents, one))
          grown.push(one);
    event.place = place;
    return true;
  }

  /**
   * The same for an event that is not the newest: where it counts in windows alone whose last incidents have begun before it and
   * go on after it, they are what they were but for this event.
   */
  #onlyGrowsLate(event: RuleEvent, { detector, thresholds }: StateContext<Memory>, grown: TrackedIncident[]): boolean {
    const { incidents, base } = this;
    if (incidents.length === 0 || !detector.countedLate) return false;
    const place = base ? Math.max(event.at, base.settledTo) : event.at;
    let open = 0;
    for (const { window, openedAt, lastAt } of incidents) {
      if (openedAt >= place) return false;
      if (place <= lastAt) open |= 1 << window;
      else if (place - lastAt < (thresholds[window] as Threshold).quietMs) return false;
    }
    if (open === 0 || detector.countedIn?.(event, open) !== open) return false;
    for (const one of incidents) if (place <= one.lastAt) grown.push(one);
    event.place = place;
    return true;
  }

  /** True for an event that comes after all that are in the buffer. */
  isNewest(event: RuleEvent, order: AgentOrder): boolean {
    const last = this.buffer.length - EVENT_FIELDS;
    return last < 0 || !comesBefore(event, this.buffer, last, order);
  }

  #insert(event: RuleEvent, order: AgentOrder): void {
    let offset = this.buffer.length;
    while (offset > 0 && comesBefore(event, this.buffer, offset - EVENT_FIELDS, order)) offset -= EVENT_FIELDS;
    packAt(this.buffer, offset, event);
  }

  /** The state after the last event, replayed from the base state where it is not at hand. */
  current({ detector, scratch }: StateContext<Memory>): DetectorState<Memory> {
    if (this.#now) return this.#now;
    const state: DetectorState<Memory> = this.base
      ? copyState(this.base.state, detector)
      : { windows: detector.rules.map(emptyWindow), memory: detector.newMemory() };
    const settledTo = this.base?.settledTo ?? Number.NEGATIVE_INFINITY;
    for (let offset = 0; offset < this.buffer.length; offset += EVENT_FIELDS) {
      unpack(this.buffer, offset, scratch);
      scratch.place = Math.max(scratch.at, settledTo);
      detector.observe(state, scratch, this.buffer, 0);
    }
    this.#now = state;
    return state;
  }

  /** True when events are to settle: with `settle`, and before that what changed is to be found. */
  isDue(context: StateContext<Memory>): boolean {
    return this.#due(context) > 0;
  }

  /**
   * True when an event that is about to be added, and is not the newest, comes before events that are overdue: all of those have
   * to settle first, so that it makes no difference how many settle at a time.
   */
  isBehind(event: RuleEvent, context: StateContext<Memory>): boolean {
    const overdue = this.#overdue(context);
    return overdue > 0 && comesBefore(event, this.buffer, (overdue - 1) * EVENT_FIELDS, context.order);
  }

  /**
   * Folds into the base state the events that none may come before any more: when there are enough of them, all that are
   * overdue, or all there are. Gives the incidents that nothing can change any more. To be called when `incidents` are those of
   * the current state.
   */
  settle(context: StateContext<Memory>, which: 'due' | 'overdue' | 'all' = 'due'): readonly TrackedIncident[] {
    const { detector, scratch } = context;
    const count = this.#toSettle(context, which);
    if (count > 0) {
      this.base ??= {
        state: { windows: detector.rules.map(emptyWindow), memory: detector.newMemory() },
        settledTo: Number.NEGATIVE_INFINITY,
      };
      const { base } = this;
      for (let offset = 0; offset < count * EVENT_FIELDS; offset += EVENT_FIELDS) {
        unpack(this.buffer, offset, scratch);
        scratch.place = Math.max(scratch.at, base.settledTo);
        detector.observe(base.state, scratch, this.buffer, offset);
        detector.settle?.(base.state.memory, scratch);
        base.settledTo = scratch.place;
      }
      dropFirst(this.buffer, count * EVENT_FIELDS);
    }
    return count > 0 ? this.#takeSettled() : NO_INCIDENTS;
  }

  /**
   * Drops the current state where replaying the buffer is cheap: most keys have few events, and their state is larger. To be
   * called after `current`, `settle` and `detail`.
   */
  dropShort({ leastBuffered }: StateContext<Memory>): void {
    if (this.buffer.length <= leastBuffered * EVENT_FIELDS) this.#now = null;
  }

  #toSettle(context: StateContext<Memory>, which: 'due' | 'overdue' | 'all'): number {
    if (which === 'all') return this.buffer.length / EVENT_FIELDS;
    return which === 'due' ? this.#due(context) : this.#overdue(context);
  }

  /** Counts the events that are to settle now. */
  #due(context: StateContext<Memory>): number {
    const { leastBuffered } = context;
    const atOnce = Math.ceil(leastBuffered * OVERDUE_SHARE);
    if (this.buffer.length < (leastBuffered + atOnce) * EVENT_FIELDS) return 0;
    const overdue = this.#overdue(context);
    return overdue < atOnce ? 0 : overdue;
  }

  /** Counts the events that may settle. */
  #overdue({ latenessMs, latenessEvents, leastBuffered }: StateContext<Memory>): number {
    const count = this.buffer.length / EVENT_FIELDS;
    if (count <= leastBuffered) return 0;
    let due = count >= latenessEvents + SETTLED_AT_ONCE ? count - latenessEvents : 0;
    const fromMs = packedAt(this.buffer, this.buffer.length - EVENT_FIELDS) - latenessMs;
    while (count - due > leastBuffered && packedAt(this.buffer, due * EVENT_FIELDS) < fromMs) due += 1;
    return due;
  }

  /** Takes the incidents that closed in the base state out of it, and out of the state that is ahead of it. */
  #takeSettled(): readonly TrackedIncident[] {
    const windows = this.base?.state.windows ?? [];
    if (windows.every(({ closed }) => closed.length === 0)) return NO_INCIDENTS;
    const settled: TrackedIncident[] = [];
    for (const [i, window] of windows.entries()) {
      if (window.closed.length === 0) continue;
      for (const incident of window.closed) {
        const tracked = this.tracked(i, incident.decidedBy);
        if (!tracked) continue;
        tracked.settled = incident;
        settled.push(tracked);
      }
      const now = this.#now?.windows[i];
      if (now) now.closed = now.closed.slice(window.closed.length);
      window.closed = [];
    }
    if (settled.length > 0) {
      const left = this.incidents.filter((one) => !settled.includes(one));
      this.incidents = left.length === 0 ? NO_INCIDENTS : left;
    }
    return settled;
  }

  /** True for a state that is nothing but one event. */
  get isSingle(): boolean {
    return this.buffer.length === EVENT_FIELDS && this.base === null && this.incidents.length === 0 && !this.isPending;
  }

  /** Visits the interned texts that it holds, those of its key left out. */
  visitTexts(detector: Detector<Memory>, visit: (text: number) => void): void {
    for (let offset = 0; offset < this.buffer.length; offset += EVENT_FIELDS) visitPacked(this.buffer, offset, visit);
    if (!this.base) return;
    const { windows, memory } = this.base.state;
    for (const [i, window] of windows.entries()) visitWindow(window, Boolean(detector.thresholds[i]?.distinct), visit);
    detector.mapTexts?.(memory, (text) => {
      visit(text);
      return text;
    });
  }

  /** The incident of a window that an event has decided. */
  tracked(window: number, decidedBy: number): TrackedIncident | undefined {
    for (const one of this.incidents) if (one.decidedBy === decidedBy && one.window === window) return one;
    return undefined;
  }

  /** Gives all there is to one of its incidents. */
  detail({ window, decidedBy }: TrackedIncident, context: StateContext<Memory>): OpenIncident | null {
    const { open, closed } = this.current(context).windows[window] as ThresholdWindow;
    return open?.decidedBy === decidedBy ? open : (closed.find((one) => one.decidedBy === decidedBy) ?? null);
  }
}

/** True for the newest incident of its window: one that has ended before its quiet was over takes no more events. */
function isNewestOf(incidents: readonly TrackedIncident[], { window, decidedBy }: TrackedIncident): boolean {
  // A window's incidents stand together, the newest last.
  let newest = 0;
  for (const one of incidents) if (one.window === window) newest = one.decidedBy;
  return newest === decidedBy;
}

/** True when an event comes before a packed one: by time, then by agent, then in the order of its agent. */
function comesBefore(event: RuleEvent, packed: readonly number[], offset: number, order: AgentOrder): boolean {
  const difference =
    event.at - packedAt(packed, offset) ||
    order.rank(event.agent) - order.rank(packedAgent(packed, offset)) ||
    event.id - packedId(packed, offset);
  return difference < 0;
}
