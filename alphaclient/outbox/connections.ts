/**
 * Stores the connections before their login of each followed log as changes, a row a commit, inside the transaction of their lines: a
 * commit costs what changed, however many connections are open. Once there are more changes than connections, all are written anew.
 */
import { type Database, withOutboxErrors } from './database.ts';

type Statement = ReturnType<Database['prepare']>;

/** The schema of the table: changes in the order in which they were written. */
export const CONNECTIONS_SCHEMA =
  'CREATE TABLE IF NOT EXISTS connections (id INTEGER PRIMARY KEY, log TEXT NOT NULL, changes TEXT NOT NULL)';

/** A connection by its number in the order of opening, as its reader saved it. */
export type NumberedConnection = readonly [number: number, saved: unknown];

/** What one commit changes. `isWhole`: `saved` has all, and what was written before is not needed. */
export interface ConnectionCommit {
  readonly isWhole: boolean;
  readonly saved: readonly NumberedConnection[];
  readonly removed: readonly number[];
}

type ChangeRow = Pick<ConnectionCommit, 'saved' | 'removed'>;

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
  write(log: string, { isWhole, saved, removed }: ConnectionCommit): void {
    if (isWhole) this.#removeAll.run(log);
    if (saved.length + removed.length === 0) return;
    this.#insert.run(log, JSON.stringify({ saved, removed } satisfies ChangeRow));
  }

  /** Returns the connections of a log, in the order of opening. Throws an OutboxError. */
  of(log: string): NumberedConnection[] {
    return withOutboxErrors(() => merged(this.#select.iterate(log)));
  }
}

/** Returns the connections of a log in a damaged outbox, up to the first change that cannot be read. */
export function readableConnections(db: Database, log: string): NumberedConnection[] {
  const open = new Map<number, unknown>();
  try {
    for (const row of db.prepare(CHANGES).iterate(log)) apply(row, open);
  } catch {
    // An outbox of an earlier version has none.
  }
  return inOrder(open);
}

type Row = Readonly<Record<string, unknown>>;

function merged(rows: Iterable<Row>): NumberedConnection[] {
  const open = new Map<number, unknown>();
  for (const row of rows) apply(row, open);
  return inOrder(open);
}

function apply(row: Row, open: Map<number, unknown>): void {
  const { saved, removed } = JSON.parse(row['changes'] as string) as ChangeRow;
  for (const [number, one] of saved) open.set(number, one);
  for (const number of removed) open.delete(number);
}

const inOrder = (open: ReadonlyMap<number, unknown>): NumberedConnection[] => [...open].sort(([a], [b]) => a - b);
