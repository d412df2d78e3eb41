import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileStamp } from '../../service/file-stamp.ts';

test('a file that comes, changes, is replaced or goes is noticed once', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-stamp-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const [file, other] = [join(folder, 'a'), join(folder, 'b')];
  const stamp = new FileStamp();
  const changes = (): boolean[] => [stamp.hasChanged([file, null]), stamp.hasChanged([file, null])];
  assert.deepEqual(changes(), [true, false], 'at the first look');
  writeFileSync(file, 'x');
  assert.deepEqual(changes(), [true, false]);
  writeFileSync(file, 'xy');
  assert.deepEqual(changes(), [true, false]);
  writeFileSync(other, 'xy');
  renameSync(other, file);
  assert.deepEqual(changes(), [true, false]);
  rmSync(file);
  assert.deepEqual(changes(), [true, false]);
  stamp.forget();
  assert.deepEqual(changes(), [true, false]);
});
