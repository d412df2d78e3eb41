/** The keyed states of one kind: bounded, least recently used evicted first, and saved in blocks. */
import type { Detector, Kind } from './detector.ts';
import { KeyIndex } from './key-index.ts';
import type { KeyedState, StateBlock, StateContext } from './keyed-state.ts';
import { type AgentOrder, RuleEvent } from './rule-event.ts';

/** States, and events in them, that one kind may hold. */
export const STATES_LIMIT = 200_000;
export const EVENTS_LIMIT = 1_500_000;
/**
 * States of a block. Keys that come up together are in one block, so what is quiet is not saved again. Of the busiest ones
 * this many are some ten milliseconds of saving, which is not interrupted.
 */
export const STATES_PER_BLOCK = 64;

/**
 * A state moves to the end of the list, and its time of use is written, at most so often: that touches three more places in
 * memory, and the order of use need not be exact.
 */
const MOVED_EVERY_MS = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: for those who hold states whatever their detector remembers.
export type AnyStateMap = KeyedStateMap<any>;

/** Holds STATES_LIMIT states and EVENTS_LIMIT events in them. */
export class KeyedStateMap<Memory> {
  readonly kind: Kind;
  context: StateContext<Memory>;
  readonly #index = new KeyIndex<KeyedState<Memory>>();
  /** The ends of the list that is in the order of use. */
  #oldest: KeyedState<Memory> | null = null;
  #newest: KeyedState<Memory> | null = null;
  #events = 0;
  #blocks = 0;
  /** Blocks with fewer than STATES_PER_BLOCK states. */
  readonly #roomy = new Map<number, StateBlock<Memory>>();
  /** The block of them that new states go to, null where it is to be found. */
  #filling: StateBlock<Memory> | null = null;
  #dirty: StateBlock<Memory>[] = [];
  /** Blocks of the checkpoint that is being made. Some may be saved. */
  #cut: StateBlock<Memory>[] = [];
  #save: (block: StateBlock<Memory>) => void = () => {};
  #pending: KeyedState<Memory>[] = [];

  constructor(detector: Detector<Memory>, order: AgentOrder) {
    this.kind = detector.kind;
    this.context = { detector, order, scratch: new RuleEvent() };
  }

  /** Takes a detector with other settings; the states stay. */
  configure(detector: Detector<Memory>): void {
    this.context = { ...this.context, detector };
  }

  get size(): number {
    return this.#index.size;
  }

  get events(): number {
    return this.#events;
  }

  get(first: number, second: number): KeyedState<Memory> | undefined {
    return this.#index.get(first, second);
  }

  /** Every state, least recently used first. */
  *states(): Generator<KeyedState<Memory>> {
    for (let state = this.#oldest; state; state = state.newer) yield state;
  }

  /** Adds a new state. */
  add(state: KeyedState<Memory>): void {
    this.#put(state, this.#roomyBlock());
  }

  /** Adds a state that was saved in a block. `sort` is to be called after the last one. */
  restore(state: KeyedState<Memory>, block: number): void {
    this.#put(state, this.#block(block));
    this.#weigh(state);
  }

  #put(state: KeyedState<Memory>, block: StateBlock<Memory>): void {
    if (block.isInCut) this.#saveInCut(block);
    this.#index.add(state);
    this.#append(state);
    block.states.push(state);
    state.block = block;
    if (block.states.length < STATES_PER_BLOCK) return;
    this.#roomy.delete(block.number);
    if (block === this.#filling) this.#filling = null;
  }

  /** Takes notice that a state got an event that was stored at `storedMs`: it is the one used last, and is to be saved. */
  touched(state: KeyedState<Memory>, storedMs: number): void {
    // Counted exactly when it is evaluated.
    state.weight += 1;
    this.#events += 1;
    if (state.block && !state.block.isDirty) this.#dirt(state.block);
    // Before where the clock was set back.
    if (Math.abs(storedMs - state.touchedMs) < MOVED_EVERY_MS) return;
    state.touchedMs = storedMs;
    this.#unlink(state);
    this.#append(state);
  }

  /** Takes notice that the incidents of a state may have changed. */
  pend(state: KeyedState<Memory>): void {
    if (state.isPending) return;
    state.isPending = true;
    this.#pending.push(state);
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
    const { block } = state;
    if (!block) return;
    if (!block.isDirty) this.#dirt(block);
    this.#weigh(state);
  }

  #weigh(state: KeyedState<Memory>): void {
    const weight = state.events + 1;
    this.#events += weight - state.weight;
    state.weight = weight;
  }

