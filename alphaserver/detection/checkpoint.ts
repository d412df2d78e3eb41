/** Saves an engine's state in blocks, a consistent cut, and restores it. */
import type { EventRule } from '../alert-config/rules.ts';
import { CheckpointError, type LoadedState, loadBlock, type SavedIncident, saveBlock } from './checkpoint-block.ts';
import { hasSource, KINDS, type Kind } from './detector.ts';
import type { IncidentTracker } from './incident-tracker.ts';
import type { AnyState, TrackedIncident } from './keyed-state.ts';
import { type AnyStateMap, BLOCKS_LIMIT } from './keyed-state-map.ts';
import { scanOf } from './scan-grouping.ts';
import type { StringInterner } from './string-interner.ts';

/** States of one kind that are saved together: a row with the key (kind, block). Null: the row is to be deleted. */
export interface CheckpointBlock {
  readonly kind: string;
  readonly block: number;
  readonly data: string | null;
}

/** Holds what is saved of an engine. */
export interface EngineParts {
  readonly maps: Readonly<Record<Kind, AnyStateMap>>;
  readonly tracker: IncidentTracker;
  readonly interner: StringInterner;
  readonly keyOf: (rule: EventRule, state: AnyState) => string;
}

/**
 * A checkpoint that is being made: all blocks that changed since the last one, as they are at one moment, given a few at a time
 * while the engine goes on. A block that is about to change before its turn is saved first (copy on write), so that nothing is
 * written twice and nothing is held but the blocks that wait to be taken.
 */
export class Cut {
  readonly #parts: EngineParts;
  readonly #saved: CheckpointBlock[] = [];
  #savedEvents = 0;
  #isComplete = false;

  /** Begins with all that changed; `own` has what is not of one state. */
  constructor(parts: EngineParts, own: CheckpointBlock) {
    this.#parts = parts;
    this.#saved.push(own);
    for (const kind of KINDS)
      parts.maps[kind].beginCut(({ number: block, states, weight }) => {
        this.#savedEvents += weight;
        this.#saved.push({ kind, block, data: states.length === 0 ? null : savedText(parts, kind, states) });
      });
  }

  /** The number of states, and of events in them, that were saved since the last call of `take`. */
  get savedEvents(): number {
    return this.#savedEvents;
  }

  /** True when all was taken. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Takes the next blocks, with about so many states and events, or more where more were about to change. */
  take(events: number): CheckpointBlock[] {
    this.#isComplete = true;
    for (const kind of KINDS) {
      const map = this.#parts.maps[kind];
      while (this.#savedEvents < events && map.saveNext());
      if (this.#savedEvents >= events) this.#isComplete = false;
    }
    this.#savedEvents = 0;
    return this.#saved.splice(0);
  }
}

/** States of a kind as the data of one block. */
export function savedText({ maps, tracker, interner }: EngineParts, kind: Kind, states: readonly AnyState[]): string {
  const incident = (one: TrackedIncident): SavedIncident => {
    const { id, window, decidedBy, firstAt, openedAt, lastAt, count, idSum, isReported, isOpen, grownSinceMs } = one;
    const partOf = scanOf(one);
    return {
      id,
      window,
      decidedBy,
      firstAt,
      openedAt,
      lastAt,
      count,
      idSum,
      ...(partOf !== null && { partOf }),
      isReported,
      isOpen,
      grownSinceMs,
    };
  };
  const group = ({ first }: AnyState) => (kind === 'source' ? tracker.grouping.get(first) : undefined);
  return saveBlock(states, maps[kind].context.detector, interner, { incident, group });
}

/** Restores states block by block. `finish` is to be called after the last one. Both throw a CheckpointError. */
export class Restorer {
  readonly #parts: EngineParts;
  /** Every incident of a restored state or group, by its id: groups are linked with incidents of other states at the end. */
  readonly #incidents = new Map<string, TrackedIncident>();
  readonly #partOf = new Map<TrackedIncident, string>();
  readonly #groups: { readonly source: AnyState; readonly saved: NonNullable<LoadedState['group']> }[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** Restores the states of one block. */
  add({ kind, block, data }: CheckpointBlock): void {
    const known = KINDS.find((one) => one === kind);
    if (known === undefined || data === null)
      throw new CheckpointError(`the checkpoint has a block of the kind ${kind}`);
    if (!(block >= 0 && block < BLOCKS_LIMIT)) throw new CheckpointError(`the checkpoint has a block ${block}`);
    for (const state of this.load(known, data)) this.#parts.maps[known].restore(state, block);
  }

  /** The states of one block, not yet in their map. */
  load(kind: Kind, data: string): AnyState[] {
    const { maps, interner } = this.#parts;
    return loadBlock(data, maps[kind].context.detector, interner).map(({ state, incidents, group }) => {
      state.incidents = incidents.map((saved) => this.#track(state, kind, saved));
      if (group) this.#groups.push({ source: state, saved: group });
      return state;
    });
  }

  /** Links incidents with the scans that they are parts of. */
  finish(): void {
    const { grouping } = this.#parts.tracker;
    for (const { source, saved } of this.#groups) {
      // One that left its state is known by its group alone: its key is not needed any more.
      const linked = (one: SavedIncident, kind: Kind): TrackedIncident =>
        this.#incidents.get(one.id) ??
        this.#tracked(kind, { ...one, isOpen: false }, { state: null, source: source.first, key: '' });
      grouping.restore(source.first, {
        scans: saved.scans.map((one) => linked(one, 'source')),
        parts: saved.parts.map((one) => linked(one, 'pair')),
      });
    }
    for (const [incident, id] of this.#partOf)
      incident.partOf = this.#incidents.get(id) ?? { id, replacedBy: undefined };
  }

  #track(state: AnyState, kind: Kind, saved: SavedIncident): TrackedIncident {
    const rule = this.#ruleOf(kind, saved);
    const source = hasSource(kind) ? state.first : 0;
    const incident = this.#tracked(kind, saved, { state, source, key: this.#parts.keyOf(rule, state) });
    this.#parts.tracker.restore(incident);
    return incident;
  }

  #ruleOf(kind: Kind, { window }: SavedIncident): EventRule {
    return this.#parts.maps[kind].context.detector.rules[window] as EventRule;
  }

  #tracked(kind: Kind, saved: SavedIncident, of: Pick<TrackedIncident, 'state' | 'source' | 'key'>): TrackedIncident {
    const { partOf, ...fields } = saved;
    const rule = this.#ruleOf(kind, saved);
    const incident: TrackedIncident = {
      ...{ ...fields, ...of, rule },
      ...{ partOf: null, replacedBy: undefined, settled: null },
    };
    this.#incidents.set(saved.id, incident);
    if (partOf !== undefined) this.#partOf.set(incident, partOf);
    return incident;
  }
}
