/** A backup is made beside a running server and put back: what agents still hold comes, and what is gone is known. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BACK_LIMIT_MS, Pair, Program } from '../programs.ts';
import { until } from '../until.ts';

async function paired(context: TestContext) {
  const pair = await Pair.make();
  context.after(() => pair.close());
  return { pair, data: join(pair.folder, 'server'), backup: join(pair.folder, 'backup') };
}

const line = (port: number): string =>
  `Nov 23 19:46:01 box sshd[${port}]: Failed password for root from 192.0.2.1 port ${port} ssh2\n`;

test('an agent that meets a restored older server loses nothing that it still has', async (context) => {
  const { pair, data, backup } = await paired(context);
  let server = await pair.serving();
  await pair.serverCommand('token', 'add', 'web-01');
  const agent = pair.agent();
  appendFileSync(pair.logFile, line(1_001) + line(1_002));
  await server.says('box had 2 attempt');
  const made = await pair.serverCommand('backup', backup);
  assert.equal(made.code, 0, made.output);
  assert.match(made.output, /^\d+ files, [\d.]+ MiB, in /);
  assert.equal(statSync(backup).mode & 0o777, 0o700);
  for (const name of readdirSync(backup)) assert.equal(statSync(join(backup, name)).mode & 0o077, 0, name);
  assert.deepEqual(
    readdirSync(backup).filter((name) => name.startsWith('tokens')),
    ['tokens.json'],
    'its lock is none of it',
  );
  // Acknowledged after the backup: only the server had these.
  appendFileSync(pair.logFile, line(1_003) + line(1_004) + line(1_005));
  await server.says('box had 5 attempt');

  const open = await pair.serverCommand('restore', backup);
  assert.match(open.output, /an alphaserver has .* open: stop it first/);
  await server.end('SIGTERM');
  // Read while there is no server: only the agent has this one.
  appendFileSync(pair.logFile, line(1_006));
  const full = await pair.serverCommand('restore', backup);
  assert.equal(full.code, 1);
  assert.match(full.output, /is not empty \(.*\): move what is in it away/);
  rmSync(data, { recursive: true });
  const restored = await pair.serverCommand('restore', backup);
  assert.equal(restored.code, 0, restored.output);
  server = await pair.serving();
  await server.says('box had 3 attempt', BACK_LIMIT_MS);
  const { gaps } = await pair.api<{ gaps: { events: number }[] }>('/api/gaps');
  assert.deepEqual(
    gaps.map(({ events }) => events),
    [3],
    agent.output,
  );
  assert.match((await pair.serverCommand('token', 'list')).output, /^web-01\t/);
  appendFileSync(pair.logFile, line(1_007));
  await server.says('box had 4 attempt');
});

test('a backup that is not whole is not put back, and one is made into an empty folder alone', async (context) => {
  const { pair, data, backup } = await paired(context);
  assert.match((await pair.serverCommand('backup', backup)).output, /there is no store in /);
  const server = await pair.serving();
  await until(() => existsSync(join(data, 'alerts.db')));
  assert.equal((await pair.serverCommand('backup', backup)).code, 0);
  assert.match((await pair.serverCommand('backup', backup)).output, /is not empty: a backup needs a folder of its own/);
  await server.end('SIGTERM');
  rmSync(data, { recursive: true });
  truncateSync(join(backup, 'asgard.db'), 100);
  const cut = await pair.serverCommand('restore', backup);
  assert.match(cut.output, /is no whole backup: asgard\.db is 100 and not \d+ bytes long/);
  rmSync(join(backup, 'asgard.db'));
  assert.match((await pair.serverCommand('restore', backup)).output, /asgard\.db is missing/);
  writeFileSync(join(backup, 'backup.json'), '{"version":9}');
  assert.match((await pair.serverCommand('restore', backup)).output, /it was made by another version/);
  rmSync(join(backup, 'backup.json'));
  assert.match((await pair.serverCommand('restore', backup)).output, /its backup\.json cannot be read/);
  assert.equal(existsSync(join(data, 'asgard.db')), false);
});

test('a server that is started during a restore finds the folder in use, and all is put back', async (context) => {
  const { pair, data, backup } = await paired(context);
  const server = await pair.serving();
  const agent = pair.agent();
  appendFileSync(pair.logFile, line(1_001) + line(1_002));
  await server.says('box had 2 attempt');
  await agent.end('SIGTERM');
  assert.equal((await pair.serverCommand('backup', backup)).code, 0);
  await server.end('SIGTERM');
  rmSync(data, { recursive: true });
  // The copying stops at a pipe, which nobody writes yet, when all but the events is there.
  const pipe = join(backup, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const listFile = join(backup, 'backup.json');
  const list = JSON.parse(readFileSync(listFile, 'utf8')) as { files: object[] };
  writeFileSync(listFile, JSON.stringify({ ...list, files: [...list.files, { path: 'pipe', bytes: 0 }] }));
  const restore = pair.add(new Program('alphaserver/main.ts', { ALPHASERVER_DATA: data }, ['restore', backup]));
  await until(() => existsSync(join(data, 'rollups.db')));
  const early = pair.server();
  await until(() => early.child.exitCode !== null || early.output.includes('Socket now listening'));
  assert.equal(early.child.exitCode, 1, early.output);
  assert.match(early.output, /The store in .* is in use by another alphaserver/);
  assert.equal(existsSync(join(data, 'asgard.db')), false);
  writeFileSync(pipe, '');
  assert.equal(await restore.ended, 0, restore.output);
  await pair.serving();
  assert.equal((await pair.events()).length, 2);
});
