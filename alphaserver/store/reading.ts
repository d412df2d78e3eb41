/** Answers from the store's tables. */
import type { EventPage, EventQuery, HostView, Views } from '../web/views.ts';
import type { Database } from './database.ts';
import type { HostRow } from './registry.ts';
import { OUTCOMES } from './schema.ts';
import type { AgentRecord, StoredEvent } from './store.ts';

/** An agent that said nothing for this long is silent: two pings and more. Contract section 6, rule `agent-silent`. */
export const SILENT_AFTER_MS = 90_000;

export interface ReadingOptions {
  readonly db: Database;
  readonly hosts: () => Iterable<HostRow>;
  readonly agentById: (id: number) => AgentRecord | undefined;
  readonly connected: (agent: string) => boolean;
  readonly now: () => number;
}

interface EventRow extends Omit<StoredEvent, 'at' | 'storedAt' | 'outcome' | 'invalidUser'> {
  readonly at: number;
  readonly storedAt: number;
  readonly outcome: number;
  readonly invalidUser: number | null;
}

const SELECT_EVENTS = `SELECT e.id, e.at, e.storedAt, a.uuid AS agent, h.name AS host, e.outcome, e.method, e.user, e.invalidUser, e.ip, e.port, e.key, e.reason
  FROM events e JOIN hosts h ON h.id = e.host JOIN agents a ON a.id = e.agent`;

/** Keeps Store's promise of the same name. */
export function eventsAfter(db: Database, id: number, limit: number): StoredEvent[] {
  const rows = db.prepare(`${SELECT_EVENTS} WHERE e.id > ? ORDER BY e.id LIMIT ?`).all(id, limit);
  return (rows as unknown as EventRow[]).map(eventOf);
}

/** The views of one store. */
export class StoreViews implements Views {
  readonly #options: ReadingOptions;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  async hosts(limit: number, after: string | null): ReturnType<Views['hosts']> {
    const rows = [...this.#options.hosts()]
      .filter(({ name }) => after === null || name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const page = rows.slice(0, limit);
    return {
      hosts: page.map((row) => this.#host(row)),
      next: rows.length > limit ? (page.at(-1)?.name ?? null) : null,
    };
  }

  #host({ name, agent: id, firstSeen, lastSeen, accepted, failed, probes }: HostRow): HostView {
    const { agentById, connected, now } = this.#options;
    const agent = agentById(id);
    const isConnected = agent !== undefined && connected(agent.agent);
    const seen = agent ? Math.max(lastSeen, Date.parse(agent.lastSeen)) : lastSeen;
    const silent = !isConnected && now() - seen > SILENT_AFTER_MS;
    return {
      host: name,
      connected: isConnected,
      state: silent ? `silent since ${new Date(seen).toISOString()}` : (agent?.report?.state ?? 'unknown'),
      firstSeen: new Date(firstSeen).toISOString(),
      lastSeen: new Date(seen).toISOString(),
      attempts: accepted + failed,
      accepted,
      failed,
      probes,
    };
  }

  async eventsAfter(id: number, limit: number): Promise<readonly StoredEvent[]> {
    return eventsAfter(this.#options.db, id, limit);
  }

  async events(query: EventQuery): Promise<EventPage> {
    const conditions: [string, string | number | null][] = [
      ['e.id < ?', query.cursor],
      ['h.name = ?', query.host],
      ['e.ip = ?', query.ip],
      ['e.user = ?', query.user],
      ['e.outcome = ?', query.outcome === null ? null : OUTCOMES.indexOf(query.outcome)],
      ['e.method = ?', query.method],
      ['e.at >= ?', query.sinceMs],
      ['e.at < ?', query.untilMs],
    ];
    const given = conditions.filter((condition): condition is [string, string | number] => condition[1] !== null);
    const rows = this.#options.db
      .prepare(
        `${SELECT_EVENTS}
         ${given.length > 0 ? `WHERE ${given.map(([sql]) => sql).join(' AND ')}` : ''} ORDER BY e.id DESC LIMIT ?`,
      )
      .all(...given.map(([, value]) => value), query.limit + 1) as unknown as EventRow[];
    const page = rows.slice(0, query.limit);
    return { events: page.map(eventOf), next: rows.length > query.limit ? String(page.at(-1)?.id) : null };
  }
}

function eventOf(row: EventRow): StoredEvent {
  return {
    ...row,
    at: new Date(row.at).toISOString(),
    storedAt: new Date(row.storedAt).toISOString(),
    outcome: OUTCOMES[row.outcome] as StoredEvent['outcome'],
    invalidUser: row.invalidUser === null ? null : row.invalidUser === 1,
  };
}
