/** Calls several pieces of periodic work at the same moment, so that an idle process wakes up once for all of them. */

/** The period that fits most: what is checked once a second needs no timer of its own. */
const EVERY_MS = 1_000;

/** One timer for any number of pieces of work. It runs while there is any. */
export class Ticker {
  readonly #everyMs: number;
  readonly #works = new Map<symbol, () => void>();
  #timer: NodeJS.Timeout | null = null;

  constructor(everyMs = EVERY_MS) {
    this.#everyMs = everyMs;
  }

  /** Calls `work` at each tick, in the order in which it was added, until the returned function is called. */
  add(work: () => void): () => void {
    const key = Symbol();
    this.#works.set(key, work);
    this.#timer ??= setInterval(() => this.#tick(), this.#everyMs);
    return () => {
      this.#works.delete(key);
      if (this.#works.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  #tick(): void {
    // What one of them adds has its turn with the next tick; what one of them ends has none any more.
    for (const key of [...this.#works.keys()]) this.#works.get(key)?.();
  }
}
