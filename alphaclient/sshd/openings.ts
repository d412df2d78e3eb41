/** The slots of open connections in the order of their opening, as a list from one to the next. */

const NONE = -1;

/**
 * In memory that is taken once. Removing takes the same short time however many there are, and so does adding the
 * newest.
 */
export class Openings {
  readonly #following: Int32Array;
  readonly #preceding: Int32Array;
  readonly #ages: Float64Array;
  #oldest = NONE;
  #newest = NONE;

  /** For slots below `slots`. */
  constructor(slots: number) {
    this.#following = new Int32Array(slots);
    this.#preceding = new Int32Array(slots);
    this.#ages = new Float64Array(slots);
  }

  /** The oldest, or -1. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The one opened next after it, or -1. */
  after(slot: number): number {
    return this.#following[slot] as number;
  }

  /** How many were opened before it. */
  age(slot: number): number {
    return this.#ages[slot] as number;
  }

  /** Takes a slot in, mostly the newest: it is looked for from there. */
  add(slot: number, age: number): void {
    this.#ages[slot] = age;
    let before = this.#newest;
    while (before !== NONE && (this.#ages[before] as number) > age) before = this.#preceding[before] as number;
    const behind = before === NONE ? this.#oldest : (this.#following[before] as number);
    this.#preceding[slot] = before;
    this.#following[slot] = behind;
    this.#join(before, slot);
    this.#join(slot, behind);
  }

  /** Takes a slot out that is in. */
  remove(slot: number): void {
    this.#join(this.#preceding[slot] as number, this.#following[slot] as number);
  }

  #join(before: number, behind: number): void {
    if (before === NONE) this.#oldest = behind;
    else this.#following[before] = behind;
    if (behind === NONE) this.#newest = before;
    else this.#preceding[behind] = before;
  }
}
