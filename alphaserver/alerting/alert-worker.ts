/**
 * The alert thread: judges stored events, writes alerts.db, and delivers notifications. Whoever stores never waits for it.
 * Its decisions go to the main thread, which appends them to the log: that is the file of another writer.
 */

import type { Logger } from '../../service/logger.ts';
import { originsFrom } from '../../service/origin.ts';
import { runThread, type ThreadWork } from '../../service/thread.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { CheckpointBlock } from '../detection/checkpoint.ts';
import { CheckpointError } from '../detection/checkpoint-block.ts';
import type { OriginNamesOf } from '../detection/source-origin.ts';
import type { ChannelStatus } from '../notify/channel-sender.ts';
import { Notifier } from '../notify/notifier.ts';
import { sender } from '../notify/send.ts';
import type { NewDecision } from '../store/decisions.ts';
import { openEventsReader } from '../store/folder.ts';
import { StoreError } from '../store/store.ts';
import { AlertFile } from './alert-file.ts';
import { logAlert } from './alert-log.ts';
import { EventSource } from './event-source.ts';
import { incidentIds } from './incident-id.ts';
import type { WrittenIncident } from './incident-store.ts';
import { originNames } from './origin-names.ts';
import { RuleRunner, type Step } from './rule-runner.ts';
import { streamed } from './streamed.ts';

/** The clock is checked this often where nothing is stored. */
const TICK_MS = 1_000;
/** A write that the disk did not take is tried again after so long, twice as long each time, to the limit. */
const RETRY_MS = 1_000;
const RETRY_LIMIT_MS = 60_000;
/**
 * The state of the rules is saved this often, in pieces between the steps: what was judged since is replayed after a crash.
 * Less often where saving takes long, so that it never takes more than a twentieth of the time.
 */
const CHECKPOINT_EVERY_MS = 30_000;
const CHECKPOINT_SHARE = 20;
/** Old incidents are looked for this often. */
const DELETE_EVERY_MS = 60_000;
/** Storing goes first. */
const NICE_STEPS = 10;

/** Says how far the rules are. */
export interface Progress {
  /** All events up to this one are judged, and their incidents written. */
  readonly position: number;
  /** Events after this one are replayed after a crash: retention leaves them. */
  readonly checkpoint: number;
  /** The age of the last event judged, by when it was stored, in milliseconds; 0 where none waits. */
  readonly lagMs: number;
  /** Keyed states held. */
  readonly states: number;
}

/** A line for the log, which the main thread writes. */
export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: object;
}

/** The messages between the main thread and this one. */
export interface AlertMessages {
  readonly post:
    | { readonly type: 'stored' }
    | { readonly type: 'configure'; readonly settings: AlertSettings }
    | { readonly type: 'deliver'; readonly delivers: boolean }
    | { readonly type: 'recorded'; readonly number: number; readonly fault: string | null };
  readonly emit:
    | { readonly type: 'progress'; readonly progress: Progress }
    | { readonly type: 'written'; readonly incidents: readonly WrittenIncident[] }
    | { readonly type: 'channels'; readonly channels: readonly ChannelStatus[] }
    | { readonly type: 'log'; readonly line: LogLine }
    | { readonly type: 'record'; readonly number: number; readonly decisions: readonly NewDecision[] };
  /** Applies the decisions that were appended. */
  readonly request: 'apply';
  readonly reply: null;
}

type Emit = (message: AlertMessages['emit']) => void;

/** The settings and the store's folder. */
export interface AlertWorkerData {
  readonly folder: string;
  readonly settings: AlertSettings;
  /** True when this server delivers notifications; of several servers one does. */
  readonly delivers: boolean;
  /** Files that say where sources are, as ALPHASERVER_GEOIP names them; null: none. */
  readonly geoipFiles: string | null;
}

class AlertWorker implements ThreadWork<AlertMessages> {
  readonly #emit: Emit;
  readonly #log: Logger;
  readonly #file: AlertFile;
  readonly #events: EventSource;
  readonly #closeEvents: () => void;
  readonly #originOf: OriginNamesOf | undefined;
  readonly #runner: RuleRunner;
  readonly #notifier: Notifier;
  readonly #tick: NodeJS.Timeout;
  readonly #recording = new Map<number, PromiseWithResolvers<void>>();
  #records = 0;
  #settings: AlertSettings;
  #delivers: boolean;
  /** A step that the disk has not taken. */
  #unwritten: Step | null = null;
  #turn: NodeJS.Immediate | null = null;
  /** The position of the checkpoint that is being made, null where none is. */
  #savingTo: number | null = null;
  /** Blocks of it that the disk has not taken: the engine gives each once. */
  #unsaved: readonly CheckpointBlock[] | null = null;
  #retryMs = RETRY_MS;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #checkpointAtMs = performance.now() + CHECKPOINT_EVERY_MS;
  #deleteAtMs = performance.now() + DELETE_EVERY_MS;
  #isRecording = false;
  #channelsDue = false;
  #isClosed = false;

