/** Decides when to ask the server again: soon after something happened, seldom otherwise, never while an answer is on its way. */

/** Limits of the age of what is shown, while nothing is heard and while nobody looks: the tab's title shows even then. */
const REFRESH_MS = 15_000;
const HIDDEN_REFRESH_MS = 60_000;
const AFTER_FAILURE_MS = 3_000;
/** A refresh waits this many times as long as the last one took, up to REFRESH_MS: a busy server is not kept busy by being looked at. */
const REST = 5;
/** A connection that broke off without a word brings no answer any more: it has this long after the server was heard again. */
const STUCK_MS = 30_000;
/** The server gives an answer that was expensive again for 2 s: what is asked for so long after a change, or after another answer, is not of before. */
export const SHARED_MS = 3_000;
/** An answer that takes longer than this is no longer worth what is shown meanwhile. */
const SLOW_MS = 10_000;

/** Asks, and asks again. */
export class Refresh {
  #ask;
  #failed;
  #asking = new AbortController();
  #busy = false;
  #tookMs = 0;
  #dueMs = Infinity;
  /** Until then an answer may be of before the last change. */
  #sharedToMs = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {(signal: AbortSignal) => Promise<void>} ask
   * @param {(problem: string) => void} failed called after each time with the problem, or an empty string
   */
  constructor(ask, failed) {
    this.#ask = ask;
    this.#failed = failed;
  }

  /** Lets go of what is on its way and asks at once: something else is looked at. */
  anew() {
    this.#asking.abort();
    this.#busy = false;
    void this.#run();
  }

  /** Asks at once, or waits for the answer that is on its way: to ask a slow server again and again would be to get none. */
  again() {
    if (!this.#busy) return void this.#run();
    const { signal } = this.#asking;
    setTimeout(() => {
      if (this.#busy && this.#asking.signal === signal) this.anew();
    }, STUCK_MS);
  }

  /**
   * Asks again after this time at the latest, but for the rest that the server is given.
   * @param {number} ms
   */
  within(ms) {
    const atMs = performance.now() + Math.max(ms, Math.min(REST * this.#tookMs, REFRESH_MS));
    if (atMs >= this.#dueMs) return;
    this.#dueMs = atMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // An answer on its way goes first; when it is there, the next time is counted from then on. A timer may come a part of a millisecond early.
      if (this.#busy) this.#dueMs = -Infinity;
      else void this.#run();
    }, atMs - performance.now());
  }

  /**
   * Asks again within this time, since something changed that nobody may miss; and once more where that answer may be of before.
   * @param {number} ms
   */
  changed(ms) {
    this.#sharedToMs = performance.now() + SHARED_MS;
    this.within(ms);
  }

  /** Asks no more. */
  stop() {
    this.#asking.abort();
    clearTimeout(this.#timer);
  }

  async #run() {
    clearTimeout(this.#timer);
    this.#dueMs = Infinity;
    this.#busy = true;
    // Of a round that one refused part ended, others may still be on their way: they would be shown over those of this one.
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const startedMs = performance.now();
    let problem = '';
    const slow = setTimeout(() => {
      if (!signal.aborted) this.#failed(`the server has not answered for ${SLOW_MS / 1_000} s`);
    }, SLOW_MS);
    try {
      await this.#ask(signal);
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    clearTimeout(slow);
    if (signal.aborted) return;
    this.#busy = false;
    this.#tookMs = performance.now() - startedMs;
    this.#failed(problem);
    const wanted = this.#dueMs <= performance.now();
    this.#dueMs = wanted ? Infinity : this.#dueMs;
    if (problem !== '') this.within(AFTER_FAILURE_MS);
    else if (wanted) this.within(0);
    else if (startedMs < this.#sharedToMs) this.within(this.#sharedToMs - performance.now());
    else this.within(document.hidden ? HIDDEN_REFRESH_MS : REFRESH_MS);
  }
}
