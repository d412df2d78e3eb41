/**
 * The page's modules as one: a browser asks for a single file, and not for some forty, six at a time. Packages and images hold
 * it ready made; in a checkout esbuild makes it of the sources, in a process of its own that ends with it.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The file that holds the module where it was made before the server starts. */
const READY_MADE = 'ready-made.js';
/** In bytes; the sources together have some 200,000. */
const MODULE_LIMIT_BYTES = 4_000_000;
/** Names stay, so that a browser's console says where a fault is; the chart's package is asked for by itself. */
const OPTIONS = [
  '--bundle',
  '--format=esm',
  '--target=es2022',
  '--minify-whitespace',
  '--minify-syntax',
  '--legal-comments=none',
  '--external:./chart.js',
  '--log-level=warning',
];

/** Tells whether the module of the page in `folder` was made before the server started. */
export const isReadyMade = (folder: string): boolean => existsSync(join(folder, READY_MADE));

/** Returns the module of the page whose files lie in `folder`. Rejects with esbuild's words where it cannot be made. */
export async function pageModule(folder: string): Promise<Buffer> {
  return isReadyMade(folder) ? readFileSync(join(folder, READY_MADE)) : Buffer.from(await bundled(folder));
}

/** Writes the module of the page in `sources` into the folder `to`, where `pageModule` finds it. Rejects as that does. */
export async function writePageModule(sources: string, to: string): Promise<void> {
  writeFileSync(join(to, READY_MADE), await bundled(sources));
}

async function bundled(folder: string): Promise<string> {
  const { stdout } = await promisify(execFile)(esbuild(), ['main.js', ...OPTIONS], {
    cwd: folder,
    maxBuffer: MODULE_LIMIT_BYTES,
  });
  return stdout;
}

/** Finds esbuild's program for this machine, which npm installs as a package of its own: its JavaScript is not loaded here. */
const esbuild = (): string =>
  fileURLToPath(import.meta.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`));
