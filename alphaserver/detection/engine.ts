/** The rules over the whole fleet: stored events in, incidents out. Pure: the clock, names and the past come in. */

import { type DetectionConfig, EVENT_RULES, type EventRule } from '../alert-config/rules.ts';
import type { StoredEvent } from '../store/store.ts';
import {
  hostFold,
  KIND_OF,
  KINDS,
  type Kind,
  keysOf,
  pairFold,
  sourceFold,
  targetFold,
  userFold,
} from './detectors.ts';
import { type Incident, incidentOf, type Live, liveOf } from './incident.ts';
import type { Turn } from './keyed-state.ts';
import { type DirtyStory, Shelf } from './keyed-state-map.ts';
import { type Seen, seenOf, Texts } from './rule-event.ts';
import { Absorption } from './scan-grouping.ts';
import type { Draft } from './threshold-window.ts';

/** What the engine is given. */
export interface EngineOptions {
  readonly config: DetectionConfig;
  /** True for events that no rule may see. */
  readonly allowed: (seen: Seen) => boolean;
  /** The id of the n-th incident of a rule and key. */
  readonly nameOf: (rule: EventRule, key: string, ordinal: number) => string;
  /** The highest ordinal among incidents of a rule and key that were raised by an event before this id; 0 for none. */
  readonly ordinalBefore: (rule: EventRule, key: string, eventId: number) => number;
}

/** Old stories are let go of so often. */
const FORGET_EVERY_EVENTS = 256;

/** Incidents whose source has gone quiet are looked for so often. */
const LOOK_EVERY_MS = 1_000;

/** An incident that changed, and the event that raised it; or one that is no more, because an event out of order joined it with another. */
export interface Change {
  readonly incident: Incident;
  readonly by: number;
  readonly withdrawn: boolean;
}

