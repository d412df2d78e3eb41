/** Commands of root beside a server that runs as another user. */
import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { alphaserver } from '../../../alphaserver/cli/commands.ts';
import { runProgram } from '../../../service/command-line.ts';
import { Text } from '../../text.ts';

const [UID, GID] = [12_345, 12_346];

test('what commands of root write into a data folder is for the user to whom the folder belongs', {
  skip: process.getuid?.() !== 0 && 'only root can give a folder away',
}, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'owner-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  chownSync(folder, UID, GID);
  const env = { ALPHASERVER_DATA: folder, ALPHASERVER_LISTEN: 'tls://127.0.0.1:5000' };
  for (const args of [
    ['certs', 'init'],
    ['enroll', 'web-01'],
    ['token', 'add', 'web-01'],
    ['token', 'add', 'prometheus', '--scope', 'metrics'],
    ['user', 'add', 'vera', '--role', 'viewer'],
    ['token', 'revoke', 'web-01'],
    ['certs', 'revoke', 'web-02'],
  ]) {
    const io = { stdout: new Text(), stderr: new Text(), env, nowMs: Date.now() };
    assert.equal(await runProgram(alphaserver(io), args, io), 0, `${args.join(' ')}: ${io.stderr.text}`);
  }
  const made = readdirSync(folder, { recursive: true }) as string[];
  for (const name of [
    'certs/ca-key.pem',
    'certs/server.pem',
    'tokens.json',
    'script-tokens.json',
    'users.json',
    'users.json.lock',
    'revoked.json',
    'codes',
  ])
    assert.ok(made.includes(name), name);
  for (const name of made) {
    const { uid, gid } = statSync(join(folder, name));
    assert.deepEqual([uid, gid], [UID, GID], name);
  }
});
