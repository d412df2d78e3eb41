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
import { EVENT_RULES, type EventRule, type Terms } from './terms.ts';
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

/** An incident that changed, and the event that raised it; or one that is no more, because an event out of order joined it with another. */
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
  /** Stories with events that are not kept on disk, and the id of the first such event; oldest first. */
  readonly dirty: Map<string, number>;
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
    const shelf = (fold: AnyFold): Shelf => ({ fold, stories: new Map(), weight: 0, dirty: new Map() });
    this.#shelves = {
      pair: shelf(pairFold(terms)),
      source: shelf(sourceFold(terms)),
      target: shelf(targetFold(terms)),
      user: shelf(userFold(terms)),
      host: shelf(hostFold(terms)),
    };
    this.#absorption = new Absorption(terms);
  }

  /** Takes a story back from disk. Least recently touched first. Its incidents are told of already; `recall` has the open ones. */
  restore({ kind, key, packed, touchedMs }: DirtyStory): void {
    if (!packed) return;
    const { stories, fold } = this.#shelves[kind];
    const story = new Story(fold, packed);
    story.touchedMs = touchedMs;
    stories.set(key, story);
    this.#shelves[kind].weight += story.weight;
    for (const { rule, draft } of story.incidents()) {
      const id = this.#id(rule, key, draft);
      this.#absorption.note({ id, rule, kind, key, draft, by: story.touched, withdrawn: false });
    }
  }

  /** Takes an incident back that no story may hold any more, so that it is closed in time and finds the scan it is a part of. */
  recall(incident: Incident, by: number): void {
    const rule = EVENT_RULES.find((one) => one === incident.rule);
    if (!rule || this.#open.has(incident.id)) return;
    const live = liveOf(incident, rule, by);
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
    // It was kept on disk later than others, and is told again what it knows.
    if (known && seen.id <= known.touched) return;
    const story: AnyStory = known ?? new Story(shelf.fold);
    if (known) {
      shelf.weight -= known.weight;
      shelf.stories.delete(key);
    }
    const turns = story.add(seen, (rule) => this.#ordinalBefore(rule, key, seen.id));
    story.touchedMs = storedMs;
    shelf.stories.set(key, story);
    shelf.weight += story.weight;
    if (!shelf.dirty.has(key)) shelf.dirty.set(key, seen.id);
    for (const turn of turns) this.#turned(kind, key, turn, seen.id);
    this.#forget(kind, storedMs);
  }

  /** How many incidents of a rule and key there were before an event: those told of, and those about to be. */
  #ordinalBefore(rule: EventRule, key: string, eventId: number): number {
    let ordinal = this.#options.ordinalBefore(rule, key, eventId);
    for (;;) {
      const id = this.#options.nameOf(rule, key, ordinal + 1);
      const next = this.#changed.get(id) ?? this.#open.get(id);
      if (!next || next.withdrawn || next.by >= eventId) return ordinal;
      ordinal += 1;
    }
  }

  #turned(kind: Kind, key: string, { rule, draft, withdrawn }: Turn, by: number): void {
    const id = this.#id(rule, key, draft);
    const fresh = !this.#open.has(id);
    const live = { id, rule, kind, key, draft, withdrawn, by: (this.#changed.get(id) ?? this.#open.get(id))?.by ?? by };
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
      if (!shelf.dirty.has(key)) shelf.dirty.set(key, story.touched);
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

  /**
   * Some of the stories that changed since they were last kept on disk, those waiting longest first. Each is whole as of
   * its last event, so they need not be kept all at once.
   */
  dirty(limit: number): DirtyStory[] {
    return KINDS.flatMap((kind) => {
      const { dirty, stories } = this.#shelves[kind];
      return [...dirty.keys().take(limit)].map((key): DirtyStory => {
        dirty.delete(key);
        const story = stories.get(key);
        const { touched = 0, touchedMs = 0 } = story ?? {};
        return { kind, key, touched, touchedMs, packed: story?.pack() ?? null };
      });
    });
  }

  /** The id of an event: when all that `dirty` gave is on disk, those after it have to be taken again after a restart. */
  keptTo(lastId: number): number {
    const waiting = KINDS.map((kind) => this.#shelves[kind].dirty.values().next().value ?? lastId + 1);
    return Math.min(...waiting) - 1;
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
