/** What the rules remember, in the store. */

import type { Kind } from './rules/folds.ts';
import type { DirtyStory } from './rules/shelf.ts';
import type { PackedStory } from './rules/story.ts';
import type { Database, Statement } from './tables.ts';

interface Row {
  readonly kind: Kind;
  readonly key: string;
  readonly touched: number;
  readonly touchedMs: number;
  readonly packed: string;
}

/** Stories, and what is known of agents, one row each. */
export class Memory {
  readonly #db: Database;
  readonly #put: Statement;
  readonly #drop: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#put = db.prepare(
      'INSERT OR REPLACE INTO alertStories (kind, key, touched, touchedMs, packed) VALUES (?, ?, ?, ?, ?)',
    );
    this.#drop = db.prepare('DELETE FROM alertStories WHERE kind = ? AND key = ?');
  }

  /** Keeps a story as it is now, or forgets it. */
  keep({ kind, key, touched, touchedMs, packed }: DirtyStory): void {
    if (packed) this.#put.run(kind, key, touched, touchedMs, JSON.stringify(packed));
    else this.#drop.run(kind, key);
  }

  /** All stories, the least recently touched first. */
  *stories(): Generator<DirtyStory> {
    const rows = this.#db.prepare("SELECT * FROM alertStories WHERE kind <> 'agent' ORDER BY touched").all() as Row[];
    for (const row of rows) yield { ...row, packed: JSON.parse(row.packed) as PackedStory<unknown> };
  }

  /** Keeps what is known of an agent: plain data. */
  keepAgent(agent: string, known: unknown, nowMs: number): void {
    this.#put.run('agent', agent, 0, nowMs, JSON.stringify(known));
  }

  agents(): [agent: string, known: unknown][] {
    const rows = this.#db.prepare("SELECT * FROM alertStories WHERE kind = 'agent'").all() as Row[];
    return rows.map(({ key, packed }) => [key, JSON.parse(packed)]);
  }
}
