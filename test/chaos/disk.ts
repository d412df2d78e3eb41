/** Small disks of their own for both programs, which can be full. They need root, and mounts that nobody else sees. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, statfsSync } from 'node:fs';

/** Says to the inner run that its mounts are its own. */
const APART = 'CHAOS_MOUNTS_APART';
const ROOM = '8g';

/** True when this process may mount what nobody else sees. */
export function apart(): boolean {
  return process.env[APART] === 'yes';
}

/**
 * Runs this program again with mounts of its own and ends with its exit code, where that can be had; else returns why not.
 * Where CI is set and the user is root it must be had.
 */
export function goApart(): string {
  if (process.getuid?.() !== 0) return 'only root may mount';
  const [command = '', ...args] = process.execArgv.concat(process.argv.slice(1));
  const tried = spawnSync('unshare', ['-m', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  if (tried.status === 0) {
    const all = ['-m', '--propagation', 'private', process.execPath, command, ...args];
    const { status } = spawnSync('unshare', all, { stdio: 'inherit', env: { ...process.env, [APART]: 'yes' } });
    process.exit(status ?? 1);
  }
  const why = tried.error?.message ?? String(tried.stderr).trim();
  if (process.env['CI']) throw new Error(`no small disks (${why}): on a CI machine nothing may be missing`);
  return why;
}

/** A disk in memory at `folder`. */
export class Disk {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${ROOM},mode=700`, 'tmpfs', folder]);
  }

  /** No room for one more block, until `free`. */
  fill(): void {
    for (let tries = 0; ; tries += 1) {
      const { blocks, bfree, bsize } = statfsSync(this.#folder);
      const used = (blocks - bfree) * bsize;
      // Refused where more was written meanwhile.
      const done = spawnSync('mount', ['-o', `remount,size=${used}`, this.#folder]);
      if (done.status === 0) return;
      if (tries === 20) throw new Error(`the disk cannot be made full: ${done.stderr}`);
    }
  }

  free(): void {
    execFileSync('mount', ['-o', `remount,size=${ROOM}`, this.#folder]);
  }

  /** Copies what is on it beside it. */
  keep(): void {
    cpSync(this.#folder, `${this.#folder}-kept`, { recursive: true });
  }

  close(): void {
    spawnSync('umount', ['-l', this.#folder]);
  }
}
