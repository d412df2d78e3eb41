/**
 * The agent's durable queue: events that no `ack` covers yet, the log position they were read up to, and the reader's state,
 * written together in one transaction.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { LoginEvent } from '../../protocol/event.ts';
import { encodeBody } from '../../protocol/messages.ts';
import type { AgentReport, DeclaredGap } from '../../protocol/report.ts';
import { addSpareRoom } from '../../service/spare-room.ts';
import type { Gap, LogPosition } from '../log/source.ts';
import type { ConnectionUpdate, NumberedConnection } from '../sshd/connection-changes.ts';
import { CONNECTIONS_SCHEMA, ConnectionRows } from './connections.ts';
import {
  asOpeningError,
  type Database,
  lockFolder,
  OutboxError,
  openDurable,
  transaction,
  withOutboxErrors,
} from './database.ts';
import { EVENTS_SCHEMA, EventRows, type PendingEvent } from './event-rows.ts';
import { declareGaps, GAPS_SCHEMA, type GapTotals, gapsAfter } from './gaps.ts';
import { bookmarkKey, META_SCHEMA, MetaRows, type ReadLogs } from './meta.ts';
import { type PendingEnd, SESSIONS_SCHEMA, type SessionCommit, SessionRows } from './sessions.ts';
import type { Bookmark, OutboxState } from './state.ts';

const FORMAT = 1;
/** The outbox's file in its folder. */
export const OUTBOX_FILE = 'outbox.db';
/** Free pages (4 KiB) that stay in the file for new events; of those above, some go back to the disk with each `compact`. */
const FREE_PAGES = 4_096;
const FREED_PAGES_AT_ONCE = 1_024;
/**
 * The newest events that are held in memory until they are sent: what one window holds, some 2 MiB. Events that were just stored
 * need not be read again.
 */
const RECENT_EVENTS = 8_192;
/** `compact` checkpoints a write-ahead log of more pages, so that no commit has to, which an event waits for. */
const WAL_PAGES = 256;
/** Its file is so long from the start: several times what is written to it before it is checkpointed and begins anew. */
const WAL_SPARE_BYTES = 4_194_304;
/** A commit checkpoints it at this size: 16 MiB, while a long log is read. */
export const WAL_LIMIT_PAGES = 4_096;
const SCHEMA = `
  ${META_SCHEMA};
  ${EVENTS_SCHEMA};
  ${GAPS_SCHEMA};
  ${SESSIONS_SCHEMA};
  ${CONNECTIONS_SCHEMA};
`;

/** The result of one read of the log; it becomes durable as a whole or not at all. */
export interface ReadResult {
  /** The log's path, or `journald`. Each log has a position of its own. */
  readonly log: string;
  readonly position: LogPosition | null;
  /** The reader's state after these lines; plain JSON. */
  readonly reader: unknown;
  readonly events: readonly LoginEvent[];
  readonly gaps: readonly Gap[];
  readonly sessions?: ReadSessions;
  /** What changed of the connections before their login, which are not in `reader` then. */
  readonly connections?: ConnectionUpdate;
  /** Values, plain JSON, by the names that `kept` returns them under. */
  readonly kept?: Readonly<Record<string, unknown>>;
  readonly atMs: number;
}

/** The changes that one read makes to sessions. */
export interface ReadSessions extends Omit<SessionCommit, 'begun'> {
  /** The number of the session that begins with each event; 0 for none. */
  readonly begun: readonly number[];
}

const NO_SESSIONS: ReadSessions = { begun: [], saved: [], removed: [], ends: [] };

/** Where an outbox is that is not opened as the one of its folder. */
export interface OutboxPlace {
  /** The folder's lock, which this process has; without it the folder is locked here. `close` ends it. */
  readonly lock?: Database;
  /** The name of a file that becomes the folder's outbox later. */
  readonly file?: string;
}

