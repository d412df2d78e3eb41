/** The rules beside a running server: a thread finds, this writes, and then everybody hears. */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../../service/logger.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import { YOUNG_MEMORY } from '../store/young-memory.ts';
import { logAlert } from './alert-log.ts';
import type { FromWorker, Progress, ToWorker } from './alert-worker.ts';
import { Keeper, type Written } from './incident-store.ts';
import { moveStories } from './known-agents.ts';
import { NotificationQueue } from './notification-queue.ts';
import type { Findings } from './rule-runner.ts';
import { type Database, makeTables } from './schema.ts';

/** Findings that the disk did not take are tried again after so long, and a thread that died is started again; then twice as long, to the bound. */
const RETRY_MS = 1_000;
const RETRY_LIMIT_MS = 60_000;
/** Old incidents are looked for so often. */
const FORGET_EVERY_MS = 60_000;

/** The store, as far as alerts need it. */
export interface AlertStore {
  readonly db: Database;
  transaction<T>(work: () => T): T;
  hold(upTo: () => number): void;
}

/** What the rules stand on. */
export interface AlertsOptions {
  /** The store's folder. */
  readonly folder: string;
  readonly store: AlertStore;
  readonly settings: AlertSettings;
  readonly log: Logger;
  readonly now: () => number;
}

/** Hears what was written, after its commit. Must not throw. */
export type AlertListener = (written: readonly Written[]) => void;

/** Starts with the construction. Throws an Error with one sentence when its tables are of a newer version, or its memory cannot be used. */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #keeper: Keeper;
  /** What channels are to be notified of. */
  readonly queue: NotificationQueue;
  readonly #listeners: AlertListener[] = [];
  #settings: AlertSettings;
  #worker: Worker | null = null;
  #progress: Progress = { at: 0, lagMs: 0, stories: 0, unkept: 0, kept: 0, fault: null };
  #heardMs: number;
  #retryMs = RETRY_MS;
  #timer: NodeJS.Timeout | null = null;
  readonly #forgetting: NodeJS.Timeout;
  #closed = false;

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#settings = options.settings;
    const { store, now } = options;
    store.transaction(() => makeTables(store.db));
    this.queue = new NotificationQueue({
      db: store.db,
      transaction: (work) => store.transaction(work),
      record: async () => {},
    });
    this.#keeper = new Keeper(store.db, this.queue);
    store.transaction(() => this.#keeper.since(now()));
    moveStories(options.folder, store.db, (work) => store.transaction(work));
    this.#heardMs = now();
    // What the rules would have to think again after a crash must still be there.
    store.hold(() => this.#progress.kept);
    this.#forgetting = setInterval(() => this.#forget(), FORGET_EVERY_MS).unref();
    this.#start();
  }

  /** The settings in force. */
  get settings(): AlertSettings {
    return this.#settings;
  }

  /** How far the rules are. The lag is how long ago the last event they took was stored, milliseconds, 0 where none waits. */
  get progress(): Progress {
    const silentMs = this.#options.now() - this.#heardMs;
    const { lagMs } = this.#progress;
    return { ...this.#progress, lagMs: lagMs === 0 && this.#worker ? 0 : lagMs + Math.max(0, silentMs) };
  }

  /** Adds one who hears of incidents. */
  listen(listener: AlertListener): void {
    this.#listeners.push(listener);
  }

  /** To be called after each commit of events. */
  stored(): void {
    this.#say('stored');
  }

  /** Takes other settings. What is open stays open and goes on by them. */
  change(settings: AlertSettings): void {
    this.#settings = settings;
    this.#say({ settings });
  }

  /** Notes who takes care of an incident; the first one stays. Throws a StoreError when the disk does not take it. */
  acknowledge(id: string, by: string): void {
    const { store, now } = this.#options;
    store.transaction(() => this.#keeper.acknowledge(id, by, now()));
  }

  /** Ends the thread. What it has not thought is thought after the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#forgetting);
    if (this.#timer) clearTimeout(this.#timer);
    await this.#worker?.terminate();
  }

  #say(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #start(): void {
    const { folder, log } = this.#options;
    const worker = new Worker(new URL('./alert-worker.ts', import.meta.url), {
      workerData: { folder, settings: this.#settings },
      resourceLimits: YOUNG_MEMORY,
    });
    this.#worker = worker;
    worker.unref();
    worker.on('message', (message: FromWorker) => this.#hear(message));
    let why = 'it ended';
    worker.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => {
      this.#worker = null;
      if (this.#closed) return;
      log.error(`Alert rules stopped, started again in ${this.#retryMs / 1_000} s: ${why}`);
      this.#later(() => this.#start());
    });
  }

  #hear({ findings, progress }: FromWorker): void {
    if (this.#closed) return;
    const { fault } = progress;
    if (fault !== null && fault !== this.#progress.fault)
      this.#options.log.warn(`What the alert rules remember cannot be kept, tried again: ${fault}`);
    this.#progress = progress;
    this.#heardMs = this.#options.now();
    if (findings) this.#write(findings);
  }

  #write(findings: Findings): void {
    const { store, now, log } = this.#options;
    let written: Written[];
    try {
      written = store.transaction(() => this.#keeper.write(findings, this.#settings, now()));
    } catch (error) {
      if (this.#retryMs === RETRY_MS)
        log.warn(`Alerts cannot be written, tried again: ${error instanceof Error ? error.message : String(error)}`);
      this.#later(() => this.#write(findings));
      return;
    }
    this.#retryMs = RETRY_MS;
    this.#say('written');
    for (const one of written) logAlert(log, one);
    for (const listener of this.#listeners) listener(written);
  }

  #later(work: () => void): void {
    this.#timer = setTimeout(work, this.#retryMs).unref();
    this.#retryMs = Math.min(RETRY_LIMIT_MS, this.#retryMs * 2);
  }

  #forget(): void {
    const { store, now, log } = this.#options;
    try {
      store.transaction(() => this.#keeper.forget(now()));
    } catch (error) {
      log.debug(`Old alerts not forgotten: ${String(error)}`);
    }
  }
}
