import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CandidateFiles } from '../../../alphaclient/log/candidate-file.ts';
import { generations } from '../../../alphaclient/log/rotation.ts';
import { install, refuse } from './model/preemption.ts';

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

test('a compressed file that cannot be opened is read at the next look, a damaged one is not decompressed again', async (t) => {
  install();
  const folder = mkdtempSync(join(tmpdir(), 'candidate-'));
  t.after(() => {
    refuse(null);
    rmSync(folder, { recursive: true });
  });
  const log = join(folder, 'sshd.log');
  writeFileSync(`${log}.2.gz`, gzipSync('one\n').subarray(0, 15));
  writeFileSync(`${log}.1.gz`, gzipSync('two\n'));
  const files = generations(log, []);
  const candidates = new CandidateFiles();
  refuse((path) => path.endsWith('.1.gz'));
  const [damaged, refused] = candidates.of(files, []);
  assert.ok(damaged !== undefined && refused !== undefined);
  await damaged.contentBytes();
  assert.equal(await refused.contentBytes(), null);
  assert.deepEqual([damaged.isUnreadable, refused.isUnreadable], [false, true]);
  assert.match(damaged.problem ?? '', /unexpected end of file/);
  refuse(null);
  const [sameDamaged, readable] = candidates.of(files, []);
  assert.equal(sameDamaged, damaged);
  assert.equal(await readable?.contentBytes(), 4);
});
