import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, cpSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

let pair: Pair;
let written: number;
beforeEach(async () => {
  pair = await Pair.make();
  written = 0;
});
afterEach(() => pair.close());

/** Writes attempts, each with a user of its own, and remembers how many there are. */
function attempts(count: number, file = pair.logFile): void {
  for (let i = 0; i < count; i += 1) {
    written += 1;
    appendFileSync(file, `Failed password for u${written} from 192.0.2.7 port ${2_000 + written} ssh2\r\n`);
  }
}

async function users(): Promise<string[]> {
  const { events } = await pair.api<{ events: { user: string }[] }>('/api/events?limit=1000');
  return events.map(({ user }) => user).reverse();
}

/** All that was written is stored, once each. */
async function exactlyOnce(): Promise<void> {
  await until(
    async () => (await users()).length >= written,
    () => `${written} attempts stored`,
  );
  assert.deepEqual((await users()).sort(), Array.from({ length: written }, (_, i) => `u${i + 1}`).sort());
}

test('attempts are counted once when either side is killed again and again', async () => {
  let server = await pair.serving();
  for (let round = 0; round < 4; round += 1) {
    const agent = pair.agent();
    attempts(5);
    await agent.says('Following');
    attempts(5);
    if (round % 2 === 0) {
      await server.end('SIGKILL');
      attempts(5);
      server = await pair.serving();
    }
    await agent.end('SIGKILL');
    attempts(5);
  }
  const agent = pair.agent();
  await exactlyOnce();
  await server.says(`Processed result: box had ${written} attempt of ssh session`);
  assert.equal(await agent.end('SIGTERM'), 0);
  await server.says('Client is requesting to quit');
  assert.equal(await server.end('SIGTERM'), 0);
});

test('a log that is renamed or truncated, while the agent runs and while it is down, is read to its end', async () => {
  const server = await pair.serving();
  attempts(3);
  let agent = pair.agent();
  await exactlyOnce();
  renameSync(pair.logFile, `${pair.logFile}.1`);
  attempts(2, `${pair.logFile}.1`);
  attempts(2);
  await exactlyOnce();
  await agent.end('SIGKILL');
  attempts(2);
  rmSync(`${pair.logFile}.1`);
  renameSync(pair.logFile, `${pair.logFile}.1`);
  attempts(2);
  agent = pair.agent();
  await exactlyOnce();
  copyFileSync(pair.logFile, `${pair.logFile}.1`);
  truncateSync(pair.logFile);
  attempts(1);
  await exactlyOnce();
  await agent.end('SIGTERM');
  await server.end('SIGTERM');
});

test('the agent waits for a log that is not there, keeps events while the server is down, and status says so', async () => {
  const agent = pair.agent();
  await agent.says('is not there yet');
  attempts(3);
  await until(async () => {
    const { said } = await pair.command('status');
    return /^events\s+3$/m.test(said) && /^to send\s+3$/m.test(said) && said.includes('caught up, not connected');
  });
  const server = pair.server();
  await server.says('box had 3 attempt');
  await until(async () => /^to send\s+0$/m.test((await pair.command('status')).said));
  await agent.end('SIGTERM');
  assert.match((await pair.command('status')).said, /^state\s+not running$/m);
});

test('an older copy of a state folder goes on under a new id, and nothing new is taken for a repeat [P6]', async () => {
  const server = await pair.serving();
  attempts(2);
  const state = join(pair.folder, 'agent');
  let agent = pair.agent();
  await exactlyOnce();
  await agent.end('SIGTERM');
  cpSync(state, `${state}.backup`, { recursive: true });
  agent = pair.agent();
  attempts(2);
  await exactlyOnce();
  await agent.end('SIGTERM');
  rmSync(state, { recursive: true });
  renameSync(`${state}.backup`, state);
  // The log was lost with the state: what comes now is new, though its seqs were given out before.
  writeFileSync(pair.logFile, '');
  agent = pair.agent();
  await agent.says('older copy');
  attempts(1);
  await until(async () => (await users()).includes(`u${written}`));
  assert.equal((await users()).filter((user) => user === `u${written}`).length, 1);
  await server.end('SIGTERM');
});

test('a wrong setting ends both programs with 2, a taken port the server with 1, each in one line', async () => {
  const wrong = pair.agent({ ALPHACLIENT_SERVER: 'nowhere' });
  assert.equal(await wrong.ended, 2);
  assert.match(wrong.said, /^ALPHACLIENT_SERVER=nowhere cannot be used: [^\n]+\n$/);
  const server = pair.server();
  await server.says('Socket now listening');
  const second = pair.server({ ALPHASERVER_DATA: join(pair.folder, 'other'), ALPHASERVER_HTTP: 'off' });
  assert.equal(await second.ended, 1);
  assert.match(second.said, /^Socket created\nBind failed\. Error : .*EADDRINUSE/);
});
