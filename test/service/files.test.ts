import { equal, match, throws } from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { folderFault, makeFolder } from '../../service/files.ts';

const folder = mkdtempSync(join(tmpdir(), 'files-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a folder is made with those it is in, for its owner alone', () => {
  const deep = join(folder, 'a', 'b', 'c');
  makeFolder(deep);
  equal(statSync(deep).mode & 0o777, 0o700);
  makeFolder(deep);
  equal(folderFault(join(folder, 'd', 'e')), null);
  equal(existsSync(join(folder, 'd', 'e')), true);
});

test('a folder that cannot be made is told at once, under /proc too', { timeout: 10_000 }, () => {
  writeFileSync(join(folder, 'file'), '');
  equal(folderFault(join(folder, 'file')), 'it is a file, and not a folder');
  equal(folderFault(join(folder, 'file', 'below')), 'a part of its path is a file, and not a folder');
  equal(folderFault('/proc/asgard/data'), 'no folder can be made there');
  match(folderFault(join(folder, 'x'.repeat(300))) ?? '', /too long/);
  throws(() => makeFolder('/proc/asgard/data'), { code: 'ENOENT' });
});

test('a folder that another process makes at the same time is taken', () => {
  const path = join(folder, 'raced');
  mkdirSync(path);
  makeFolder(path);
  equal(statSync(path).isDirectory(), true);
});

test('a folder in which a link leads elsewhere is refused; others lose the right to write into one', () => {
  const path = join(folder, 'shared');
  mkdirSync(path);
  chmodSync(path, 0o777);
  equal(folderFault(path), null);
  equal(statSync(path).mode & 0o777, 0o755);
  symlinkSync('/etc/passwd', join(path, 'outbox.db'));
  equal(folderFault(path), 'outbox.db in it is a link');
});

test('a folder of another user is refused', {
  skip: process.getuid?.() !== 0 && 'only root can give a folder away',
}, () => {
  const path = join(folder, 'foreign');
  mkdirSync(path);
  chownSync(path, 12_345, 12_345);
  equal(folderFault(path), 'it belongs to another user');
});
