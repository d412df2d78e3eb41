/** Holds the keyed states of one kind: bounded, least recently used evicted first, and saved in blocks. */
import type { Detector, Kind } from './detector.ts';
import { KeyIndex } from './key-index.ts';
import { contextOf, KeyedState, type StateContext } from './keyed-state.ts';
import { type AgentOrder, type RuleEvent, repack } from './rule-event.ts';
import { StateColumns } from './state-columns.ts';

/** States, and events in them, that one kind may hold. */
export const STATES_LIMIT = 200_000;
export const EVENTS_LIMIT = 1_500_000;
/**
 * States of a block. Keys that come up together are in one block, so what is quiet is not saved again. Of the busiest ones
 * this many are some ten milliseconds of saving, which is not interrupted.
 */
export const STATES_PER_BLOCK = 64;
/** No block has a number from here on: there is none without a state at the time it is made. */
export const BLOCKS_LIMIT = STATES_LIMIT;

/**
 * A state moves to the end of the list, and its time of use is written, at most so often: that touches three more places in
 * memory, and the order of use need not be exact.
 */
const MOVED_EVERY_MS = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: for those who hold states whatever their detector remembers.
export type AnyStateMap = KeyedStateMap<any>;

/** The places of states that are saved together. */
interface Block {
  readonly number: number;
  readonly places: number[];
  /** True while the checkpoint that is being made needs it as it is. */
  isInCut: boolean;
}

/** States that are saved together, as they are at one moment. `weight`: their number and that of their events. */
export interface StateBlock<Memory> {
  readonly number: number;
  readonly states: readonly KeyedState<Memory>[];
  readonly weight: number;
}

/** Holds STATES_LIMIT states and EVENTS_LIMIT events in them. A state of one event is an object only while somebody asks for it. */
export class KeyedStateMap<Memory> {
  readonly kind: Kind;
  context: StateContext<Memory>;
  readonly #columns = new StateColumns();
  readonly #index = new KeyIndex(this.#columns);
  /** By place; null for a state that is nothing but its event in the columns. */
  readonly #states: (KeyedState<Memory> | null)[] = [];
  /** The packed event that is asked about whether it opens an incident. Fractions make it an array of doubles, as packed events are. */
  readonly #first: number[] = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  #events = 0;
  /** By number. */
  readonly #blocks: Block[] = [];
  /** Blocks with fewer than STATES_PER_BLOCK states. */
  readonly #roomy = new Map<number, Block>();
  /** The block of them that new states go to, null where it is to be found. */
  #filling: Block | null = null;
  /** True by the number of a block that changed since it was saved: looked at for each event, and the blocks are far apart in memory. */
  readonly #isDirty: boolean[] = [];
  #dirty: Block[] = [];
  /** Blocks of the checkpoint that is being made. Some may be saved. */
  #cut: Block[] = [];
  #save: (block: StateBlock<Memory>) => void = () => {};
  #pending: KeyedState<Memory>[] = [];
  readonly #held: KeyedState<Memory>[] = [];

  constructor(detector: Detector<Memory>, order: AgentOrder) {
    this.kind = detector.kind;
    this.context = contextOf(detector, order);
  }

  /** Takes a detector with other settings; the states stay. */
  configure(detector: Detector<Memory>): void {
    this.context = contextOf(detector, this.context.order);
  }

  get size(): number {
    return this.#index.size;
  }

  get events(): number {
    return this.#events;
  }

  get(first: number, second: number): KeyedState<Memory> | undefined {
    const place = this.#index.find(first, second);
    if (place < 0) return undefined;
    return this.#states[place] ?? this.#made(place);
  }

  /** The same as `get`, with the time of use as it is now: to be saved. */
  toSave(first: number, second: number): KeyedState<Memory> | undefined {
    const state = this.get(first, second);
    if (state) state.touchedMs = this.#columns.touchedMs(state.place);
    return state;
  }

