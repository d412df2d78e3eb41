/** Decisions of the alert thread that the main thread has not appended to the log yet: written with what they are about. */

import type { Database, Statement } from '../store/database.ts';
import type { NewDecision } from '../store/decisions.ts';

interface Row {
  readonly n: number;
  readonly kind: string;
  readonly subject: string;
  readonly body: string;
}

/** A queue in alerts.db. A crash between the append and `remove` appends a decision twice, which changes nothing. */
export class UnrecordedDecisions {
  readonly #add: Statement;
  readonly #all: Statement;
  readonly #remove: Statement;

  constructor(db: Database) {
    this.#add = db.prepare('INSERT INTO unrecorded (kind, subject, body) VALUES (?, ?, ?)');
    this.#all = db.prepare('SELECT n, kind, subject, body FROM unrecorded ORDER BY n');
    this.#remove = db.prepare('DELETE FROM unrecorded WHERE n <= ?');
  }

  /** Adds a decision, inside the caller's transaction. */
  add({ kind, subject, body }: NewDecision): void {
    this.#add.run(kind, subject, JSON.stringify(body));
  }

  /** Returns all, and the number to give to `remove` once they are appended. */
  all(): { readonly upTo: number; readonly decisions: readonly NewDecision[] } {
    const rows = this.#all.all() as unknown as Row[];
    const decisions = rows.map(({ kind, subject, body }) => ({ kind, subject, by: null, body: JSON.parse(body) }));
    return { upTo: rows.at(-1)?.n ?? 0, decisions };
  }

  remove(upTo: number): void {
    this.#remove.run(upTo);
  }
}
