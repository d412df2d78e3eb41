/**
 * Events in log order. A probe is known when its connection ends, but stands where it was last heard of; so an event
 * waits while an older connection may still speak up.
 */

import type { Sighting } from './sshd/reader.ts';

/** Beyond this many waiting events the oldest go out as they are: memory stays flat on any log. */
export const WAITING_LIMIT_EVENTS = 50_000;

export class ScanOrder {
  /** By line, from `#from` on: what stands before that has gone out. */
  #waiting: Sighting[] = [];
  #from = 0;

  /** Takes new events in; gives those that nothing before `openLine` can come in front of, by line. */
  take(sightings: Sighting[], openLine: number): Sighting[] {
    if (!isSorted(sightings)) sightings.sort((a, b) => a.line - b.line);
    this.#merge(sightings);
    const waiting = this.#waiting;
    const due = Math.max(firstFrom(waiting, this.#from, openLine), waiting.length - WAITING_LIMIT_EVENTS);
    const out = waiting.slice(this.#from, due);
    this.#from = due;
    // Only now and then: each time would move all that wait.
    if (due * 2 >= waiting.length) {
      waiting.splice(0, due);
      this.#from = 0;
    }
    return out;
  }

  /** Puts events, by line, among those that wait: nearly always behind them. */
  #merge(fresh: readonly Sighting[]): void {
    const [first] = fresh;
    if (first === undefined) return;
    const waiting = this.#waiting;
    const behind = waiting.splice(firstFrom(waiting, this.#from, first.line));
    let next = 0;
    for (const sighting of fresh) {
      for (; next < behind.length && (behind[next] as Sighting).line <= sighting.line; next++)
        waiting.push(behind[next] as Sighting);
      waiting.push(sighting);
    }
    for (; next < behind.length; next++) waiting.push(behind[next] as Sighting);
  }
}

function isSorted(all: readonly Sighting[]): boolean {
  for (let i = 1; i < all.length; i++) if ((all[i] as Sighting).line < (all[i - 1] as Sighting).line) return false;
  return true;
}

/** The index, not below `from`, of the first event whose line is `line` or later. */
function firstFrom(all: readonly Sighting[], from: number, line: number): number {
  let low = from;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle] as Sighting).line < line) low = middle + 1;
    else high = middle;
  }
  return low;
}
