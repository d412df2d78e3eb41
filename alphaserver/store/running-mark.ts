/** A file that stands in a store's folder while a process has it open: found at the next start, that process was killed. */
import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'running';

/** Made once the folder is locked, taken away at a close in good order. */
export class RunningMark {
  /** True when whoever had the store open before did not close it: killed, or the power was cut. */
  readonly unclean: boolean;
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, FILE);
    this.unclean = existsSync(this.#file);
    const fd = openSync(this.#file, 'w', 0o600);
    fsyncSync(fd);
    closeSync(fd);
  }

  clear(): void {
    rmSync(this.#file, { force: true });
  }
}
