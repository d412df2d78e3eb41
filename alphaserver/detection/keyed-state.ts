/**
 * All that happened to one key (a source on a host, a source, a user, a host), in the order it happened, however it
 * came. The past up to some point is settled: folded into a state of bounded size. The newest events are kept beside
 * it, so that one that comes out of order is put in its place and what followed is thought again.
 */

import type { EventRule } from '../alert-config/rules.ts';
import { packState, type State, unpackState } from './base-state.ts';
import { comesBefore, type PackedSeen, packSeen, type Seen, unpackSeen } from './rule-event.ts';
import { copyWave, type Draft, NO_DRAFTS, type Wave } from './threshold-window.ts';

/** How a kind of key is thought about: a pure fold over events in order. `shared` may be filled in any order. */
export interface Fold<M, Shared> {
  /** One for each of a state's waves. */
  readonly rules: readonly EventRule[];
  readonly fresh: () => State<M>;
  readonly copyMemory: (memory: M) => M;
  readonly freshShared: () => Shared;
  readonly share: (shared: Shared, seen: Seen) => void;
  readonly step: (state: State<M>, seen: Seen, shared: Shared) => void;
  /** How far out of order an event may come and still find its place: within this time and among this many newer ones. */
  readonly reachMs: number;
  readonly reachEvents: number;
}

/** An incident of a story that is new, has grown, has changed its place, or is no more. */
export interface Turn {
  readonly rule: EventRule;
  readonly draft: Draft;
  readonly withdrawn: boolean;
}

/** A story as it is kept on disk. */
export interface PackedStory<Shared> {
  readonly settled: unknown;
  readonly settledTo: number;
  readonly shared: Shared;
  readonly tail: readonly PackedSeen[];
  /** The incidents not yet settled, by rule: what keeps their numbers. */
  readonly named: readonly (readonly { ordinal: number; firstAt: number; lastAt: number }[])[];
  readonly numbers: readonly (number | null)[];
  readonly touched: number;
}

interface Named {
  readonly ordinal: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

const drafts = (wave: Wave): Draft[] => (wave.open ? [...wave.done, wave.open] : wave.done);

/** One key's story. `numberBefore` tells how many incidents of a rule this key had before the story began. */
export class Story<M, Shared> {
  readonly #fold: Fold<M, Shared>;
  /** Null while nothing is settled. */
  #settled: State<M> | null;
  #now: State<M>;
  #settledTo = Number.MIN_SAFE_INTEGER;
  readonly #shared: Shared;
  readonly #tail: Seen[] = [];
  /** The number of the last settled incident of each rule; null while it was not asked for. */
  readonly #numbers: (number | null)[];
  /** The id of the last event, which is how recently the story was told. */
  touched = 0;
  /** When that event came: Unix milliseconds. */
  touchedMs = 0;
  /** Its place in the line of those that are let go of: when it was last put at the end. */
  movedMs = 0;

  constructor(fold: Fold<M, Shared>, packed: PackedStory<Shared> | null = null) {
    this.#fold = fold;
    this.#settled = packed?.settled ? (unpackState(packed.settled) as State<M>) : null;
    this.#now = this.#copy();
    this.#shared = packed ? packed.shared : fold.freshShared();
    this.#numbers = packed ? [...packed.numbers] : fold.rules.map(() => null);
    if (!packed) return;
    this.#settledTo = packed.settledTo;
    this.#tail = packed.tail.map(unpackSeen);
    this.touched = packed.touched;
    this.#think();
    for (const [i, wave] of this.#now.waves.entries()) this.#name(drafts(wave), packed.named[i] ?? [], i, () => 0);
  }

  /** How many events it holds. */
  get weight(): number {
    let weight = this.#tail.length + 1;
    for (const { window } of this.#settled?.waves ?? []) weight += window.length;
    return weight;
  }

  /** Takes an event and tells which incidents it changed. */
  add(given: Seen, numberBefore: (rule: EventRule) => number): Turn[] {
    this.touched = given.id;
    this.#fold.share(this.#shared, given);
    // Its place is settled: it counts at the earliest moment that is not.
    const seen = given.at < this.#settledTo ? { ...given, at: this.#settledTo } : given;
    const newest = this.#tail.at(-1);
    const turns =
      newest && comesBefore(given, newest) ? this.#insert(seen, numberBefore) : this.#append(seen, numberBefore);
    this.#settle();
    return turns;
  }

  #append(seen: Seen, numberBefore: (rule: EventRule) => number): Turn[] {
    this.#tail.push(seen);
    const before = this.#now.waves.map((wave) => wave.open?.count ?? 0);
    const opened = this.#now.waves.map((wave) => wave.open);
    this.#fold.step(this.#now, seen, this.#shared);
    const turns: Turn[] = [];
    for (const [i, wave] of this.#now.waves.entries()) {
      const rule = this.#fold.rules[i] as EventRule;
      // That one is over is nothing to tell: the clock says so, too.
      if (!wave.open || (wave.open === opened[i] && wave.open.count === before[i])) continue;
      if (wave.open.ordinal === 0) this.#name([wave.open], [], i, numberBefore);
      turns.push({ rule, draft: wave.open, withdrawn: false });
    }
    return turns;
  }

  #insert(seen: Seen, numberBefore: (rule: EventRule) => number): Turn[] {
    let place = this.#tail.length;
    while (place > 0 && comesBefore(seen, this.#tail[place - 1] as Seen)) place -= 1;
    this.#tail.splice(place, 0, seen);
    const was = this.#now.waves.map(drafts);
    this.#think();
    return this.#now.waves.flatMap((wave, i) => {
      const rule = this.#fold.rules[i] as EventRule;
      const now = drafts(wave);
      this.#name(now, was[i] as Draft[], i, numberBefore);
      const kept = new Set(now.map(({ ordinal }) => ordinal));
      return [
        ...(was[i] as Draft[])
          .filter(({ ordinal }) => !kept.has(ordinal))
          .map((draft) => ({ rule, draft, withdrawn: true })),
        ...now.map((draft) => ({ rule, draft, withdrawn: false })),
      ];
    });
  }