/** The outbox of one agent, in one SQLite file. A second process cannot open it while the first lives. */
export class Outbox {
  readonly #db: Database;
  readonly #lock: Database;
  readonly #meta: MetaRows;
  readonly #events: EventRows;
  readonly #sessions: SessionRows;
  readonly #connections: ConnectionRows;
  #agent = '';
  #lastSeq = 0;
  #maySentSeq = 0;
  #acked = 0;
  #droppedUpTo = 0;
  #droppedUpToEnd = 0;
  #pendingBytes = 0;
  #declared: GapTotals = { lastGap: 0, declaredLost: 0 };
  #resumed = false;
  /** The newest events. The last one has the number `#lastSeq`. */
  #recent: string[] = [];
  /** The highest seq that the server has of a resumed outbox. */
  #storedByServer = 0;
  /** The highest number of an end that the server has of a resumed outbox. */
  #endsStoredByServer = 0;
  /** True while nothing was written or acknowledged since `compact` found nothing more to do. */
  #isCompact = false;

  /** Opens or creates the outbox of a folder. Throws an OutboxError; a lock that was given stays then. */
  constructor(folder: string, { lock, file = OUTBOX_FILE }: OutboxPlace = {}) {
    this.#lock = lock ?? lockFolder(folder);
    let db: Database | null = null;
    try {
      db = openDurable(join(folder, file), SCHEMA);
      this.#db = db;
      this.#db.exec(`PRAGMA wal_autocheckpoint=${WAL_LIMIT_PAGES}`);
      this.#meta = new MetaRows(this.#db);
      this.#events = new EventRows(this.#db);
      this.#sessions = new SessionRows(this.#db);
      this.#connections = new ConnectionRows(this.#db);
      this.#load();
      if (file === OUTBOX_FILE) addSpareRoom(join(folder, `${OUTBOX_FILE}-wal`), WAL_SPARE_BYTES);
    } catch (error) {
      db?.close();
      if (!lock) this.#lock.close();
      throw asOpeningError(error);
    }
  }

