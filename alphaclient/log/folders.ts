/** Notices that files came or went beside a log. */

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { resolved } from './rotation.ts';

/** Two changes of a folder within one tick of the kernel's clock (at most 10 ms) show one time: a recent time says nothing. */
const CLOCK_TICK_MS = 25;

/** The folder of the log's path, and where that is a symbolic link the folder of what it points to. */
export class Folders {
  readonly #path: string;
  #times = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether anything may have come or gone since it was asked last; true in doubt. */
  changed(): boolean {
    const folders = new Set([dirname(this.#path), dirname(resolved(this.#path))]);
    let times = '';
    let recent = false;
    for (const folder of folders) {
      const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
      times += `${folder} ${stat?.ino} ${stat?.mtimeNs};`;
      if (stat !== undefined && Math.abs(Date.now() - Number(stat.mtimeMs)) < CLOCK_TICK_MS) recent = true;
    }
    const changed = recent || times !== this.#times;
    this.#times = times;
    return changed;
  }
}
