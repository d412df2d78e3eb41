/** Detects by two or three calls of stat that neither a log nor its folders were changed since a look. */

import { type BigIntStats, statSync } from 'node:fs';
import { foldersOf, Sighting } from './folder-changes.ts';

/** The inode, size and times of the file at the log's path, and of the folders that rotation works in. */
export class PathChanges {
  readonly #path: string;
  readonly #nowMs: () => number;
  #folders: ReadonlySet<string> = new Set();
  readonly #noted = new Sighting();

  /** `nowMs`: a clock that nobody sets. */
  constructor(path: string, nowMs = (): number => performance.now()) {
    this.#path = path;
    this.#nowMs = nowMs;
  }

  /** Notes what is there: to be called before a look, so that a change during it is seen as one. Throws stat's errors. */
  note(): void {
    this.#folders = foldersOf(this.#path);
    this.#noted.note(this.#describe(), this.#nowMs());
  }

  /** Returns whether all of it is as it was noted last, and was before that; false in doubt. Throws stat's errors. */
  isUnchanged(): boolean {
    return this.#noted.isCertain && this.#describe() === this.#noted.text;
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
