/** Whoever makes a folder or a file of the programs first: it is for its owner alone, whatever the umask. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Pair } from './programs.ts';
import { until } from './until.ts';

/** Asserts the modes of a folder and of all that is in it. */
function assertPrivate(folder: string): void {
  assert.equal(statSync(folder).mode & 0o777, 0o700, folder);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // A file that was removed meanwhile, as a request is, has no mode.
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat) assert.equal(stat.mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, path);
  }
}

async function scratch(context: TestContext): Promise<Pair> {
  const before = process.umask(0o022);
  const pair = await Pair.make();
  context.after(async () => {
    process.umask(before);
    await pair.close();
  });
  return pair;
}

/** Commands that make something in a folder that is not there yet. */
const COMMANDS: readonly (readonly string[])[] = [
  ['token', 'add', 'a'],
  ['user', 'add', 'a', '--role', 'viewer'],
  ['certs', 'init'],
];

test('a data folder that a command makes, and the store that a server makes in it, are for their owner alone', async (context) => {
  for (const command of COMMANDS) {
    const pair = await scratch(context);
    const { code, output } = await pair.serverCommand(...command);
    assert.equal(code, 0, output);
    const folder = join(pair.folder, 'server');
    assertPrivate(folder);
    if (command[0] !== 'token') continue;
    const server = await pair.serving();
    const agent = pair.agent();
    appendFileSync(pair.logFile, 'Failed password for root from 192.0.2.7 port 4711 ssh2\r\n');
    await server.says('Processed result: box had 1 attempt');
    await until(() => readdirSync(folder).includes('alerts.db'));
    assertPrivate(folder);
    assertPrivate(join(pair.folder, 'agent'));
    assert.equal((await pair.serverCommand('forget', 'host', 'nobody')).code, 1);
    assert.equal((await pair.serverCommand('report')).code === 2, false);
    assertPrivate(folder);
    await agent.end('SIGTERM');
    await server.end('SIGTERM');
    // Without a server the command opens the store itself.
    assert.equal((await pair.serverCommand('forget', 'host', 'box')).code, 0);
    assertPrivate(folder);
  }
});
