import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Inspections } from '../../../alphaclient/log/candidate-file.ts';
import { generations } from '../../../alphaclient/log/rotation.ts';

test('that the log has gone is not held against the file that it is compared with', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'inspection-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'sshd.log');
  writeFileSync(`${log}.1`, 'one\n');
  writeFileSync(log, 'one\ntwo\n');
  const [older, current] = new Inspections().of(generations(log, []), []);
  assert.ok(older !== undefined && current !== undefined);
  assert.equal(await older.isBeginningOf(current), true);
  rmSync(log);
  assert.equal(await older.isBeginningOf(current), false);
  // With a problem of its own it would be taken for whatever file had its inode before.
  assert.equal(older.problem, null);
  assert.match(current.problem ?? '', /ENOENT/);
});
