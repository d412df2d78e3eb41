/** The stories of one kind of key: bounded, and kept on disk a few at a time. */

import type { EventRule } from '../alert-config/rules.ts';
import { type Kind, REMEMBERED_MS } from './detectors.ts';
import { type Fold, type PackedStory, Story, type Turn } from './keyed-state.ts';
import type { Seen } from './rule-event.ts';

// biome-ignore lint/suspicious/noExplicitAny: a shelf never looks inside a story's memory.
type AnyFold = Fold<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above.
type AnyStory = Story<any, any>;

/** Stories, and events in them, that one kind may hold: what was not touched for longest goes first. */
export const STORIES_LIMIT = 200_000;
export const WEIGHT_LIMIT = 1_500_000;

/** A story to keep on disk, or (null) to forget there. */
export interface DirtyStory {
  readonly kind: Kind;
  readonly key: string;
  readonly touched: number;
  readonly touchedMs: number;
  readonly packed: PackedStory<unknown> | null;
}

/**
 * A story is put at the end of the line when it is touched, but not more often than this: a Map keeps the places that were
 * left until it grows, in the chain of the same key, and a key that moves with each event would find itself only behind all
 * of them.
 */
const MOVED_EVERY_MS = 60_000;

const NOTHING: readonly Turn[] = [];

/**
 * Holds STORIES_LIMIT stories and WEIGHT_LIMIT events in them; says which are to be kept on disk, and is given them
 * back.
 */
export class Shelf {
  readonly #kind: Kind;
  readonly #fold: AnyFold;
  /** Least recently touched first, to the minute. */
  readonly #stories = new Map<string, AnyStory>();
  #weight = 0;
  /** Stories with events that are not kept on disk, and the id of the first such event; oldest first. */
  readonly #dirty = new Map<string, number>();

  constructor(kind: Kind, fold: AnyFold) {
    this.#kind = kind;
    this.#fold = fold;
  }

  get size(): number {
    return this.#stories.size;
  }

  get dirty(): number {
    return this.#dirty.size;
  }

  get weight(): number {
    return this.#weight;
  }

  /** The oldest event that is in no story on disk; null when all are. */
  get firstDirty(): number | null {
    return this.#dirty.values().next().value ?? null;
  }

  get(key: string): AnyStory | undefined {
    return this.#stories.get(key);
  }

  /** Takes a story back from disk. Least recently touched first. */
  restore({ key, packed, touchedMs }: DirtyStory): AnyStory | null {
    if (!packed) return null;
    const story = new Story(this.#fold, packed);
    story.touchedMs = story.movedMs = touchedMs;
    this.#stories.set(key, story);
    this.#weight += story.weight;
    return story;
  }

  /** Tells a story an event that was stored at `storedMs`; what changed by it. */
  tell(key: string, seen: Seen, storedMs: number, numberBefore: (rule: EventRule) => number): readonly Turn[] {
    const known = this.#stories.get(key);
    // It was kept on disk later than others, and is told again what it knows.
    if (known && seen.id <= known.touched) return NOTHING;
    const story: AnyStory = known ?? new Story(this.#fold);
    const before = known?.weight ?? 0;
    const turns = story.add(seen, numberBefore);
    story.touchedMs = storedMs;
    if (!known || Math.abs(storedMs - story.movedMs) >= MOVED_EVERY_MS) {
      this.#stories.delete(key);
      this.#stories.set(key, story);
      story.movedMs = storedMs;
    }
    this.#weight += story.weight - before;
    if (!this.#dirty.has(key)) this.#dirty.set(key, seen.id);
    return turns;
  }

  /**
   * Lets go of what is too old or too much. Not after each event: a Map that is changed at its end and looked at from its
   * beginning steps over all that was taken out since it last grew.
   */
  forget(storedMs: number): void {
    for (const [key, story] of this.#stories) {
      const full = this.#stories.size > STORIES_LIMIT || this.#weight > WEIGHT_LIMIT;
      if (!full && storedMs - story.touchedMs <= REMEMBERED_MS[this.#kind]) return;
      this.#stories.delete(key);
      this.#weight -= story.weight;
      if (!this.#dirty.has(key)) this.#dirty.set(key, story.touched);
    }
  }

  /** Some of the stories that are not on disk as they are, those waiting longest first. */
  takeDirty(limit: number): DirtyStory[] {
    return [...this.#dirty.keys().take(limit)].map((key): DirtyStory => {
      this.#dirty.delete(key);
      const story = this.#stories.get(key);
      const { touched = 0, touchedMs = 0 } = story ?? {};
      return { kind: this.#kind, key, touched, touchedMs, packed: story?.pack() ?? null };
    });
  }
}
