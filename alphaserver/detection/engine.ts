/** Runs the rules over the whole fleet: stored events in, changes of incidents out. The clock, names and ids are arguments. */
import type { DetectionConfig, EventRule } from '../alert-config/rules.ts';
import type { LastKeyUse } from '../store/earlier-key-uses.ts';
import type { RowNames, RuleRow } from '../store/event-rows.ts';
import { Allowlist } from './allowlist.ts';
import { type CheckpointBlock, Cut, type EngineParts, Restorer, savedText } from './checkpoint.ts';
import { CheckpointError } from './checkpoint-block.ts';
import { type Detector, hasHost, KIND_OF, KINDS, type Kind } from './detector.ts';
import { LoginHostDetector } from './detectors/login-host.ts';
import { LoginKeyDetector } from './detectors/login-key.ts';
import { LoginUserDetector } from './detectors/login-user.ts';
import { SourceDetector } from './detectors/source.ts';
import { opensAtOnce, SourceOnHostDetector } from './detectors/source-on-host.ts';
import { TargetUserDetector } from './detectors/target-user.ts';
import { EventDecoder } from './event-decoder.ts';
import { type Change, type ChangeLimits, type IncidentId, IncidentTracker } from './incident-tracker.ts';
import { type AnyState, KeyedState, type TrackedIncident } from './keyed-state.ts';
import { type AnyStateMap, KeyedStateMap } from './keyed-state-map.ts';
import { ACCEPTED, AgentOrder, isTry, RuleEvent } from './rule-event.ts';
import { type OriginNamesOf, SourceOrigins } from './source-origin.ts';
import { StringInterner } from './string-interner.ts';
import { emptyWindow } from './threshold-window.ts';

/** Holds what the engine is given. */
export interface EngineOptions {
  readonly config: DetectionConfig;
  /** Whose events no rule sees. */
  readonly allow: { readonly addresses: readonly string[]; readonly users: readonly string[] };
  /** The names of the numbers that rows have. */
  readonly names: Pick<RowNames, 'agent' | 'host'>;
  readonly incidentId: IncidentId;
  /** Left out where no file says where sources are. */
  readonly originOf?: OriginNamesOf | undefined;
  /** Left out except in tests. */
  readonly interner?: StringInterner;
}

/** The kind of the block with what is not of one state. */
const ENGINE_BLOCK = 'engine';
const ENGINE_VERSION = 2;
/** The version before had no states of SSH keys. Its blocks are taken over, and the keys are filled in from the store. */
const KEYLESS_VERSION = 1;

/** Holds the content of the engine's own block. */
interface SavedEngine {
  readonly version: number;
  readonly config: DetectionConfig;
  readonly judgedTo: number;
  readonly takenTo: number;
}

/** Events between two evictions of what is too old or too much: by the id, so that it is at the same events after a restart. */
const EVICT_EVERY_EVENTS = 256;

/** Holds all keyed states and their incidents. */
export class Engine {
  readonly #names: EngineOptions['names'];
  readonly #interner: StringInterner;
  readonly #order: AgentOrder;
  readonly #decoder: EventDecoder;
  readonly #maps: Readonly<Record<Kind, AnyStateMap>>;
  readonly #tracker: IncidentTracker;
  readonly #parts: EngineParts;
  readonly #event = new RuleEvent();
  readonly #origins: SourceOrigins;
  /** The engine that a state is copied from which this one does not have. */
  readonly #base: Engine | null;
  /** Incidents of states that were copied. */
  readonly #copiedIds = new Set<string>();
  /** The incidents that an event has added to; empty between events. */
  readonly #grown: TrackedIncident[] = [];
  /** The checkpoint that is being made. */
  #cut: Cut | null = null;
  #config: DetectionConfig;
  /** False where the checkpoint it was restored from had no keys, or there was none. */
  #knowsKeys = false;
  #takenTo = 0;
  /** The time at which that event was stored. */
  #storedMs = 0;

