/**
 * Lines of output in log order. A probe is known when its connection ends, but stands where it was last heard of; so what is to
 * be printed waits while an older connection may still speak up.
 */

/** Beyond this many that wait the oldest go out as they are: memory stays flat on any log. */
export const WAITING_LIMIT_EVENTS = 50_000;
const FIRST_ROOM = 4_096;
/** Where those that came late would have to pass more than this many others in sum, all are sorted instead. */
const MOVES_LIMIT = 100_000;

/** Where each stands in the bytes that somebody else keeps. */
export class ScanOrder {
  /** By line of the log, from `#head` to `#end`: what stood before has gone out. */
  #lines = new Float64Array(FIRST_ROOM);
  #froms = new Int32Array(FIRST_ROOM);
  #counts = new Int32Array(FIRST_ROOM);
  #head = 0;
  #end = 0;
  /** Those before are by line; the lowest line of those that came behind a higher one, where some did; and how many did. */
  #sorted = 0;
  #lowest = Number.POSITIVE_INFINITY;
  #late = 0;
  #highest = 0;
  #bytes = 0;

  /** How many bytes wait. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** One more, of this line of the log: `count` bytes from `from`. */
  add(line: number, from: number, count: number): void {
    const end = this.#end;
    if (end === this.#lines.length) this.#grow();
    if (line >= this.#highest) this.#highest = line;
    else if (end > this.#head) {
      if (this.#lowest === Number.POSITIVE_INFINITY) this.#sorted = end;
      this.#lowest = Math.min(this.#lowest, line);
      this.#late++;
    }
    this.#lines[end] = line;
    this.#froms[end] = from;
    this.#counts[end] = count;
    this.#end++;
    this.#bytes += count;
  }

  #grow(): void {
    const grown = <T extends Float64Array | Int32Array>(all: T, empty: T): T => {
      empty.set(all);
      return empty;
    };
    const room = this.#lines.length * 2;
    this.#lines = grown(this.#lines, new Float64Array(room));
    this.#froms = grown(this.#froms, new Int32Array(room));
    this.#counts = grown(this.#counts, new Int32Array(room));
  }

  /** Gives those that nothing before `openLine` can come in front of, by line: `each` takes stretches of bytes. */
  due(openLine: number, each: (from: number, end: number) => void): void {
    if (this.#lowest < Number.POSITIVE_INFINITY) this.#sort();
    const last = Math.max(this.#firstFrom(openLine, this.#end), this.#end - WAITING_LIMIT_EVENTS);
    for (let at = this.#head; at < last; ) {
      const from = this.#froms[at] as number;
      let end = from;
      // Most stand behind each other in the bytes as well.
      for (; at < last && this.#froms[at] === end; at++) end += this.#counts[at] as number;
      this.#bytes -= end - from;
      each(from, end);
    }
    this.#head = last;
    // Only now and then: each time would move all that wait.
    if (last * 2 < this.#end) return;
    for (const all of [this.#lines, this.#froms, this.#counts]) all.copyWithin(0, last, this.#end);
    this.#end -= last;
    this.#head = 0;
  }

  /** All that wait move together: `each` copies them to where they stand from now on. Gives how many bytes they are. */
  move(each: (from: number, end: number, to: number) => void): number {
    let to = 0;
    for (let at = this.#head; at < this.#end; at++) {
      const from = this.#froms[at] as number;
      const count = this.#counts[at] as number;
      each(from, from + count, to);
      this.#froms[at] = to;
      to += count;
    }
    return to;
  }

  /** Puts those by line that came late: a few of them one after the other, many at once. */
  #sort(): void {
    const first = this.#firstFrom(this.#lowest + 1, this.#sorted);
    const count = this.#end - first;
    if (this.#late * count > MOVES_LIMIT) this.#sortAll(first, count);
    else
      for (let at = this.#sorted; at < this.#end; at++)
        if ((this.#lines[at] as number) < (this.#lines[at - 1] as number)) this.#moveUp(at);
    this.#late = 0;
    this.#lowest = Number.POSITIVE_INFINITY;
  }

  /** All before it are by line. */
  #moveUp(at: number): void {
    const to = this.#firstFrom((this.#lines[at] as number) + 1, at);
    for (const all of [this.#lines, this.#froms, this.#counts]) {
      const one = all[at] as number;
      all.copyWithin(to + 1, to, at);
      all[to] = one;
    }
  }

  #sortAll(first: number, count: number): void {
    const lines = this.#lines.slice(first, this.#end);
    const froms = this.#froms.slice(first, this.#end);
    const counts = this.#counts.slice(first, this.#end);
    // Numbers are sorted fast. Those of one line stay as they came.
    const keys = lines.map((line, i) => (line - this.#lowest) * count + i).sort();
    for (let i = 0; i < count; i++) {
      const was = (keys[i] as number) % count;
      this.#lines[first + i] = lines[was] as number;
      this.#froms[first + i] = froms[was] as number;
      this.#counts[first + i] = counts[was] as number;
    }
  }

  /** The index of the first one whose line is `line` or later, where those before `end` are by line. */
  #firstFrom(line: number, end: number): number {
    let low = this.#head;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#lines[middle] as number) < line) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
