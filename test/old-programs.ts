/** The programs of an earlier version, from git: both sides of the wire must work with theirs. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from './programs.ts';

const ROOT = join(import.meta.dirname, '..');
/** The last version whose wire had no sessions. */
export const OLD_COMMIT = 'cbb549a1a21dfb201fe85a13408476143ee290a8';

/** Puts the sources of the earlier version into a folder. Throws where git does not have it: a shallow clone must be made whole. */
export function oldSources(folder: string): string {
  const root = join(folder, 'old');
  if (existsSync(root)) return root;
  mkdirSync(root, { recursive: true });
  let archive: Buffer;
  try {
    archive = execFileSync(
      'git',
      ['-C', ROOT, 'archive', OLD_COMMIT, 'package.json', 'alphaclient', 'alphaserver', 'protocol', 'service'],
      {
        maxBuffer: 64 * 1_048_576,
      },
    );
  } catch (cause) {
    throw new Error(
      `git does not have ${OLD_COMMIT}: this test needs a clone with its history (git fetch --unshallow)`,
      { cause },
    );
  }
  execFileSync('tar', ['-x', '-C', root], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}

/** Runs a program of the earlier version. */
export const oldProgram = (root: string, file: string, env: Record<string, string>): Program =>
  new Program(null, env, [process.execPath, join(root, file)]);
