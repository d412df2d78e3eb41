/** Lays out what a package installs, below a folder that stands for `/`. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, lutimesSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bundle, type Program } from './bundle.ts';
import { MAINTAINER, ROOT, VERSION } from './checkout.ts';
import { billOfMaterials, licenceTexts } from './licences.ts';
import { bashCompletion, manualPage } from './manual.ts';
import { RUNTIME_VERSION, type Runtime } from './runtime.ts';

/** One of the two packages. */
export interface Package {
  readonly name: 'asgard-agent' | 'asgard-server';
  readonly program: Program;
  /** One line, as package managers and the manual page show it. */
  readonly summary: string;
  readonly description: string;
  /** Files below `/etc` that a user edits. */
  readonly configuration: readonly string[];
}

export const PACKAGES: readonly Package[] = [
  {
    name: 'asgard-agent',
    program: 'alphaclient',
    summary: 'reports who tries to log in over SSH on this host',
    description:
      'Follows the log of sshd, understands each line, and sends every login attempt to an asgard-server exactly once.',
    configuration: [],
  },
  {
    name: 'asgard-server',
    program: 'alphaserver',
    summary: 'stores and shows who tries to log in over SSH on a fleet of hosts',
    description:
      'Takes the login attempts that asgard-agent sends, stores each exactly once, shows them on a page and raises alerts.',
    configuration: ['/etc/asgard/server.env'],
  },
];

/** Gives the folder of a package's own files in the checkout. */
export const filesOf = (name: string): string => join(ROOT, 'packaging', name);

/** Writes a file and the folders above it; `mode` is its permissions. */
function put(root: string, path: string, content: string | Buffer, mode = 0o644): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
  chmodSync(target, mode);
}

const zipped = (text: string): Buffer => gzipSync(text, { level: 9 });

/**
 * Builds a package's tree in `root`, which must be empty. `host` is a runtime that runs on this machine: it prints the help texts.
 * All files carry the time `seconds` (Unix), all permissions are set, so that two builds of one commit are the same.
 */
export async function stage(one: Package, own: Runtime, host: Runtime, root: string, seconds: number): Promise<void> {
  const { name, program } = one;
  const library = `/usr/lib/${name}`;
  const { packages } = await bundle(program, join(root, library));
  mkdirSync(join(root, library), { recursive: true });
  copyFileSync(own.path, join(root, library, 'node'));
  const from = (file: string): string => readFileSync(join(filesOf(name), file), 'utf8');
  put(root, `/usr/bin/${program}`, from(program), 0o755);
  put(root, `/usr/lib/systemd/system/${name}.service`, from(`${name}.service`));
  put(root, `/usr/lib/sysusers.d/${name}.conf`, from('sysusers.conf'));
  if (name === 'asgard-agent') put(root, `/usr/share/doc/${name}/agent.env.example`, from('agent.env.example'));
  else put(root, '/etc/asgard/server.env', from('server.env'), 0o640);
  const help = execFileSync(host.path, [join(root, library, 'main.js'), '--help'], {
    encoding: 'utf8',
    // What V8 compiled would be put into the tree.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
  });
  put(root, `/usr/share/man/man1/${program}.1.gz`, zipped(manualPage(program, one.summary, help, seconds)));
  put(root, `/usr/share/bash-completion/completions/${program}`, bashCompletion(program, help));
  const docs = `/usr/share/doc/${name}`;
  put(root, `${docs}/settings.example`, readFileSync(join(ROOT, '.env.example'), 'utf8'));
  const licence = readFileSync(join(ROOT, 'LICENSE'), 'utf8');
  put(
    root,
    `${docs}/copyright`,
    `${licence}\nThe bundled packages have licences of their own: ${docs}/third-party-licences.gz\n`,
  );
  put(root, `${docs}/third-party-licences.gz`, zipped(licenceTexts(packages, own.licence)));
  put(root, `${docs}/sbom.cdx.json`, billOfMaterials(name, packages, RUNTIME_VERSION));
  put(root, `${docs}/CHANGELOG.md.gz`, zipped(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')));
  put(root, `${docs}/changelog.gz`, zipped(debianChangelog(name, seconds)));
  settle(root, seconds);
}

/** Gives the changelog that Debian asks for, which points at the project's own. */
function debianChangelog(name: string, seconds: number): string {
  const date = new Date(seconds * 1_000).toUTCString().replace('GMT', '+0000');
  return `${name} (${VERSION}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz in this folder.\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** Sets the times and permissions that a checkout's umask and clock would otherwise decide. */
function settle(folder: string, seconds: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) settle(path, seconds);
    else if (!/\/(?:node|bin\/[^/]+|server\.env)$/.test(path)) chmodSync(path, 0o644);
    lutimesSync(path, seconds, seconds);
  }
  chmodSync(folder, 0o755);
  lutimesSync(folder, seconds, seconds);
}

/** Gives the size of a tree in KiB, rounded up file by file, as Debian's `Installed-Size` counts it. */
export function installedKiB(folder: string): number {
  return Number(execFileSync('du', ['-sk', '--apparent-size', folder], { encoding: 'utf8' }).split('\t')[0]);
}