  constructor({ folder, settings, delivers, geoipFiles }: AlertWorkerData, emit: Emit) {
    this.#emit = emit;
    this.#settings = settings;
    this.#delivers = delivers;
    const level =
      (one: LogLine['level']) =>
      (message: string, fields: object = {}) =>
        emit({ type: 'log', line: { level: one, message, fields } });
    this.#log = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
    this.#file = new AlertFile(folder, (decisions) => this.#record(decisions));
    // The query thread reads them too, and says what is wrong with them.
    if (geoipFiles !== null) this.#originOf = originNames(originsFrom(geoipFiles, { error: () => {} }));
    const db = openEventsReader(folder);
    this.#closeEvents = () => db.close();
    this.#events = new EventSource(db);
    this.#applyDecisions();
    this.#runner = this.#makeRunner(incidentIds(db, this.#file.db));
    this.#notifier = new Notifier({
      queues: this.#file.queue,
      settings,
      senderFor: ({ page }) => sender(page, Date.now),
      log: this.#log,
      now: Date.now,
      chance: Math.random,
      mayDeliver: () => this.#delivers,
      changed: () => this.#sayChannels(),
    });
    this.#tick = setInterval(() => this.#soon(), TICK_MS);
    this.#soon();
  }

  posted(message: AlertMessages['post']): void {
    if (message.type === 'recorded') this.#recorded(message.number, message.fault);
    else if (message.type === 'configure') void this.#configure(message.settings);
    else if (message.type === 'deliver') void this.#deliver(message.delivers);
    this.#soon();
  }

  answer(): null {
    // Another server may have delivered what waits here.
    if (this.#applyDecisions() > 0) this.#sayChannels();
    return null;
  }

  /** Saves the state of the rules, so that the next start has nothing to replay. Where the disk does not take it, it has. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#tick);
    if (this.#turn) clearImmediate(this.#turn);
    await this.#notifier.close();
    try {
      if (!this.#unwritten) this.#saveAll();
    } catch (error) {
      this.#failed(error);
    }
    this.#file.close();
    this.#closeEvents();
  }

  #makeRunner(incidentId: ReturnType<typeof incidentIds>): RuleRunner {
    const file = this.#file;
    const options = {
      originOf: this.#originOf,
      events: this.#events,
      settings: this.#settings,
      incidentId,
      position: file.reached.position,
      boundaries: file.beginReplay(this.#settings),
      provisional: () => file.provisional(),
      openBesides: (ids: ReadonlySet<string>) => file.openBesides(ids),
      openOne: (id: string) => file.openOne(id),
      startedMs: Date.now(),
    };
    const known = () => {
      file.doubtOpen();
      const { position: checkpoint, isLost: isStateLost } = file.checkpoint;
      return { checkpoint, blocks: file.checkpoint.blocks(), isStateLost, openOfAgents: file.openOfAgents() };
    };
    try {
      return new RuleRunner({ ...options, ...known() });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.#log.info(`All stored events are judged again, silently: ${error.message}`);
      file.checkpoint.drop();
      return new RuleRunner({ ...options, ...known() });
    }
  }

  #soon(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.#step();
    });
  }

  /**
   * Runs one step and writes it, and then what is due besides. What the disk does not take is tried again, and nothing else is
   * done before.
   */
  #step(): void {
    if (performance.now() < this.#retryAtMs) return;
    try {
      if (this.#unwritten === null) this.#runner.adopt(this.#file.takeRestored(), Date.now());
      this.#unwritten ??= this.#runner.step(Date.now());
      const written = this.#file.write(this.#unwritten, this.#settings, Date.now());
      this.#unwritten = null;
      this.#report(written);
      this.#maintain();
      this.#retryMs = RETRY_MS;
    } catch (error) {
      this.#failed(error);
    }
    this.#sayProgress();
    const isBusy = this.#runner.hasMore || this.#savingTo !== null;
    if (this.#unwritten === null && isBusy) this.#soon();
  }

  #report(written: readonly WrittenIncident[]): void {
    if (written.length === 0) return;
    for (const one of written) logAlert(this.#log, one);
    this.#emit({ type: 'written', incidents: streamed(written) });
    this.#notifier.wake();
  }

  #maintain(): void {
    const nowMs = performance.now();
    // Before `settle`, which looks at what is queued.
    if (this.#file.notifyUnsilenced(this.#settings, Date.now())) {
      this.#notifier.wake();
      this.#soon();
    }
    // Another server may have more to send than this one.
    if (this.#delivers) this.#file.settle(this.#settings, Date.now());
    void this.#recordPending();
    this.#saveSome(nowMs);
    if (nowMs < this.#deleteAtMs) return;
    this.#file.deleteOld(Date.now());
    this.#deleteAtMs = nowMs + DELETE_EVERY_MS;
  }

  /** Begins a checkpoint when it is time, and writes the next piece of the one that is being made. */
  #saveSome(nowMs: number): void {
    if (this.#savingTo === null) {
      if (nowMs < this.#checkpointAtMs) return;
      // So that no two checkpoints are there besides the one in force.
      if (this.#file.deleteOldBlocks()) return;
      this.#checkpointAtMs = nowMs + CHECKPOINT_EVERY_MS;
      this.#beginSaving();
    }
    this.#saveNext();
    this.#checkpointAtMs += CHECKPOINT_SHARE * (performance.now() - nowMs);
  }

  #beginSaving(): void {
    this.#savingTo = this.#runner.takenTo;
    this.#runner.beginCheckpoint();
  }

  /** Writes the next piece of a checkpoint. What the disk does not take is the next piece again. */
  #saveNext(): void {
    const position = this.#savingTo;
    if (position === null) return;
    this.#unsaved ??= this.#runner.nextBlocks();
    if (this.#unsaved) {
      this.#file.addToCheckpoint(this.#unsaved);
      this.#unsaved = null;
    } else {
      this.#file.completeCheckpoint(position);
      this.#savingTo = null;
    }
  }

  /** Saves all of the state of the rules now. */
  #saveAll(): void {
    while (this.#savingTo !== null) this.#saveNext();
    this.#beginSaving();
    while (this.#savingTo !== null) this.#saveNext();
  }

  #failed(error: unknown): void {
    if (!(error instanceof StoreError)) throw error;
    const { cause, message } = error;
    if (this.#retryMs === RETRY_MS)
      this.#log.warn(`Alerts cannot be written, retried: ${cause instanceof Error ? cause.message : message}`);
    this.#retryAtMs = performance.now() + this.#retryMs;
    this.#retryMs = Math.min(RETRY_LIMIT_MS, this.#retryMs * 2);
  }

  #sayProgress(): void {
    const { position } = this.#file.reached;
    const lagMs = this.#runner.lagMs(Date.now());
    const { states } = this.#runner;
    this.#emit({ type: 'progress', progress: { position, checkpoint: this.#file.checkpoint.position, lagMs, states } });
  }

  /** Says the state of the channels, once for all that changes in one turn of the event loop. */
  #sayChannels(): void {
    if (this.#channelsDue) return;
    this.#channelsDue = true;
    setImmediate(() => {
      this.#channelsDue = false;
      if (!this.#isClosed) this.#emit({ type: 'channels', channels: this.#notifier.status() });
    });
  }

  /** Begins or ends delivering. A delivery that runs is aborted: the server that takes over sends that message again. */
  async #deliver(delivers: boolean): Promise<void> {
    this.#delivers = delivers;
    if (delivers) this.#notifier.wake();
    else await this.#notifier.restart();
  }

  async #configure(settings: AlertSettings): Promise<void> {
    this.#settings = settings;
    this.#runner.configure(settings);
    this.#file.beginReplay(settings);
    await this.#notifier.use(settings);
    this.#sayChannels();
  }

  /** Appends decisions to the log, by the main thread. */
  #record(decisions: readonly NewDecision[]): Promise<void> {
    this.#records += 1;
    const pending = Promise.withResolvers<void>();
    this.#recording.set(this.#records, pending);
    this.#emit({ type: 'record', number: this.#records, decisions });
    return pending.promise;
  }

  #recorded(number: number, fault: string | null): void {
    const pending = this.#recording.get(number);
    this.#recording.delete(number);
    if (fault === null) pending?.resolve();
    else pending?.reject(new Error(fault));
  }

  async #recordPending(): Promise<void> {
    if (this.#isRecording) return;
    const { upTo, decisions } = this.#file.unrecorded.all();
    if (decisions.length === 0) return;
    this.#isRecording = true;
    try {
      await this.#record(decisions);
      this.#file.unrecorded.remove(upTo);
      this.#applyDecisions();
    } catch (error) {
      this.#log.debug(`Decisions are recorded later: ${(error as Error).message}`);
    } finally {
      this.#isRecording = false;
    }
  }

  /** Applies the decisions that were appended. Returns how many they were. */
  #applyDecisions(): number {
    return this.#file.apply((id, limit) => this.#events.decisions(id, limit));
  }
}

runThread<AlertMessages>(NICE_STEPS, (data: AlertWorkerData, emit) => new AlertWorker(data, emit));
