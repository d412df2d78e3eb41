/**
 * Stores the open sessions of the followed log, a row each, and the ends that no `ack` covers yet: inserted and deleted one by one
 * inside the transaction of their lines, so that a commit costs what changed, however many sessions are open.
 */
import { encodeEndBody } from '../../protocol/messages.ts';
import type { SessionEnd } from '../../protocol/session.ts';
import { type Database, withOutboxErrors } from './database.ts';

type Statement = ReturnType<Database['prepare']>;

/** Ends that wait for a server: one that takes none must not fill the disk. Of more, the oldest is evicted. */
export const ENDS_LIMIT = 100_000;

/** The schema of the tables. `seq` is that of the login, null where it went out under another agent id. */
export const SESSIONS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY, seq INTEGER, saved TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS ends (number INTEGER PRIMARY KEY, session INTEGER, body TEXT NOT NULL)`;

/** The end of a session by its number in its log; `end.session` is filled in here. */
export interface NumberedEnd {
  readonly session: number;
  readonly end: Omit<SessionEnd, 'session'>;
}

/** The changes of one commit. `begun`: the number of the session that begins with an event, by the event's `seq`. */
export interface SessionCommit {
  readonly begun: ReadonlyMap<number, number>;
  readonly saved: readonly (readonly [id: number, saved: unknown])[];
  readonly removed: readonly number[];
  readonly ends: readonly NumberedEnd[];
}

/** An end on its way to the server: `body` is the result of `encodeEndBody`. */
export interface PendingEnd {
  readonly number: number;
  readonly session: number | null;
  readonly body: string;
}

/** The sessions that were open at one moment, for a checkpoint. */
export interface SavedSessions {
  /** The highest number that an end was given. */
  readonly lastEnd: number;
  readonly sessions: readonly (readonly [id: number, seq: number | null, saved: unknown])[];
}

/** The tables on one connection. All that changes them belongs inside the caller's transaction, and `apply` after it. */
export class SessionRows {
  readonly #db: Database;
  readonly #put: Statement;
  readonly #remove: Statement;
  readonly #insertEnd: Statement;
  readonly #ends: Statement;
  readonly #deleteEnds: Statement;
  /** The `seq` of each open session by its number, in the order of the numbers. */
  readonly #seqs = new Map<number, number | null>();
  #lastEnd = 0;
  #acked = 0;

  constructor(db: Database) {
    this.#db = db;
    this.#put = db.prepare(
      'INSERT INTO sessions (id, seq, saved) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET saved = excluded.saved',
    );
    this.#remove = db.prepare('DELETE FROM sessions WHERE id = ?');
    this.#insertEnd = db.prepare('INSERT INTO ends (number, session, body) VALUES (?, ?, ?)');
    this.#ends = db.prepare('SELECT number, session, body FROM ends WHERE number > ? ORDER BY number LIMIT ?');
    this.#deleteEnds = db.prepare('DELETE FROM ends WHERE number <= ?');
  }

  /** Reads what every commit needs. `lastEnd`: the highest number ever given to an end. */
  load(lastEnd: number): void {
    this.#lastEnd = lastEnd;
    const { first } = this.#db.prepare('SELECT min(number) AS first FROM ends').get() as { first: number | null };
    this.#acked = first === null ? lastEnd : first - 1;
    this.#seqs.clear();
    for (const row of this.#db.prepare('SELECT id, seq FROM sessions ORDER BY id').iterate() as Iterable<unknown>) {
      const { id, seq } = row as { id: number; seq: number | null };
      this.#seqs.set(id, seq);
    }
  }

  /** The highest number ever given to an end. */
  get lastEnd(): number {
    return this.#lastEnd;
  }

  /** The highest number of an end that is known to be acknowledged, or was evicted. */
  get ackedEnd(): number {
    return this.#acked;
  }

  /** The `seq` of each open session by its number. */
  get seqs(): ReadonlyMap<number, number | null> {
    return this.#seqs;
  }

  /** Returns the saved form of every session. Throws an OutboxError. */
  saved(): unknown[] {
    return withOutboxErrors(() =>
      this.#db
        .prepare('SELECT saved FROM sessions ORDER BY id')
        .all()
        .map((row) => JSON.parse(row['saved'] as string) as unknown),
    );
  }

  /** Writes changes. Returns the function that takes them over into memory once the transaction is committed. */
  write({ begun, saved, removed, ends }: SessionCommit): { readonly lastEnd: number; readonly apply: () => void } {
    const seqOf = (id: number): number | null => begun.get(id) ?? this.#seqs.get(id) ?? null;
    let number = this.#lastEnd;
    for (const [id, one] of saved) this.#put.run(id, seqOf(id), JSON.stringify(one));
    for (const id of removed) this.#remove.run(id);
    for (const { session, end } of ends) {
      number += 1;
      const seq = seqOf(session);
      this.#insertEnd.run(number, seq, encodeEndBody(end));
    }
    const evictedTo = number - ENDS_LIMIT;
    if (ends.length > 0 && evictedTo > this.#acked) this.#deleteEnds.run(evictedTo);
    return {
      lastEnd: number,
      apply: () => {
        for (const [id] of saved) this.#seqs.set(id, seqOf(id));
        for (const id of removed) this.#seqs.delete(id);
        this.#lastEnd = number;
        this.#acked = Math.max(this.#acked, Math.min(evictedTo, number));
      },
    };
  }

  /** Returns at most `limit` ends after a number, in order. Throws an OutboxError. */
  endsAfter(number: number, limit: number): PendingEnd[] {
    return withOutboxErrors(() => this.#ends.all(number, limit) as unknown as PendingEnd[]);
  }

  /** Records that ends up to a number are acknowledged. */
  acknowledge(number: number): void {
    this.#acked = Math.max(this.#acked, Math.min(number, this.#lastEnd));
  }

  /** Deletes acknowledged ends. */
  deleteAcknowledged(): void {
    this.#deleteEnds.run(this.#acked);
  }

  /** Deletes all sessions: those of another log, or of a reader whose state is lost. Their ends are not emitted. */
  evictAll(): void {
    this.#db.exec('DELETE FROM sessions');
    this.#seqs.clear();
  }

  /**
   * Gives sessions and ends what a new agent id makes of them: events up to `acked` were another agent's, and the rest begin at 1.
   * Returns the highest number of an end, and the function that takes all over into memory once the transaction is committed.
   */
  renumber(acked: number): { readonly lastEnd: number; readonly apply: () => void } {
    this.#db.exec(`UPDATE sessions SET seq = CASE WHEN seq > ${acked} THEN seq - ${acked} END;
      UPDATE ends SET session = CASE WHEN session > ${acked} THEN session - ${acked} END;
      DELETE FROM ends WHERE number <= ${this.#acked};
      CREATE TEMP TABLE keptEnds AS SELECT session, body FROM ends ORDER BY number; DELETE FROM ends;
      INSERT INTO ends (number, session, body) SELECT rowid, session, body FROM keptEnds; DROP TABLE keptEnds`);
    const { n: lastEnd } = this.#db.prepare('SELECT count(*) AS n FROM ends').get() as { n: number };
    return {
      lastEnd,
      apply: () => {
        for (const [id, seq] of this.#seqs) this.#seqs.set(id, seq !== null && seq > acked ? seq - acked : null);
        this.#lastEnd = lastEnd;
        this.#acked = 0;
      },
    };
  }

  /** Gives the next end the number after `lastEnd`: those up to it were given out before. */
  goOnAfter(lastEnd: number): void {
    this.#lastEnd = lastEnd;
  }

  /** Copies what a checkpoint keeps. Throws an OutboxError. */
  copy(): SavedSessions {
    return withOutboxErrors(() => ({
      lastEnd: this.#lastEnd,
      sessions: this.#db
        .prepare('SELECT id, seq, saved FROM sessions ORDER BY id')
        .all()
        .map(({ id, seq, saved }) => [id as number, seq as number | null, JSON.parse(saved as string) as unknown]),
    }));
  }

  /** Inserts what a checkpoint kept, and ends that could still be read. */
  restore({ sessions }: SavedSessions, ends: Iterable<PendingEnd>): void {
    for (const [id, seq, saved] of sessions) this.#put.run(id, seq, JSON.stringify(saved));
    for (const { number, session, body } of ends) this.#insertEnd.run(number, session, body);
  }
}
