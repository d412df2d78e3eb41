/** The rules at work on what is stored, piece by piece. Pure: the past, the clock and the names come in, findings go out. */

import type { AlertSettings } from '../alert-config/settings.ts';
import { type AgentMemory, States } from '../detection/agent-health.ts';
import { allowedBy } from '../detection/allowlist.ts';
import { type Change, Engine } from '../detection/engine.ts';
import type { Incident } from '../detection/incident.ts';
import type { DirtyStory } from '../detection/keyed-state-map.ts';
import type { AgentRecord, StoredEvent } from '../store/store.ts';

/** Events taken in one piece: what is found in them is written in one transaction. Fewer where much is found. */
export const PIECE_EVENTS = 1_000;
const PIECE_LEAST_EVENTS = 50;
/** So many incidents in one transaction are some milliseconds of the thread that stores: after more, the next piece is smaller. */
export const CHANGES_WANTED = 40;
/** Incidents that only grew, written in one transaction: it is short, and commits of events go between. */
const GROWN_AT_ONCE = 40;
/** Stories of each kind kept at once, between two pieces of events. */
export const STORIES_AT_ONCE = 200;
/** What only grew is written, and the clock looked at, so often; and the rest of it, where it is more than goes at once. */
const GROWTH_EVERY_MS = 1_000;
const GROWTH_REST_MS = 100;
/** Stories are kept so often: what is after them is thought again after a crash. */
const STORIES_EVERY_MS = 2_000;
/** The agents are looked at so often. */
const AGENTS_EVERY_MS = 5_000;
/**
 * Closed incidents are taken up again after a restart when they are, or came to be known, not longer ago than this: a scan
 * may still take them in.
 */
const RECENT_MS = 3 * 86_400_000;

/** What was before, as the store has it. */
export interface Past {
  /** Up to this event the incidents are written. */
  readonly told: number;
  /** Up to this event what the rules remember is kept; not above `told`. */
  readonly kept: number;
  /** Stored events with ids above `id`, in that order. */
  eventsAfter(id: number, limit: number): StoredEvent[];
  agents(): AgentRecord[];
  /** The highest ordinal among written incidents of a rule and key that were raised by an event before this one. */
  ordinalBefore(rule: string, key: string, eventId: number): number;
  nameOf(rule: string, key: string, ordinal: number): string;
  stories(): Iterable<DirtyStory>;
  knownAgents(): [agent: string, memory: AgentMemory][];
  /** Incidents that are open, had an event since, or were raised by one stored since, and the events that raised them. */
  recent(sinceMs: number): [incident: Incident, by: number][];
}

/** What is to be written, all in one transaction. */
export interface Findings {
  readonly changes: readonly Change[];
  readonly agents: readonly [agent: string, memory: AgentMemory][];
  readonly told: number;
}

/** Stories that are to be kept, and up to which event all are kept then. */
export interface Remembered {
  readonly stories: readonly DirtyStory[];
  readonly kept: number;
}

/** The event that raised the incident of an agent: there is none. */
const NO_EVENT = 0;

/** From where the past left off. Each `look` must be given only once the findings of the last one are written. */
export class Watch {
  readonly #past: Past;
  readonly #engine: Engine;
  readonly #states: States;
  #at: number;
  #told: number;
  #kept: number;
  /** True while stories are kept, until none waits. */
  #keeping = false;
  /** True while more have grown than were written. */
  #growing = false;
  #piece = PIECE_EVENTS;
  /** When the last event taken was stored; null when all there are were taken. */
  #behindMs: number | null = null;
  #grownMs = Number.NEGATIVE_INFINITY;
  #storiesMs = Number.NEGATIVE_INFINITY;
  #agentsMs = Number.NEGATIVE_INFINITY;