  #copy(): State<M> {
    const { waves, memory } = this.#settled ?? this.#fold.fresh();
    return this.#settled ? { waves: waves.map(copyWave), memory: this.#fold.copyMemory(memory) } : { waves, memory };
  }

  #think(): void {
    this.#now = this.#copy();
    for (const seen of this.#tail) this.#fold.step(this.#now, seen, this.#shared);
  }

  /** Gives incidents the numbers of those they overlap with, and the next free ones to the rest, in order. */
  #name(now: readonly Draft[], was: readonly Named[], wave: number, numberBefore: (rule: EventRule) => number): void {
    const free = [...was];
    for (const draft of now) {
      const i = free.findIndex((old) => old.firstAt <= draft.lastAt && draft.firstAt <= old.lastAt);
      draft.ordinal = i < 0 ? 0 : (free.splice(i, 1)[0] as Named).ordinal;
    }
    const unnamed = now.filter(({ ordinal }) => ordinal === 0);
    if (unnamed.length === 0) return;
    this.#numbers[wave] ??= numberBefore(this.#fold.rules[wave] as EventRule);
    const all = drafts(this.#now.waves[wave] as Wave);
    let last = Math.max(this.#numbers[wave] ?? 0, ...all.map(({ ordinal }) => ordinal));
    for (const draft of unnamed) {
      last += 1;
      draft.ordinal = last;
    }
  }

  /** Folds what no event may come before any more into the settled state. */
  #settle(): void {
    const { reachMs, reachEvents, step } = this.#fold;
    while (
      this.#tail.length > reachEvents ||
      (this.#tail.length > 1 && (this.#tail[0] as Seen).at < (this.#tail.at(-1) as Seen).at - reachMs)
    ) {
      const oldest = this.#tail.shift() as Seen;
      this.#settled ??= this.#fold.fresh();
      step(this.#settled, oldest, this.#shared);
      this.#settledTo = oldest.at;
    }
    for (const [i, wave] of this.#settled?.waves.entries() ?? []) {
      if (wave.done.length === 0) continue;
      const now = this.#now.waves[i] as Wave;
      const settled = now.done.slice(0, wave.done.length);
      now.done = now.done.slice(wave.done.length);
      wave.done = NO_DRAFTS;
      this.#numbers[i] = Math.max(this.#numbers[i] ?? 0, ...settled.map(({ ordinal }) => ordinal));
    }
  }

  /** Its incidents that may still change. */
  incidents(): Turn[] {
    return this.#now.waves.flatMap((wave, i) =>
      drafts(wave).map((draft) => ({ rule: this.#fold.rules[i] as EventRule, draft, withdrawn: false })),
    );
  }

  /** The story as plain data, from which the constructor makes the same one. */
  pack(): PackedStory<Shared> {
    return {
      settled: this.#settled && packState(this.#settled),
      settledTo: this.#settledTo,
      shared: this.#shared,
      tail: this.#tail.map(packSeen),
      named: this.#now.waves.map((wave) =>
        drafts(wave).map(({ ordinal, firstAt, lastAt }) => ({ ordinal, firstAt, lastAt })),
      ),
      numbers: this.#numbers,
      touched: this.touched,
    };
  }
}
