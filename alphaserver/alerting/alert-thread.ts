/** The main thread's side of the alert thread: wakes it after commits, gives it settings, and appends its decisions to the log. */

import type { Logger } from '../../service/logger.ts';
import { Thread } from '../../service/thread.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ChannelStatus } from '../notify/channel-sender.ts';
import type { NewDecision } from '../store/decisions.ts';
import type { AlertMessages, Progress } from './alert-worker.ts';
import { decision } from './decisions.ts';
import type { WrittenIncident } from './incident-store.ts';

/** The time that a closing server waits for the state of the rules to be saved: what is not, is replayed. */
const CLOSE_LIMIT_MS = 2_500;
/**
 * The thread is woken this long after a commit, once for all commits meanwhile: at once, it would compete with what sends the
 * acknowledgement for the processors, and each event that comes alone would cost a step.
 */
const WAKE_DELAY_MS = 5;

/** Holds what the thread needs of the main thread. */
export interface AlertThreadOptions {
  /** The store's folder, in which alerts.db is prepared. */
  readonly folder: string;
  readonly settings: AlertSettings;
  /** True when this server delivers notifications from its start. */
  readonly delivers: boolean;
  /** Files that say where sources are, as ALPHASERVER_GEOIP names them. */
  readonly geoipFiles?: string | null;
  /** Appends to the log of decisions. Rejects with a StoreError when they are not durable. */
  readonly append: (decisions: readonly NewDecision[]) => Promise<void>;
  /** Hears of incidents, after their commit. Must not throw. */
  readonly written: (incidents: readonly WrittenIncident[]) => void;
  readonly log: Logger;
  readonly now: () => number;
}

/** Starts with the construction, and again after it died: it goes on from its file. */
export class AlertThread {
  readonly #options: AlertThreadOptions;
  readonly #thread: Thread<AlertMessages>;
  #settings: AlertSettings;
  #progress: Progress = { position: 0, checkpoint: 0, lagMs: 0, states: 0 };
  #channels: readonly ChannelStatus[] = [];
  #heardMs: number;
  #isDown = false;
  #waking: NodeJS.Timeout | null = null;
  #delivers: boolean;

  constructor(options: AlertThreadOptions) {
    const { folder, settings, log, now } = options;
    this.#options = options;
    this.#settings = settings;
    this.#delivers = options.delivers;
    this.#heardMs = now();
    this.#thread = new Thread({
      script: new URL('./alert-worker.ts', import.meta.url),
      data: () => ({
        folder,
        settings: this.#settings,
        delivers: this.#delivers,
        geoipFiles: options.geoipFiles ?? null,
      }),
      emitted: (message) => this.#hear(message),
      died: (error, restartMs) => {
        this.#isDown = true;
        log.error(`The alert thread died and is started again in ${restartMs / 1_000} s: ${error.message}`);
      },
      restarted: () => {
        this.#isDown = false;
      },
      closeLimitMs: CLOSE_LIMIT_MS,
    });
    this.#thread.start();
  }

  /** The settings in force. */
  get settings(): AlertSettings {
    return this.#settings;
  }

  /** Says how far the rules are. The lag is how long ago the last event they judged was stored, milliseconds, 0 where none waits. */
  get progress(): Progress {
    const { lagMs } = this.#progress;
    const silentMs = Math.max(0, this.#options.now() - this.#heardMs);
    return { ...this.#progress, lagMs: lagMs === 0 && !this.#isDown ? 0 : lagMs + silentMs };
  }

  /** The state of each channel. */
  get channels(): readonly ChannelStatus[] {
    return this.#channels;
  }

  /** The store calls this after each commit of events. */
  stored(): void {
    this.#waking ??= setTimeout(() => {
      this.#waking = null;
      this.#thread.post({ type: 'stored' });
    }, WAKE_DELAY_MS).unref();
  }

  /** Applies decisions that another server appended. */
  async decided(): Promise<void> {
    // A thread that is down takes them at its next start.
    await this.#thread.request('apply').catch(() => {});
  }

  /** Begins or ends delivering notifications: of several servers one does. */
  deliver(delivers: boolean): void {
    if (delivers === this.#delivers) return;
    this.#delivers = delivers;
    this.#thread.post({ type: 'deliver', delivers });
  }

  /** Takes other settings. What is open stays open and goes on by them. */
  configure(settings: AlertSettings): void {
    this.#settings = settings;
    this.#thread.post({ type: 'configure', settings });
  }

  /**
   * Records who acknowledges an incident; the first one stays. Resolves when alerts.db has it too, or the thread is down and
   * takes it at its next start. Rejects with a StoreError when the disk does not take it.
   */
  async acknowledge(id: string, by: string): Promise<void> {
    const { append, log } = this.#options;
    await append([decision('acknowledged', id, {}, by)]);
    try {
      await this.#thread.request('apply');
    } catch (error) {
      log.debug(`An acknowledgement shows later: ${(error as Error).message}`);
    }
  }

  /** Ends the thread. What it has not judged is judged after the next start. */
  close(): Promise<void> {
    if (this.#waking) clearTimeout(this.#waking);
    return this.#thread.close();
  }

  #hear(message: AlertMessages['emit']): void {
    const { log, written, now } = this.#options;
    switch (message.type) {
      case 'progress':
        this.#progress = message.progress;
        this.#heardMs = now();
        break;
      case 'written':
        written(message.incidents);
        break;
      case 'channels':
        this.#channels = message.channels;
        break;
      case 'log':
        log[message.line.level](message.line.message, message.line.fields);
        break;
      case 'record':
        void this.#append(message.number, message.decisions);
        break;
    }
  }

  async #append(number: number, decisions: readonly NewDecision[]): Promise<void> {
    let fault: string | null = null;
    try {
      await this.#options.append(decisions);
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
    this.#thread.post({ type: 'recorded', number, fault });
  }
}
