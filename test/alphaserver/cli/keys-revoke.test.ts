/** `alphaserver keys revoke`: the list that sshd's RevokedKeys reads, made and read by the machine's own ssh-keygen. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { REVOKED_KEYS_FILE, revokeCommand } from '../../../alphaserver/cli/keys-command.ts';
import { type Revoked, revoked } from '../../../alphaserver/cli/revoked-key.ts';
import { lockFile } from '../../../alphaserver/store/file-lock.ts';
import { Text } from '../../text.ts';

const isThere = spawnSync('ssh-keygen', ['-?']).error === undefined;
const skip = isThere ? false : 'ssh-keygen is not there';
if (!isThere && process.env['CI']) throw new Error('ssh-keygen is not there: on a CI machine nothing may be missing');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'asgard-revoke-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const keygen = (...args: string[]): string => execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: 'pipe' });

/** Makes a key; returns its fingerprint. */
function makeKey(name: string): string {
  keygen('-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name));
  return keygen('-l', '-f', join(folder, name)).split(' ')[1] as string;
}

const list = (): string => join(folder, REVOKED_KEYS_FILE);
const isRevoked = (name: string): boolean =>
  spawnSync('ssh-keygen', ['-Q', '-f', list(), join(folder, name)]).status !== 0;

async function revoke(
  keys: readonly string[],
  more: { file?: string; ca?: string; limitMs?: number } = {},
): Promise<string> {
  const stdout = new Text();
  const parsed = keys.map((key) => revoked.parse(key, 0) as Revoked);
  const { file = null, ca = null, limitMs } = more;
  await revokeCommand({ keys: parsed, file, ca }, folder, { stdout }, limitMs);
  return stdout.text;
}

describe('a list of revoked keys', { skip }, () => {
  it('grows by what is revoked, and refuses no other key', async () => {
    const [one, two] = [makeKey('one'), makeKey('two')];
    makeKey('three');
    assert.match(await revoke([one]), /^1 key is revoked in .*revoked-keys\. Take it to your hosts/);
    assert.deepEqual(['one.pub', 'two.pub', 'three.pub'].map(isRevoked), [true, false, false]);
    await revoke([two, one]);
    assert.deepEqual(['one.pub', 'two.pub', 'three.pub'].map(isRevoked), [true, true, false]);
    assert.equal(statSync(list()).mode & 0o777, 0o644);
    // Others of the folder's group may revoke as well.
    assert.equal(statSync(`${list()}.lock`).mode & 0o777, 0o660);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(REVOKED_KEYS_FILE)),
      [REVOKED_KEYS_FILE, `${REVOKED_KEYS_FILE}.lock`],
      'nothing but its lock is left beside it',
    );
  });

  it('takes certificates by their serial and CA', async () => {
    makeKey('ca');
    for (const [name, serial] of [
      ['alice', '7'],
      ['bob', '8'],
    ] as const) {
      makeKey(name);
      keygen('-q', '-s', join(folder, 'ca'), '-I', name, '-n', name, '-z', serial, join(folder, `${name}.pub`));
    }
    await assert.rejects(revoke(['serial:7']), /means nothing without its CA/);
    await revoke(['serial:7'], { ca: join(folder, 'ca.pub') });
    assert.deepEqual(['alice-cert.pub', 'bob-cert.pub', 'alice.pub'].map(isRevoked), [true, false, false]);
    await revoke(['serial:6', 'serial:5'], { ca: join(folder, 'ca.pub') });
    assert.equal(isRevoked('alice-cert.pub'), true);
  });

  it('stays as it was where it cannot be made anew', async () => {
    const one = makeKey('one');
    writeFileSync(list(), 'no list\n');
    await assert.rejects(revoke([one]), /^UserError|ssh-keygen: /);
    assert.equal(readFileSync(list(), 'utf8'), 'no list\n');
    await assert.rejects(revoke(['serial:7'], { ca: join(folder, 'nothing.pub') }), /ssh-keygen: /);
    assert.deepEqual(readdirSync(folder).sort(), ['one', 'one.pub', REVOKED_KEYS_FILE, `${REVOKED_KEYS_FILE}.lock`]);
    await assert.rejects(revoke([one], { file: join(folder, 'no', 'folder') }), /is not there/);
  });

  it('is written by one command at a time', async () => {
    const key = makeKey('one');
    const lock = lockFile(list());
    await assert.rejects(revoke([key], { limitMs: 20 }), /revoked-keys is being changed by another command/);
    assert.ok(!existsSync(list()));
    lock.close();
    await revoke([key]);
    assert.ok(isRevoked('one.pub'));
  });

  it('is written where a command was killed, of an earlier version too', async () => {
    writeFileSync(`${list()}.lock`, '');
    await revoke([makeKey('one')]);
    assert.ok(isRevoked('one.pub'));
  });
});

it('takes fingerprints of SHA256 and serials of 64 bits', () => {
  const parse = (given: string) => revoked.parse(given, 0);
  assert.deepEqual(parse(`SHA256:${'a'.repeat(41)}+/`), { hash: `SHA256:${'a'.repeat(41)}+/` });
  assert.deepEqual(parse('serial:18446744073709551615'), { serial: '18446744073709551615' });
  assert.deepEqual(parse('serial:007'), { serial: '7' });
  for (const wrong of [
    `SHA256:${'a'.repeat(42)}`,
    `SHA256:${'_'.repeat(43)}`,
    'MD5:00',
    'serial:18446744073709551616',
    'serial:-1',
    '7',
  ])
    assert.equal(parse(wrong), undefined, wrong);
});
