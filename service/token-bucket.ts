/** Slows down what may happen often at once, but not for long: a token bucket. Pure: the clock comes in. */

/** Lets `burst` things happen at once, and `perSecond` from then on. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perSecond: number;
  /** The tokens that are left now; below 0 they are owed. */
  #left: number;
  #atMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#atMs = nowMs;
  }

  /** Takes one; returns how long whoever takes it has to wait, milliseconds: 0 while the burst lasts. */
  take(nowMs: number): number {
    // A clock that was set back gives nothing, and takes nothing away.
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#left = Math.min(this.#burst, this.#left + (passedMs * this.#perSecond) / 1_000) - 1;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1_000) / this.#perSecond);
  }
}
