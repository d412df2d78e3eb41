/** What a store does for itself between commits: roll up, and let go of what is old. */
import type { Retention } from './retention.ts';
import type { Roller } from './roller.ts';

/** How often old events are looked for. */
const RETENTION_EVERY_MS = 60_000;
/** The pause between two steps of retention: commits go between. */
const PAUSE_MS = 20;

export interface UpkeepOptions {
  readonly roller: Roller;
  /** Null keeps everything. */
  readonly retention: Retention | null;
  readonly lastId: () => number;
  readonly now: () => number;
  /** Hears why something could not be done; it is tried again later. */
  readonly failed: (what: string, error: unknown) => void;
}

/** Runs between the event loop's turns; whatever fails here is behind, never lost. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #rolling: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failing = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    if (options.retention) this.#retainIn(PAUSE_MS);
  }

  /** Call after each commit. Rolls up soon, and at once where so much waits that whoever stores must wait too. */
  committed(): void {
    const { roller, lastId } = this.#options;
    if (roller.late(lastId())) this.#roll();
    else if (roller.due(lastId())) this.#rolling ??= setImmediate(() => this.#roll());
  }

  /** Stops; nothing runs after it. */
  close(): void {
    if (this.#rolling) clearImmediate(this.#rolling);
    if (this.#timer) clearTimeout(this.#timer);
  }

  #roll(): void {
    if (this.#rolling) clearImmediate(this.#rolling);
    this.#rolling = null;
    const { roller, lastId } = this.#options;
    const rolled = this.#try('Counts could not be brought up to date', () => {
      roller.roll(lastId());
      return true;
    });
    if (rolled) this.committed();
  }

  #retainIn(ms: number): void {
    this.#timer = setTimeout(() => {
      const { retention, now } = this.#options;
      const more = this.#try('Old events could not be deleted', () => retention?.step(now()));
      this.#retainIn(more ? PAUSE_MS : RETENTION_EVERY_MS);
    }, ms).unref();
  }

  #try<T>(what: string, work: () => T): T | undefined {
    try {
      const result = work();
      this.#failing = false;
      return result;
    } catch (error) {
      // Said once; a full disk is also what every commit says.
      if (!this.#failing) this.#options.failed(what, error);
      this.#failing = true;
      return undefined;
    }
  }
}
