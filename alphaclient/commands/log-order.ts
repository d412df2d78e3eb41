/**
 * Puts the output of events into the order of the log. A probe is known when its connection ends, but belongs to the last line that
 * was about it; so output is pending while an open connection may still emit an event of an earlier line.
 */

/** Beyond this many pending events the oldest are emitted as they are, so that memory is bounded on any log. */
export const PENDING_LIMIT_EVENTS = 50_000;

interface Pending {
  readonly line: number;
  readonly text: string;
}

/** Holds pending output. Events of one line keep the order in which they were added. */
export class LogOrder {
  /** Ordered by line from `#head` on; the entries before it were emitted. */
  #pending: Pending[] = [];
  #head = 0;
  /** The entries added since the last `emit` whose line is below that of the last pending one. */
  #late: Pending[] = [];

  /** Adds the output of an event of this line of the log. */
  add(line: number, text: string): void {
    const isLate = this.#pending.length > this.#head && line < (this.#pending.at(-1)?.line ?? 0);
    (isLate ? this.#late : this.#pending).push({ line, text });
  }

  /** Emits, in order, the output that no event of `openLine` or a later line can precede. */
  emit(openLine: number, each: (text: string) => void): void {
    if (this.#late.length > 0) this.#merge();
    const pending = this.#pending;
    const forced = pending.length - PENDING_LIMIT_EVENTS;
    let at = this.#head;
    for (; at < pending.length; at++) {
      const { line, text } = pending[at] as Pending;
      if (line >= openLine && at >= forced) break;
      each(text);
    }
    this.#head = at;
    // Removing emitted entries moves all pending ones: not each time.
    if (at * 2 < pending.length) return;
    this.#pending = pending.slice(at);
    this.#head = 0;
  }

  /** Moves the late entries to their places, from the end, so that a pending one moves once at most. */
  #merge(): void {
    const pending = this.#pending;
    const late = this.#late.sort((a, b) => a.line - b.line);
    let from = pending.length - 1;
    let to = pending.length + late.length - 1;
    for (let i = late.length - 1; i >= 0; to--) {
      const last = late[i] as Pending;
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