  #load(): void {
    this.#recent = [];
    const format = this.#meta.get('format');
    if (format !== null && format !== FORMAT)
      throw new OutboxError('failed', `format ${format} is unknown to this version`);
    if (format === null)
      transaction(this.#db, () => this.#meta.set({ format: FORMAT, agent: randomUUID(), lastSeq: 0, numberedUpTo: 0 }));
    this.#agent = this.#meta.get('agent') as string;
    this.#lastSeq = this.#meta.get('lastSeq') as number;
    // An earlier version does not say which events may have been sent, here or where it went on with this outbox: any of them.
    const isOurs = this.#meta.get('numberedUpTo') === this.#lastSeq;
    this.#maySentSeq = (isOurs ? (this.#meta.get('maySentSeq') as number | null) : null) ?? this.#lastSeq;
    this.#declared = {
      lastGap: (this.#meta.get('lastGap') as number | null) ?? 0,
      declaredLost: (this.#meta.get('declaredLost') as number | null) ?? 0,
    };
    this.#resumed = this.#meta.get('resumed') === true;
    const { first, bytes } = this.#events.totals();
    this.#acked = this.#droppedUpTo = first === null ? this.#lastSeq : first - 1;
    this.#pendingBytes = bytes;
    this.#sessions.load((this.#meta.get('lastEnd') as number | null) ?? 0);
  }

  /** The agent's id. */
  get agent(): string {
    return this.#agent;
  }
  /** The highest seq ever given out. */
  get lastSeq(): number {
    return this.#lastSeq;
  }
  /** The highest seq that may have been sent to a server: what is acknowledged above it is a lie, or another agent's. */
  get maySentSeq(): number {
    return this.#maySentSeq;
  }
  /** The highest seq known to be acknowledged. */
  get acked(): number {
    return this.#acked;
  }
  /** Bytes of pending events, as stored. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }
  /** Gaps declared since the state folder was created, and the lines lost in them. */
  get declared(): GapTotals {
    return this.#declared;
  }
  /** The totals that a report carries. */
  get totals(): Pick<AgentReport, 'sentSeq' | 'waiting' | 'declaredLost'> {
    const { declaredLost } = this.#declared;
    return { sentSeq: this.#lastSeq, waiting: this.#lastSeq - this.#acked, declaredLost };
  }
  /** Whether this outbox replaces a damaged one and may still have to read again events that the server has. */
  get resumed(): boolean {
    return this.#resumed;
  }

  /** The highest number ever given to the end of a session. */
  get lastEnd(): number {
    return this.#sessions.lastEnd;
  }
  /** The highest number of an end that is known to be acknowledged. */
  get ackedEnd(): number {
    return this.#sessions.ackedEnd;
  }
  /** The `seq` of each open session by its number in the log; null where another agent id gave it. */
  get openSessions(): ReadonlyMap<number, number | null> {
    return this.#sessions.seqs;
  }

  /**
   * Returns the sessions that were open where the reader of a log stopped, as the reader saved them. Those of another log, or of a reader
   * whose state is lost, are followed no more. Throws an OutboxError.
   */
  sessionsOf(log: string, hasReader: boolean): unknown[] {
    if (hasReader && this.#meta.get('sessionsOf') === log) return this.#sessions.saved();
    this.#transaction(() => {
      this.#sessions.evictAll();
      this.#meta.set({ sessionsOf: log });
    });
    return [];
  }

  /**
   * Returns the connections before their login that were open where the reader of a log stopped. Where the reader's state has them in
   * itself, or is lost, they are older; the next commit writes all. Throws an OutboxError.
   */
  connectionsOf(log: string): NumberedConnection[] {
    return this.#connections.of(log);
  }

  /** Returns the value that was committed last under a name, or null. Throws an OutboxError. */
  kept(name: string): unknown {
    return this.#meta.get(`kept:${name}`);
  }

  /** Returns at most `limit` ends of sessions after a number, in order. Throws an OutboxError. */
  endsAfter(number: number, limit: number): PendingEnd[] {
    return this.#sessions.endsAfter(number, limit);
  }

  /** Records that ends up to a number are stored on the server; the rows go with the next transaction. */
  acknowledgeEnds(number: number): void {
    this.#sessions.acknowledge(number);
  }

  /** Returns the outbox's state, for a checkpoint of one log. Throws an OutboxError. */
  stateOf(log: string, bookmark: Bookmark): OutboxState {
    return {
      agent: this.#agent,
      seq: this.#lastSeq,
      logs: [{ log, bookmark, connections: this.#connections.of(log) }],
      declared: this.#declared,
      sessions: this.#sessions.copy(),
    };
  }

  /** Returns the bookmark of a log, or null for a log never read. Throws an OutboxError. */
  bookmark(log: string): Bookmark | null {
    return this.#meta.get(bookmarkKey(log)) as Bookmark | null;
  }

  /** The logs that were read. Throws an OutboxError. */
  get readLogs(): ReadLogs {
    return this.#meta.readLogs();
  }

  /**
   * Stores the result of one read in one durable transaction. `sendsAtOnce`: its events are sent as soon as they are stored, so that
   * the transaction notes it and sending needs none of its own. Throws an OutboxError; then nothing of it is stored, and it may be
   * retried.
   */
  commit(result: ReadResult, sendsAtOnce = false): void {
    const { events, gaps, atMs, log, position, reader, sessions, connections, kept = {} } = result;
    const { begun, saved, removed, ends } = sessions ?? NO_SESSIONS;
    const bodies = events.map(encodeBody);
    const seq = this.#lastSeq + bodies.length;
    const bytes = bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0);
    const hasSessions = saved.length + removed.length + ends.length > 0;
    const { declared, written } = this.#withDeletion(() => {
      const seqs = new Map<number, number>();
      this.#events.append(this.#lastSeq + 1, bodies);
      for (const [i, session] of begun.entries()) if (session > 0) seqs.set(session, this.#lastSeq + 1 + i);
      const written = hasSessions ? this.#sessions.write({ begun: seqs, saved, removed, ends }) : null;
      if (connections) this.#connections.write(log, connections);
      const declared = declareGaps(this.#db, this.#declared, gaps, atMs);
      this.#meta.set({
        ...(events.length > 0 && { lastSeq: seq, numberedUpTo: seq }),
        ...(events.length > 0 && sendsAtOnce && { maySentSeq: seq }),
        ...(gaps.length > 0 && declared),
        ...(written !== null && ends.length > 0 && { lastEnd: written.lastEnd }),
        [bookmarkKey(log)]: { position, reader },
      });
      for (const [name, value] of Object.entries(kept)) this.#meta.set({ [`kept:${name}`]: value });
      return { declared, written };
    });
    written?.apply();
    this.#lastSeq = seq;
    this.#hold(bodies);
    if (sendsAtOnce) this.#maySentSeq = seq;
    this.#declared = declared;
    this.#pendingBytes += bytes;
    this.acknowledge(this.#storedByServer);
    this.acknowledgeEnds(this.#endsStoredByServer);
  }

  /** Returns at most `limit` events after `seq`, in order. Throws an OutboxError. */
  after(seq: number, limit: number): PendingEvent[] {
    const held = seq - (this.#lastSeq - this.#recent.length);
    if (held >= 0 && seq >= this.#droppedUpTo)
      return this.#recent.slice(held, held + limit).map((body, i) => ({ seq: seq + 1 + i, body }));
    return this.#events.after(seq, limit);
  }

  /** Holds events that were just stored, and no more of those before than RECENT_EVENTS, or than were not acknowledged. */
  #hold(bodies: readonly string[]): void {
    const before = Math.max(0, Math.min(RECENT_EVENTS - bodies.length, this.#lastSeq - bodies.length - this.#acked));
    this.#recent = [...(before === 0 ? [] : this.#recent.slice(-before)), ...bodies.slice(-RECENT_EVENTS)];
  }

  /** Notes durably, before they are sent, that events up to `seq` may have been sent. Throws an OutboxError. */
  noteSending(seq: number): void {
    if (seq <= this.#maySentSeq) return;
    this.#transaction(() => this.#meta.set({ maySentSeq: seq }));
    this.#maySentSeq = seq;
  }

  /** Returns at most `limit` gaps numbered above `id`, oldest first. Throws an OutboxError. */
  gapsAfter(id: number, limit: number): DeclaredGap[] {
    return gapsAfter(this.#db, id, limit);
  }

  /**
   * Reads at most `limit` events and as many ends that no `ack` covers, of those that are sent first. Throws an OutboxError, `damaged`
   * where one is no JSON: SQLite sees no wrong byte in a text, and no server takes it.
   */
  checkPending(limit: number): void {
    withOutboxErrors(() => {
      for (const { body } of this.after(this.#acked, limit)) JSON.parse(body);
      for (const { body } of this.endsAfter(this.ackedEnd, limit)) JSON.parse(body);
    });
  }

  /**
   * Records that the server has stored all events up to `seq`. Their rows are deleted with the next commit or `compact`: after a
   * crash before that they are sent again, and the server drops repeats.
   */
  acknowledge(seq: number): void {
    if (seq > this.#acked) this.#isCompact = false;
    this.#acked = Math.max(this.#acked, Math.min(seq, this.#lastSeq));
  }

  /**
   * Deletes the rows of acknowledged events, gives free space back to the disk, and checkpoints the write-ahead log. Throws an
   * OutboxError; it may be retried.
   */
  compact(): void {
    if (this.#isCompact) return;
    if (this.#droppedUpTo < this.#acked) this.#withDeletion(() => {});
    const { freelist_count: free } = this.#db.prepare('PRAGMA freelist_count').get() as { freelist_count: number };
    if (free > FREE_PAGES) withOutboxErrors(() => this.#db.exec(`PRAGMA incremental_vacuum(${FREED_PAGES_AT_ONCE})`));
    const pages = this.walPages;
    if (pages > WAL_PAGES) withOutboxErrors(() => this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)'));
    this.#isCompact = free <= FREE_PAGES && pages <= WAL_PAGES;
  }

  /** Pages of the write-ahead log that are not in the file yet. */
  get walPages(): number {
    const { log, checkpointed } = this.#db.prepare('PRAGMA wal_checkpoint(NOOP)').get() as Record<string, number>;
    return (log ?? 0) - (checkpointed ?? 0);
  }

  #transaction<T>(work: () => T): T {
    this.#isCompact = false;
    return transaction(this.#db, work);
  }

  /** Runs `work` in one transaction with the deletion of acknowledged events. Its cost depends on how many are deleted, not on how many are pending. */
  #withDeletion<T>(work: () => T): T {
    const upTo = this.#acked;
    const upToEnd = this.#sessions.ackedEnd;
    let bytes = 0;
    const result = this.#transaction(() => {
      if (upTo > this.#droppedUpTo) {
        bytes = this.#events.bytesUpTo(upTo);
        this.#events.deleteUpTo(upTo);
      }
      if (upToEnd > this.#droppedUpToEnd) this.#sessions.deleteAcknowledged();
      return work();
    });
    this.#pendingBytes -= bytes;
    this.#droppedUpTo = upTo;
    this.#droppedUpToEnd = upToEnd;
    return result;
  }

  /**
   * Makes a new outbox go on from a state of a damaged one, with the events that were pending then. Events that are read again
   * from there get the numbers they had. Throws an OutboxError.
   */
  resume(
    { agent, seq, logs, declared, sessions }: OutboxState,
    pending: Iterable<PendingEvent>,
    pendingEnds: Iterable<PendingEnd> = [],
  ): void {
    this.#transaction(() => {
      this.#events.restore(pending);
      this.#meta.set({ agent, lastSeq: seq, numberedUpTo: seq, maySentSeq: seq, resumed: true, ...declared });
      for (const { log, bookmark, connections } of logs) {
        this.#meta.set({ [bookmarkKey(log)]: bookmark });
        if (connections) this.#connections.write(log, { isWhole: true, saved: connections, removed: [] });
      }
      if (sessions) {
        this.#sessions.restore(sessions, pendingEnds);
        this.#meta.set({ lastEnd: sessions.lastEnd, ...(logs.length === 1 && { sessionsOf: logs[0]?.log }) });
      }
    });
    this.#load();
  }

  /** Records that the server has stored more events than a resumed outbox has given out yet: those up to `seq` are acknowledged as they are read. */
  setStoredByServer(seq: number): void {
    this.#storedByServer = Math.max(this.#storedByServer, seq);
  }

  /** The same for the ends of sessions. */
  setEndsStoredByServer(number: number): void {
    this.#endsStoredByServer = Math.max(this.#endsStoredByServer, number);
  }

  /** How many events the server has that were not read again yet. */
  get missingEvents(): number {
    return Math.max(0, this.#storedByServer - this.#lastSeq);
  }

  /** Ends `resumed`: events that were not read again will not come, and the next event gets a number that was never given out. Throws an OutboxError. */
  endResume(): void {
    const lastSeq = Math.max(this.#lastSeq, this.#storedByServer);
    const maySentSeq = Math.max(this.#maySentSeq, this.#storedByServer);
    const lastEnd = Math.max(this.#sessions.lastEnd, this.#endsStoredByServer);
    this.#transaction(() => this.#meta.set({ lastSeq, numberedUpTo: lastSeq, maySentSeq, lastEnd, resumed: false }));
    this.#sessions.goOnAfter(lastEnd);
    this.#recent = [];
    this.#lastSeq = lastSeq;
    this.#maySentSeq = maySentSeq;
    this.#resumed = false;
    this.acknowledge(this.#storedByServer);
    this.acknowledgeEnds(this.#endsStoredByServer);
  }

  /**
   * Takes a new id and numbers the pending events from 1. Returns how many of them may have been sent under the old id, and so may
   * stand twice. What a server has of the old id says nothing of the new one. Throws an OutboxError; then nothing has changed.
   */
  takeNewId(): number {
    const maySentTwice = Math.max(0, Math.min(this.#maySentSeq, this.#lastSeq) - this.#acked);
    const agent = randomUUID();
    const { lastSeq, bytes, sessions } = this.#transaction(() => {
      // Rows of acknowledged events may still be there.
      this.#events.deleteUpTo(this.#acked);
      const lastSeq = this.#events.renumber();
      const sessions = this.#sessions.renumber(this.#acked);
      const { lastEnd } = sessions;
      this.#meta.set({ agent, lastSeq, numberedUpTo: lastSeq, lastEnd, maySentSeq: 0, resumed: false });
      return { lastSeq, bytes: this.#events.bytesUpTo(lastSeq), sessions };
    });
    sessions.apply();
    this.#recent = [];
    this.#agent = agent;
    this.#lastSeq = lastSeq;
    this.#maySentSeq = this.#acked = this.#droppedUpTo = this.#droppedUpToEnd = 0;
    this.#storedByServer = this.#endsStoredByServer = 0;
    this.#resumed = false;
    this.#pendingBytes = bytes;
    return maySentTwice;
  }

  close(): void {
    this.#db.close();
    this.#lock.close();
  }

  /** Writes the write-ahead log to the file and closes it, which then is all there is. The folder stays locked. Throws an OutboxError. */
  closeFile(): void {
    try {
      const result = withOutboxErrors(() => this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get());
      if (result?.['busy'] !== 0) throw new OutboxError('failed', 'another process is reading it');
    } finally {
      this.#db.close();
    }
  }
}