  /** Evicts what was not used for too long by the clock `nowMs`, or is too much. */
  evict(nowMs: number, evicted: (state: KeyedState<Memory>) => void): void {
    const { rememberedMs } = this.context.detector;
    while (this.#oldest) {
      const state: KeyedState<Memory> = this.#oldest;
      const isFull = this.#index.size > STATES_LIMIT || this.#events > EVENTS_LIMIT;
      if (!isFull && nowMs - state.touchedMs <= rememberedMs) return;
      this.#unlink(state);
      this.#index.delete(state);
      this.#events -= state.weight;
      this.#leaveBlock(state);
      evicted(state);
    }
  }

  /**
   * Begins a checkpoint of the blocks that changed since the last one began. `save` gets each as it is now: when it is about
   * to change, or by `nextInCut`.
   */
  beginCut(save: (block: StateBlock<Memory>) => void): void {
    this.#save = save;
    this.#cut = this.#dirty;
    this.#dirty = [];
    for (const block of this.#cut) {
      block.isDirty = false;
      block.isInCut = true;
    }
  }

  /** Saves the block of a state that is about to change, where the checkpoint that is being made needs it. */
  saveBefore({ block }: KeyedState<Memory>): void {
    if (block?.isInCut) this.#saveInCut(block);
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

  #saveInCut(block: StateBlock<Memory>): void {
    block.isInCut = false;
    this.#save(block);
  }

  /** Puts the states in the order of use, after all that were saved are back. */
  sort(): void {
    const states = [...this.states()].sort((a, b) => a.touchedMs - b.touchedMs);
    this.#oldest = this.#newest = null;
    for (const state of states) {
      state.older = state.newer = null;
      this.#append(state);
    }
  }

  #append(state: KeyedState<Memory>): void {
    state.older = this.#newest;
    if (this.#newest) this.#newest.newer = state;
    else this.#oldest = state;
    this.#newest = state;
  }

  #unlink(state: KeyedState<Memory>): void {
    if (state.older) state.older.newer = state.newer;
    else this.#oldest = state.newer;
    if (state.newer) state.newer.older = state.older;
    else this.#newest = state.older;
    state.older = state.newer = null;
  }

  #roomyBlock(): StateBlock<Memory> {
    this.#filling ??= this.#roomy.values().next().value ?? this.#block(this.#blocks);
    return this.#filling;
  }

  #block(number: number): StateBlock<Memory> {
    const known = this.#roomy.get(number);
    if (known) return known;
    const block = { number, states: [], isDirty: false, isInCut: false };
    this.#blocks = Math.max(this.#blocks, number + 1);
    this.#roomy.set(number, block);
    return block;
  }

  #leaveBlock(state: KeyedState<Memory>): void {
    const { block } = state;
    if (!block) return;
    if (block.isInCut) this.#saveInCut(block);
    if (block.states.length === STATES_PER_BLOCK) this.#roomy.set(block.number, block);
    const last = block.states.pop();
    if (last && last !== state) block.states[block.states.indexOf(state)] = last;
    if (!block.isDirty) this.#dirt(block);
    state.block = null;
  }

  #dirt(block: StateBlock<Memory>): void {
    block.isDirty = true;
    this.#dirty.push(block);
  }
}
