/** Files that several processes replace as a whole, changed by real processes at the same time. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { JoinedHosts } from '../../../alphaserver/ingest/joined-hosts.ts';
import { Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { lockFile, tryFileLock, whileLocked } from '../../../alphaserver/store/file-lock.ts';
import { Users } from '../../../alphaserver/web/users.ts';
import { UserError } from '../../../service/user-error.ts';

const CHANGER = join(import.meta.dirname, 'file-changer.ts');
const LOCK = join(import.meta.dirname, '..', '..', '..', 'alphaserver', 'store', 'file-lock.ts');

let folder: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-lock-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a process; resolves once it says that it is ready. */
async function started(...args: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

test('commands that run at the same time lose no change of each other', async () => {
  const names = ['a', 'b', 'c'];
  const [changes, users] = [5, 1];
  const tokens = new Tokens(folder);
  const expected = names.flatMap((name) => Array.from({ length: changes }, (_, i) => `${name}-${i}`)).sort();
  for (const name of expected) tokens.add(`old-${name}`, Date.now());
  const all = await Promise.all(names.map((name) => started(CHANGER, folder, name, String(changes), String(users))));
  const ended = all.map((child) => once(child, 'exit'));
  for (const child of all) child.stdin?.end();
  assert.deepEqual(
    (await Promise.all(ended)).map(([code]) => code),
    names.map(() => 0),
  );
  const valid = tokens.list().filter(({ revokedAt }) => revokedAt === null);
  assert.deepEqual(valid.map(({ name }) => name).sort(), expected);
  assert.equal(tokens.list().length, 2 * expected.length);
  const revoked = new JoinedHosts(folder).list().map(({ name }) => name);
  assert.deepEqual(revoked.sort(), expected);
  assert.equal(new Users(folder).list().length, names.length * users);
  const left = readdirSync(folder).sort();
  const files = ['revoked.json', 'tokens.json', 'users.json'];
  assert.deepEqual(left, files.flatMap((name) => [name, `${name}.lock`]).sort());
});

test('a lock is free once its process is killed', async () => {
  const file = join(folder, 'tokens.json');
  const script = `import { lockFile } from ${JSON.stringify(LOCK)};
    globalThis.lock = lockFile(${JSON.stringify(file)});
    process.stdout.write('ready'); process.stdin.resume();`;
  const child = await started('--input-type=module', '--eval', script);
  assert.equal(tryFileLock(file), null);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  tryFileLock(file)?.close();
  assert.equal(
    whileLocked(file, () => 'mine'),
    'mine',
  );
});

test('whoever waits too long for another command says so, and changes nothing', () => {
  const file = join(folder, 'tokens.json');
  const lock = lockFile(file);
  assert.throws(() => lockFile(file, 20), {
    message: `${file} is being changed by another command, which has not ended within 0.02 s: nothing is changed, try again`,
  });
  assert.equal(tryFileLock(file), null);
  lock.close();
  lockFile(file, 20).close();
  assert.deepEqual(readdirSync(folder), ['tokens.json.lock']);
  assert.equal(statSync(`${file}.lock`).mode & 0o777, 0o600);
  assert.throws(() => lockFile(join(folder, 'nowhere', 'tokens.json')), { code: 'ENOENT' });
  writeFileSync(
    `${file}.lock`,
    'what no command wrote, for long enough to be read as the head of a file of SQLite'.repeat(9),
  );
  assert.throws(() => lockFile(file), /tokens\.json\.lock cannot be locked: file is not a database/);
});

test('a lock that this user may only read is not shared with others who may, but refused', {
  skip: process.getuid?.() !== 0 && 'only root can be another user',
}, () => {
  const file = join(folder, 'tokens.json');
  chmodSync(folder, 0o777);
  writeFileSync(`${file}.lock`, '');
  chmodSync(`${file}.lock`, 0o644);
  process.seteuid?.(12_345);
  try {
    assert.throws(
      () => lockFile(file),
      (error) => error instanceof UserError && /cannot be locked: attempt to write a readonly/.test(error.message),
    );
  } finally {
    process.seteuid?.(0);
  }
  rmSync(`${file}.lock`);
  chownSync(folder, 12_345, 12_346);
  lockFile(file).close();
  const { uid, gid } = statSync(`${file}.lock`);
  assert.deepEqual([uid, gid], [12_345, 12_346]);
});

test('a command that read a file before another one changed it keeps that change', () => {
  const [one, two] = [new JoinedHosts(folder), new JoinedHosts(folder)];
  one.revoke('web-01', 1);
  two.revoke('web-02', 2);
  assert.deepEqual(
    new JoinedHosts(folder).list().map(({ name }) => name),
    ['web-01', 'web-02'],
  );
});

test('a user who is removed while a new password is hashed stays removed', async () => {
  const users = new Users(folder);
  await users.add('vera', 'viewer', 'a password', 1);
  const setting = users.setPassword('vera', 'another password', 2);
  new Users(folder).remove('vera');
  await assert.rejects(setting, /there is no user "vera"/);
  assert.deepEqual(users.list(), []);
});

test('a command that has nothing to change makes no lock', async () => {
  assert.throws(() => new Tokens(folder).revoke('a', 1), /there is no token/);
  assert.throws(() => new Tokens(folder).rotate('a', 1), /there is no token/);
  assert.throws(() => new Users(folder).remove('a'), /there is no user/);
  await assert.rejects(new Users(folder).setPassword('a', 'a password', 1), /there is no user/);
  assert.deepEqual(readdirSync(folder), []);
});
