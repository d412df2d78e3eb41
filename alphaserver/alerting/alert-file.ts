/** Holds all that is in alerts.db, on the one connection that writes it. */

import { createHash } from 'node:crypto';
import { EVENT_RULES, STATE_RULES } from '../alert-config/rules.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { CheckpointBlock } from '../detection/checkpoint.ts';
import type { AdoptedIncident, Incident } from '../detection/incident.ts';
import { type Database, transaction } from '../store/database.ts';
import type { Decision, NewDecision } from '../store/decisions.ts';
import { Checkpoint } from './checkpoint.ts';
import { DecisionProjection, decision, type Settled } from './decisions.ts';
import { IncidentStore, type OpenPlace, type WrittenIncident } from './incident-store.ts';
import { NotificationQueue } from './notification-queue.ts';
import type { Step } from './rule-runner.ts';
import { Marks, openAlerts } from './schema.ts';
import { UnrecordedDecisions } from './unrecorded-decisions.ts';

/** The marks of the position in the event log, and of the moment up to which closed incidents are written. */
const POSITION = 'position';
const CLOCK = 'clockMs';
/** Decisions applied in one transaction. */
const APPLIED_AT_ONCE = 500;
/** The interval at which the settled position of a channel is recorded to which nothing is delivered. */
const SETTLED_EVERY_MS = 3_600_000;

/** Appends to the log of decisions. Rejects when the log does not take them. */
export type Record = (decisions: readonly NewDecision[]) => Promise<void>;

/** The tables of alerts.db as one. Throws a StoreError when the disk does not take a write. */
export class AlertFile {
  readonly db: Database;
  readonly queue: NotificationQueue;
  readonly checkpoint: Checkpoint;
  readonly unrecorded: UnrecordedDecisions;
  readonly #marks: Marks;
  readonly #decisions: DecisionProjection;
  readonly #incidents: IncidentStore;
  #clockMs: number;
  #settledMs = Number.NEGATIVE_INFINITY;
  #settledFor: AlertSettings | null = null;
  /** The settings whose silences open incidents are compared with, and the place up to which that is done; null: all of it. */
  #unsilencedFor: AlertSettings | null = null;
  #unsilencedTo: OpenPlace | null = null;

