/**
 * Feeds stored events to the rule engine in order, and gives the changes to write, one step at a time. Pure: the log of
 * events, the clock and the ids are arguments.
 */

import type { AlertSettings } from '../alert-config/settings.ts';
import { AgentHealth } from '../detection/agent-health.ts';
import type { CheckpointBlock } from '../detection/checkpoint.ts';
import { Engine, type EngineOptions } from '../detection/engine.ts';
import type { AdoptedIncident, Incident } from '../detection/incident.ts';
import type { Change } from '../detection/incident-tracker.ts';
import { resolveProvisional, withdrawCovered } from '../detection/lookahead.ts';
import type { EventSource } from './event-source.ts';
import { agentIncidentId } from './incident-id.ts';
import { ReadAhead } from './read-ahead.ts';

/** Events taken in one step, which is one transaction; fewer where many incidents change. */
export const STEP_EVENTS = 1_000;
const STEP_LEAST_EVENTS = 50;
/** Changes in one step that are some ten milliseconds of this thread: after more, the next step is smaller. */
export const CHANGES_WANTED = 80;
/** An incident that only grew is written this long after the growth began, and such incidents at most so many a step. */
export const GROWTH_EVERY_MS = 30_000;
const GROWN_AT_ONCE = 200;
/**
 * States and events in them that are saved in one step while a checkpoint is made: some ten milliseconds. A step ends early
 * when the events that it took made so many be saved before they changed.
 */
export const SAVED_AT_ONCE = 8_192;
const SAVED_AHEAD_LIMIT_EVENTS = 16_384;
/** The interval at which the agents are checked. */
const AGENTS_EVERY_MS = 5_000;
/** The rules read ahead when an event was stored for longer without being judged. */
const AHEAD_FROM_MS = 500;

/** Holds what is known from before. */
export interface RunnerOptions {
  readonly events: Pick<EventSource, 'names' | 'after' | 'recent' | 'one' | 'newest' | 'agents' | 'keyUsesUpTo'>;
  readonly settings: AlertSettings;
  readonly incidentId: EngineOptions['incidentId'];
  readonly originOf?: EngineOptions['originOf'];
  /** Up to here all incidents are written. */
  readonly position: number;
  /** The saved state of the rules, and the position that it is of. */
  readonly checkpoint: number;
  readonly blocks: Iterable<CheckpointBlock>;
  /** True when all state was lost. */
  readonly isStateLost: boolean;
  /** Open incidents of rules that read no events. */
  readonly openOfAgents: readonly Incident[];
  /** Positions at which a step ends, and gives all its changes. */
  readonly boundaries: readonly number[];
  /** The incidents that are written and not confirmed. */
  readonly provisional: () => readonly Incident[];
  /** The open incidents of rules that read events that are written and confirmed, without those of these ids. */
  readonly openBesides: (ids: ReadonlySet<string>) => readonly Incident[];
  /** An incident as it is written; null where it is not open. */
  readonly openOne: (id: string) => Incident | null;
  readonly startedMs: number;
}

/** Holds what one step found: to be written in one transaction before the next step. */
export interface Step {
  readonly changes: readonly Change[];
  /** Changes of what was judged ahead of the position. */
  readonly provisional: readonly Change[];
  readonly position: number;
  /** Up to this moment incidents are closed that were quiet for long enough. */
  readonly clockMs: number;
}

/** Goes on from a checkpoint and a position. */
export class RuleRunner {
  readonly #options: RunnerOptions;
  readonly #engine: Engine;
  readonly #health: AgentHealth;
  readonly #ahead: ReadAhead;
  #takenTo: number;
  #stepEvents = STEP_EVENTS;
  /** The time at which the last event taken was stored; null when all there are were taken. */
  #behindMs: number | null = null;
  /** True when more has closed or grown than one step gives. */
  #isLimited = false;
  #clockMs = 0;
  #agentsMs = Number.NEGATIVE_INFINITY;
  #healthBlocks: CheckpointBlock[] = [];
  /** Provisional incidents up to this event are not confirmed yet. */
  #unconfirmedTo: number;
  /**
   * The open incidents that the engine does not know, by their ids, and when something last came of them, in this order. Null
   * until the replay is over.
   */
  #unknown: Map<string, number> | null = null;
  #quietMs: number;

