/** Decisions of people, as the page of decisions shows them. */

import { flag, integer, object, oneOf, orNull, type Static, text } from '../../service/schema.ts';
import { type Decided, decidedIn, holds, STANDING_KINDS, UNDONE } from '../alerting/standing.ts';
import type { Database } from '../store/database.ts';
import type { Decision } from '../store/decisions.ts';
import { time } from './results.ts';

/** A decision in `GET /api/decisions`. */
export const DecisionEntry = object({
  id: integer(),
  at: time,
  kind: oneOf(['block', 'allow', 'silence', 'acknowledge']),
  by: orNull(text()),
  why: text(),
  until: orNull(text({ description: 'Null: until it is undone' })),
  rule: orNull(text({ description: 'Of a silence; null for any' })),
  host: orNull(text()),
  source: orNull(text()),
  incident: orNull(text({ description: 'The incident that was acknowledged' })),
  undoneAt: orNull(time),
  undoneBy: orNull(text()),
  holds: flag({ description: 'True while it has an effect' }),
});
export type DecisionEntry = Static<typeof DecisionEntry>;

const KINDS = { blocked: 'block', allowed: 'allow', silenced: 'silence' } as const;
const ACKNOWLEDGED = 'acknowledged';
const COLUMNS = 'SELECT id, at, kind, subject, by, body FROM decisions';
/** Decisions that hold are looked for among the newest, so many of them, with those that undo others. */
export const STANDING_LIMIT = 10_000;

type Row = Omit<Decision, 'body'> & { readonly body: string };
const decisionOf = (row: Row): Decision => ({ ...row, body: JSON.parse(row.body) as object });

/** Reads all that was blocked, allowed or silenced, and what of it was undone. */
export function standing(db: Database): Decided[] {
  const kinds = [...STANDING_KINDS, UNDONE];
  const where = `WHERE kind IN (${kinds.map(() => '?').join(', ')}) ORDER BY id DESC LIMIT ?`;
  const rows = db.prepare(`${COLUMNS} ${where}`).all(...kinds, STANDING_LIMIT) as unknown as Row[];
  return decidedIn(rows.reverse().map(decisionOf));
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Gives a page of what people decided, newest first, those before the one with the id `before`. Runs in the caller's read transaction. */
export function decisionPage(
  db: Database,
  limit: number,
  before: number | null,
  nowMs: number,
): { decisions: DecisionEntry[]; next: number | null } {
  const known = new Map(standing(db).map((one) => [one.id, one]));
  const kinds = [...STANDING_KINDS, ACKNOWLEDGED];
  const where = `WHERE kind IN (${kinds.map(() => '?').join(', ')}) AND by IS NOT NULL AND id < ? ORDER BY id DESC LIMIT ?`;
  const rows = db
    .prepare(`${COLUMNS} ${where}`)
    .all(...kinds, before ?? Number.MAX_SAFE_INTEGER, limit + 1) as unknown as Row[];
  const page = rows.slice(0, limit);
  return {
    decisions: page.map((row) => {
      const decision = decisionOf(row);
      const decided = known.get(row.id);
      if (decided) return standingEntry(decided, nowMs);
      // One that is older than those that are looked for among has no effect, undone or not.
      const [older] = decidedIn([decision]);
      return older ? { ...standingEntry(older, nowMs), holds: false } : acknowledgementEntry(decision);
    }),
    next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}

function standingEntry(
  { id, at, kind, by, why, untilMs, rule, host, source, ...undone }: Decided,
  nowMs: number,
): DecisionEntry {
  return {
    ...{ id, at: new Date(at).toISOString(), kind: KINDS[kind], by, why, until: iso(untilMs), rule, host, source },
    ...{ incident: null, undoneAt: iso(undone.undoneAt), undoneBy: undone.undoneBy },
    holds: holds({ untilMs, undoneAt: undone.undoneAt }, nowMs),
  };
}

function acknowledgementEntry({ id, at, by, subject }: Decision): DecisionEntry {
  return {
    ...{ id, at: new Date(at).toISOString(), kind: 'acknowledge' as const, by, why: '', until: null },
    ...{ rule: null, host: null, source: null, incident: subject, undoneAt: null, undoneBy: null, holds: true },
  };
}
