/** What must outlive a crash: events not yet acknowledged, the log position they were read up to, and the reader's state. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBody } from '../../protocol/messages.ts';
import type { DeclaredGap } from '../../protocol/report.ts';
import type { Moment } from './checkpoint.ts';
import { type Database, guarded, lockIn, OutboxError, openDurable, transaction } from './database.ts';
import { type Declared, declare, GAPS_SCHEMA, gapsAfter } from './gaps.ts';
import type { Bookmark, Outgoing, Reading } from './reading.ts';

const FORMAT = 1;
/** The outbox's file in its folder. */
export const OUTBOX_FILE = 'outbox.db';
/** Free pages (4 KiB) that stay in the file for what comes; what is above goes back to the disk, some at each `settle`. */
const FREE_PAGES = 4_096;
const FREED_PAGES_AT_ONCE = 1_024;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
  ${GAPS_SCHEMA};
`;
type Statement = ReturnType<Database['prepare']>;

/** The queue of one agent, in one SQLite file. Open it once; a second process is refused while the first lives. */
export class Outbox {
  readonly #db: Database;
  readonly #lock: Database;
  readonly #insert: Statement;
  readonly #select: Statement;
  readonly #setMeta: Statement;
  readonly #sizeUpTo: Statement;
  readonly #delete: Statement;
  #agent = '';
  #lastSeq = 0;
  #acked = 0;
  #forgotten = 0;
  #waitingBytes = 0;
  #declared: Declared = { lastGap: 0, declaredLost: 0 };
  #resumed = false;
  /** Up to which seq the server is known to have a resumed outbox's events. */
  #expected = 0;

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
      this.#sizeUpTo = this.#db.prepare(
        'SELECT coalesce(sum(octet_length(body)), 0) AS bytes FROM events WHERE seq <= ?',
      );
      this.#delete = this.#db.prepare('DELETE FROM events WHERE seq <= ?');
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
    if (format === null) transaction(this.#db, () => this.#set({ format: FORMAT, agent: randomUUID(), lastSeq: 0 }));
    this.#agent = this.#meta('agent') as string;
    this.#lastSeq = this.#meta('lastSeq') as number;
    this.#declared = {
      lastGap: (this.#meta('lastGap') as number | null) ?? 0,
      declaredLost: (this.#meta('declaredLost') as number | null) ?? 0,
    };
    this.#resumed = this.#meta('resumed') === true;
    const { first, bytes } = this.#db
      .prepare('SELECT min(seq) AS first, coalesce(sum(octet_length(body)), 0) AS bytes FROM events')
      .get() as { first: number | null; bytes: number };
    this.#acked = this.#forgotten = first === null ? this.#lastSeq : first - 1;
    this.#waitingBytes = bytes;
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
  /** Gaps declared since the state folder was made, and the lines lost in them. */
  get declared(): Declared {
    return this.#declared;
  }
  /** True while this outbox replaces a damaged one and may not have read again all that the server has. */
  get resumed(): boolean {
    return this.#resumed;
  }

  /** Where reading of a log stood, or null for a log never read. */
  bookmark(log: string): Bookmark | null {
    return this.#meta(`log:${log}`) as Bookmark | null;
  }

  /** Keeps what one read gave, in one durable transaction. Throws an OutboxError; then nothing of it is kept and it may be tried again. */
  commit({ events, gaps, atMs, log, position, reader }: Reading): void {
    let seq = this.#lastSeq;
    let declared = this.#declared;
    let bytes = 0;
    this.#forgetting(() => {
      for (const event of events) {
        const body = encodeBody(event);
        bytes += Buffer.byteLength(body);
        seq += 1;
        this.#insert.run(seq, body);
      }
      declared = declare(this.#db, this.#declared, gaps, atMs);
      this.#set({
        ...(events.length > 0 && { lastSeq: seq }),
        ...(gaps.length > 0 && declared),
        [`log:${log}`]: { position, reader },
      });
    });
    this.#lastSeq = seq;
    this.#declared = declared;
    this.#waitingBytes += bytes;
    this.acknowledge(this.#expected);
  }

  /** The events after `seq`, in order, at most `limit`. Throws an OutboxError. */
  after(seq: number, limit: number): Outgoing[] {
    return guarded(() => this.#select.all(seq, limit) as unknown as Outgoing[]);
  }

  /** Gaps numbered above `id`, oldest first. Throws an OutboxError. */
  gapsAfter(id: number, limit: number): DeclaredGap[] {
    return gapsAfter(this.#db, id, limit);
  }

  /**
   * Notes that all up to `seq` is stored by the server. The rows go with the next commit or `settle`:
   * a crash before it sends them again at most, and the server drops repeats.
   */
  acknowledge(seq: number): void {
    this.#acked = Math.max(this.#acked, Math.min(seq, this.#lastSeq));
  }

  /** Drops the rows of what is acknowledged, and gives space back. Throws an OutboxError; it may be called again. */
  settle(): void {
    if (this.#forgotten < this.#acked) this.#forgetting(() => {});
    const { freelist_count: free } = this.#db.prepare('PRAGMA freelist_count').get() as { freelist_count: number };
    if (free > FREE_PAGES) guarded(() => this.#db.exec(`PRAGMA incremental_vacuum(${FREED_PAGES_AT_ONCE})`));
  }

  /** Runs `work` in one transaction with the deletion of what is acknowledged, at the cost of what is deleted, however much waits. */
  #forgetting(work: () => void): void {
    const upTo = this.#acked;
    let bytes = 0;
    transaction(this.#db, () => {
      if (upTo > this.#forgotten) {
        bytes = (this.#sizeUpTo.get(upTo) as { bytes: number }).bytes;
        this.#delete.run(upTo);
      }
      work();
    });
    this.#waitingBytes -= bytes;
    this.#forgotten = upTo;
  }

  /**
   * Goes on, in an outbox that is new, from a moment of a damaged one, with what waited in it at that moment. What is read
   * again from there gets the numbers it had. Throws an OutboxError.
   */
  resume({ agent, seq, logs, declared }: Moment, waiting: Iterable<Outgoing>): void {
    transaction(this.#db, () => {
      for (const { seq: number, body } of waiting) this.#insert.run(number, body);
      this.#set({ agent, lastSeq: seq, resumed: true, ...declared });
      for (const { log, bookmark } of logs) this.#set({ [`log:${log}`]: bookmark });
    });
    this.#load();
  }

  /** Notes that the server has up to `seq`, more than a resumed outbox has given out yet: what is read up to there is acknowledged already. */
  expect(seq: number): void {
    this.#expected = Math.max(this.#expected, seq);
  }

  /** How many events the server has that are still to be read again. */
  get missing(): number {
    return Math.max(0, this.#expected - this.#lastSeq);
  }

  /** Ends `resumed`. Events that were not read again will not come: the next gets a number that was never given out. Throws an OutboxError. */
  reconcile(): void {
    const lastSeq = Math.max(this.#lastSeq, this.#expected);
    transaction(this.#db, () => this.#set({ lastSeq, resumed: false }));
    this.#lastSeq = lastSeq;
    this.#resumed = false;
    this.acknowledge(this.#expected);
  }

  /** Takes a new id and numbers what waits from 1: the server has seen more of this agent than this folder ever gave out. */
  renew(): void {
    const agent = randomUUID();
    const { n: lastSeq } = this.#db.prepare('SELECT count(*) AS n FROM events').get() as { n: number };
    transaction(this.#db, () => {
      this.#db.exec(
        'CREATE TEMP TABLE kept AS SELECT body FROM events ORDER BY seq; DELETE FROM events; INSERT INTO events (seq, body) SELECT rowid, body FROM kept; DROP TABLE kept',
      );
      this.#set({ agent, lastSeq });
    });
    this.#agent = agent;
    this.#lastSeq = lastSeq;
    this.#acked = this.#forgotten = 0;
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  #set(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.#setMeta.run(key, JSON.stringify(value));
  }

  #meta(key: string): unknown {
    return metaIn(this.#db, key);
  }
}

/** A value that an outbox keeps of itself, or null. */
export function metaIn(db: Database, key: string): unknown {
  const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: string } | undefined;
  return row ? JSON.parse(row.value) : null;
}