  constructor(past: Past, { detection, allow }: AlertSettings, startedMs: number) {
    this.#past = past;
    const { nameOf } = past;
    this.#engine = new Engine({
      config: detection,
      nameOf,
      allowed: allowedBy(allow),
      ordinalBefore: (rule, key, id) => past.ordinalBefore(rule, key, id),
    });
    this.#states = new States({
      config: detection,
      nameOf,
      lastOrdinal: (rule, agent) => past.ordinalBefore(rule, agent, NO_EVENT + 1),
      startedMs,
    });
    this.#at = past.kept;
    this.#told = past.told;
    this.#kept = past.kept;
    for (const story of past.stories()) this.#engine.restore(story);
    for (const [agent, memory] of past.knownAgents()) this.#states.restore(agent, memory);
    for (const [incident, by] of past.recent(startedMs - RECENT_MS)) {
      this.#engine.recall(incident, by, startedMs);
      this.#states.recall(incident);
    }
  }

  /** The newest event that was taken. */
  get at(): number {
    return this.#at;
  }

  /** How long ago the last event taken was stored, milliseconds; 0 when none waits. */
  lagMs(nowMs: number): number {
    return this.#behindMs === null ? 0 : Math.max(0, nowMs - this.#behindMs);
  }

  /** How many stories are held, and how many wait to be kept. */
  get size(): { readonly stories: number; readonly dirty: number } {
    return this.#engine.size;
  }

  /** True when there is more to do at once. */
  get more(): boolean {
    return this.#behindMs !== null || this.#keeping;
  }

  /** Takes the next piece of events and looks at the clock. Null when there is nothing to write. */
  look(nowMs: number): Findings | null {
    const events = this.#past.eventsAfter(this.#at, this.#piece);
    for (const event of events) this.#engine.take(event);
    this.#goOn(events);
    // Until then the incidents that are written are ahead of those in hand.
    if (this.#at < this.#told) return null;
    const changes = [...this.#grown(nowMs), ...this.#agents(nowMs)];
    this.#piece = pieceAfter(this.#piece, changes.length);
    return this.#findings(changes, this.#keepingDue(nowMs));
  }

  /** What is still to be written where no more events are taken; null when nothing is. */
  rest(nowMs: number): Findings | null {
    if (this.#at < this.#told) return null;
    const changes = this.#engine.urgent ? this.#engine.changes(Math.min(nowMs, this.#behindMs ?? nowMs), 0) : [];
    return this.#findings(changes, true);
  }

  /** Stories are kept up to where incidents are written, never further: then that mark is written, be it alone. */
  #findings(changes: readonly Change[], toKeep: boolean): Findings | null {
    const agents = this.#states.dirty();
    if (changes.length + agents.length === 0 && !(toKeep && this.#at > this.#told)) return null;
    this.#told = this.#at;
    return { changes, agents, told: this.#told };
  }

  /**
   * The next of the stories that are due, null when none is. To be kept before anything else is asked, and only once the
   * findings of the last `look` are written.
   */
  stories(nowMs: number): Remembered | null {
    if (this.#at > this.#told || !this.#keepingDue(nowMs)) return null;
    const stories = this.#engine.dirty(STORIES_AT_ONCE);
    this.#storiesMs = nowMs;
    this.#keeping = this.#engine.size.dirty > 0;
    const kept = this.#engine.keptTo(this.#at);
    if (stories.length === 0 && kept === this.#kept) return null;
    this.#kept = kept;
    return { stories, kept };
  }

  #goOn(events: readonly StoredEvent[]): void {
    const last = events.at(-1);
    this.#behindMs = last && events.length === this.#piece ? Date.parse(last.storedAt) : null;
    // Where nothing is stored behind it, a mark that is ahead is as far as there is.
    this.#at = this.#behindMs === null ? Math.max(this.#told, last?.id ?? this.#at) : (last as StoredEvent).id;
  }

  #grown(nowMs: number): Change[] {
    const due = isDue(nowMs, this.#grownMs, this.#growing ? GROWTH_REST_MS : GROWTH_EVERY_MS);
    if (!this.#engine.urgent && !due) return [];
    // Nobody is quiet whose events are only not looked at yet.
    const changes = this.#engine.changes(Math.min(nowMs, this.#behindMs ?? nowMs), due ? GROWN_AT_ONCE : 0);
    if (due) {
      this.#grownMs = nowMs;
      this.#growing = this.#engine.size.changed > 0;
    }
    return changes;
  }

  #agents(nowMs: number): Change[] {
    if (this.#behindMs !== null || !isDue(nowMs, this.#agentsMs, AGENTS_EVERY_MS)) return [];
    this.#agentsMs = nowMs;
    const changed = this.#states.look(this.#past.agents(), nowMs);
    return changed.map((incident) => ({ incident, by: NO_EVENT, withdrawn: false }));
  }

  #keepingDue(nowMs: number): boolean {
    // Once begun, it goes on until none waits.
    return this.#keeping || isDue(nowMs, this.#storiesMs, STORIES_EVERY_MS);
  }
}

/** How many events to take after a piece in which so many incidents changed. */
function pieceAfter(events: number, changes: number): number {
  if (changes > 2 * CHANGES_WANTED) return Math.max(PIECE_LEAST_EVENTS, events >> 1);
  return changes < CHANGES_WANTED ? Math.min(PIECE_EVENTS, events << 1) : events;
}

/** True when so much has passed; also after the clock was set back. */
const isDue = (nowMs: number, lastMs: number, everyMs: number): boolean => nowMs - lastMs >= everyMs || nowMs < lastMs;
