/** `npm start`: one server and one agent of this machine, which find each other and nobody else. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { freePort } from './free-port.ts';
import { Program } from './programs.ts';

const file = (name: string): string => resolve(import.meta.dirname, '..', name);
let folder: string;
let started: Program | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'start-'));
  started = null;
});
afterEach(async () => {
  await started?.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

/** Runs what package.json runs as `npm start`. */
function start(settings: Record<string, string>): Program {
  const env = {
    ALPHASERVER_DATA: join(folder, 'server'),
    ALPHACLIENT_STATE: join(folder, 'agent'),
    ALPHACLIENT_LOG: join(folder, 'sshd.log'),
    ...settings,
  };
  const programs = [file('alphaserver/main.ts'), file('alphaclient/main.ts')];
  started = new Program('service/launcher.ts', env, ['--env', file('service/start.env'), ...programs]);
  return started;
}

test('the agent is started once the server listens, and connects to this one, whatever its port', async () => {
  writeFileSync(join(folder, 'sshd.log'), 'Failed password for root from 192.0.2.7 port 1024 ssh2\n');
  const port = await freePort();
  const both = start({ ALPHASERVER_LISTEN: `tcp://0.0.0.0:${port}`, ALPHASERVER_HTTP: 'off' });
  await both.says('had 1 attempt of ssh session');
  assert.doesNotMatch(both.output, /trying again/);
  assert.match(both.output, new RegExp(`Connected to tcp://127\\.0\\.0\\.1:${port}`));
});

for (const [setting, other] of [
  ['ALPHASERVER_LISTEN', 'ALPHASERVER_HTTP'],
  ['ALPHASERVER_HTTP', 'ALPHASERVER_LISTEN'],
] as const)
  test(`a taken port of ${setting} is reported with the setting, and no agent goes to whoever has it`, async (t) => {
    let visitors = 0;
    const taken = createServer(() => {
      visitors += 1;
    });
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    const scheme = { ALPHASERVER_LISTEN: 'tcp', ALPHASERVER_HTTP: 'http' };
    const both = start({
      [setting]: `${scheme[setting]}://127.0.0.1:${port}`,
      [other]: `${scheme[other]}://127.0.0.1:${await freePort()}`,
    });
    assert.equal(await both.ended, 1);
    const reason = `Bind failed\\. Error : 127\\.0\\.0\\.1:${port}: another program listens there \\(EADDRINUSE\\)`;
    assert.match(both.output, new RegExp(`${reason}; set ${setting} to another address\n`));
    assert.doesNotMatch(both.output, /Following|Connected/);
    assert.equal(visitors, 0);
  });
