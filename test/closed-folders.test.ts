/** Commands that somebody types who may not look into the folder of the service. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { alphaclient } from '../alphaclient/commands/commands.ts';
import { alphaserver } from '../alphaserver/cli/commands.ts';
import { runProgram } from '../service/command-line.ts';
import { Text } from './text.ts';

const [ROOT_UID, OTHER_UID] = [0, 12_345];

/** Runs `work` as a user who is not root. */
async function asOther<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== ROOT_UID) return work();
  process.seteuid?.(OTHER_UID);
  try {
    return await work();
  } finally {
    process.seteuid?.(ROOT_UID);
  }
}

test('a command says that nothing is in a folder only to those who may look into it', async (context) => {
  const parent = mkdtempSync(join(tmpdir(), 'closed-'));
  chmodSync(parent, 0o755);
  const folder = mkdtempSync(join(parent, 'service-'));
  context.after(() => {
    chmodSync(folder, 0o700);
    rmSync(parent, { recursive: true, force: true });
  });
  const env = { ALPHASERVER_DATA: folder, ALPHACLIENT_STATE: folder, ALPHASERVER_LISTEN: 'tls://127.0.0.1:5000' };
  const answer = async (make: typeof alphaserver | typeof alphaclient, line: string): Promise<string> => {
    const io = { stdin: Readable.from([]), stdout: new Text(), stderr: new Text(), env, nowMs: Date.now() };
    assert.equal(await runProgram(make(io), line.split(' '), io), 1, line);
    return io.stderr.text;
  };
  for (const [make, line] of [
    [alphaclient, 'status'],
    [alphaserver, 'report'],
    [alphaserver, 'who'],
    [alphaserver, 'tail'],
    [alphaserver, 'alert replay'],
    [alphaserver, `backup ${join(parent, 'copy')}`],
    [alphaserver, 'forget host web-01'],
    [alphaserver, 'certs list'],
    [alphaserver, 'certs revoke web-01'],
    [alphaserver, 'enroll web-01'],
  ] as const) {
    chmodSync(folder, 0o700);
    assert.match(await answer(make, line), /: (?:there is no |no agent has run )/i, line);
    chmodSync(folder, 0o000);
    const said = await asOther(() => answer(make, line));
    assert.ok(said.includes(`this user may not look into ${folder}`), `${line}: ${said}`);
  }
});
