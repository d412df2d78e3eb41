/** Detects that files were created, renamed or deleted in a log's folders. */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { resolveLinks } from './rotation.ts';

/**
 * Two changes of a folder within one tick of the kernel's clock (at most 10 ms) show the same mtime. A second change with
 * that mtime must have happened by this long after the mtime was first read.
 */
const CLOCK_TICK_MS = 25;

/** The mtimes of the folder of the log's path and, where that is a symbolic link, of the folder of its target. */
export class FolderChanges {
  readonly #path: string;
  readonly #nowMs: () => number;
  #times = '';
  #changedMs = 0;
  #checkedMs = 0;

  /** `nowMs`: a clock that nobody sets. */
  constructor(path: string, nowMs = (): number => performance.now()) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Returns whether a file may have been created, renamed or deleted since the last call; true in doubt. */
  changed(): boolean {
    const folders = new Set([dirname(this.#path), dirname(resolveLinks(this.#path))]);
    let times = '';
    for (const folder of folders) {
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
      times += `${folder} ${stat?.ino} ${stat?.mtimeNs};`;
    }
    const nowMs = this.#nowMs();
    const changed = times !== this.#times;
    if (changed) this.#changedMs = nowMs;
    // The last call, not this one, decides: if it was within the tick, the second change may have come right after it.
    const doubtful = this.#checkedMs - this.#changedMs < CLOCK_TICK_MS;
    this.#times = times;
    this.#checkedMs = nowMs;
    return changed || doubtful;
  }
}
