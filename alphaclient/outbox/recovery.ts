/**
 * Opens an agent's state folder, and replaces a damaged outbox: from the checkpoint beside it, else from what can still be read
 * of it, else as that of an agent that has never read the log.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../service/logger.ts';
import { readableConnections } from './connections.ts';
import { type Database, OutboxError, openForReading } from './database.ts';
import type { PendingEvent } from './event-rows.ts';
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
const DAMAGED_LIMIT = 3;
const DAMAGED = `${OUTBOX_FILE}.damaged-`;
/** A SQLite database in WAL mode is up to three files. */
const FILE_ENDINGS = ['', '-wal', '-shm'] as const;

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
      // Synced under another name before it is renamed: a crash or a power failure leaves the older file whole.
      writeDurably(`${this.#file}.new`, JSON.stringify({ version: CHECKPOINT_VERSION, ...this.#candidate }));
      renameSync(`${this.#file}.new`, this.#file);
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

function writeDurably(file: string, text: string): void {
  const fd = openSync(file, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Opens the outbox of a folder, or replaces a damaged one. Throws an OutboxError when the folder is in use or cannot be written. */
export function openStateFolder(folder: string, log: Logger, nowMs: number): Outbox {
  try {
    return new Outbox(folder);
  } catch (error) {
    if (!(error instanceof OutboxError) || error.code !== 'damaged') throw error;
    return replaceDamaged(folder, error.message, log, nowMs);
  }
}

/**
 * Renames a damaged outbox, which must be closed, to a name with the time, and returns a new one that goes on from the
 * checkpoint, else from what can be read of the damaged one, else from nothing. Throws an OutboxError.
 */
export function replaceDamaged(folder: string, why: string, log: Logger, nowMs: number): Outbox {
  const renamed = join(folder, DAMAGED + new Date(nowMs).toISOString().replace(/[:.]/g, '-'));
  for (const ending of FILE_ENDINGS)
    if (existsSync(join(folder, OUTBOX_FILE + ending)))
      renameSync(join(folder, OUTBOX_FILE + ending), renamed + ending);
  const outbox = new Outbox(folder);
  const damage = `The outbox is damaged (${why}) and was renamed to ${renamed}`;
  const state = new Checkpoint(folder).read();
  const salvaged = state ? null : salvage(renamed);
  if (state) {
    outbox.resume(state, []);
    log.error(
      `${damage}; reading again from where event ${state.seq} was acknowledged: nothing is lost or counted twice`,
    );
  } else if (salvaged) {
    outbox.resume(salvaged.state, salvaged.pending, salvaged.pendingEnds);
    const pending = outbox.lastSeq - outbox.acked;
    log.error(
      `${damage}; reading continues after its event ${salvaged.state.seq}, with the ${pending} pending events that could be read in it`,
    );
  } else
    log.error(
      `${damage}; its log position is lost: the log is read as one never followed before, and events that were sent before may come twice`,
    );
  salvaged?.close();
  deleteOldDamaged(folder);
  return outbox;
}

function deleteOldDamaged(folder: string): void {
  const damaged = readdirSync(folder).filter((name) => name.startsWith(DAMAGED) && !/-(wal|shm)$/.test(name));
  for (const name of damaged.sort().slice(0, -DAMAGED_LIMIT))
    for (const ending of FILE_ENDINGS) rmSync(join(folder, name + ending), { force: true });
}

/** The part of a damaged outbox that can be read. */
interface Salvage {
  readonly state: OutboxState;
  /** Its pending events in order, up to the first that cannot be read. */
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
    const meta = new Map(rows.map(({ key, value }) => [key, JSON.parse(value) as unknown]));
    const [agent, seq] = [meta.get('agent'), meta.get('lastSeq')];
    const opened = db;
    const logs = [...meta]
      .filter(([key]) => key.startsWith('log:'))
      .map(([key, value]) => {
        const [log, bookmark] = [key.slice('log:'.length), value as Bookmark];
        return { log, bookmark, connections: readableConnections(opened, log) };
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
    for (const { number, session, body } of rows as Iterable<PendingEnd>) {
      JSON.parse(body);
      yield { number, session, body };
    }
  } catch {
    // What is behind this one is lost: those sessions are not among the open ones that the agent lists.
  }
}

function* pendingIn(db: Database): Generator<PendingEvent> {
  try {
    const rows = db.prepare('SELECT seq, body FROM events ORDER BY seq').iterate() as Iterable<unknown>;
    for (const row of rows as Iterable<PendingEvent>) {
      JSON.parse(row.body);
      yield { seq: row.seq, body: row.body };
    }
  } catch {
    // The events behind this one are lost. The server finds the gap in their numbers and reports it.
  }
}
