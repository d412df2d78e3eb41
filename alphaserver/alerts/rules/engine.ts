/** The rules over the whole fleet: stored events in, incidents out. Pure: the clock, names and the past come in. */
import type { StoredEvent } from '../../store/store.ts';
import { Absorption } from './absorption.ts';
import {
  hostFold,
  KINDS,
  type Kind,
  keysOf,
  pairFold,
  REMEMBERED_MS,
  sourceFold,
  targetFold,
  userFold,
} from './folds.ts';
import { type Incident, incidentOf, type Live, liveOf } from './incident.ts';
import { type Seen, seenOf } from './seen.ts';
import { type Fold, type PackedStory, Story, type Turn } from './story.ts';
import type { EventRule, Terms } from './terms.ts';
import type { Draft } from './wave.ts';

// biome-ignore lint/suspicious/noExplicitAny: the engine never looks inside a story's memory.
type AnyFold = Fold<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above.
type AnyStory = Story<any, any>;

/** What the engine is given. */
export interface EngineOptions {
  readonly terms: Terms;
  /** True for events that no rule may see. */
  readonly allowed: (seen: Seen) => boolean;
  /** The id of the n-th incident of a rule and key. */
  readonly nameOf: (rule: EventRule, key: string, ordinal: number) => string;
  /** The highest ordinal among incidents of a rule and key that were raised by an event before this id; 0 for none. */
  readonly ordinalBefore: (rule: EventRule, key: string, eventId: number) => number;
}

/** Stories, and events in them, that one kind may hold: what was not touched for longest goes first. */
export const STORIES_LIMIT = 200_000;
export const WEIGHT_LIMIT = 1_500_000;

/** An incident that changed, and the event that did it; or one that is no more, because an event out of order joined it with another. */
export interface Change {
  readonly incident: Incident;
  readonly by: number;
  readonly withdrawn: boolean;
}

/** A story to keep on disk, or (null) to forget there. */
export interface DirtyStory {
  readonly kind: Kind;
  readonly key: string;
  readonly touched: number;
  readonly touchedMs: number;
  readonly packed: PackedStory<unknown> | null;
}

interface Shelf {
  readonly fold: AnyFold;
  /** Least recently touched first. */
  readonly stories: Map<string, AnyStory>;
  weight: number;
  readonly dirty: Set<string>;
}