  /** Makes the state of one event an object, since another event comes, or somebody looks. */
  #made(place: number): KeyedState<Memory> {
    const state = this.#copy(place);
    this.#states[place] = state;
    return state;
  }

  /** The state of one event as an object, for a moment. */
  #copy(place: number): KeyedState<Memory> {
    const columns = this.#columns;
    const state = new KeyedState<Memory>(columns.first(place), columns.second(place), columns.event(place));
    state.place = place;
    return state;
  }

  /** Every state, least recently used first. What is changed of one may be lost, but for one that has incidents. */
  *states(): Generator<KeyedState<Memory>> {
    const columns = this.#columns;
    for (let place = columns.oldest; place >= 0; place = columns.newer(place))
      yield this.#states[place] ?? this.#copy(place);
  }

  /** Adds the first event of a key, which was stored at `storedMs`. False where it may open an incident: that takes a state. */
  addFirst(first: number, second: number, event: RuleEvent, storedMs: number): boolean {
    repack(this.#first, 0, event);
    if (this.context.detector.mayOpen(event, this.#first, null)) return false;
    const block = this.#roomyBlock();
    const place = this.#put(first, second, block, storedMs);
    this.#columns.setEvent(place, event);
    this.#columns.setWeight(place, 1);
    this.#events += 1;
    if (!this.#isDirty[block.number]) this.#dirt(block);
    return true;
  }

  /** Adds a new state. */
  add(state: KeyedState<Memory>): void {
    this.#putState(state, this.#roomyBlock());
  }

  /** Adds a state that was saved in a block. `sort` is to be called after the last one. */
  restore(state: KeyedState<Memory>, block: number): void {
    const place = this.#putState(state, this.#block(block));
    this.#weigh(state);
    if (!state.isSingle) return;
    this.#columns.setPacked(place, state.buffer);
    this.#states[place] = null;
  }

  #putState(state: KeyedState<Memory>, block: Block): number {
    const place = this.#put(state.first, state.second, block, state.touchedMs);
    this.#states[place] = state;
    state.place = place;
    return place;
  }

  #put(first: number, second: number, block: Block, touchedMs: number): number {
    if (block.isInCut) this.#saveInCut(block);
    const place = this.#columns.add(first, second, block.number, touchedMs);
    this.#index.add(place);
    this.#states[place] = null;
    block.places.push(place);
    if (block.places.length === STATES_PER_BLOCK) {
      this.#roomy.delete(block.number);
      if (block === this.#filling) this.#filling = null;
    }
    return place;
  }

  /** Takes notice that a state got an event that was stored at `storedMs`: it is the one used last, and is to be saved. */
  touched({ place }: KeyedState<Memory>, storedMs: number): void {
    const columns = this.#columns;
    // Counted exactly when it is evaluated.
    columns.setWeight(place, columns.weight(place) + 1);
    this.#events += 1;
    if (!this.#isDirty[columns.block(place)]) this.#dirt(this.#blockOf(place));
    // Before where the clock was set back.
    if (Math.abs(storedMs - columns.touchedMs(place)) < MOVED_EVERY_MS) return;
    columns.setTouched(place, storedMs);
    columns.moveToEnd(place);
  }

  /** Takes notice that the incidents of a state may have changed. */
  pend(state: KeyedState<Memory>): void {
    if (state.isPending) return;
    state.isPending = true;
    this.#pending.push(state);
  }

  /** Keeps the current state of a state as it is until `release`: it is asked for again soon. */
  hold(state: KeyedState<Memory>): void {
    this.#held.push(state);
  }

  /** Drops the current states that were kept, where they are cheap to make again. */
  release(): void {
    for (const state of this.#held) state.dropShort(this.context);
    this.#held.length = 0;
  }

  /** The states whose incidents may have changed since the last call. Some may have been looked at since. */
  takePending(): KeyedState<Memory>[] {
    const pending = this.#pending;
    this.#pending = [];
    return pending;
  }

  /** Takes notice that a state is to be saved. */
  changed(state: KeyedState<Memory>): void {
    // Evicted states have none.
    if (state.place < 0) return;
    if (!this.#isDirty[this.#columns.block(state.place)]) this.#dirt(this.#blockOf(state.place));
    this.#weigh(state);
  }

  #weigh(state: KeyedState<Memory>): void {
    const { place } = state;
    const weight = state.events + 1;
    this.#events += weight - this.#columns.weight(place);
    this.#columns.setWeight(place, weight);
  }

  /**
   * Evicts what was not used for too long by the clock `nowMs`, or is too much. `evicted` gets the first number of its key, and its state
   * where that is more than one event.
   */
  evict(nowMs: number, evicted: (first: number, state: KeyedState<Memory> | null) => void): void {
    const { rememberedMs } = this.context.detector;
    const columns = this.#columns;
    for (let place = columns.oldest; place >= 0; place = columns.oldest) {
      const isFull = this.#index.size > STATES_LIMIT || this.#events > EVENTS_LIMIT;
      if (!isFull && nowMs - columns.touchedMs(place) <= rememberedMs) return;
      const first = columns.first(place);
      const state = this.#states[place] ?? null;
      this.#remove(place, state);
      evicted(first, state);
    }
  }

  #remove(place: number, state: KeyedState<Memory> | null): void {
    const block = this.#blockOf(place);
    if (block.isInCut) this.#saveInCut(block);
    const { places } = block;
    if (places.length === STATES_PER_BLOCK) this.#roomy.set(block.number, block);
    const last = places.pop() as number;
    if (last !== place) places[places.indexOf(place)] = last;
    if (!this.#isDirty[block.number]) this.#dirt(block);
    this.#index.delete(place);
    this.#events -= this.#columns.weight(place);
    this.#columns.delete(place);
    this.#states[place] = null;
    if (state) state.place = -1;
  }

  /** Visits the interned texts of all states, but for numbers of hosts. */
  visitTexts(visit: (text: number) => void): void {
    for (const state of this.states()) {
      if (this.kind !== 'host') visit(state.first);
      state.visitTexts(this.context.detector, visit);
    }
  }

  /**
   * Begins a checkpoint of the blocks that changed since the last one began. `save` gets each as it is now: when it is about
   * to change, or by `saveNext`.
   */
  beginCut(save: (block: StateBlock<Memory>) => void): void {
    this.#save = save;
    this.#cut = this.#dirty;
    this.#dirty = [];
    for (const block of this.#cut) {
      this.#isDirty[block.number] = false;
      block.isInCut = true;
    }
  }

  /** Saves the block of a state that is about to change, where the checkpoint that is being made needs it. */
  saveBefore({ place }: KeyedState<Memory>): void {
    if (place < 0) return;
    const block = this.#blockOf(place);
    if (block.isInCut) this.#saveInCut(block);
  }

  /** Saves the next block of the checkpoint that is being made; false where none is left. */
  saveNext(): boolean {
    for (let block = this.#cut.pop(); block; block = this.#cut.pop())
      if (block.isInCut) {
        this.#saveInCut(block);
        return true;
      }
    return false;
  }

  #saveInCut(block: Block): void {
    block.isInCut = false;
    const columns = this.#columns;
    let weight = 0;
    const states = block.places.map((place) => {
      const state = this.#states[place] ?? this.#copy(place);
      state.touchedMs = columns.touchedMs(place);
      weight += columns.weight(place);
      return state;
    });
    this.#save({ number: block.number, states, weight });
  }

  /** Puts the states in the order of use, after all that were saved are back. */
  sort(): void {
    this.#columns.sort();
  }

  #blockOf(place: number): Block {
    return this.#blocks[this.#columns.block(place)] as Block;
  }

  #roomyBlock(): Block {
    this.#filling ??= this.#roomy.values().next().value ?? this.#block(this.#blocks.length);
    return this.#filling;
  }

  #block(number: number): Block {
    for (let next = this.#blocks.length; next <= number; next += 1) {
      const block = { number: next, places: [], isInCut: false };
      this.#blocks.push(block);
      this.#isDirty.push(false);
      this.#roomy.set(next, block);
    }
    return this.#blocks[number] as Block;
  }

  #dirt(block: Block): void {
    this.#isDirty[block.number] = true;
    this.#dirty.push(block);
  }
}
