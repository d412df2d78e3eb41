/** Shares results among many who ask the same: an expensive one for a while, any other until more is stored. */

/** A result is given again for so many times as long as it took, so that no query takes more than a tenth of the thread. */
const SHARED_TIMES = 10;
/** A result that took less is not given again once more is stored. */
const CHEAP_MS = 10;
/** The longest that a result is given again while more is stored. */
const SHARED_LIMIT_MS = 2_000;
/** Different results held at once. */
const RESULTS_LIMIT = 200;

/** A result, and how long the thread took for it. */
export interface Timed<T> {
  readonly value: T;
  readonly tookMs: number;
}

interface Entry {
  /** Null once it is given to nobody any more. */
  result: Promise<unknown> | null;
  readonly version: number;
  loading: boolean;
  /** The time until which it is given again though more is stored; infinite while an expensive one loads. */
  untilMs: number;
}

/** Results by key. */
export class ResultCache {
  readonly #entries = new Map<string, Entry>();
  #version = 0;

  /** More is stored: only expensive results are given again from now on, for a while. */
  outdate(): void {
    this.#version += 1;
  }

  /** Gives no result of before this again: somebody changed something, and wants to see it. */
  clear(): void {
    this.#entries.clear();
  }

  /** Gives the result of a key, loaded where none is held that may be given again: `mayBeOld`, one of before the last commit. */
  get<T>(key: string, load: () => Promise<Timed<T>>, mayBeOld = true): Promise<T> {
    const known = this.#entries.get(key);
    if (known?.result && (mayBeOld ? this.#isFresh(known) : known.version === this.#version))
      return known.result as Promise<T>;
    // While it loads, only who asks before the next commit shares it, for the result may be older than that commit; unless it
    // was expensive the last time.
    const expensive = (known?.untilMs ?? 0) > 0;
    const entry: Entry = {
      ...{ result: null, version: this.#version, loading: true },
      untilMs: expensive ? Number.POSITIVE_INFINITY : 0,
    };
    const result = this.#load(key, entry, load);
    entry.result = result;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > RESULTS_LIMIT) this.#entries.delete(this.#entries.keys().next().value as string);
    // Some results take a megabyte: what is given to nobody any more is not held.
    for (const one of this.#entries.values()) if (!one.loading && !this.#isFresh(one)) one.result = null;
    return result;
  }

  async #load<T>(key: string, entry: Entry, load: () => Promise<Timed<T>>): Promise<T> {
    try {
      const { value, tookMs } = await load();
      const sharedMs = tookMs < CHEAP_MS ? 0 : Math.min(SHARED_LIMIT_MS, tookMs * SHARED_TIMES);
      entry.untilMs = sharedMs && performance.now() + sharedMs;
      return value;
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    } finally {
      entry.loading = false;
    }
  }

  #isFresh({ version, untilMs }: Entry): boolean {
    return version === this.#version || performance.now() < untilMs;
  }
}
