/** Notices that files have changed, by inode, time and size: their content is read only then. */
import { statSync } from 'node:fs';

/** The files as they were when they were looked at last. */
export class FileStamp {
  #stamp: string | null = null;

  /** Returns true where a file came, went or changed since the last call, and at the first. A null is a file that is not set. */
  hasChanged(paths: readonly (string | null)[]): boolean {
    const stamp = paths
      .map((path) => (path === null ? undefined : statSync(path, { throwIfNoEntry: false, bigint: true })))
      .map((stat) => (stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}:${stat.size}`))
      .join();
    const hasChanged = stamp !== this.#stamp;
    this.#stamp = stamp;
    return hasChanged;
  }

  /** Lets the next call find a change: what was read could not be used. */
  forget(): void {
    this.#stamp = null;
  }
}
