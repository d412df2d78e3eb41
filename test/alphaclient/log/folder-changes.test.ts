import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderChanges } from '../../../alphaclient/log/folder-changes.ts';

test('a second file within one tick of the clock is detected whenever the next look comes, and in whatever year the clock is', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'folders-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // Both changes leave the same mtime, of long ago because the clock was set since.
  const made = (name: string): void => {
    writeFileSync(join(folder, name), '');
    utimesSync(folder, 1_000, 1_000);
  };
  let nowMs = 5_000;
  const folders = new FolderChanges(join(folder, 'sshd.log'), () => nowMs);
  made('sshd.log.2');
  assert.equal(folders.changed(), true);
  made('sshd.log.1');
  nowMs += 400;
  assert.equal(folders.changed(), true);
  assert.equal(folders.changed(), false);
  nowMs += 400;
  assert.equal(folders.changed(), false);
});
