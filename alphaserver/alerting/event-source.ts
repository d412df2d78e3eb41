/** Reads what the rules work on from the store's file, on a connection that only reads. */

import type { AgentStatus } from '../detection/agent-health.ts';
import { AGENTS_LIMIT } from '../ingest/fleet-bounds.ts';
import type { Database } from '../store/database.ts';
import { type Decision, decisionsAfter } from '../store/decisions.ts';
import { keyUsesUpTo, type LastKeyUse } from '../store/earlier-key-uses.ts';
import { eventsForRules, RowNames, type RuleRow, recentForRules } from '../store/event-rows.ts';
import { readerOf } from '../store/event-tables.ts';

/** The log of events, from any position. */
export class EventSource {
  readonly #db: Database;
  /** Names for the numbers of agents and hosts. */
  readonly names: RowNames;

  constructor(db: Database) {
    this.#db = db;
    this.names = new RowNames(db);
  }

  /** Returns stored events with ids above `position`, in that order, at most `limit`. */
  after(position: number, limit: number): RuleRow[] {
    return eventsForRules(this.#db, position, limit);
  }

  /** Returns events with ids above `position` and not above `last` that happened at or after a time, at most `limit`. */
  recent(position: number, last: number, sinceMs: number, limit: number): RuleRow[] {
    return recentForRules(this.#db, position, last, sinceMs, limit);
  }

  /** Returns the event of this id, or null where it is not stored. */
  one(id: number): RuleRow | null {
    const [row] = eventsForRules(this.#db, id - 1, 1);
    return row && row[0] === id ? row : null;
  }

  /** Returns when keys were last used on which hosts in logins up to `position`, and in those that are no longer stored. */
  keyUsesUpTo(position: number): LastKeyUse[] {
    return keyUsesUpTo(this.#db, position);
  }

  /** Returns the agents that are to be checked; were there more than the server lets in, those that were heard last. */
  agents(): AgentStatus[] {
    const columns = 'uuid, host, lastSeen, gaps, report, reportedAt, endedAt, cloneAt, looked';
    const sql = `SELECT ${columns} FROM agents ORDER BY lastSeen DESC LIMIT ?`;
    return this.#db.prepare(sql).all(AGENTS_LIMIT) as unknown as AgentStatus[];
  }

  /** Returns decisions with ids above `id`, in that order, at most `limit`. */
  decisions(id: number, limit: number): Decision[] {
    return decisionsAfter(this.#db, id, limit);
  }

  /** The id of the newest event, 0 where there is none. */
  get newest(): number {
    return readerOf(this.#db).bounds().last;
  }
}
