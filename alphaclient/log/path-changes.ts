/** Detects by two or three calls of stat that neither a log nor its folders were changed since a look. */

import { type BigIntStats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { resolveLinks } from './rotation.ts';

/**
 * Two changes within one tick of the kernel's clock (at most 10 ms) leave the same times. What was seen first less than this before
 * a look may have been changed once more during it.
 */
const CLOCK_TICK_MS = 25;

/** The inode, size and times of the file at the log's path, and of the folders that rotation works in. */
export class PathChanges {
  readonly #path: string;
  readonly #nowMs: () => number;
  /** The folder of the log's path and, where that is a symbolic link, the one of its target. */
  #folders: readonly string[] = [];
  #noted: string | null = null;
  /** Since when it has been so, and when it was noted last. */
  #sinceMs = 0;
  #notedMs = 0;

  /** `nowMs`: a clock that nobody sets. */
  constructor(path: string, nowMs = (): number => performance.now()) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Notes what is there: to be called before a look, so that a change during it is seen as one. Throws stat's errors. */
  note(): void {
    this.#folders = [...new Set([dirname(this.#path), dirname(resolveLinks(this.#path))])];
    const found = this.#describe();
    this.#notedMs = this.#nowMs();
    if (found !== this.#noted) this.#sinceMs = this.#notedMs;
    this.#noted = found;
  }

  /** Returns whether all of it is as it was noted last, and was before that; false in doubt. Throws stat's errors. */
  isUnchanged(): boolean {
    return this.#notedMs - this.#sinceMs >= CLOCK_TICK_MS && this.#describe() === this.#noted;
  }

  #describe(): string {
    const file = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    let all = `${idOf(file)} ${file?.size} ${file?.nlink} ${file?.ctimeNs}`;
    for (const folder of this.#folders) all += `;${idOf(statSync(folder, { bigint: true, throwIfNoEntry: false }))}`;
    return all;
  }
}

function idOf(stat: BigIntStats | undefined): string {
  return `${stat?.dev}:${stat?.ino} ${stat?.mtimeNs}`;
}
