/** Numbers that the store keeps of itself, by name, each written in the transaction that changes it. */
import { arrays, type Database } from './database.ts';

/** Reads one; null where it was never written. */
export function readFact(db: Database, name: string): number | null {
  const [row] = arrays(db, 'SELECT value FROM storeFacts WHERE name = ?', name) as [number][];
  return row?.[0] ?? null;
}

/** Returns what writes these, a value each in the same order, by one statement inside the caller's transaction. */
export function factsWriter(db: Database, names: readonly string[]): (...values: readonly number[]) => void {
  const rows = names.map(() => '(?, ?)').join(', ');
  const upsert = db.prepare(
    `INSERT INTO storeFacts VALUES ${rows} ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  );
  return (...values) => void upsert.run(...names.flatMap((name, i) => [name, values[i] as number]));
}

/** Writes one, inside the caller's transaction. */
export const writeFact = (db: Database, name: string, value: number): void => factsWriter(db, [name])(value);

/** Counts rows of a table without reading the table again: the count is a fact, saved with what changed it. */
export class CountedRows {
  readonly #db: Database;
  readonly #name: string;
  readonly #sql: string;
  #saved = 0;
  #rows = 0;

  /** `sql` counts the rows where the fact is not there yet: after an upgrade. */
  constructor(db: Database, name: string, sql: string) {
    this.#db = db;
    this.#name = name;
    this.#sql = sql;
    this.reload();
  }

  get rows(): number {
    return this.#rows;
  }

  /** Adds to the count, in memory. */
  add(rows: number): void {
    this.#rows += rows;
  }

  /** Writes the count where it changed, inside the caller's transaction. */
  save(): void {
    if (this.#rows === this.#saved) return;
    writeFact(this.#db, this.#name, this.#rows);
    this.#saved = this.#rows;
  }

  /** Takes the count that is stored: after a transaction that failed. */
  reload(): void {
    const stored = readFact(this.#db, this.#name);
    this.#rows = stored ?? this.#counted();
    this.#saved = stored ?? -1;
  }

  /** Counts the rows anew: they were changed by somebody else. */
  recount(): void {
    this.#rows = this.#counted();
  }

  #counted(): number {
    return (arrays(this.#db, this.#sql)[0] as [number])[0];
  }
}
