/** Holds how long nothing is read of one agent, which brings too much that is new at once. Pure: the clock comes in. */
export class Slowdown {
  #fromMs = 0;
  #untilMs = 0;

  /** Lets the agent wait for so long from now on, or as long as it already has to. */
  extend(delayMs: number, nowMs: number): void {
    if (delayMs <= 0) return;
    this.#untilMs = Math.max(this.holds(nowMs) ? this.#untilMs : 0, nowMs + delayMs);
    this.#fromMs = nowMs;
  }

  /** True while the agent waits; not where the clock was set back meanwhile, which says nothing about how long it has waited. */
  holds(nowMs: number): boolean {
    return nowMs >= this.#fromMs && nowMs < this.#untilMs;
  }
}
