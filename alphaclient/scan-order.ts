/**
 * Events in log order. A probe is known when its connection ends, but stands where it was last heard of; so an event
 * waits while an older connection may still speak up.
 */

import type { Sighting } from './sshd/reader.ts';

/** Beyond this many waiting events the oldest go out as they are: memory stays flat on any log. */
export const WAITING_LIMIT_EVENTS = 50_000;

export class ScanOrder {
  #waiting: Sighting[] = [];

  /** Takes new events in; gives those that nothing before `openLine` can come in front of, by line. */
  take(sightings: Sighting[], openLine: number): Sighting[] {
    const all = this.#waiting.length === 0 ? sightings : this.#waiting.concat(sightings);
    if (!isSorted(all)) all.sort((a, b) => a.line - b.line);
    const due = Math.max(firstFrom(all, openLine), all.length - WAITING_LIMIT_EVENTS);
    this.#waiting = due < all.length ? all.slice(due) : [];
    return due < all.length ? all.slice(0, due) : all;
  }
}

function isSorted(all: readonly Sighting[]): boolean {
  for (let i = 1; i < all.length; i++) if ((all[i] as Sighting).line < (all[i - 1] as Sighting).line) return false;
  return true;
}

/** The index of the first event whose line is `line` or later. */
function firstFrom(all: readonly Sighting[], line: number): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle] as Sighting).line < line) low = middle + 1;
    else high = middle;
  }
  return low;
}