  /** `base` is left out except by a Lookahead. */
  constructor(
    { config, allow, names, incidentId, originOf, interner = new StringInterner() }: EngineOptions,
    base: Engine | null = null,
  ) {
    this.#config = config;
    this.#names = names;
    this.#interner = interner;
    this.#base = base;
    this.#order = new AgentOrder((agent) => names.agent(agent));
    this.#decoder = new EventDecoder(interner, config, new Allowlist(allow));
    this.#origins = new SourceOrigins(originOf ?? null, (number) => interner.text(number));
    const detectors = detectorsFor(config, this.#order, this.#origins);
    const mapOf = (kind: Kind): AnyStateMap => new KeyedStateMap(detectors[kind], this.#order);
    this.#maps = {
      pair: mapOf('pair'),
      source: mapOf('source'),
      target: mapOf('target'),
      user: mapOf('user'),
      host: mapOf('host'),
      key: mapOf('key'),
    };
    const keyOf = (rule: EventRule, state: AnyState): string => this.#keyOf(KIND_OF[rule], state);
    this.#tracker = new IncidentTracker(config, {
      names: {
        agent: (number) => names.agent(number),
        host: (number) => names.host(number),
        text: (number) => interner.text(number),
        origin: (ip) => originOf?.(ip) ?? null,
      },
      incidentId,
      keyOf,
      detailOf: (incident) => {
        const { rule, state } = incident;
        if (!state) return null;
        const map = this.#maps[KIND_OF[rule]];
        map.hold(state);
        return state.detail(incident, map.context);
      },
      reported: ({ rule, state }) => {
        if (state) this.#maps[KIND_OF[rule]].changed(state);
      },
      regroups: (source) => {
        // A source's groups are saved with its state.
        const state = this.#cut ? this.#maps.source.get(source, 0) : undefined;
        if (state) this.#maps.source.saveBefore(state);
      },
    });
    this.#parts = { maps: this.#maps, tracker: this.#tracker, interner, keyOf };
  }

  /** The id of the last event taken. */
  get takenTo(): number {
    return this.#takenTo;
  }

  /** Takes a stored event. Events come in the order of their ids. */
  take(row: RuleRow): void {
    const event = this.#event;
    const [id, , , storedMs] = row;
    this.#takenTo = id;
    this.#storedMs = storedMs;
    if (this.#decoder.decode(row, event)) this.#addToStates(event, storedMs);
    if (id % EVICT_EVERY_EVENTS === 0) for (const kind of KINDS) this.#evict(kind, storedMs);
    if (this.#interner.isFull) this.#sweep();
  }

  /** Adds an event to the states that it belongs to. */
  #addToStates(event: RuleEvent, storedMs: number): void {
    const { outcome, source, user, host, key } = event;
    const isTried = isTry(event);
    const isSuccess = outcome === ACCEPTED;
    const maps = this.#maps;
    if (source > 0) {
      if (isTried || opensAtOnce(event)) this.#add(maps.pair, source, host, storedMs);
      if (isTried || isSuccess) this.#add(maps.source, source, 0, storedMs);
      if (isTried && user > 0) this.#add(maps.target, user, 0, storedMs);
      if (isSuccess && user > 0) this.#add(maps.user, user, 0, storedMs);
    } else if (opensAtOnce(event)) this.#add(maps.pair, 0, host, storedMs);
    if (isSuccess) this.#add(maps.host, host, 0, storedMs);
    if (key > 0) this.#add(maps.key, key, host, storedMs);
  }

  #add(map: AnyStateMap, first: number, second: number, storedMs: number): void {
    const known = map.get(first, second);
    // One event is no state yet, unless others are known of its key, or it may open an incident.
    if (!known && this.#base === null && map.addFirst(first, second, this.#event, storedMs)) return;
    const state = known ?? this.#newState(map, first, second);
    if (this.#cut) map.saveBefore(state);
    const event = this.#event;
    const { context } = map;
    const isNewest = state.isNewest(event, context.order);
    if (!isNewest && state.isBehind(event, context)) this.#evaluate(map, state, 'overdue');
    const grown = this.#grown;
    if (state.add(event, isNewest, context, grown)) map.pend(state);
    if (grown.length > 0) {
      for (const incident of grown) this.#tracker.grow(incident, event, storedMs);
      grown.length = 0;
    }
    if (state.isDue(context)) this.#evaluate(map, state);
    map.touched(state, storedMs);
  }

  /** Finds what changed of a state's incidents, and settles what is due. */
  #evaluate(map: AnyStateMap, state: AnyState, settles: 'due' | 'overdue' = 'due'): void {
    this.#compare(map, state, settles);
    state.dropShort(map.context);
  }

  #compare(map: AnyStateMap, state: AnyState, settles: 'due' | 'overdue'): void {
    const { context } = map;
    if (state.isPending) {
      this.#tracker.compare(state, state.current(context), context.detector.rules, this.#storedMs);
      state.isPending = false;
    }
    this.#tracker.settle(state.settle(context, settles));
    map.changed(state);
  }

  /** Finds what changed since the last call: once a key for all events of a batch. */
  #evaluateAll(): void {
    this.#evaluatePending();
    this.#release();
  }

  /** Does the same, and keeps the current states that it made until `release`. */
  #evaluatePending(): void {
    for (const kind of KINDS) {
      const map = this.#maps[kind];
      for (const state of map.takePending()) {
        if (!state.isPending) continue;
        map.hold(state);
        this.#compare(map, state, 'due');
      }
    }
  }

  #release(): void {
    for (const kind of KINDS) this.#maps[kind].release();
  }

  #newState(map: AnyStateMap, first: number, second: number): AnyState {
    const state = this.#copied(map.kind, first, second) ?? new KeyedState(first, second);
    map.add(state);
    return state;
  }

  /** A copy of a state of the base engine. */
  #copied(kind: Kind, first: number, second: number): AnyState | null {
    const key = kind === 'host' ? first : this.#interner.text(first);
    const data = this.#base?.saved(kind, key, second) ?? null;
    if (data === null) return null;
    const restorer = new Restorer(this.#parts);
    const [state = null] = restorer.load(kind, data);
    restorer.finish();
    for (const { id } of state?.incidents ?? []) this.#copiedIds.add(id);
    return state;
  }

  /** True for an incident that the base engine had when its state was copied. */
  isCopied(id: string): boolean {
    return this.#copiedIds.has(id);
  }

  /** The incidents as they are after the last event taken. */
  get incidents(): Pick<IncidentTracker, 'covering' | 'give' | 'openIds' | 'lookedMs'> {
    this.#evaluateAll();
    return this.#tracker;
  }

  /** One state as the data of a block; null where there is none. `first` is a text, or the number of a host. */
  saved(kind: Kind, first: string | number | null, second: number): string | null {
    this.#evaluateAll();
    const number = typeof first === 'number' ? first : this.#interner.known(first);
    const state = number === undefined ? undefined : this.#maps[kind].toSave(number, second);
    return state ? savedText(this.#parts, kind, [state]) : null;
  }

  #keyOf(kind: Kind, { first, second }: AnyState): string {
    if (kind === 'host') return this.#names.host(first);
    const text = this.#interner.text(first) ?? '?';
    return hasHost(kind) ? `${text} ${this.#names.host(second)}` : text;
  }

  #evict(kind: Kind, nowMs: number): void {
    const map = this.#maps[kind];
    map.evict(nowMs, (first, state) => {
      if (state) {
        this.#evaluate(map, state);
        for (const incident of state.incidents) incident.settled = state.detail(incident, map.context);
        this.#tracker.settle(state.incidents);
      }
      if (kind === 'source') this.#tracker.grouping.evict(first);
    });
  }

  /** Frees the numbers of texts that nothing has any more. */
  #sweep(): void {
    this.#interner.sweep((visit) => {
      for (const kind of KINDS) this.#maps[kind].visitTexts(visit);
      this.#tracker.visitTexts(visit);
    });
    this.#decoder.forget();
    this.#origins.forget();
  }

  /**
   * Gives what changed since the last calls, by the clock `nowMs`: all that is new, no more, in another scan, or can change no
   * more; of what has closed or only grown as much as the limits allow.
   */
  changes(nowMs: number, limits: ChangeLimits = {}): Change[] {
    this.#evaluatePending();
    const changes = this.#tracker.changes(nowMs, limits);
    this.#release();
    return changes;
  }

  /**
   * Takes other settings. All that was counted stays counted, and what is open stays open; what is taken from now on is judged
   * by the new rules.
   */
  configure(config: DetectionConfig, allow: EngineOptions['allow']): void {
    this.#decoder.configure(config, new Allowlist(allow));
    this.#changeRules(config);
  }

  #changeRules(config: DetectionConfig): void {
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return;
    this.#evaluateAll();
    // It changes all states at once.
    if (this.#cut) for (const kind of KINDS) while (this.#maps[kind].saveNext());
    // What incidents have counted is settled under the rules that counted it.
    for (const kind of KINDS) {
      const map = this.#maps[kind];
      for (const state of map.states()) {
        if (state.incidents.length === 0) continue;
        this.#tracker.settle(state.settle(map.context, 'all'));
        state.dropShort(map.context);
        map.changed(state);
      }
    }
    this.#useRules(config);
    this.#tracker.judgedTo = this.#takenTo;
  }

  #useRules(config: DetectionConfig): void {
    const detectors = detectorsFor(config, this.#order, this.#origins);
    for (const kind of KINDS) this.#maps[kind].configure(detectors[kind]);
    this.#tracker.configure(config);
    this.#config = config;
  }

  /**
   * Begins a checkpoint of the blocks that changed since the last one began, all as of the last event taken. To be written
   * after the changes that were given just before, and in force with `takenTo` when all blocks are there. Events may be taken
   * meanwhile; nothing else may be begun.
   */
  beginCheckpoint(): void {
    this.#evaluateAll();
    const { judgedTo } = this.#tracker;
    const own: SavedEngine = { version: ENGINE_VERSION, config: this.#config, judgedTo, takenTo: this.#takenTo };
    this.#cut = new Cut(this.#parts, { kind: ENGINE_BLOCK, block: 0, data: JSON.stringify(own) });
  }

  /** Gives the next blocks, with about so many states and events in them; null when all were given. */
  nextBlocks(events: number): CheckpointBlock[] | null {
    if (!this.#cut || this.#cut.isComplete) {
      this.#cut = null;
      return null;
    }
    return this.#cut.take(events);
  }

  /** The number of states and events that had to be saved since the last call of `nextBlocks`, because they were about to change. */
  get savedAhead(): number {
    return this.#cut?.savedEvents ?? 0;
  }

  /** A whole checkpoint at once. */
  *checkpoint(): Generator<CheckpointBlock> {
    this.beginCheckpoint();
    for (let blocks = this.nextBlocks(1); blocks; blocks = this.nextBlocks(1)) yield* blocks;
  }

  /**
   * Restores what was saved, block by block, in any order; events after `takenTo` are to be taken then. Throws a
   * CheckpointError when a block cannot be used: begin with an engine without any then, and at the first event.
   */
  restore(blocks: Iterable<CheckpointBlock>): void {
    const restorer = new Restorer(this.#parts);
    let own: SavedEngine | null = null;
    for (const block of blocks) {
      if (block.kind === ENGINE_BLOCK) own = savedEngine(block.data);
      else restorer.add(block);
    }
    restorer.finish();
    for (const kind of KINDS) this.#maps[kind].sort();
    if (!own) return;
    this.#knowsKeys = own.version !== KEYLESS_VERSION;
    this.#takenTo = own.takenTo;
    this.#tracker.judgedTo = own.judgedTo;
    // Other settings may hold since; those of a version before may lack a rule.
    const present = this.#config;
    this.#useRules({ ...present, ...own.config, rules: { ...present.rules, ...own.config.rules } });
    this.#changeRules(present);
  }

  /** False where `rememberKeys` is to be called before the first event. */
  get knowsKeys(): boolean {
    return this.#knowsKeys;
  }

  /** Fills in when keys were last used on which hosts, from a store that remembers more than its events. */
  rememberKeys(uses: Iterable<LastKeyUse>): void {
    const map = this.#maps.key;
    for (const { fingerprint, host, lastMs } of uses) {
      const number = this.#interner.number(fingerprint);
      if (map.get(number, host)) continue;
      const state: AnyState = new KeyedState(number, host);
      const windows = map.context.detector.rules.map(emptyWindow);
      state.base = { settledTo: lastMs, state: { windows, memory: lastMs } };
      state.touchedMs = lastMs;
      map.add(state);
      map.changed(state);
    }
    map.sort();
    this.#knowsKeys = true;
  }

  /** The numbers of states held, of events in them, and of incidents that wait to be given. */
  get size(): { readonly states: number; readonly events: number; readonly waiting: number } {
    const sum = (count: (map: AnyStateMap) => number): number =>
      KINDS.reduce((total, kind) => total + count(this.#maps[kind]), 0);
    return {
      states: sum(({ size }) => size),
      events: sum(({ events }) => events),
      waiting: this.#tracker.waiting,
    };
  }
}

function savedEngine(data: string | null): SavedEngine {
  const own = JSON.parse(data ?? 'null') as SavedEngine | null;
  if (own?.version !== ENGINE_VERSION && own?.version !== KEYLESS_VERSION)
    throw new CheckpointError(`the checkpoint is of version ${own?.version}`);
  return own;
}

// biome-ignore lint/suspicious/noExplicitAny: each kind remembers something else.
function detectorsFor(config: DetectionConfig, order: AgentOrder, origins: SourceOrigins): Record<Kind, Detector<any>> {
  return {
    pair: new SourceOnHostDetector(config),
    source: new SourceDetector(config, order),
    target: new TargetUserDetector(config),
    user: new LoginUserDetector(config, origins),
    host: new LoginHostDetector(config),
    key: new LoginKeyDetector(config),
  };
}
