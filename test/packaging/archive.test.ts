/** The steps of docs/packages.md for the archive, below a folder that stands for `/`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../packaging/checkout.ts';
import { FORMATS } from '../../packaging/formats.ts';
import { PACKAGES } from '../../packaging/stage.ts';

const PROGRAM = '/usr/lib/asgard-server/main.js';

test('an upgrade from the archive, as documented, replaces the program and leaves the settings that were edited', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-archive-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const [scratch, host] = ['scratch', 'host'].map((name) => join(folder, name)) as [string, string];
  for (const path of [scratch, host]) mkdirSync(path);
  const one = PACKAGES.find(({ name }) => name === 'asgard-server') ?? assert.fail();
  const archiveOf = (content: string): string => {
    const root = join(folder, content);
    for (const path of [PROGRAM, ...one.configuration]) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    const staged = { one, architecture: 'amd64', root, scratch, out: root, seconds: 1 } as const;
    return FORMATS['tar.gz']?.(staged) ?? assert.fail();
  };
  // The first of the lines installs, the last one upgrades.
  const lines = readFileSync(join(ROOT, 'docs/packages.md'), 'utf8').match(/^ {4}tar .*/gm) ?? [];
  const unpack = (line: string | undefined, archive: string): void => {
    const [tar = '', ...args] = line?.trim().split(' ') ?? [];
    const moved = args.map((arg) => (arg === '/' ? host : arg.endsWith('.tar.gz') ? archive : arg));
    execFileSync(tar, moved, { stdio: ['ignore', 'inherit', 'inherit'] });
  };
  const read = (path: string): string => readFileSync(join(host, path), 'utf8');

  unpack(lines[0], archiveOf('first'));
  for (const path of [PROGRAM, ...one.configuration]) assert.equal(read(path), 'first', path);
  for (const path of one.configuration) writeFileSync(join(host, path), 'edited');
  unpack(lines.at(-1), archiveOf('second'));
  assert.equal(read(PROGRAM), 'second');
  for (const path of one.configuration) assert.equal(read(path), 'edited', path);
});
