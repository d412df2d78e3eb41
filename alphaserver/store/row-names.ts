/** The names of agents and hosts by their numbers in the store. */
import type { Database, Statement } from './database.ts';

/** Finds the number of a host by its name, whether it is listed or forgotten. */
export const HOST_BY_NAME =
  'SELECT id FROM hosts WHERE name = ?1 UNION ALL SELECT id FROM forgottenHosts WHERE name = ?1';

/** Tables of the numbers and names of all agents and all hosts, listed or forgotten. */
export const ALL_AGENTS = '(SELECT id, uuid FROM agents UNION ALL SELECT id, uuid FROM forgottenAgents)';
export const ALL_HOSTS = '(SELECT id, name FROM hosts UNION ALL SELECT id, name FROM forgottenHosts)';

/** Turns the numbers of agents and hosts into their names. A number never changes its meaning, so each is read once. */
export class RowNames {
  readonly #agent: Statement;
  readonly #host: Statement;
  readonly #agents = new Map<number, string>();
  readonly #hosts = new Map<number, string>();

  constructor(db: Database) {
    const either = (table: string, forgotten: string, column: string): Statement =>
      db.prepare(
        `SELECT ${column} AS name FROM ${table} WHERE id = ?1 UNION ALL SELECT ${column} FROM ${forgotten} WHERE id = ?1`,
      );
    this.#agent = either('agents', 'forgottenAgents', 'uuid');
    this.#host = either('hosts', 'forgottenHosts', 'name');
  }

  /** The id of an agent, a UUID. Throws an Error for a number that no stored event has. */
  agent(number: number): string {
    return nameOf(number, this.#agents, this.#agent);
  }

  /** The name of a host. Throws an Error for a number that no stored event has. */
  host(number: number): string {
    return nameOf(number, this.#hosts, this.#host);
  }
}

function nameOf(number: number, known: Map<number, string>, read: Statement): string {
  const there = known.get(number);
  if (there !== undefined) return there;
  const row = read.get(number) as { name: string } | undefined;
  if (!row) throw new Error(`no row has the number ${number}`);
  known.set(number, row.name);
  return row.name;
}
