import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Folders } from '../../../alphaclient/log/folder-changes.ts';

test('a second file within one tick of the clock is noticed whenever the next look comes, and in whatever year the clock is', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'folders-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // One tick shows one time, which a clock that was set since makes a time of long ago.
  const made = (name: string): void => {
    writeFileSync(join(folder, name), '');
    utimesSync(folder, 1_000, 1_000);
  };
  let nowMs = 5_000;
  const folders = new Folders(join(folder, 'sshd.log'), () => nowMs);
  made('sshd.log.2');
  assert.equal(folders.changed(), true);
  made('sshd.log.1');
  nowMs += 400;
  assert.equal(folders.changed(), true);
  assert.equal(folders.changed(), false);
  nowMs += 400;
  assert.equal(folders.changed(), false);
});
