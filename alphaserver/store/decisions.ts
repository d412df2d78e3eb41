/**
 * The log of decisions: what people decided, and who was notified of what. Append-only, in the file of the events; what
 * cannot be derived from the events is here. Projections read it as they read events, in order from a position.
 */
import type { Database } from './database.ts';

/** A decision to append. `body` is plain JSON; what `kind`, `subject` and `body` mean is the projection's to say. */
export interface NewDecision {
  readonly kind: string;
  readonly subject: string;
  /** The name of the person who decided; null for the server itself. */
  readonly by: string | null;
  readonly body: object;
}

/** The kind of a decision that agents and hosts are listed no longer; its body is a Forgotten. */
export const FORGET_DECISION = 'forget';

/** A decision of the log. `at` is when it was appended, Unix milliseconds; ids grow in the order of appending. */
export interface Decision extends NewDecision {
  readonly id: number;
  readonly at: number;
}

/** Appends decisions, inside the caller's transaction. Returns the id of the last one. */
export function appendDecisions(db: Database, decisions: readonly NewDecision[], nowMs: number): number {
  const insert = db.prepare('INSERT INTO decisions (at, kind, subject, by, body) VALUES (?, ?, ?, ?, ?)');
  for (const { kind, subject, by, body } of decisions) insert.run(nowMs, kind, subject, by, JSON.stringify(body));
  return lastDecision(db);
}

/** Returns decisions with ids above `id`, in that order, at most `limit`. */
export function decisionsAfter(db: Database, id: number, limit: number): Decision[] {
  const rows = db.prepare('SELECT id, at, kind, subject, by, body FROM decisions WHERE id > ? ORDER BY id LIMIT ?');
  return decoded(rows.all(id, limit));
}

const decoded = (rows: unknown): Decision[] =>
  (rows as (Omit<Decision, 'body'> & { body: string })[]).map((row) => ({
    ...row,
    body: JSON.parse(row.body) as object,
  }));

/** Returns decisions of some kinds with ids above `id`, in that order, at most `limit`. */
export function decisionsOf(db: Database, kinds: readonly string[], id: number, limit: number): Decision[] {
  const places = kinds.map(() => '?').join(', ');
  const rows = db.prepare(
    `SELECT id, at, kind, subject, by, body FROM decisions WHERE id > ? AND kind IN (${places}) ORDER BY id LIMIT ?`,
  );
  return decoded(rows.all(id, ...kinds, limit));
}

/** Returns all decisions of a kind about a subject, oldest first. It reads the whole log: once in a while, and of few rows alone. */
export function decisionsAbout(db: Database, kind: string, subject: string): Decision[] {
  const sql = 'SELECT id, at, kind, subject, by, body FROM decisions WHERE kind = ? AND subject = ? ORDER BY id';
  return decoded(db.prepare(sql).all(kind, subject));
}

/** Returns the newest decision of a kind about a subject; null where there is none. Kinds of which there are few rows alone: it reads all of the kind. */
export function newestDecision(db: Database, kind: string, subject: string): Decision | null {
  const sql =
    'SELECT id, at, kind, subject, by, body FROM decisions WHERE kind = ? AND subject = ? ORDER BY id DESC LIMIT 1';
  const row = db.prepare(sql).get(kind, subject) as (Omit<Decision, 'body'> & { body: string }) | undefined;
  return row ? { ...row, body: JSON.parse(row.body) as object } : null;
}

/** Returns the id of the newest decision, 0 where there is none. Nothing is ever deleted, so no id is given twice. */
export function lastDecision(db: Database): number {
  return (db.prepare('SELECT coalesce(max(id), 0) AS id FROM decisions').get() as { id: number }).id;
}
