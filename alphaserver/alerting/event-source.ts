/** All that the rules are to know of what was before: read from the store's file, on a connection that only reads, and from their memory. */

import { AGENTS_LIMIT, type AgentMemory } from '../detection/agent-health.ts';
import type { Incident } from '../detection/incident.ts';
import type { DirtyStory } from '../detection/keyed-state-map.ts';
import { Archive } from '../queries/incidents.ts';
import { type AgentRow, agentRecord } from '../store/agents.ts';
import { eventsAfter, firstStoredSince } from '../store/event-rows.ts';
import { openEventsReader } from '../store/folder.ts';
import type { AgentRecord, StoredEvent } from '../store/store.ts';
import { Memory } from './checkpoint.ts';
import { nameIn } from './incident-id.ts';
import { KnownAgents } from './known-agents.ts';
import type { Past } from './rule-runner.ts';
import { type Database, Marks } from './schema.ts';

/** Keeps the promises of Past. */
export class StorePast implements Past {
  readonly #db: Parameters<typeof eventsAfter>[0] & Database;
  readonly #archive: Archive;
  readonly #agents: KnownAgents;
  /** The rules' own file. */
  readonly memory: Memory;
  readonly #marks: Marks;
  readonly nameOf: Past['nameOf'];

  constructor(folder: string) {
    const db = openEventsReader(folder);
    this.#db = db as Parameters<typeof eventsAfter>[0] & Database;
    this.#archive = new Archive(this.#db);
    this.#agents = new KnownAgents(this.#db);
    this.#marks = new Marks(this.#db);
    const store = this.#marks.get('store') ?? 0;
    this.nameOf = nameIn(store);
    this.memory = new Memory(folder, store, this.told);
  }

  get told(): number {
    return this.#marks.get('told') ?? 0;
  }

  get kept(): number {
    return this.memory.kept;
  }

  eventsAfter(id: number, limit: number): StoredEvent[] {
    return eventsAfter(this.#db, id, limit);
  }

  agents(): AgentRecord[] {
    const rows = this.#db.prepare('SELECT * FROM agents ORDER BY lastSeen DESC LIMIT ?').all(AGENTS_LIMIT);
    return (rows as unknown as AgentRow[]).map(agentRecord);
  }

  ordinalBefore(rule: string, key: string, eventId: number): number {
    return this.#archive.ordinalBefore(rule, key, eventId);
  }

  stories(): Iterable<DirtyStory> {
    return this.memory.stories();
  }

  knownAgents(): [agent: string, memory: AgentMemory][] {
    return this.#agents.all() as [string, AgentMemory][];
  }

  recent(sinceMs: number): [incident: Incident, by: number][] {
    return this.#archive.recent(sinceMs, firstStoredSince(this.#db, sinceMs));
  }
}