/** All stories. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #shelves: Record<Kind, Shelf>;
  readonly #absorption: Absorption;
  /** New, or no more, or in another place: to be told at once. */
  #news = new Map<string, Live>();
  /** Only grown, or over. */
  readonly #changed = new Map<string, Live>();
  readonly #open = new Map<string, Live>();
  readonly #texts = new Texts();
  #quietMs = Number.NEGATIVE_INFINITY;

  constructor(options: EngineOptions) {
    const { config } = options;
    this.#options = options;
    this.#shelves = {
      pair: new Shelf('pair', pairFold(config)),
      source: new Shelf('source', sourceFold(config)),
      target: new Shelf('target', targetFold(config)),
      user: new Shelf('user', userFold(config)),
      host: new Shelf('host', hostFold(config)),
    };
    this.#absorption = new Absorption(config);
  }

  /** Takes a story back from disk. Least recently touched first. Its incidents are told of already; `recall` has the open ones. */
  restore(kept: DirtyStory): void {
    const { kind, key } = kept;
    const story = this.#shelves[kind].restore(kept);
    for (const { rule, draft } of story?.incidents() ?? []) {
      const id = this.#id(rule, key, draft);
      const live = { id, rule, kind, key, draft, by: story?.touched ?? 0, withdrawn: false };
      this.#absorption.note(live, kept.touchedMs);
    }
  }

  /**
   * Takes an incident back by the clock `nowMs`, after all stories: so that it is closed in time, finds the scan it is a
   * part of, and is written again where its story knows more of it than was written.
   */
  recall(incident: Incident, by: number, nowMs: number): void {
    const { id, key, ordinal, count, lastAt, closedAt } = incident;
    const rule = EVENT_RULES.find((one) => one === incident.rule);
    if (!rule) return;
    const turns = this.#shelves[KIND_OF[rule]].get(key)?.incidents() ?? [];
    const turn = turns.find((one) => one.rule === rule && one.draft.ordinal === ordinal);
    const live = liveOf(incident, rule, by, turn?.draft);
    const grown = live.draft.count !== count || live.draft.lastAt !== lastAt;
    if (closedAt === null || grown) this.#open.set(id, live);
    if (grown) this.#changed.set(id, live);
    this.#absorption.note(live, nowMs, incident.partOf);
  }

  /** Takes a stored event. Events come in the order of their ids. */
  take(event: StoredEvent): void {
    const seen = seenOf(event, this.#options.config, this.#texts);
    if (this.#options.allowed(seen)) return;
    const storedMs = Date.parse(event.storedAt);
    for (const [kind, key] of keysOf(seen)) {
      const turns = this.#shelves[kind].tell(key, seen, storedMs, (rule) => this.#ordinalBefore(rule, key, seen.id));
      for (const turn of turns) this.#turned(kind, key, turn, seen.id, storedMs);
    }
    // By the id, so that it is at the same events after a restart.
    if (event.id % FORGET_EVERY_EVENTS === 0) for (const kind of KINDS) this.#shelves[kind].forget(storedMs);
  }

  /** How many incidents of a rule and key there were before an event: those told of, and those about to be. */
  #ordinalBefore(rule: EventRule, key: string, eventId: number): number {
    let ordinal = this.#options.ordinalBefore(rule, key, eventId);
    for (;;) {
      const id = this.#options.nameOf(rule, key, ordinal + 1);
      const next = this.#news.get(id) ?? this.#open.get(id);
      if (!next || next.withdrawn || next.by >= eventId) return ordinal;
      ordinal += 1;
    }
  }

  #turned(kind: Kind, key: string, { rule, draft, withdrawn }: Turn, by: number, nowMs: number): void {
    const id = this.#id(rule, key, draft);
    const known = this.#news.get(id) ?? this.#open.get(id);
    const live = { id, rule, kind, key, draft, withdrawn, by: known?.by ?? by };
    if (withdrawn || this.#news.has(id) || !this.#open.has(id)) {
      this.#news.set(id, live);
      this.#changed.delete(id);
    } else this.#changed.set(id, live);
    if (withdrawn) {
      this.#open.delete(id);
      this.#absorption.drop(live);
    } else {
      this.#open.set(id, live);
      this.#absorption.note(live, nowMs);
    }
  }

  #id(rule: EventRule, key: string, draft: Draft): string {
    draft.id ||= this.#options.nameOf(rule, key, draft.ordinal);
    return draft.id;
  }

  /** True when an incident is new or no more since the last call of `changes`: something to tell at once. */
  get urgent(): boolean {
    return this.#news.size > 0;
  }

  /**
   * What changed since the last calls, by the clock `nowMs`: all that is new, no more, or in another place, and at most
   * `limit` incidents that only grew, or whose source has been quiet for long enough; the rest is for the next call.
   */
  changes(nowMs: number, limit = Number.POSITIVE_INFINITY): Change[] {
    for (const live of this.#absorption.takeMoved()) this.#news.set(live.id, this.#news.get(live.id) ?? live);
    this.#close(nowMs);
    const told = [...this.#news.values()];
    this.#news = new Map();
    for (const live of told) this.#changed.delete(live.id);
    for (const [id, live] of this.#changed.entries().take(limit)) {
      this.#changed.delete(id);
      told.push(live);
    }
    const changes = told.map((live): Change => {
      const incident = incidentOf(live, this.#absorption.partOf(live), nowMs, this.#options.config);
      if (incident.closedAt !== null) this.#open.delete(live.id);
      return { by: live.by, withdrawn: live.withdrawn, incident };
    });
    this.#absorption.forget(nowMs);
    return changes;
  }

  /** Finds those that are over. Looks at all that are open, so not more than once a second. */
  #close(nowMs: number): void {
    if (nowMs >= this.#quietMs && nowMs - this.#quietMs < LOOK_EVERY_MS) return;
    this.#quietMs = nowMs;
    const { quietMs } = this.#options.config;
    for (const [id, live] of this.#open)
      if (live.draft.lastAt + quietMs <= nowMs && !this.#news.has(id)) this.#changed.set(id, live);
  }

  /**
   * Some of the stories that changed since they were last kept on disk, those waiting longest first. Each is whole as of
   * its last event, so they need not be kept all at once.
   */
  dirty(limit: number): DirtyStory[] {
    return KINDS.flatMap((kind) => this.#shelves[kind].takeDirty(limit));
  }

  /** The id of an event: when all that `dirty` gave is on disk, those after it have to be taken again after a restart. */
  keptTo(lastId: number): number {
    return Math.min(...KINDS.map((kind) => this.#shelves[kind].firstDirty ?? lastId + 1)) - 1;
  }

  /** How many stories are held, how many wait to be kept, how many events are in them; and incidents that only grew and wait to be told. */
  get size(): { readonly stories: number; readonly dirty: number; readonly weight: number; readonly changed: number } {
    const sum = (count: (shelf: Shelf) => number): number =>
      KINDS.reduce((total, kind) => total + count(this.#shelves[kind]), 0);
    return {
      stories: sum(({ size }) => size),
      dirty: sum(({ dirty }) => dirty),
      weight: sum(({ weight }) => weight),
      changed: this.#changed.size,
    };
  }
}
