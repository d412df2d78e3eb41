/** Being woken when a log file is written. */

import type { FSWatcher } from 'node:fs';
import { Tail } from 'tail';

/**
 * tail's watch on the log, told at once: its own reading, which opens the file anew for every write and turns its bytes into
 * text, is left out, because the follower reads.
 */
export class Wake extends Tail {
  declare readonly watcher?: FSWatcher;
  readonly #wake: () => void;

  /** Throws where there is no such file, or no watch to be had. */
  constructor(path: string, wake: () => void) {
    // An empty line separator of null and a start at the end: nothing is read before the first change either.
    super(path, { separator: null, fromBeginning: false, follow: false });
    this.#wake = wake;
    // tail leaves this one unheard, which would end the process.
    this.watcher?.on('error', wake);
  }

  /** tail calls it when the file was written. */
  change(): void {
    this.#wake();
  }

  /** tail calls it when the file was renamed, deleted or linked. */
  rename(): void {
    this.#wake();
  }
}
