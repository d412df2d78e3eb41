/** Logs a problem of connections once an hour, not at every retry. */
import type { Logger } from '../../service/logger.ts';

/** A problem that lasts is logged again after so long. */
const LOG_AGAIN_MS = 3_600_000;
/** Problems that are remembered: more than servers times reasons. */
const PROBLEMS_LIMIT = 200;

/** The problems that were logged since `clear`: several servers have each their own. */
export class ProblemLog {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #now: () => number;
  /** When each was logged. */
  readonly #logged = new Map<string, number>();

  constructor(log: Pick<Logger, 'warn'>, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Logs a problem that is dealt with by trying again. */
  add(text: string): void {
    const nowMs = this.#now();
    if (Math.abs(nowMs - (this.#logged.get(text) ?? Number.NEGATIVE_INFINITY)) < LOG_AGAIN_MS) return;
    if (this.#logged.size >= PROBLEMS_LIMIT) this.#logged.clear();
    this.#logged.set(text, nowMs);
    this.#log.warn(`${text}; trying again`);
  }

  /** Forgets what was logged: nothing is wrong any more. */
  clear(): void {
    this.#logged.clear();
  }
}
