/**
 * Stores the connections before their login of each followed log as changes, a row a commit, inside the transaction of their lines: a
 * commit costs what changed, however many connections are open. Once there are more changes than connections, all are written anew.
 */
import type { ConnectionUpdate, NumberedConnection } from '../sshd/connection-changes.ts';
import { type Database, withOutboxErrors } from './database.ts';

type Statement = ReturnType<Database['prepare']>;

/** The schema of the table: changes in the order in which they were written. */
export const CONNECTIONS_SCHEMA =
  'CREATE TABLE IF NOT EXISTS connections (id INTEGER PRIMARY KEY, log TEXT NOT NULL, changes TEXT NOT NULL)';

type ChangeRow = Pick<ConnectionUpdate, 'saved' | 'removed'>;

const CHANGES = 'SELECT changes FROM connections WHERE log = ? ORDER BY id';

/** The table on one database. All that changes it belongs inside the caller's transaction. */
export class ConnectionRows {
  readonly #insert: Statement;
  readonly #removeAll: Statement;
  readonly #select: Statement;

  constructor(db: Database) {
    this.#insert = db.prepare('INSERT INTO connections (log, changes) VALUES (?, ?)');
    this.#removeAll = db.prepare('DELETE FROM connections WHERE log = ?');
    this.#select = db.prepare(CHANGES);
  }

  /** Writes changes. */
  write(log: string, { isWhole, saved, removed }: ConnectionUpdate): void {
    if (isWhole) this.#removeAll.run(log);
    if (saved.length + removed.length === 0) return;
    this.#insert.run(log, JSON.stringify({ saved, removed } satisfies ChangeRow));
  }

  /** Returns the connections of a log, in the order of opening. Throws an OutboxError. */
  of(log: string): NumberedConnection[] {
    const open = new Map<number, unknown>();
    withOutboxErrors(() => apply(this.#select.iterate(log), open));
    return inOrder(open);
  }
}

/** Returns the connections of a log in a damaged outbox, up to the first change that cannot be read. */
export function readableConnections(db: Database, log: string): NumberedConnection[] {
  const open = new Map<number, unknown>();
  try {
    apply(db.prepare(CHANGES).iterate(log), open);
  } catch {
    // An outbox of an earlier version has none.
  }
  return inOrder(open);
}

function apply(rows: Iterable<Readonly<Record<string, unknown>>>, open: Map<number, unknown>): void {
  for (const { changes } of rows) {
    const { saved, removed } = JSON.parse(changes as string) as ChangeRow;
    for (const [number, one] of saved) open.set(number, one);
    for (const number of removed) open.delete(number);
  }
}

const inOrder = (open: ReadonlyMap<number, unknown>): NumberedConnection[] => [...open].sort(([a], [b]) => a - b);
