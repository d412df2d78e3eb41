/** Detects that files were created, renamed or deleted in a log's folders. */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { resolveLinks } from './rotation.ts';

/**
 * Two changes within one tick of the kernel's clock (at most 10 ms) leave the same times. A second change with those times must
 * have happened by this long after they were first read.
 */
const CLOCK_TICK_MS = 25;

/** The folders that rotation works in: that of the log's path and, where it is a symbolic link, the one of its target. */
export const foldersOf = (path: string): ReadonlySet<string> => new Set([dirname(path), dirname(resolveLinks(path))]);

/** What stat gave at the last look, and since when it has given the same. */
export class Sighting {
  text: string | null = null;
  #sinceMs = 0;
  #atMs = 0;

  /** Notes what a look at `nowMs` gave; true where the look before gave something else. */
  note(text: string, nowMs: number): boolean {
    const isOther = text !== this.text;
    this.text = text;
    this.#atMs = nowMs;
    if (isOther) this.#sinceMs = nowMs;
    return isOther;
  }

  /** True where a change before the last look would have left other times: what it gave was first seen a tick before it. */
  get isCertain(): boolean {
    return this.#atMs - this.#sinceMs >= CLOCK_TICK_MS;
  }
}

/** The mtimes of the folder of the log's path and, where that is a symbolic link, of the folder of its target. */
export class FolderChanges {
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #seen = new Sighting();

  /** `nowMs`: a clock that nobody sets. */
  constructor(path: string, nowMs = (): number => performance.now()) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Returns whether a file may have been created, renamed or deleted since the last call; true in doubt. */
  changed(): boolean {
    let times = '';
    for (const folder of foldersOf(this.#path)) {
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
      times += `${folder} ${stat?.ino} ${stat?.mtimeNs};`;
    }
    // The last call, not this one, decides: if it was within the tick, the second change may have come right after it.
    const wasCertain = this.#seen.isCertain;
    return this.#seen.note(times, this.#nowMs()) || !wasCertain;
  }
}
