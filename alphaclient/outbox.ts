/** What must outlive a crash: events not yet acknowledged, the log position they were read up to, and the reader's state. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBody } from '../protocol/messages.ts';
import type { DeclaredGap } from '../protocol/report.ts';
import type { Moment } from './checkpoint.ts';
import { type Database, lockIn, OutboxError, openDurable, openForReading, transaction } from './database.ts';
import type { Gap } from './log/source.ts';
import type { Bookmark, Outgoing, Reading } from './reading.ts';

const FORMAT = 1;
/** The outbox's file in its folder. */
export const OUTBOX_FILE = 'outbox.db';
/** Declared gaps kept for the server and for `status`; older ones stay in the total. */
const GAPS_LIMIT = 100;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS gaps (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER, lines INTEGER);
`;

/** The queue of one agent, in one SQLite file. Open it once; a second process is refused while the first lives. */
export class Outbox {
  readonly #db: Database;
  readonly #lock: Database;
  readonly #insert: ReturnType<Database['prepare']>;
  readonly #select: ReturnType<Database['prepare']>;
  readonly #setMeta: ReturnType<Database['prepare']>;
  #agent = '';
  #lastSeq = 0;
  #acked = 0;
  #forgotten = 0;
  #waitingBytes = 0;
  #declaredLost = 0;

  /** Opens or makes the outbox of a folder. Throws an OutboxError. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#lock = lockIn(folder);
    try {
      this.#db = openDurable(join(folder, OUTBOX_FILE), SCHEMA);
      this.#insert = this.#db.prepare('INSERT INTO events (seq, body) VALUES (?, ?)');
      this.#select = this.#db.prepare('SELECT seq, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?');
      this.#setMeta = this.#db.prepare(
        'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      );
      this.#load();
    } catch (error) {
      this.#lock.close();
      throw error;
    }
  }

  #load(): void {
    const format = this.#meta('format');
    if (format !== null && format !== FORMAT)
      throw new OutboxError('failed', `format ${format} is not one this version reads`);
    if (format === null) transaction(this.#db, () => this.#begin(randomUUID(), 0));
    this.#agent = this.#meta('agent') as string;
    this.#lastSeq = this.#meta('lastSeq') as number;
    this.#declaredLost = (this.#meta('declaredLost') as number | null) ?? 0;
    const { first, bytes } = this.#db
      .prepare('SELECT min(seq) AS first, coalesce(sum(length(body)), 0) AS bytes FROM events')
      .get() as { first: number | null; bytes: number };
    this.#acked = this.#forgotten = first === null ? this.#lastSeq : first - 1;
    this.#waitingBytes = bytes;
  }

  #begin(agent: string, lastSeq: number): void {
    for (const [key, value] of Object.entries({ format: FORMAT, agent, lastSeq }))
      this.#setMeta.run(key, JSON.stringify(value));
  }

  /** The agent's id. */
  get agent(): string {
    return this.#agent;
  }
  /** The highest seq ever given out. */
  get lastSeq(): number {
    return this.#lastSeq;
  }
  /** The highest seq known to be acknowledged. */
  get acked(): number {
    return this.#acked;
  }
  /** Bytes of events waiting, as stored. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }
  /** Lines declared lost since the state folder was made. */
  get declaredLost(): number {
    return this.#declaredLost;
  }

  /** Where reading of a log stood, or null for a log never read. */
  bookmark(log: string): Bookmark | null {
    return this.#meta(`log:${log}`) as Bookmark | null;
  }

  /** Keeps what one read gave, in one durable transaction. Throws an OutboxError; then nothing of it is kept and it may be tried again. */
  commit(reading: Reading): void {
    let seq = this.#lastSeq;
    let lost = this.#declaredLost;
    let bytes = 0;
    transaction(this.#db, () => {
      this.#forget();
      for (const event of reading.events) {
        const body = encodeBody(event);
        bytes += body.length;
        seq += 1;
        this.#insert.run(seq, body);
      }
      for (const gap of reading.gaps) {
        lost += gap.lines ?? 1;
        this.#declare(gap, reading.atMs);
      }
      if (seq !== this.#lastSeq) this.#setMeta.run('lastSeq', JSON.stringify(seq));
      if (lost !== this.#declaredLost) this.#setMeta.run('declaredLost', JSON.stringify(lost));
      this.#setMeta.run(`log:${reading.log}`, JSON.stringify({ position: reading.position, reader: reading.reader }));
    });
    this.#lastSeq = seq;
    this.#declaredLost = lost;
    this.#waitingBytes += bytes;
  }

  #declare(gap: Gap, atMs: number): void {
    this.#db
      .prepare('INSERT INTO gaps (at, kind, text, bytes, lines) VALUES (?, ?, ?, ?, ?)')
      .run(new Date(atMs).toISOString(), gap.kind, gap.text, gap.bytes, gap.lines);
    this.#db.prepare('DELETE FROM gaps WHERE id <= (SELECT max(id) FROM gaps) - ?').run(GAPS_LIMIT);
  }

  /** The events after `seq`, in order, at most `limit`. */
  after(seq: number, limit: number): Outgoing[] {
    return this.#select.all(seq, limit) as unknown as Outgoing[];
  }

  /** Gaps numbered above `id`, oldest first. */
  gapsAfter(id: number, limit: number): DeclaredGap[] {
    return this.#db
      .prepare('SELECT * FROM gaps WHERE id > ? ORDER BY id LIMIT ?')
      .all(id, limit) as unknown as DeclaredGap[];
  }

  /**
   * Notes that all up to `seq` is stored by the server. The rows go with the next commit or `settle`:
   * a crash before it sends them again at most, and the server drops repeats.
   */
  acknowledge(seq: number): void {
    this.#acked = Math.max(this.#acked, Math.min(seq, this.#lastSeq));
  }

  /** Drops the rows of what is acknowledged. Throws an OutboxError; it may be called again. */
  settle(): void {
    if (this.#forgotten < this.#acked) transaction(this.#db, () => this.#forget());
  }

  #forget(): void {
    if (this.#forgotten >= this.#acked) return;
    this.#db.prepare('DELETE FROM events WHERE seq <= ?').run(this.#acked);
    this.#waitingBytes = (
      this.#db.prepare('SELECT coalesce(sum(length(body)), 0) AS bytes FROM events').get() as { bytes: number }
    ).bytes;
    this.#forgotten = this.#acked;
  }

  /** Goes on as the agent of a checkpoint, in an outbox that is new. Throws an OutboxError. */
  resume({ agent, seq, log, bookmark }: Moment): void {
    transaction(this.#db, () => {
      this.#begin(agent, seq);
      this.#setMeta.run(`log:${log}`, JSON.stringify(bookmark));
    });
    this.#agent = agent;
    this.#lastSeq = this.#acked = this.#forgotten = seq;
  }

  /** Takes a new id and numbers what waits from 1: the server has seen more of this agent than this folder ever gave out. */
  renew(): void {
    const agent = randomUUID();
    const waiting = this.#db.prepare('SELECT count(*) AS n FROM events').get() as { n: number };
    transaction(this.#db, () => {
      this.#db.exec(
        'CREATE TEMP TABLE kept AS SELECT body FROM events ORDER BY seq; DELETE FROM events; INSERT INTO events (seq, body) SELECT rowid, body FROM kept; DROP TABLE kept',
      );
      this.#begin(agent, waiting.n);
    });
    this.#agent = agent;
    this.#lastSeq = waiting.n;
    this.#acked = this.#forgotten = 0;
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  #meta(key: string): unknown {
    return metaIn(this.#db, key);
  }
}

function metaIn(db: Database, key: string): unknown {
  const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: string } | undefined;
  return row ? JSON.parse(row.value) : null;
}

/** What an outbox holds, as another process sees it. */
export interface OutboxSummary {
  readonly agent: string;
  /** Events ever given a seq. */
  readonly events: number;
  readonly waiting: number;
  readonly declaredLost: number;
  readonly gaps: readonly DeclaredGap[];
  /** Where reading stands in each log ever followed. */
  readonly logs: readonly { readonly log: string; readonly bookmark: Bookmark }[];
}

/** Looks into a folder's outbox while an agent may be using it. Null when there is none; throws an OutboxError when it cannot be read. */
export function summarize(folder: string): OutboxSummary | null {
  const file = join(folder, OUTBOX_FILE);
  if (!existsSync(file)) return null;
  const db = openForReading(file);
  try {
    const { waiting } = db.prepare('SELECT count(*) AS waiting FROM events').get() as { waiting: number };
    const logs = db.prepare("SELECT substr(key, 5) AS log, value FROM meta WHERE key LIKE 'log:%' ORDER BY key").all();
    return {
      agent: metaIn(db, 'agent') as string,
      events: metaIn(db, 'lastSeq') as number,
      waiting,
      declaredLost: (metaIn(db, 'declaredLost') as number | null) ?? 0,
      gaps: db.prepare('SELECT * FROM gaps ORDER BY id').all() as unknown as DeclaredGap[],
      logs: logs.map(({ log, value }) => ({ log: log as string, bookmark: JSON.parse(value as string) as Bookmark })),
    };
  } finally {
    db.close();
  }
}
