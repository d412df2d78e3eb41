/** Notices that files came or went beside a log. */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { resolved } from './rotation.ts';

/**
 * Two changes of a folder within one tick of the kernel's clock (at most 10 ms) show one time. So long after a time was first
 * seen, a second change of that time would have been there already.
 */
const CLOCK_TICK_MS = 25;

/** The folder of the log's path, and where that is a symbolic link the folder of what it points to. */
export class Folders {
  readonly #path: string;
  readonly #nowMs: () => number;
  #times = '';
  #newMs = 0;
  #askedMs = 0;

  /** `nowMs`: a clock that nobody sets. */
  constructor(path: string, nowMs = (): number => performance.now()) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Whether anything may have come or gone since it was asked last; true in doubt. */
  changed(): boolean {
    const folders = new Set([dirname(this.#path), dirname(resolved(this.#path))]);
    let times = '';
    for (const folder of folders) {
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
      times += `${folder} ${stat?.ino} ${stat?.mtimeNs};`;
    }
    const nowMs = this.#nowMs();
    const changed = times !== this.#times;
    if (changed) this.#newMs = nowMs;
    // What is asked about is the time since the last question: when that was asked, the second change may still have been to come.
    const doubtful = this.#askedMs - this.#newMs < CLOCK_TICK_MS;
    this.#times = times;
    this.#askedMs = nowMs;
    return changed || doubtful;
  }
}
