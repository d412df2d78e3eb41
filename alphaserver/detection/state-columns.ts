/** Holds what the keyed states of one kind have in columns of numbers: the garbage collector passes over all of it. */
import { EVENT_FIELDS, type RuleEvent, repack } from './rule-event.ts';

const LEAST_PLACES = 64;
/** The end of the list of places. */
const NONE = -1;

/**
 * Columns by place. The list of places is in the order of use. A key with one event, which most keys of an attack are, has
 * nothing but these: an object each would cost three times as much memory, and be copied and looked at again and again.
 */
export class StateColumns {
  /** The time at which the last event was stored, to the minute: Unix milliseconds. */
  touchedMs = new Float64Array(LEAST_PLACES);
  /** What counts against the limit of events. */
  weight = new Int32Array(LEAST_PLACES);
  /** The number of the block that it is saved in. */
  block = new Int32Array(LEAST_PLACES);
  #older = new Int32Array(LEAST_PLACES);
  #newer = new Int32Array(LEAST_PLACES);
  #events = new Float64Array(LEAST_PLACES * EVENT_FIELDS);
  #oldest = NONE;
  #newest = NONE;

  /** Makes room for so many places. */
  reserve(places: number): void {
    if (places <= this.weight.length) return;
    this.touchedMs = copied(this.touchedMs, new Float64Array(places));
    this.weight = copied(this.weight, new Int32Array(places));
    this.block = copied(this.block, new Int32Array(places));
    this.#older = copied(this.#older, new Int32Array(places));
    this.#newer = copied(this.#newer, new Int32Array(places));
    this.#events = copied(this.#events, new Float64Array(places * EVENT_FIELDS));
  }

  /** Keeps the one event of a place. */
  setEvent(place: number, event: RuleEvent): void {
    repack(this.#events, place * EVENT_FIELDS, event);
  }

  /** Keeps the one event of a place, packed. */
  setPacked(place: number, event: readonly number[]): void {
    this.#events.set(event, place * EVENT_FIELDS);
  }

  /** The one event of a place, packed, in an array of no more than its own size. */
  event(place: number): number[] {
    const events = this.#events;
    const at = place * EVENT_FIELDS;
    return [
      events[at] as number,
      events[at + 1] as number,
      events[at + 2] as number,
      events[at + 3] as number,
      events[at + 4] as number,
      events[at + 5] as number,
    ];
  }

  /** The place that was used least recently; -1 where there is none. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The place that was used after this one; -1 for the last. */
  newer(place: number): number {
    return this.#newer[place] as number;
  }

  /** Puts a place at the end of the list. */
  append(place: number): void {
    this.#older[place] = this.#newest;
    this.#newer[place] = NONE;
    if (this.#newest === NONE) this.#oldest = place;
    else this.#newer[this.#newest] = place;
    this.#newest = place;
  }

  /** Takes a place out of the list. */
  unlink(place: number): void {
    const older = this.#older[place] as number;
    const newer = this.#newer[place] as number;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  /** Puts the list in the order of use. */
  sort(): void {
    const places: number[] = [];
    for (let place = this.#oldest; place !== NONE; place = this.newer(place)) places.push(place);
    places.sort((a, b) => (this.touchedMs[a] as number) - (this.touchedMs[b] as number));
    this.#oldest = this.#newest = NONE;
    for (const place of places) this.append(place);
  }
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