/** All stories. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #shelves: Record<Kind, Shelf>;
  readonly #absorption: Absorption;
  #changed = new Map<string, Live>();
  readonly #open = new Map<string, Live>();
  #urgent = false;

  constructor(options: EngineOptions) {
    const { terms } = options;
    this.#options = options;
    const shelf = (fold: AnyFold): Shelf => ({ fold, stories: new Map(), weight: 0, dirty: new Set() });
    this.#shelves = {
      pair: shelf(pairFold(terms)),
      source: shelf(sourceFold(terms)),
      target: shelf(targetFold(terms)),
      user: shelf(userFold(terms)),
      host: shelf(hostFold(terms)),
    };
    this.#absorption = new Absorption(terms);
  }

  /** Takes a story back from disk. Least recently touched first. */
  restore({ kind, key, packed, touchedMs }: DirtyStory): void {
    if (!packed) return;
    const { stories, fold } = this.#shelves[kind];
    const story = new Story(fold, packed);
    story.touchedMs = touchedMs;
    stories.set(key, story);
    this.#shelves[kind].weight += story.weight;
    for (const turn of story.incidents()) this.#turned(kind, key, turn, story.touched);
  }

  /** Takes an incident back that no story may hold any more, so that it is closed in time and finds the scan it is a part of. */
  recall(incident: Incident & { readonly rule: EventRule }, kind: Kind): void {
    if (this.#open.has(incident.id)) return;
    const live = liveOf(incident, kind);
    this.#absorption.note(live);
    if (incident.closedAt === null) this.#open.set(incident.id, live);
  }

  /** Takes a stored event. Events come in the order of their ids. */
  take(event: StoredEvent): void {
    const seen = seenOf(event, this.#options.terms);
    if (this.#options.allowed(seen)) return;
    const storedMs = Date.parse(event.storedAt);
    for (const [kind, key] of keysOf(seen)) this.#tell(kind, key, seen, storedMs);
  }

  #tell(kind: Kind, key: string, seen: Seen, storedMs: number): void {
    const shelf = this.#shelves[kind];
    const known = shelf.stories.get(key);
    const story: AnyStory = known ?? new Story(shelf.fold);
    if (known) {
      shelf.weight -= known.weight;
      shelf.stories.delete(key);
    }
    const turns = story.add(seen, (rule) => this.#options.ordinalBefore(rule, key, seen.id));
    story.touchedMs = storedMs;
    shelf.stories.set(key, story);
    shelf.weight += story.weight;
    shelf.dirty.add(key);
    for (const turn of turns) this.#turned(kind, key, turn, seen.id);
    this.#forget(kind, storedMs);
  }

  #turned(kind: Kind, key: string, { rule, draft, withdrawn }: Turn, by: number): void {
    const id = this.#id(rule, key, draft);
    const fresh = !this.#open.has(id);
    const live = { id, rule, kind, key, draft, withdrawn, by: this.#changed.get(id)?.by ?? by };
    this.#changed.set(id, live);
    this.#urgent ||= withdrawn || fresh;
    if (withdrawn) {
      this.#open.delete(id);
      this.#absorption.drop(live);
    } else {
      this.#open.set(id, live);
      this.#absorption.note(live);
    }
  }

  #id(rule: EventRule, key: string, draft: Draft): string {
    draft.id ||= this.#options.nameOf(rule, key, draft.ordinal);
    return draft.id;
  }

  #forget(kind: Kind, storedMs: number): void {
    const shelf = this.#shelves[kind];
    for (const [key, story] of shelf.stories) {
      const full = shelf.stories.size > STORIES_LIMIT || shelf.weight > WEIGHT_LIMIT;
      if (!full && storedMs - story.touchedMs <= REMEMBERED_MS[kind]) return;
      shelf.stories.delete(key);
      shelf.weight -= story.weight;
      shelf.dirty.add(key);
    }
  }

  /** True when an incident is new or no more since the last call of `changes`: something to tell at once. */
  get urgent(): boolean {
    return this.#urgent;
  }

  /** What changed since the last call, by the clock `nowMs`: incidents whose source has been quiet for long enough are closed. */
  changes(nowMs: number): Change[] {
    const { terms } = this.#options;
    for (const live of this.#absorption.takeMoved()) if (!this.#changed.has(live.id)) this.#changed.set(live.id, live);
    for (const [id, live] of this.#open) {
      if (live.draft.lastAt + terms.quietMs > nowMs) continue;
      this.#open.delete(id);
      if (!this.#changed.has(id)) this.#changed.set(id, live);
    }
    const changes = [...this.#changed.values()].map(
      (live): Change => ({
        by: live.by,
        withdrawn: live.withdrawn,
        incident: incidentOf(live, this.#absorption.partOf(live), nowMs, terms),
      }),
    );
    this.#changed = new Map();
    this.#urgent = false;
    this.#absorption.forget(nowMs);
    return changes;
  }

  /** Stories that changed since the last call, to be kept on disk together with the id of the last event taken. */
  dirty(): DirtyStory[] {
    return KINDS.flatMap((kind) => {
      const { dirty, stories } = this.#shelves[kind];
      const taken = [...dirty].map((key): DirtyStory => {
        const story = stories.get(key);
        return {
          kind,
          key,
          touched: story?.touched ?? 0,
          touchedMs: story?.touchedMs ?? 0,
          packed: story?.pack() ?? null,
        };
      });
      dirty.clear();
      return taken;
    });
  }

  /** How many stories are held, and how many wait to be kept. */
  get size(): { readonly stories: number; readonly dirty: number; readonly weight: number } {
    const all = KINDS.map((kind) => this.#shelves[kind]);
    return {
      stories: all.reduce((sum, { stories }) => sum + stories.size, 0),
      dirty: all.reduce((sum, { dirty }) => sum + dirty.size, 0),
      weight: all.reduce((sum, { weight }) => sum + weight, 0),
    };
  }
}