  /** Opens or makes the file of a folder. Throws an Error with one sentence when it cannot be used. */
  constructor(folder: string, record: Record) {
    const db = openAlerts(folder);
    this.db = db;
    const marks = new Marks(db);
    this.#marks = marks;
    this.checkpoint = new Checkpoint(db, marks);
    transaction(db, () => this.checkpoint.deleteIncomplete());
    this.unrecorded = new UnrecordedDecisions(db);
    this.#clockMs = marks.get(CLOCK) ?? 0;
    this.queue = new NotificationQueue({
      db,
      marks,
      durably: (work) => this.#durably(work),
      record,
      reached: () => this.reached,
    });
    this.#decisions = new DecisionProjection(db, marks, (incidents) => this.#incidents.restore(incidents));
    this.#incidents = new IncidentStore({
      db,
      marks,
      queue: this.queue,
      decisions: this.#decisions,
      unrecorded: this.unrecorded,
      sinceMs: () => marks.get('sinceMs') ?? 0,
    });
  }

  /** The position up to which the incidents are written. */
  get reached(): Settled {
    return { position: this.#marks.get(POSITION) ?? 0, clockMs: this.#clockMs };
  }

  /** The last decision that is applied. */
  get applied(): number {
    return this.#decisions.applied;
  }

  /** Applies decisions that come after those applied. `read` gives those after an id. Returns how many they were. */
  apply(read: (id: number, limit: number) => readonly Decision[]): number {
    let count = 0;
    for (;;) {
      const decisions = read(this.applied, APPLIED_AT_ONCE);
      if (decisions.length === 0) return count;
      transaction(this.db, () => {
        for (const one of decisions) this.#decisions.apply(one);
      });
      count += decisions.length;
    }
  }

  /** Returns the positions that a replay has to stop at: up to there a channel is settled, though the incidents are not written. */
  beginReplay({ channels }: AlertSettings): readonly number[] {
    const position = this.#marks.get('rebuiltTo');
    const otherwise = position === null ? null : { position, clockMs: this.#marks.get('rebuiltMs') ?? 0 };
    this.#decisions.replay(Object.keys(channels), this.reached.position, otherwise);
    return this.#decisions.boundaries;
  }

  /** Returns the incidents that wait for the rules to confirm them. */
  provisional(): Incident[] {
    return this.#incidents.provisional();
  }

  /** Returns the open and confirmed incidents of rules that read events, without those of these ids. */
  openBesides(ids: ReadonlySet<string>): Incident[] {
    return this.#incidents.openBesides(EVENT_RULES, ids);
  }

  /** Returns an incident as it is written; null where it is not open. */
  openOne(id: string): Incident | null {
    return this.#incidents.openOne(id);
  }

  /** Returns the open incidents of rules that read no events. */
  openOfAgents(): Incident[] {
    return this.#incidents.openOf(STATE_RULES);
  }

  /** Returns the open incidents of rules that read no events that decisions alone brought since the last call. */
  takeRestored(): AdoptedIncident[] {
    return this.#incidents.takeRestored();
  }

  /** Writes what a step found, with its position, in one transaction. */
  write({ changes, provisional, position, clockMs }: Step, settings: AlertSettings, nowMs: number): WrittenIncident[] {
    const isNothing = changes.length + provisional.length === 0 && position === this.reached.position;
    if (isNothing) {
      // The clock alone is worth no transaction.
      this.#clockMs = clockMs;
      return [];
    }
    const context = { settings, nowMs, position, clockMs, from: this.reached };
    const written = transaction(this.db, () => {
      const found = [
        ...this.#incidents.write(changes, { ...context, provisional: false }),
        ...this.#incidents.write(provisional, { ...context, provisional: true }),
      ];
      this.#marks.set(POSITION, position);
      this.#marks.set(CLOCK, clockMs);
      return found;
    });
    this.#clockMs = clockMs;
    return written;
  }

  /**
   * Queues what a silence kept back that is over, or was undone, since: once for each settings, and at the start, since one may have
   * ended while nothing ran. Some at a time; false where nothing was left to do.
   */
  notifyUnsilenced(settings: AlertSettings, nowMs: number): boolean {
    if (settings !== this.#unsilencedFor)
      [this.#unsilencedFor, this.#unsilencedTo] = [settings, this.#incidents.firstOpen];
    const { position, clockMs } = this.reached;
    const after = this.#unsilencedTo;
    // Before a replay is past where all channels are settled nothing is due: it would count as notified, and be queued for nobody.
    if (after === null || this.#decisions.boundaries.some((boundary) => position <= boundary)) return false;
    const context = { settings, nowMs, position, clockMs, from: this.reached };
    this.#unsilencedTo = transaction(this.db, () => this.#incidents.notifyUnsilenced(after, context));
    return true;
  }

  /** Makes what is open wait for the rules to confirm it, where all events are judged again: perhaps by other rules. */
  doubtOpen(): void {
    if (this.checkpoint.isLost) transaction(this.db, () => this.#incidents.doubt(EVENT_RULES));
  }

  /** Writes blocks of the next checkpoint of the rules' state. */
  addToCheckpoint(blocks: Iterable<CheckpointBlock>): void {
    transaction(this.db, () => this.checkpoint.add(blocks));
  }

  /** Puts the next checkpoint, which is as of a position, in force. */
  completeCheckpoint(position: number): void {
    transaction(this.db, () => this.checkpoint.complete(position));
  }

  /** Deletes some blocks of earlier checkpoints; false where none was left. */
  deleteOldBlocks(): boolean {
    return transaction(this.db, () => this.checkpoint.deleteOld());
  }

  /** Deletes old incidents, some at a time. */
  deleteOld(nowMs: number): void {
    transaction(this.db, () => this.#incidents.deleteOld(nowMs));
  }

  /**
   * Notes up to where each channel is settled, to be recorded: for a channel that is new or is routed otherwise since, and for
   * all now and then. After alerts.db is deleted, notifications go on from there.
   */
  settle(settings: AlertSettings, nowMs: number): void {
    const all = nowMs - this.#settledMs >= SETTLED_EVERY_MS || nowMs < this.#settledMs;
    // Not in each step: it costs two queries a channel.
    if (!all && settings === this.#settledFor) return;
    const due = Object.keys(settings.channels).flatMap((name): [string, number, Settled][] => {
      const routing = routingOf(settings, name);
      const settled = this.queue.channel(name).settled();
      const known = this.#decisions.settled(name);
      if (this.#decisions.isReplaying(name, settled.position)) return [];
      const isNew = this.#marks.get(`routing ${name}`) !== routing;
      return isNew || (all && settled.position > (known?.position ?? 0)) ? [[name, routing, settled]] : [];
    });
    if (due.length > 0)
      transaction(this.db, () => {
        for (const [name, routing, settled] of due) {
          this.unrecorded.add(decision('settled', name, settled));
          this.#marks.set(`routing ${name}`, routing);
        }
      });
    // Not before: what the disk did not take is noted at the next step.
    if (all) this.#settledMs = nowMs;
    this.#settledFor = settings;
  }

  close(): void {
    this.db.close();
  }

  /** Runs work in a transaction that survives a power failure, with all that was committed before. */
  #durably<T>(work: () => T): T {
    this.db.exec('PRAGMA synchronous=FULL');
    try {
      return transaction(this.db, work);
    } finally {
      this.db.exec('PRAGMA synchronous=NORMAL');
    }
  }
}

/** Returns a number for what of the settings decides which incidents a channel is notified of. */
function routingOf({ channels, routes, notifyLate }: AlertSettings, name: string): number {
  const { severity, resolved } = channels[name] ?? {};
  const routed = Object.entries(routes).filter(([, names]) => names === null || names.includes(name));
  const text = JSON.stringify([severity, resolved, notifyLate, routed.map(([rule]) => rule)]);
  return createHash('sha256').update(text).digest().readUIntBE(0, 6);
}
