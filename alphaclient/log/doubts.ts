/** Files that were taken for copies although their text says too little to be sure. */

import type { Inspection } from './candidate-file.ts';

/** Waits before a doubt is told: the truncation that proves a copy to be one comes right after the copying. */
export class Doubts {
  readonly #waitMs: number;
  #doubts = new Map<string, { readonly inspection: Inspection; readonly sinceMs: number; told: boolean }>();

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** The doubts that there are now, in place of those before; the same file unchanged is the same doubt. */
  replace(doubtful: readonly Inspection[], nowMs: number): void {
    const before = this.#doubts;
    this.#doubts = new Map();
    for (const inspection of doubtful) {
      const { id, size } = inspection.file;
      this.#doubts.set(`${id} ${size}`, before.get(`${id} ${size}`) ?? { inspection, sinceMs: nowMs, told: false });
    }
  }

  /** Those that have lasted and were not told yet; counts them as told. */
  due(nowMs: number): Inspection[] {
    const due = [...this.#doubts.values()].filter(({ sinceMs, told }) => !told && nowMs - sinceMs >= this.#waitMs);
    for (const doubt of due) doubt.told = true;
    return due.map(({ inspection }) => inspection);
  }
}
