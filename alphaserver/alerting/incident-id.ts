/** Names incidents. */
import { createHash } from 'node:crypto';
import type { Rule } from '../alert-config/rules.ts';
import type { IncidentId } from '../detection/incident-tracker.ts';
import type { Database, Statement } from '../store/database.ts';
import { eventsWithIds } from '../store/event-rows.ts';

/** Characters of an id: 80 bits, so that a million incidents do not collide. */
const ID_CHARACTERS = 20;

const hashed = (...parts: readonly (string | number)[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, ID_CHARACTERS);

/** Returns the id of an incident of a rule that reads no events. */
export const agentIncidentId = (rule: Rule, agent: string, openedAt: number): string => hashed(rule, agent, openedAt);

/**
 * Makes ids of a rule, an agent and its number of the event, so that they are the same wherever they are worked out. An
 * incident that an older version named keeps its name: it is found in the table `named` of alerts.db, on the connection
 * `alerts` (null: there is no such file). `events` is a connection to the events.
 */
export function incidentIds(events: Database, alerts: Database | null): IncidentId {
  const names = alerts && new OldNames(events, alerts);
  return (rule, key, { event, agent, seq, isMild }) => {
    const mild = isMild ? ['mild'] : [];
    if (seq !== null) return hashed(rule, agent, seq, ...mild);
    return names?.get(rule, key, event) ?? hashed(rule, agent, 'event', event, ...mild);
  };
}

/** Names that an older version made, by what an incident is of and when it opened. */
class OldNames {
  readonly #events: Database;
  readonly #exact: Statement;
  readonly #around: Statement;

  constructor(events: Database, alerts: Database) {
    this.#events = events;
    this.#exact = alerts.prepare('SELECT id FROM named WHERE rule = ? AND key = ? AND openedAt = ?');
    this.#around = alerts.prepare(
      'SELECT id, raisedBy FROM named WHERE rule = ?1 AND key = ?2 AND openedAt <= ?3 AND lastAt >= ?3',
    );
  }

  get(rule: Rule, key: string, event: number): string | null {
    const [decider] = eventsWithIds(this.#events, [event]);
    if (!decider) return null;
    const at = Date.parse(decider.at);
    const exact = this.#exact.get(rule, key, at) as { id: string } | undefined;
    if (exact) return exact.id;
    // Where retention has deleted the event that decided it, a later one of the same incident does.
    const around = this.#around.get(rule, key, at) as { id: string; raisedBy: number } | undefined;
    return around && eventsWithIds(this.#events, [around.raisedBy]).length === 0 ? around.id : null;
  }
}
