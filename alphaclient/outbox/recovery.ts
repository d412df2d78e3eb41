/**
 * Opens an agent's state folder, and replaces a damaged outbox: from the checkpoint beside it, else from what can still be read
 * of it, else as that of an agent that has never read the log.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../service/files.ts';
import type { Logger } from '../../service/logger.ts';
import { readableConnections } from './connections.ts';
import { type Database, isDamaged, lockFolder, openForReading, withOutboxErrors } from './database.ts';
import type { PendingEvent } from './event-rows.ts';
import { logOfKey } from './meta.ts';
import { OUTBOX_FILE, Outbox } from './outbox.ts';
import type { PendingEnd, SavedSessions } from './sessions.ts';
import type { Bookmark, OutboxState } from './state.ts';

const CHECKPOINT_FILE = 'checkpoint.json';
const CHECKPOINT_VERSION = 2;
/** The checkpoint is written at most this often: damage is rare, and an older checkpoint only means that more is read again. */
const CHECKPOINT_EVERY_MS = 1_000;
/** It holds all open sessions and connections, some 150 bytes each: with 50,000 of them it is written once in 50 s. */
const CHECKPOINT_EVERY_MS_PER_ROW = 1;

/** Damaged files kept for inspection; beyond them the oldest is deleted, so that a bad disk does not fill up with them. */
const DAMAGED_LIMIT_OUTBOXES = 3;
const DAMAGED = `${OUTBOX_FILE}.damaged-`;
/** The files of a SQLite database in WAL mode; the journal is there while it is made. */
const FILE_ENDINGS = ['', '-wal', '-shm', '-journal'] as const;
/** The outbox that is to replace a damaged one, while it is written. */
const NEW_FILE = `${OUTBOX_FILE}.new`;
/** The same once it is whole. A start that finds no outbox takes it. */
const READY_FILE = `${OUTBOX_FILE}.ready`;

/**
 * A small file beside the outbox with the last state in which every event was acknowledged. Reading on from there, under the
 * same id and with the next seq, gives the same events the same numbers again, and the server drops those it has.
 */
export class Checkpoint {
  readonly #file: string;
  #candidate: OutboxState | null = null;
  #writtenMs = 0;
  /** The number of sessions and connections in the file that was written last. */
  #rows = 0;

  constructor(folder: string) {
    this.#file = join(folder, CHECKPOINT_FILE);
  }

