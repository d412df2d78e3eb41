/** What the rules know of agents, in the store's file, written with the incidents. */
import { Memory } from './checkpoint.ts';
import { type Database, Marks, type Statement } from './schema.ts';

/** One row each. */
export class KnownAgents {
  readonly #db: Database;
  readonly #put: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#put = db.prepare(
      "INSERT OR REPLACE INTO alertStories (kind, key, touched, touchedMs, packed) VALUES ('agent', ?, 0, ?, ?)",
    );
  }

  /** Keeps what is known of an agent: plain data. Inside a transaction of the caller. */
  keep(agent: string, known: unknown, nowMs: number): void {
    this.#put.run(agent, nowMs, JSON.stringify(known));
  }

  all(): [agent: string, known: unknown][] {
    const rows = this.#db.prepare("SELECT key, packed FROM alertStories WHERE kind = 'agent'").all();
    return (rows as { key: string; packed: string }[]).map(({ key, packed }) => [key, JSON.parse(packed)]);
  }
}

/** An older version kept all stories here: they go to where they are kept now. Killed in between, it is done again. */
export function moveStories(folder: string, db: Database, transaction: (work: () => void) => void): void {
  const marks = new Marks(db);
  const kept = marks.get('kept');
  if (kept === null) return;
  const memory = new Memory(folder, marks.get('store') ?? 0, marks.get('told') ?? 0);
  memory.takeOver(db.prepare("SELECT * FROM alertStories WHERE kind <> 'agent'").all(), kept);
  memory.close();
  transaction(() =>
    db.exec("DELETE FROM alertStories WHERE kind <> 'agent'; DELETE FROM alertMarks WHERE name = 'kept'"),
  );
}
