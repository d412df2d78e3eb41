/**
 * Puts the output of events into the order of the log. A probe is known when its connection ends, but belongs to the last line that
 * was about it; so output is pending while an open connection may still emit an event of an earlier line.
 */

/** Beyond this many pending events the oldest are emitted as they are, so that memory is bounded on any log. */
export const PENDING_LIMIT_EVENTS = 50_000;

interface Pending<T> {
  readonly line: number;
  readonly output: T;
}

/** Holds pending output, each a `T`. Events of one line keep the order in which they were added. */
export class LogOrder<T> {
  /** Ordered by line from `#head` on; the entries before it were emitted. */
  #pending: Pending<T>[] = [];
  #head = 0;
  /** The entries added since the last `emit` whose line is below that of the last pending one. */
  #late: Pending<T>[] = [];

  /** Adds the output of an event of this line of the log. */
  add(line: number, output: T): void {
    const isLate = this.#pending.length > this.#head && line < (this.#pending.at(-1)?.line ?? 0);
    (isLate ? this.#late : this.#pending).push({ line, output });
  }

  /** Emits, in order, the output that no event of `openLine` or a later line can precede. */
  emit(openLine: number, each: (output: T) => void): void {
    if (this.#late.length > 0) this.#merge();
    const pending = this.#pending;
    const forced = pending.length - PENDING_LIMIT_EVENTS;
    let at = this.#head;
    for (; at < pending.length; at++) {
      const { line, output } = pending[at] as Pending<T>;
      if (line >= openLine && at >= forced) break;
      each(output);
    }
    this.#head = at;
    // Removing emitted entries moves all pending ones: not each time.
    if (at * 2 < pending.length) return;
    this.#pending = pending.slice(at);
    this.#head = 0;
  }

  /** Gives the pending output. */
  *pending(): Generator<T> {
    for (let at = this.#head; at < this.#pending.length; at++) yield (this.#pending[at] as Pending<T>).output;
    for (const { output } of this.#late) yield output;
  }

  /** Moves the late entries to their places, from the end, so that a pending one moves once at most. */
  #merge(): void {
    const pending = this.#pending;
    const late = this.#late.sort((a, b) => a.line - b.line);
    let from = pending.length - 1;
    let to = pending.length + late.length - 1;
    for (let i = late.length - 1; i >= 0; to--) {
      const last = late[i] as Pending<T>;
      const before = pending[from];
      if (from >= this.#head && before !== undefined && before.line > last.line) {
        pending[to] = before;
        from--;
      } else {
        pending[to] = last;
        i--;
      }
    }
    this.#late = [];
  }
}
