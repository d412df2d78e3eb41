/** The thread that the rules run on: commits of events never wait for them. What it finds, the thread that writes puts into the store; what it remembers, it keeps itself. */
import { parentPort, workerData } from 'node:worker_threads';
import { yieldToOthers } from '../../service/priority.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import { StorePast } from './event-source.ts';
import { type Findings, type Remembered, Watch } from './rule-runner.ts';

/** The clock is looked at so often where nothing is stored. */
const TICK_MS = 1_000;
/** What the rules remember is made sure to be on the disk so often: before, a power cut may take it back. */
const SETTLE_EVERY_MS = 10_000;
/** Who stores goes first. */
const NICE_STEPS = 10;

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
  /** Up to this event all that is remembered is kept, durably. */
  readonly kept: number;
  /** Why nothing can be kept at the moment, or null. */
  readonly fault: string | null;
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
  #unkept: Remembered | null = null;
  #kept = 0;
  #settled = 0;
  #settledMs = Number.NEGATIVE_INFINITY;
  #fault: string | null = null;

  constructor(folder: string, settings: AlertSettings, say: (message: FromWorker) => void) {
    this.#past = new StorePast(folder);
    this.#kept = this.#settled = this.#past.kept;
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
    if (!this.#keeps(Date.now())) {
      this.#tell(null);
      return;
    }
    const findings = this.#settings ? this.#changeover(this.#settings) : this.#watch.look(Date.now());
    this.#writing = findings !== null;
    this.#tell(findings);
    if (!findings && this.#watch.more) this.#soon();
  }

  #tell(findings: Findings | null): void {
    const { at, size } = this.#watch;
    const lagMs = this.#watch.lagMs(Date.now());
    const { stories, dirty: unkept } = size;
    this.#say({ findings, progress: { at, lagMs, stories, unkept, kept: this.#settled, fault: this.#fault } });
  }

  /** Keeps the next of the stories that are due. False where the disk does not take them: tried again with the next tick, and nothing else is done before. */
  #keeps(nowMs: number): boolean {
    this.#unkept ??= this.#watch.stories(nowMs);
    try {
      if (this.#unkept) this.#past.memory.keep(this.#unkept);
      this.#kept = this.#unkept?.kept ?? this.#kept;
      this.#settle();
    } catch (error) {
      const { cause } = error as Error;
      this.#fault = cause instanceof Error ? cause.message : String(error);
      return false;
    }
    this.#unkept = this.#fault = null;
    return true;
  }

  #settle(): void {
    const nowMs = performance.now();
    if (this.#settled === this.#kept || nowMs - this.#settledMs < SETTLE_EVERY_MS) return;
    this.#past.memory.settle();
    this.#settled = this.#kept;
    this.#settledMs = nowMs;
  }

  /** Other settings are a restart: all that is remembered is kept, then read again by the new rules. */
  #changeover(settings: AlertSettings): Findings | null {
    const rest = this.#watch.rest(Date.now());
    if (rest) return rest;
    while (this.#watch.size.dirty > 0) if (!this.#keeps(Number.POSITIVE_INFINITY)) return null;
    this.#settings = null;
    this.#watch = new Watch(this.#past, settings, Date.now());
    return this.#watch.look(Date.now());
  }
}

const port = parentPort;
if (port) {
  yieldToOthers(NICE_STEPS);
  const { folder, settings } = workerData as { folder: string; settings: AlertSettings };
  const turning = new Turning(folder, settings, (message) => port.postMessage(message));
  port.on('message', (message: ToWorker) => turning.hear(message));
}
