/** The thread that the rules run on: commits of events never wait for them. What it finds, the thread that writes puts into the store. */
import { parentPort, workerData } from 'node:worker_threads';
import { openReader } from '../store/database.ts';
import { StorePast } from './past.ts';
import type { AlertSettings } from './rules/settings.ts';
import { type Findings, Watch } from './watch.ts';

/** The clock is looked at so often where nothing is stored. */
const TICK_MS = 1_000;

/** What the thread is told: that events were stored, that findings are written, other settings. */
export type ToWorker = 'stored' | 'written' | { readonly settings: AlertSettings };

/** How far the rules are. */
export interface Progress {
  /** The newest event that was taken. */
  readonly at: number;
  readonly lagMs: number;
  /** Stories held, and how many of them wait to be kept. */
  readonly stories: number;
  readonly unkept: number;
}

/** What it says: how far it is, and what is to be written before it goes on. */
export interface FromWorker {
  readonly progress: Progress;
  readonly findings: Findings | null;
}

/** Runs a Watch by the real clock, one piece after the other. */
class Turning {
  readonly #past: StorePast;
  readonly #say: (message: FromWorker) => void;
  #watch: Watch;
  #settings: AlertSettings | null = null;
  #writing = false;
  #turning: NodeJS.Immediate | null = null;

  constructor(folder: string, settings: AlertSettings, say: (message: FromWorker) => void) {
    this.#past = new StorePast(openReader(folder));
    this.#say = say;
    this.#watch = new Watch(this.#past, settings, Date.now());
    this.#soon();
    setInterval(() => this.#soon(), TICK_MS);
  }

  hear(message: ToWorker): void {
    if (message === 'written') this.#writing = false;
    else if (message !== 'stored') this.#settings = message.settings;
    this.#soon();
  }

  #soon(): void {
    this.#turning ??= setImmediate(() => {
      this.#turning = null;
      if (!this.#writing) this.#turn();
    });
  }

  #turn(): void {
    const findings = this.#settings ? this.#changeover(this.#settings) : this.#watch.look(Date.now());
    this.#writing = findings !== null;
    const { at, size } = this.#watch;
    const progress = { at, lagMs: this.#watch.lagMs(Date.now()), stories: size.stories, unkept: size.dirty };
    this.#say({ findings, progress });
    if (!findings && this.#watch.more) this.#soon();
  }

  /** Other settings are a restart: all that is remembered is kept, then read again by the new rules. */
  #changeover(settings: AlertSettings): Findings | null {
    const rest = this.#watch.rest(Date.now());
    if (rest) return rest;
    this.#settings = null;
    this.#watch = new Watch(this.#past, settings, Date.now());
    return this.#watch.look(Date.now());
  }
}

const port = parentPort;
if (port) {
  const { folder, settings } = workerData as { folder: string; settings: AlertSettings };
  const turning = new Turning(folder, settings, (message) => port.postMessage(message));
  port.on('message', (message: ToWorker) => turning.hear(message));
}
