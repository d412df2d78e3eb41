/** The packages' own scripts, run by themselves. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOf, PACKAGES } from '../../packaging/stage.ts';

for (const { name } of PACKAGES)
  test(`${name} is not installed over a newer one, whose state it cannot read`, (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'asgard-scripts-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const script = join(folder, 'preinst');
    writeFileSync(script, readFileSync(join(filesOf(name), 'preinst'), 'utf8').replaceAll('@VERSION@', '1.2.0'));
    const run = (...args: string[]) => spawnSync('sh', [script, ...args], { encoding: 'utf8' });
    const older = run('upgrade', '1.10.0');
    assert.equal(older.status, 1);
    assert.match(
      older.stderr,
      /1\.2\.0 is older than 1\.10\.0, whose state it cannot read\. To go back all the same, /,
    );
    for (const args of [['install'], ['upgrade', '1.2.0'], ['upgrade', '1.1.9']])
      assert.equal(run(...args).status, 0, args.join(' '));
  });