  /** Offers a state, which is only made where it is taken: the first one is kept until its events are acknowledged. */
  offer(agent: string, nowMs: number, state: () => OutboxState): void {
    if (this.#candidate?.agent === agent || this.#isTooSoon(nowMs)) return;
    this.#candidate = state();
  }

  #isTooSoon(nowMs: number): boolean {
    return Math.abs(nowMs - this.#writtenMs) < this.#rows * CHECKPOINT_EVERY_MS_PER_ROW;
  }

  /** Writes the offered state once all its events are acknowledged. A failed write keeps the older checkpoint. */
  acknowledged(seq: number, nowMs: number): void {
    if (!this.#candidate || seq < this.#candidate.seq || Math.abs(nowMs - this.#writtenMs) < CHECKPOINT_EVERY_MS)
      return;
    try {
      replaceFile(this.#file, JSON.stringify({ version: CHECKPOINT_VERSION, ...this.#candidate }));
    } catch {
      // The disk is full or gone; the outbox reports that.
    }
    const { sessions, logs } = this.#candidate;
    this.#rows = (sessions?.sessions.length ?? 0) + logs.reduce((sum, one) => sum + (one.connections?.length ?? 0), 0);
    this.#candidate = null;
    this.#writtenMs = nowMs;
  }

  /** Returns the state in the file, or null when there is none that can be read. */
  read(): OutboxState | null {
    try {
      const { version, agent, seq, logs, declared, sessions } = JSON.parse(
        readFileSync(this.#file, 'utf8'),
      ) as OutboxState & {
        version: number;
      };
      return version === CHECKPOINT_VERSION && typeof agent === 'string' && Number.isSafeInteger(seq)
        ? { agent, seq, logs, declared, ...(sessions && { sessions }) }
        : null;
    } catch {
      return null;
    }
  }
}

/** What a kill left of a checkpoint that was being written, by this version and by earlier ones. */
const LEFT_CHECKPOINT = /^checkpoint\.json(\.\d+)?\.new$/;

/**
 * Opens the outbox of a folder, replaces a damaged one, and goes on with a replacement that was interrupted. Throws an OutboxError when the
 * folder is in use or cannot be written.
 */
export function openStateFolder(folder: string, log: Logger, nowMs: number): Outbox {
  return locked(folder, (lock) => {
    for (const name of readdirSync(folder)) if (LEFT_CHECKPOINT.test(name)) rmSync(join(folder, name), { force: true });
    if (existsSync(join(folder, OUTBOX_FILE))) removeNew(folder);
    else finishReplacement(folder, { lock, log, nowMs });
    try {
      return new Outbox(folder, { lock });
    } catch (error) {
      if (!isDamaged(error)) throw error;
      return replace(folder, `is damaged (${error.message})`, { lock, log, nowMs });
    }
  });
}

/** Replaces a damaged outbox, which must be closed, and returns the new one. Throws an OutboxError. */
export function replaceDamaged(folder: string, why: string, log: Logger, nowMs: number): Outbox {
  return locked(folder, (lock) => replace(folder, `is damaged (${why})`, { lock, log, nowMs }));
}

function locked(folder: string, work: (lock: Database) => Outbox): Outbox {
  const lock = lockFolder(folder);
  try {
    return withOutboxErrors(() => work(lock));
  } catch (error) {
    lock.close();
    throw error;
  }
}

interface Replacing {
  readonly lock: Database;
  readonly log: Logger;
  readonly nowMs: number;
}

/**
 * Makes a new outbox that goes on from the checkpoint, else from what can be read of the damaged one, else from nothing. Then gives the
 * damaged one a name with the time, and the new one its place. `what` is what the log says of the damaged one.
 *
 * The next start goes on after a crash or an error at any point: it begins anew while the damaged one is in its place, and takes the new
 * one where that has its other name.
 */
function replace(folder: string, what: string, { lock, log, nowMs }: Replacing): Outbox {
  const origin = makeNew(folder, lock);
  const renamed = moveAway(folder, nowMs);
  log.error(`The outbox ${what} and was renamed to ${renamed}; ${origin}`);
  renameSync(join(folder, READY_FILE), join(folder, OUTBOX_FILE));
  deleteOldDamaged(folder);
  return new Outbox(folder, { lock });
}

/** Makes the new outbox, in one file under another name, and returns where it goes on. */
function makeNew(folder: string, lock: Database): string {
  removeNew(folder);
  const state = new Checkpoint(folder).read();
  const salvaged = state ? null : salvage(join(folder, OUTBOX_FILE));
  try {
    const pending = writeNew(folder, lock, state ? { state, pending: [], pendingEnds: [] } : salvaged);
    renameSync(join(folder, NEW_FILE), join(folder, READY_FILE));
    if (state) return `reading again from where event ${state.seq} was acknowledged: nothing is lost or counted twice`;
    if (salvaged)
      return `reading continues after its event ${salvaged.state.seq}, with the ${pending} pending events that could be read in it`;
    return 'its log position is lost: the log is read as one never followed before, and events that were sent before may come twice';
  } catch (error) {
    // A full disk gets its room back.
    removeNew(folder);
    throw error;
  } finally {
    salvaged?.close();
  }
}

/** Returns how many events are pending in the new outbox. */
function writeNew(folder: string, lock: Database, content: Omit<Salvage, 'close'> | null): number {
  const outbox = new Outbox(folder, { lock, file: NEW_FILE });
  try {
    if (content) outbox.resume(content.state, content.pending, content.pendingEnds);
    return outbox.lastSeq - outbox.acked;
  } finally {
    outbox.closeFile();
  }
}

/**
 * Gives the files of the damaged outbox their other name, and returns it. The database is first: without its write-ahead log it would
 * be an older outbox. That is gone before the new one is there, since SQLite would read it into that.
 */
function moveAway(folder: string, nowMs: number): string {
  const isMoved = !existsSync(join(folder, OUTBOX_FILE));
  const newest = isMoved ? damagedIn(folder).at(-1) : undefined;
  const renamed = join(folder, newest ?? DAMAGED + new Date(nowMs).toISOString().replace(/[:.]/g, '-'));
  for (const ending of FILE_ENDINGS)
    if (existsSync(join(folder, OUTBOX_FILE + ending)))
      renameSync(join(folder, OUTBOX_FILE + ending), renamed + ending);
  return renamed;
}

/**
 * Goes on with a replacement that was interrupted, in a folder without an outbox. Earlier versions renamed the damaged one first, and so
 * may have left nothing but that and the checkpoint.
 */
function finishReplacement(folder: string, { lock, log, nowMs }: Replacing): void {
  const isReady = existsSync(join(folder, READY_FILE));
  if (!isReady && (damagedIn(folder).length === 0 || new Checkpoint(folder).read() === null)) return;
  const origin = isReady ? 'the new one that was made then is used now' : makeNew(folder, lock);
  const renamed = moveAway(folder, nowMs);
  log.error(`The outbox is damaged and was renamed to ${renamed}, and nothing stands in its place yet; ${origin}`);
  renameSync(join(folder, READY_FILE), join(folder, OUTBOX_FILE));
}

function removeNew(folder: string): void {
  for (const name of [NEW_FILE, READY_FILE]) removeFiles(folder, name);
}

function removeFiles(folder: string, name: string): void {
  for (const ending of FILE_ENDINGS) rmSync(join(folder, name + ending), { force: true });
}

/** Returns the names of the damaged outboxes in a folder, oldest first. */
function damagedIn(folder: string): string[] {
  return readdirSync(folder)
    .filter(
      (name) => name.startsWith(DAMAGED) && !FILE_ENDINGS.some((ending) => ending !== '' && name.endsWith(ending)),
    )
    .sort();
}

function deleteOldDamaged(folder: string): void {
  for (const name of damagedIn(folder).slice(0, -DAMAGED_LIMIT_OUTBOXES)) removeFiles(folder, name);
}

/** The part of a damaged outbox that can be read. */
interface Salvage {
  readonly state: OutboxState;
  /** Its pending events in order, without those that are no JSON, up to the first that cannot be read. */
  readonly pending: Iterable<PendingEvent>;
  /** Its pending ends of sessions, likewise. */
  readonly pendingEnds: Iterable<PendingEnd>;
  close(): void;
}

/** Reads a damaged outbox's file. Null where not even its log position can be read. */
function salvage(file: string): Salvage | null {
  let db: Database | null = null;
  try {
    db = openForReading(file);
    const rows = db.prepare('SELECT key, value FROM meta').all() as { key: string; value: string }[];
    const meta = new Map(rows.map(({ key, value }) => [key, readableJson(value)]));
    const [agent, seq] = [meta.get('agent'), meta.get('lastSeq')];
    const opened = db;
    const logs = [...meta].flatMap(([key, value]) => {
      const log = logOfKey(key);
      if (log === null || value === null) return [];
      return [{ log, bookmark: value as Bookmark, connections: readableConnections(opened, log) }];
    });
    if (typeof agent !== 'string' || !Number.isSafeInteger(seq) || logs.length === 0) throw new Error('no position');
    const [lastGap, declaredLost] = [Number(meta.get('lastGap') ?? 0), Number(meta.get('declaredLost') ?? 0)];
    const sessions = { lastEnd: Number(meta.get('lastEnd') ?? 0), sessions: [...sessionsIn(opened)] };
    const state = { agent, seq: seq as number, logs, declared: { lastGap, declaredLost }, sessions };
    return {
      state,
      pending: pendingIn(opened),
      pendingEnds: pendingEndsIn(opened),
      close: () => opened.close(),
    };
  } catch {
    db?.close();
    return null;
  }
}

/** Returns the value of a JSON text; null where it is none. */
function readableJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** The open sessions, up to the first that cannot be read: those behind it are followed no more. */
function* sessionsIn(db: Database): Generator<SavedSessions['sessions'][number]> {
  try {
    const rows = db.prepare('SELECT id, seq, saved FROM sessions ORDER BY id').iterate() as Iterable<unknown>;
    for (const row of rows as Iterable<{ id: number; seq: number | null; saved: string }>)
      yield [row.id, row.seq, JSON.parse(row.saved) as unknown];
  } catch {
    // An outbox of an earlier version has none.
  }
}

function* pendingEndsIn(db: Database): Generator<PendingEnd> {
  try {
    const rows = db.prepare('SELECT number, session, body FROM ends ORDER BY number').iterate() as Iterable<unknown>;
    for (const { number, session, body } of rows as Iterable<PendingEnd>)
      if (readableJson(body) !== null) yield { number, session, body };
  } catch {
    // What is behind this one is lost: those sessions are not among the open ones that the agent lists.
  }
}

function* pendingIn(db: Database): Generator<PendingEvent> {
  try {
    const rows = db.prepare('SELECT seq, body FROM events ORDER BY seq').iterate() as Iterable<unknown>;
    for (const { seq, body } of rows as Iterable<PendingEvent>) if (readableJson(body) !== null) yield { seq, body };
  } catch {
    // The events behind this one are lost. The server finds the gap in their numbers and reports it.
  }
}
