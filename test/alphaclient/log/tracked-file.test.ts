import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CandidateFile } from '../../../alphaclient/log/candidate-file.ts';
import { generations } from '../../../alphaclient/log/rotation.ts';
import { TrackedFile } from '../../../alphaclient/log/tracked-file.ts';

test('a birth time is kept only while the file is open: after a restart its inode may be another file’s', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tracked-'));
  const log = join(folder, 'sshd.log');
  writeFileSync(log, 'one\n');
  const [listed] = generations(log, []);
  assert.ok(listed !== undefined);
  const unborn = new CandidateFile({ ...listed, born: null }, []);
  const tracked = TrackedFile.unread(new CandidateFile({ ...listed, born: '17' }, []));
  t.after(() => {
    tracked.close();
    rmSync(folder, { recursive: true });
  });
  tracked.moveTo(unborn, 'current', 4, 0);
  assert.equal(tracked.file.born, null);
  tracked.open(unborn, 0);
  tracked.moveTo(new CandidateFile({ ...listed, born: '18' }, []), 'current', 4, 0);
  tracked.moveTo(unborn, 'current', 4, 0);
  assert.equal(tracked.file.born, '18');
});
