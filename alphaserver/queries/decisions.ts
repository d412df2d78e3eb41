/** Decisions of people: those that hold, and all of them as the page of decisions shows them. */

import { flag, integer, object, oneOf, orNull, type Static, text } from '../../service/schema.ts';
import { type Decided, decidedOf, holds, isStanding, STANDING_KINDS, type StandingKind } from '../alerting/standing.ts';
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
/** The columns of a decision `d`, and of the one `u` that ended it. */
const COLUMNS = 'd.id, d.at, d.kind, d.subject, d.by, d.body, u.at AS undoneAt, u.by AS undoneBy';
const UNDOING = 'LEFT JOIN decisions u ON u.id = s.undone';
/** The decisions of one kind that hold at a time, by the index of those that nobody has undone. */
const HOLDING = 's.undone IS NULL AND s.kind = ? AND s.until > ?';

type Row = Omit<Decision, 'body'> & {
  readonly body: string;
  readonly undoneAt: number | null;
  readonly undoneBy: string | null;
};
/** Reads a row of a kind that holds for a while; null for another one. */
function decidedIn({ id, at, kind, by, body, undoneAt, undoneBy }: Row): Decided | null {
  if (!isStanding(kind)) return null;
  const undone = undoneAt === null ? null : { at: undoneAt, by: undoneBy };
  return decidedOf({ id, at, kind, by, body: JSON.parse(body) as object }, undone);
}

/** Reads the decisions of some kinds that hold at a time, all of them, in the order of the log. */
export function standing(db: Database, kinds: readonly StandingKind[], nowMs: number): Decided[] {
  const sql = `SELECT ${COLUMNS} FROM standingDecisions s CROSS JOIN decisions d ON d.id = s.id ${UNDOING} WHERE ${HOLDING}`;
  const statement = db.prepare(sql);
  return kinds
    .flatMap((kind) => statement.all(kind, nowMs) as unknown as Row[])
    .flatMap((row) => decidedIn(row) ?? [])
    .sort((a, b) => a.id - b.id);
}

/** Counts the decisions of a kind that hold at a time. */
export function standingCount(db: Database, kind: StandingKind, nowMs: number): number {
  const sql = `SELECT count(*) AS n FROM standingDecisions s WHERE ${HOLDING}`;
  const row = db.prepare(sql).get(kind, nowMs) as { n: number };
  return row.n;
}

/** Reads the decision with an id; null where there is none, or it is of a kind that holds for no time. */
export function decidedWith(db: Database, id: number): Decided | null {
  const sql = `SELECT ${COLUMNS} FROM decisions d JOIN standingDecisions s ON s.id = d.id ${UNDOING} WHERE d.id = ?`;
  const row = db.prepare(sql).get(id) as Row | undefined;
  return row ? decidedIn(row) : null;
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/**
 * Gives a page of what people decided, newest first, those before the one with the id `before`; where `holding`, the blocks, allowances and
 * silences alone that hold now, however many were decided since. Runs in the caller's read transaction.
 */
export function decisionPage(
  db: Database,
  limit: number,
  before: number | null,
  nowMs: number,
  holding = false,
): { decisions: DecisionEntry[]; next: number | null } {
  const from = before ?? Number.MAX_SAFE_INTEGER;
  const rows = holding ? holdingRows(db, limit + 1, from, nowMs) : decidedRows(db, limit + 1, from);
  const page = rows.slice(0, limit);
  return {
    decisions: page.map((row) => {
      const decided = decidedIn(row);
      return decided ? standingEntry(decided, nowMs) : acknowledgementEntry(row);
    }),
    next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}

function decidedRows(db: Database, limit: number, before: number): Row[] {
  const kinds = [...STANDING_KINDS, ACKNOWLEDGED];
  const sql = `SELECT ${COLUMNS} FROM decisions d LEFT JOIN standingDecisions s ON s.id = d.id ${UNDOING}
    WHERE d.kind IN (${kinds.map(() => '?').join(', ')}) AND d.by IS NOT NULL AND d.id < ? ORDER BY d.id DESC LIMIT ?`;
  return db.prepare(sql).all(...kinds, before, limit) as unknown as Row[];
}

/** Finds the ids by the index first: only the page's own bodies are read and sorted, of all that hold. */
function holdingRows(db: Database, limit: number, before: number, nowMs: number): Row[] {
  const ids = STANDING_KINDS.map(
    () => `SELECT s.id FROM standingDecisions s INDEXED BY decisionsThatStand WHERE ${HOLDING} AND s.id < ?`,
  );
  const sql = `SELECT ${COLUMNS} FROM (${ids.join(' UNION ALL ')} ORDER BY 1 DESC LIMIT ?) held
    CROSS JOIN standingDecisions s ON s.id = held.id CROSS JOIN decisions d ON d.id = held.id ${UNDOING} ORDER BY d.id DESC`;
  const values = STANDING_KINDS.flatMap((kind) => [kind, nowMs, before]);
  return db.prepare(sql).all(...values, limit) as unknown as Row[];
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

function acknowledgementEntry({ id, at, by, subject }: Row): DecisionEntry {
  return {
    ...{ id, at: new Date(at).toISOString(), kind: 'acknowledge' as const, by, why: '', until: null },
    ...{ rule: null, host: null, source: null, incident: subject, undoneAt: null, undoneBy: null, holds: true },
  };
}
