import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileStamp } from '../../service/file-stamp.ts';

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-stamp-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a file that comes, changes, is replaced or goes is noticed once', (context) => {
  const folder = folderOf(context);
  const [file, other] = [join(folder, 'a'), join(folder, 'b')];
  const stamp = new FileStamp();
  const changes = (): boolean[] => {
    const before = stamp.hasChanged([file, null]);
    stamp.accept();
    return [before, stamp.hasChanged([file, null])];
  };
  assert.deepEqual(changes(), [true, false], 'at the first look');
  writeFileSync(file, 'x');
  assert.deepEqual(changes(), [true, false]);
  writeFileSync(file, 'xy');
  assert.deepEqual(changes(), [true, false]);
  writeFileSync(other, 'xy');
  renameSync(other, file);
  assert.deepEqual(changes(), [true, false]);
  chmodSync(file, 0o640);
  assert.deepEqual(changes(), [true, false], 'who may read it now could not before');
  rmSync(file);
  assert.deepEqual(changes(), [true, false]);
});

test('a change stands until it is accepted, and what comes between the look and that is a change as well', (context) => {
  const file = join(folderOf(context), 'a');
  writeFileSync(file, 'x');
  const stamp = new FileStamp();
  const looks = (): boolean[] => [stamp.hasChanged([file]), stamp.hasChanged([file])];
  assert.deepEqual(looks(), [true, true]);
  writeFileSync(file, 'xy');
  stamp.accept();
  assert.deepEqual(looks(), [true, true]);
  stamp.accept();
  assert.deepEqual(looks(), [false, false]);
});
