/** Remembers which problems were logged: one that lasts is logged once an hour, not each time. Pure: the clock comes in. */

/** A problem that lasts is due to be logged again after so long. */
const AGAIN_AFTER_MS = 3_600_000;

/** The problems that were logged, by their texts. */
export class LoggedProblems {
  readonly #loggedMs = new Map<string, number>();
  readonly #limitProblems: number;

  /** `limitProblems`: how many are remembered; the one that was logged longest ago goes first. */
  constructor(limitProblems: number) {
    this.#limitProblems = limitProblems;
  }

  /** Returns true where a problem is to be logged, and takes it for logged then. A clock that was set back keeps none quiet for long. */
  isDue(problem: string, nowMs: number): boolean {
    const logged = this.#loggedMs;
    if (Math.abs(nowMs - (logged.get(problem) ?? Number.NEGATIVE_INFINITY)) < AGAIN_AFTER_MS) return false;
    logged.delete(problem);
    logged.set(problem, nowMs);
    if (logged.size > this.#limitProblems) logged.delete(logged.keys().next().value as string);
    return true;
  }

  /** Forgets what was logged: nothing is wrong any more. */
  clear(): void {
    this.#loggedMs.clear();
  }
}
