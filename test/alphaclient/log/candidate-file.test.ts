import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CandidateFiles } from '../../../alphaclient/log/candidate-file.ts';
import { generations } from '../../../alphaclient/log/rotation.ts';

test('a log that was deleted is no problem of the file that it is compared with', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'candidate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'sshd.log');
  writeFileSync(`${log}.1`, 'one\n');
  writeFileSync(log, 'one\ntwo\n');
  const [older, current] = new CandidateFiles().of(generations(log, []), []);
  assert.ok(older !== undefined && current !== undefined);
  assert.equal(await older.isBeginningOf(current), true);
  rmSync(log);
  assert.equal(await older.isBeginningOf(current), false);
  // A file with a problem counts as still being the known file with its inode.
  assert.equal(older.problem, null);
  assert.match(current.problem ?? '', /ENOENT/);
});
