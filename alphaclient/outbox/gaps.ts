/** Stores the declared gaps of the log in the outbox, numbered and counted. */
import type { DeclaredGap } from '../../protocol/report.ts';
import type { Gap } from '../log/source.ts';
import { type Database, withOutboxErrors } from './database.ts';

/** Gaps kept for the server and for `status`; the totals include older ones. */
const GAPS_LIMIT = 100;

/** The schema of the table. */
export const GAPS_SCHEMA =
  'CREATE TABLE IF NOT EXISTS gaps (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER, lines INTEGER)';

/** The number of gaps ever declared, and of the lines lost in them, at least one each. */
export interface GapTotals {
  readonly lastGap: number;
  readonly declaredLost: number;
}

/** Stores gaps inside the caller's transaction. Returns the totals with them, which hold once that is committed. */
export function declareGaps(db: Database, before: GapTotals, gaps: readonly Gap[], atMs: number): GapTotals {
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

/** Returns at most `limit` gaps numbered above `id`, oldest first. Throws an OutboxError. */
export function gapsAfter(db: Database, id: number, limit = GAPS_LIMIT): DeclaredGap[] {
  const sql = 'SELECT * FROM gaps WHERE id > ? ORDER BY id LIMIT ?';
  return withOutboxErrors(() => db.prepare(sql).all(id, limit) as unknown as DeclaredGap[]);
}
