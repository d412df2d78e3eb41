/**
 * Puts lines of output into the order of the log. A probe is known when its connection ends, but belongs to the line that last
 * spoke of it; so output waits while an open connection may still add an event of an earlier line.
 */

/** Beyond this many pending events the oldest are given out as they are, so that memory is bounded on any log. */
export const WAITING_LIMIT_EVENTS = 50_000;

interface Pending {
  readonly line: number;
  readonly text: string;
}

/** Holds pending output. Events of one line keep the order in which they were added. */
export class ScanOrder {
  /** Ordered by line from `#head` on; what stands before it has been given out. */
  #pending: Pending[] = [];
  #head = 0;
  /** Those added since the last `due` whose line is below that of the last pending one. */
  #late: Pending[] = [];

  /** Adds the output of an event of this line of the log. */
  add(line: number, text: string): void {
    const isLate = this.#pending.length > this.#head && line < (this.#pending.at(-1)?.line ?? 0);
    (isLate ? this.#late : this.#pending).push({ line, text });
  }

  /** Gives out, in order, what no event of `openLine` or a later line can precede. */
  due(openLine: number, each: (text: string) => void): void {
    if (this.#late.length > 0) this.#merge();
    const pending = this.#pending;
    const forced = pending.length - WAITING_LIMIT_EVENTS;
    let at = this.#head;
    for (; at < pending.length; at++) {
      const { line, text } = pending[at] as Pending;
      if (line >= openLine && at >= forced) break;
      each(text);
    }
    this.#head = at;
    // Removing what has been given out moves all that is pending: not each time.
    if (at * 2 < pending.length) return;
    this.#pending = pending.slice(at);
    this.#head = 0;
  }

  /** Moves the late ones to their places, from the end, so that a pending one moves once at most. */
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
