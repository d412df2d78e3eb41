/** Gaps in the log that an agent knows of, numbered and counted, as its outbox keeps them. */
import type { DeclaredGap } from '../../protocol/report.ts';
import type { Gap } from '../log/source.ts';
import { type Database, guarded } from './database.ts';

/** Gaps kept for the server and for `status`; older ones stay in the total. */
const GAPS_LIMIT = 100;

/** The table. */
export const GAPS_SCHEMA =
  'CREATE TABLE IF NOT EXISTS gaps (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER, lines INTEGER)';

/** How many were ever declared, and how many lines that is: at least one for each. */
export interface Declared {
  readonly lastGap: number;
  readonly declaredLost: number;
}

/** Keeps gaps, inside the caller's transaction. Gives the totals with them, which are true once that is committed. */
export function declare(db: Database, before: Declared, gaps: readonly Gap[], atMs: number): Declared {
  let { lastGap, declaredLost } = before;
  for (const { kind, text, bytes, lines } of gaps) {
    lastGap += 1;
    declaredLost += lines ?? 1;
    db.prepare('INSERT INTO gaps (id, at, kind, text, bytes, lines) VALUES (?, ?, ?, ?, ?, ?)').run(
      lastGap,
      new Date(atMs).toISOString(),
      kind,
      text,
      bytes,
      lines,
    );
    db.prepare('DELETE FROM gaps WHERE id <= ?').run(lastGap - GAPS_LIMIT);
  }
  return { lastGap, declaredLost };
}

/** Gaps numbered above `id`, oldest first, at most `limit`. Throws an OutboxError. */
export function gapsAfter(db: Database, id: number, limit = GAPS_LIMIT): DeclaredGap[] {
  const sql = 'SELECT * FROM gaps WHERE id > ? ORDER BY id LIMIT ?';
  return guarded(() => db.prepare(sql).all(id, limit) as unknown as DeclaredGap[]);
}
