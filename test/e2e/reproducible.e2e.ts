/** The same commit gives the same bytes, wherever it is checked out and whenever it is packaged. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from '../../packaging/checkout.ts';
import { PACKAGES } from '../../packaging/stage.ts';
import { has, lacking } from './machine.ts';

const SECONDS = 1_790_000_000;
/** Large packages that nothing of ours is made of. */
const UNUSED = ['.cache', '.bin', 'node', 'typescript', '@typescript', '@biomejs', 'playwright-core', 'axe-core'];
const folder = mkdtempSync(join(tmpdir(), 'asgard-reproducible-'));
after(() => rmSync(folder, { recursive: true }));

/** Checks the project out once more: its own files copied, the packages it uses linked. */
function checkout(name: string): string {
  const root = join(folder, name);
  mkdirSync(root);
  for (const entry of ['alphaclient', 'alphaserver', 'packaging', 'protocol', 'service'])
    cpSync(join(ROOT, entry), join(root, entry), { recursive: true });
  for (const entry of ['package.json', 'LICENSE', 'CHANGELOG.md', 'tsconfig.json', '.env.example'])
    cpSync(join(ROOT, entry), join(root, entry));
  mkdirSync(join(root, 'node_modules'));
  const entries = readdirSync(join(ROOT, 'node_modules')).filter((entry) => !UNUSED.includes(entry));
  const from = entries.map((entry) => join(ROOT, 'node_modules', entry));
  // Links cost nothing, where the file system is the same.
  const link = 'cp -al "$@" 2>/dev/null || cp -a "$@"';
  execFileSync('sh', ['-c', link, 'sh', ...from, join(root, 'node_modules')]);
  return root;
}

/** Packages both programs from a checkout with a small file in place of the runtime, and returns the SHA-256 of each package. */
function packaged(root: string, format: string, umask: string): Record<string, string> {
  const out = join(root, `out-${format}`);
  mkdirSync(out);
  const runtime = join(folder, 'runtime');
  writeFileSync(runtime, 'runtime');
  const script = `
    const { stage, PACKAGES } = await import('./packaging/stage.ts');
    const { FORMATS } = await import('./packaging/formats.ts');
    const { mkdirSync } = await import('node:fs');
    for (const one of PACKAGES) {
      const at = (name) => ${JSON.stringify(out)} + '.' + one.name + '.' + name;
      for (const name of ['root', 'scratch']) mkdirSync(at(name));
      const own = { path: ${JSON.stringify(runtime)}, licence: 'x' };
      await stage(one, own, { ...own, path: process.execPath }, at('root'), ${SECONDS});
      FORMATS[${JSON.stringify(format)}]({ one, architecture: 'amd64', root: at('root'), scratch: at('scratch'), out: ${JSON.stringify(out)}, seconds: ${SECONDS} });
    }`;
  const shell = `umask ${umask}; exec "$0" --input-type=module --eval "$1"`;
  execFileSync('sh', ['-c', shell, process.execPath, script], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(out, name)))
      .digest('hex');
  const listed = execFileSync('find', [`${out}.asgard-agent.root`], { encoding: 'utf8' });
  assert.doesNotMatch(listed, /\.cache/, 'nothing of the machine that packages');
  return Object.fromEntries(
    readdirSync(out)
      .sort()
      .map((name) => [name, digest(name)]),
  );
}

test('packages of two checkouts with other permissions are the same, byte by byte', {
  skip: lacking('packages', { 'dpkg-deb': has('dpkg-deb') }),
}, () => {
  const [first, second] = [checkout('a'), checkout('a-folder-with-a-longer-name')];
  for (const format of ['deb', 'tar.gz']) {
    const made = packaged(first, format, '022');
    assert.equal(Object.keys(made).length, PACKAGES.length);
    assert.deepEqual(packaged(second, format, '077'), made, format);
  }
});
