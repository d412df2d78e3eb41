/** Holds what each keyed state of one kind has in columns of numbers: the garbage collector passes over all of it. */
import { EVENT_FIELDS, type RuleEvent, repack } from './rule-event.ts';

const LEAST_PLACES = 64;
/** The end of the list of places. */
const NONE = -1;
const DAY_MS = 86_400_000;

/** The columns of a place. They stand side by side, in half a line of the processor's cache. */
const [FIRST, SECOND, WEIGHT, BLOCK, OLDER, NEWER, TOUCHED_DAY, TOUCHED_IN_DAY] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const COLUMNS = 8;

/**
 * A table of places. Its list of places is in the order of use. A key with one event, which most keys of an attack are, has
 * nothing but these numbers: an object each would cost three times as much memory, and be copied and looked at again and again.
 */
export class StateColumns {
  #numbers = new Int32Array(LEAST_PLACES * COLUMNS);
  #events = new Float64Array(LEAST_PLACES * EVENT_FIELDS);
  readonly #free: number[] = [];
  #used = 0;
  #oldest = NONE;
  #newest = NONE;

  /** Gives a place to a key, which is used last. `touchedMs`: the time at which its last event was stored, Unix milliseconds. */
  add(first: number, second: number, block: number, touchedMs: number): number {
    const place = this.#free.pop() ?? this.#used++;
    if (this.#used * COLUMNS > this.#numbers.length) this.#grow();
    const numbers = this.#numbers;
    const at = place * COLUMNS;
    numbers[at + FIRST] = first;
    numbers[at + SECOND] = second;
    numbers[at + WEIGHT] = 0;
    numbers[at + BLOCK] = block;
    this.setTouched(place, touchedMs);
    this.#append(place);
    return place;
  }

  /** Frees a place: it is given again. */
  delete(place: number): void {
    this.#unlink(place);
    this.#free.push(place);
  }

  #grow(): void {
    const [numbers, events] = [this.#numbers, this.#events];
    this.#numbers = new Int32Array(2 * numbers.length);
    this.#numbers.set(numbers);
    this.#events = new Float64Array(2 * events.length);
    this.#events.set(events);
  }

  /** The numbers of the key. */
  first(place: number): number {
    return this.#numbers[place * COLUMNS + FIRST] as number;
  }
  second(place: number): number {
    return this.#numbers[place * COLUMNS + SECOND] as number;
  }

  /** The number of the block that it is saved in. */
  block(place: number): number {
    return this.#numbers[place * COLUMNS + BLOCK] as number;
  }

  /** What counts against the limit of events. */
  weight(place: number): number {
    return this.#numbers[place * COLUMNS + WEIGHT] as number;
  }
  setWeight(place: number, weight: number): void {
    this.#numbers[place * COLUMNS + WEIGHT] = weight;
  }

  /** The time at which the last event was stored, to the minute: Unix milliseconds. */
  touchedMs(place: number): number {
    const at = place * COLUMNS;
    return (this.#numbers[at + TOUCHED_DAY] as number) * DAY_MS + (this.#numbers[at + TOUCHED_IN_DAY] as number);
  }
  setTouched(place: number, ms: number): void {
    const day = Math.floor(ms / DAY_MS);
    this.#numbers[place * COLUMNS + TOUCHED_DAY] = day;
    this.#numbers[place * COLUMNS + TOUCHED_IN_DAY] = ms - day * DAY_MS;
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
    return this.#numbers[place * COLUMNS + NEWER] as number;
  }

  /** Puts a place at the end of the list. */
  moveToEnd(place: number): void {
    if (place === this.#newest) return;
    this.#unlink(place);
    this.#append(place);
  }

  #append(place: number): void {
    const numbers = this.#numbers;
    numbers[place * COLUMNS + OLDER] = this.#newest;
    numbers[place * COLUMNS + NEWER] = NONE;
    if (this.#newest === NONE) this.#oldest = place;
    else numbers[this.#newest * COLUMNS + NEWER] = place;
    this.#newest = place;
  }

  #unlink(place: number): void {
    const numbers = this.#numbers;
    const older = numbers[place * COLUMNS + OLDER] as number;
    const newer = numbers[place * COLUMNS + NEWER] as number;
    if (older === NONE) this.#oldest = newer;
    else numbers[older * COLUMNS + NEWER] = newer;
    if (newer === NONE) this.#newest = older;
    else numbers[newer * COLUMNS + OLDER] = older;
  }

  /** Puts the list in the order of use. */
  sort(): void {
    const places: number[] = [];
    for (let place = this.#oldest; place !== NONE; place = this.newer(place)) places.push(place);
    places.sort((a, b) => this.touchedMs(a) - this.touchedMs(b));
    this.#oldest = this.#newest = NONE;
    for (const place of places) this.#append(place);
  }
}
