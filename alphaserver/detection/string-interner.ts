/** Gives equal texts the same small number, so that keyed state holds and compares numbers. */

/** Texts held before the first sweep: some 15 MiB of short names and addresses. */
const FIRST_SWEEP_TEXTS = 100_000;

/**
 * A table of texts. 0 stands for null. Attackers choose most of the texts, so numbers that no state holds any more are found
 * by a sweep (mark and sweep) and given again; a sweep costs one pass over the state and comes each time the table has
 * doubled.
 */
export class StringInterner {
  readonly #numbers = new Map<string, number>();
  readonly #texts: (string | null)[] = [null];
  readonly #free: number[] = [];
  readonly #least: number;
  #sweepAt: number;

  constructor(firstSweepTexts = FIRST_SWEEP_TEXTS) {
    this.#least = firstSweepTexts;
    this.#sweepAt = firstSweepTexts;
  }

  /** The number of a text, a new one where the text is new. */
  number(text: string | null): number {
    if (text === null) return 0;
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#free.pop() ?? this.#texts.length;
    this.#texts[number] = text;
    this.#numbers.set(text, number);
    return number;
  }

  /** The number of a text, 0 for null; undefined where the text has none. */
  known(text: string | null): number | undefined {
    return text === null ? 0 : this.#numbers.get(text);
  }

  /** The text of a number. */
  text(number: number): string | null {
    return this.#texts[number] ?? null;
  }

  /** The number of texts held. */
  get size(): number {
    return this.#numbers.size;
  }

  /** True when a sweep is due. */
  get isFull(): boolean {
    return this.#numbers.size >= this.#sweepAt;
  }

  /** Drops all texts whose numbers `mark` does not visit. */
  sweep(mark: (visit: (number: number) => void) => void): void {
    const live = new Uint8Array(this.#texts.length);
    mark((number) => {
      live[number] = 1;
    });
    for (const [text, number] of this.#numbers)
      if (live[number] === 0) {
        this.#numbers.delete(text);
        this.#texts[number] = null;
        this.#free.push(number);
      }
    this.#sweepAt = Math.max(this.#least, 2 * this.#numbers.size);
  }
}