  /** Throws a CheckpointError when the blocks cannot be used. */
  constructor(options: RunnerOptions) {
    const { settings, events, incidentId, originOf, startedMs } = options;
    this.#options = options;
    const { detection: config, allow } = settings;
    const engineOptions = { config, allow, names: events.names, incidentId, originOf };
    this.#engine = new Engine(engineOptions);
    this.#quietMs = config.quietMs;
    this.#health = new AgentHealth({ config, incidentId: agentIncidentId, startedMs });
    this.#engine.restore(this.#blocksOfEngine(options.blocks));
    this.#takenTo = options.checkpoint;
    if (!this.#engine.knowsKeys) this.#engine.rememberKeys(events.keyUsesUpTo(options.checkpoint));
    for (const incident of options.openOfAgents) this.#health.resume(incident);
    if (options.isStateLost) this.#health.baseline(events.agents(), startedMs);
    this.#ahead = new ReadAhead(events, this.#engine, engineOptions, options.position);
    this.#unconfirmedTo = Math.max(0, ...options.provisional().map(({ decidedBy }) => decidedBy ?? 0));
  }

  /** The position of the state: all events up to here were taken. */
  get takenTo(): number {
    return this.#takenTo;
  }

  /** The number of keyed states held. */
  get states(): number {
    return this.#engine.size.states;
  }

  /** Returns the age of the last event taken, by when it was stored, in milliseconds; 0 when none waits. */
  lagMs(nowMs: number): number {
    return this.#behindMs === null ? 0 : Math.max(0, nowMs - this.#behindMs);
  }

  /** True when there is more to do at once. */
  get hasMore(): boolean {
    return this.#behindMs !== null || this.#isLimited;
  }

  /** Takes the next events and checks the clock. The changes of the last step must be written. */
  step(nowMs: number): Step {
    const { position } = this.#options;
    const isReplay = this.#takenTo < position;
    // Before the next events: what is written is as of here.
    const replaced = isReplay || this.#unknown ? [] : this.#compareOpen();
    const boundary = this.#take();
    // Nobody is quiet whose events are only not judged yet.
    const clockMs = Math.min(nowMs, this.#behindMs ?? nowMs);
    const changes = isReplay ? this.#replayed() : [...replaced, ...this.#changes(clockMs, boundary)];
    const ended = isReplay ? [] : this.#ended(changes, clockMs);
    // Not the clock of now, by which not each step looks: what is over since the last look is not given yet.
    if (!isReplay && !this.#isLimited) this.#clockMs = this.#engine.incidents.lookedMs;
    const provisional = this.lagMs(nowMs) >= AHEAD_FROM_MS ? this.#ahead.step(nowMs) : [];
    return {
      changes: [...changes, ...ended, ...this.#confirmed(changes, isReplay ? 0 : clockMs), ...this.#agents(nowMs)],
      provisional,
      position: Math.max(position, this.#takenTo),
      clockMs: this.#clockMs,
    };
  }

  /** Takes up open incidents of rules that read no events, which another server found. What a step found must be written. */
  adopt(incidents: readonly AdoptedIncident[], nowMs: number): void {
    for (const one of incidents) this.#health.adoptIncident(one, nowMs);
  }

  /** Takes other settings. What is open stays open and goes on by them. */
  configure(settings: AlertSettings): void {
    const { detection: config, allow } = settings;
    this.#quietMs = config.quietMs;
    this.#engine.configure(config, allow);
    this.#health.configure(config);
    this.#ahead.configure(config, allow);
  }

  /** Begins a checkpoint of what changed since the last one began, as of `takenTo`. The changes of the last step must be written. */
  beginCheckpoint(): void {
    this.#engine.beginCheckpoint();
    this.#healthBlocks = this.#health.checkpoint();
  }

  /** Gives the next blocks of the checkpoint, some at a time; null when all were given. */
  nextBlocks(): CheckpointBlock[] | null {
    const blocks = this.#engine.nextBlocks(SAVED_AT_ONCE);
    if (!blocks) return null;
    return [...blocks, ...this.#healthBlocks.splice(0)];
  }

  *#blocksOfEngine(blocks: Iterable<CheckpointBlock>): Generator<CheckpointBlock> {
    for (const block of blocks) if (!this.#health.restore(block)) yield block;
  }

  /** Takes the next events, up to the next boundary. Returns true when a boundary is reached. */
  #take(): boolean {
    const { events, boundaries, position } = this.#options;
    const from = this.#takenTo;
    const ahead = [position, ...boundaries].filter((one) => one > from);
    const rows = events.after(from, this.#stepEvents);
    const next = Math.min(...ahead);
    let taken = 0;
    for (const row of rows) {
      if (row[0] > next || this.#engine.savedAhead > SAVED_AHEAD_LIMIT_EVENTS) break;
      this.#engine.take(row);
      taken += 1;
    }
    const isAll = taken === rows.length && taken < this.#stepEvents;
    const last = rows[taken - 1] ?? null;
    const beyond = rows[taken];
    this.#behindMs = isAll ? null : ((last ?? beyond)?.[3] ?? null);
    if (beyond && beyond[0] > next) this.#takenTo = next;
    // Retention may have deleted what was before a boundary.
    else this.#takenTo = Math.max(from, last?.[0] ?? 0, ...(isAll ? ahead : []));
    return this.#takenTo >= next;
  }

  #changes(clockMs: number, boundary: boolean): Change[] {
    const grownBeforeMs = clockMs - GROWTH_EVERY_MS;
    const changes = this.#engine.changes(clockMs, boundary ? {} : { limit: GROWN_AT_ONCE, grownBeforeMs });
    this.#stepEvents = stepAfter(this.#stepEvents, changes.length);
    this.#isLimited = !boundary && changes.length >= GROWN_AT_ONCE;
    return changes;
  }

  /**
   * Compares what is written as open with the engine, once the replay is over. It runs under the settings of now: under others an
   * incident may have another deciding event, which takes its place, or none, so that the engine would never end it.
   */
  #compareOpen(): readonly Change[] {
    const rest = this.#options.openBesides(this.#engine.incidents.openIds);
    const { changes, uncovered } = withdrawCovered(this.#engine, rest, 0);
    const inOrder = [...uncovered].sort((a, b) => a.lastAt - b.lastAt);
    this.#unknown = new Map(inOrder.map(({ id, lastAt }) => [id, lastAt]));
    return changes;
  }

  /** Ends the incidents that the engine does not know when they were quiet for long enough, some at a time. */
  #ended(changes: readonly Change[], clockMs: number): Change[] {
    const { boundaries, openOne } = this.#options;
    const unknown = this.#unknown;
    if (!unknown || unknown.size === 0) return [];
    // A late event brought it back.
    for (const change of changes) if (change.type === 'incident') unknown.delete(change.incident.id);
    // Up to where a channel is settled nothing is due there: the end would count as sent.
    if (boundaries.some((boundary) => this.#takenTo <= boundary)) return [];
    // What is written of it does not have the changes of this step.
    const moved = new Map(changes.flatMap((one) => (one.type === 'withdrawn' ? [[one.id, one.replacedBy]] : [])));
    const ended: Change[] = [];
    for (const [id, lastAt] of unknown) {
      const closedAt = lastAt + this.#quietMs;
      if (closedAt > clockMs || ended.length >= GROWN_AT_ONCE) break;
      unknown.delete(id);
      const incident = openOne(id);
      const partOf = moved.get(incident?.partOf ?? '') ?? incident?.partOf ?? null;
      if (incident) ended.push({ type: 'incident', incident: { ...incident, closedAt, partOf } });
    }
    if (ended.length >= GROWN_AT_ONCE) this.#isLimited = true;
    return ended;
  }

  /** Drops what a replay finds up to the position: it is written already. Its clock stands still, so that nothing closes again. */
  #replayed(): Change[] {
    this.#engine.changes(0, { grownBeforeMs: Number.NEGATIVE_INFINITY });
    return [];
  }

  /** Once the engine is past all that was judged ahead, what it has not raised is withdrawn. `changes` are those of this step. */
  #confirmed(changes: readonly Change[], clockMs: number): Change[] {
    this.#unconfirmedTo = Math.max(this.#unconfirmedTo, this.#ahead.to);
    // What is written is as of the position, also where an event before it decided it.
    const to = Math.max(this.#unconfirmedTo, this.#options.position);
    if (this.#unconfirmedTo === 0 || this.#takenTo < to) return [];
    this.#unconfirmedTo = 0;
    this.#ahead.end();
    const raised = new Set(changes.map((change) => (change.type === 'incident' ? change.incident.id : null)));
    const rest = this.#options.provisional().filter(({ id }) => !raised.has(id));
    return resolveProvisional(this.#engine, rest, clockMs);
  }

  #agents(nowMs: number): Change[] {
    if (nowMs - this.#agentsMs < AGENTS_EVERY_MS && nowMs >= this.#agentsMs) return [];
    this.#agentsMs = nowMs;
    const changed = this.#health.check(this.#options.events.agents(), nowMs);
    return changed.map((incident) => ({ type: 'incident', incident }));
  }
}

/** Returns how many events to take after a step in which so many incidents changed. */
function stepAfter(events: number, changes: number): number {
  if (changes > 2 * CHANGES_WANTED) return Math.max(STEP_LEAST_EVENTS, events >> 1);
  return changes < CHANGES_WANTED ? Math.min(STEP_EVENTS, events << 1) : events;
}
