import { deepEqual, equal, match, throws } from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asOwnerOf, folderFault, makeFolder, makeInnerFolder, replaceFile } from '../../service/files.ts';

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

test('a folder that cannot be made is reported at once, under /proc too', { timeout: 10_000 }, () => {
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

test('a link of another user to a folder is refused, also where its name ends in a slash', {
  skip: process.getuid?.() !== 0 && 'only root can give a link away',
}, () => {
  const [path, link] = [join(folder, 'linked'), join(folder, 'link')];
  mkdirSync(path);
  symlinkSync(path, link);
  equal(folderFault(`${link}/`), null);
  lchownSync(link, 12_345, 12_345);
  for (const name of [link, `${link}/`]) equal(folderFault(name), 'it is a link of another user', name);
});

test('a file is replaced as a whole, for its owner alone, and a link where it is written is not followed', () => {
  const path = join(folder, 'replaced');
  mkdirSync(path);
  const [file, elsewhere] = [join(path, 'tokens.json'), join(folder, 'elsewhere')];
  writeFileSync(elsewhere, 'whole');
  symlinkSync(elsewhere, `${file}.${process.pid}.new`);
  for (const content of ['first', 'second']) replaceFile(file, content);
  equal(readFileSync(file, 'utf8'), 'second');
  equal(statSync(file).mode & 0o777, 0o600);
  equal(readFileSync(elsewhere, 'utf8'), 'whole');
  deepEqual(readdirSync(path), ['tokens.json']);
});

test('what root writes is for the owner of the folder, and a link of this owner leads root nowhere', {
  skip: process.getuid?.() !== 0 && 'only root can give a folder away',
}, () => {
  const [uid, gid] = [12_345, 12_346];
  const [path, ofRoot] = [join(folder, 'served'), join(folder, 'of-root')];
  chmodSync(folder, 0o755);
  mkdirSync(path);
  mkdirSync(ofRoot);
  chownSync(path, uid, gid);
  replaceFile(join(path, 'tokens.json'), '{}');
  makeInnerFolder(join(path, 'codes'));
  replaceFile(join(path, 'codes', 'one.json'), '{}');
  for (const name of ['tokens.json', 'codes', 'codes/one.json']) {
    const stat = statSync(join(path, name));
    deepEqual([stat.uid, stat.gid], [uid, gid], name);
  }
  asOwnerOf(path, () => symlinkSync(ofRoot, join(path, 'certs')));
  throws(() => replaceFile(join(path, 'certs', 'ca.pem'), ''), { code: 'EACCES' });
  deepEqual(readdirSync(ofRoot), []);
  replaceFile(join(ofRoot, 'own'), '');
  deepEqual([statSync(join(ofRoot, 'own')).uid, process.geteuid?.(), process.getegid?.()], [0, 0, 0]);
});
