/** Notices that files have changed, by inode, times and size: their content is read only then. */
import { statSync } from 'node:fs';

/** The files as they were when a change of them was last dealt with. */
export class FileStamp {
  #accepted: string | null = null;
  #seen: string | null = null;

  /**
   * Returns true where a file came, went or changed, also in its owner or mode, since the look before the last `accept`, and until the
   * first one. A null is a file that is not set. Throws the system's Error where that cannot be known.
   */
  hasChanged(paths: readonly (string | null)[]): boolean {
    this.#seen = null;
    this.#seen = paths
      .map((path) => (path === null ? undefined : statSync(path, { throwIfNoEntry: false, bigint: true })))
      .map((stat) => (stat === undefined ? '' : `${stat.ino}:${stat.mtimeNs}:${stat.ctimeNs}:${stat.size}`))
      .join();
    return this.#seen !== this.#accepted;
  }

  /** Takes over what the last look found: from now on only what comes after that look is a change. Without it the change stands. */
  accept(): void {
    this.#accepted = this.#seen;
  }
}
