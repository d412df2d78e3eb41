/** An outbox that is full, damaged, or an older copy of itself, and a disk of either program that takes nothing, under real programs: nothing is lost, nothing is stored twice. */
import assert from 'node:assert/strict';
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { Attempts } from '../attempts.ts';
import { damageRoot } from '../damaged-pages.ts';
import { BACK_LIMIT_MS, Pair } from '../programs.ts';
import { until } from '../until.ts';

let pair: Pair;
let attempts: Attempts;
beforeEach(async () => {
  pair = await Pair.make();
  attempts = new Attempts(pair);
});
afterEach(() => pair.close());

const stateOf = (host: unknown): string => (host as { state: string }).state;

test('an older copy of a state folder goes on under a new id, and nothing new is taken for a repeat [P6]', async () => {
  const server = await pair.serving();
  attempts.write(2);
  const state = join(pair.folder, 'agent');
  let agent = pair.agent();
  await attempts.exactlyOnce();
  await agent.end('SIGTERM');
  cpSync(state, `${state}.backup`, { recursive: true });
  agent = pair.agent();
  attempts.write(2);
  await attempts.exactlyOnce();
  await agent.end('SIGTERM');
  rmSync(state, { recursive: true });
  renameSync(`${state}.backup`, state);
  // The log was lost with the state: what comes now is new, though its seqs were given out before.
  writeFileSync(pair.logFile, '');
  agent = pair.agent();
  await agent.says('older copy');
  attempts.write(1);
  await until(async () => (await attempts.users()).includes(`u${attempts.count}`));
  assert.equal((await attempts.users()).filter((user) => user === `u${attempts.count}`).length, 1);
  await server.end('SIGTERM');
});

test('while the agent’s disk is full it logs one error, reading waits, and nothing is lost', async () => {
  await pair.serving();
  const agent = pair.agent();
  attempts.write(3);
  await attempts.exactlyOnce();
  agent.limitFiles(1_024);
  attempts.write(20);
  await agent.says('The outbox cannot be written, reading waits');
  attempts.write(20);
  await until(async () => /outbox failing.*, connected/.test((await pair.command('status')).output));
  await until(async () =>
    (await pair.api<{ hosts: unknown[] }>('/api/hosts')).hosts.some((host) => stateOf(host) === 'outbox failing'),
  );
  assert.equal((await attempts.users()).length, 3);
  agent.limitFiles(null);
  await attempts.exactlyOnce();
  await agent.says('The outbox can be written again');
  assert.equal(agent.output.split('cannot be written').length, 2, agent.output);
  await attempts.ledgersAgree();
});

test('while the server’s disk is full it logs that, is not ready, and acknowledges nothing; then it goes on', async () => {
  const server = await pair.serving();
  pair.agent();
  attempts.write(3);
  await attempts.exactlyOnce();
  server.limitFiles(1_024);
  attempts.write(20);
  await server.says('Nothing is stored: ');
  const ready = () => fetch(`http://127.0.0.1:${pair.httpPort}/readyz`).then(({ status }) => status);
  assert.equal(await ready(), 503);
  attempts.write(20);
  await until(async () => /^to send\s+40$/m.test((await pair.command('status')).output));
  server.limitFiles(null);
  await attempts.exactlyOnce();
  await server.says('Storing again');
  assert.equal(await ready(), 200);
  assert.equal(server.output.split('Nothing is stored').length, 2, server.output);
  await attempts.ledgersAgree();
});

test('at the outbox’s limit reading waits and the log says so, nothing is dropped, and all events arrive once the server is there', async () => {
  const agent = pair.agent({ ALPHACLIENT_OUTBOX: '1MiB' });
  attempts.write(1);
  for (let i = 0; i < 12; i += 1) attempts.write(1_000);
  await agent.says('The outbox is full');
  // What waits is on the disk, not in memory.
  assert.ok(agent.memoryMiB < 300, `${agent.memoryMiB} MiB`);
  await until(async () => (await pair.command('status')).output.includes('outbox full, behind by'));
  await pair.serving();
  await attempts.exactlyOnce();
  await agent.says('The outbox has room again');
  await attempts.ledgersAgree();
});

for (const known of [true, false])
  test(`an outbox damaged while the agent is down ${known ? 'is read again from its checkpoint' : 'and without a checkpoint goes on after its last event'}: nothing twice`, async () => {
    const server = await pair.serving();
    let agent = pair.agent();
    attempts.write(3);
    await attempts.exactlyOnce();
    const state = join(pair.folder, 'agent');
    await until(() => existsSync(join(state, 'checkpoint.json')));
    attempts.write(4);
    await attempts.exactlyOnce();
    await agent.end('SIGKILL');
    attempts.write(2);
    // All that is known is in one page of a small table: a page of another one is what can be lost without it.
    if (known) {
      writeFileSync(join(state, 'outbox.db'), Buffer.alloc(8_192, 0x5a));
      // Else SQLite mends the file from it.
      rmSync(join(state, 'outbox.db-wal'));
    } else {
      damageRoot(join(state, 'outbox.db'), 'events');
      rmSync(join(state, 'checkpoint.json'));
    }
    agent = pair.agent();
    await agent.says('The outbox is damaged');
    await agent.says(known ? 'reading again from where event' : 'reading continues after its event');
    attempts.write(2);
    await attempts.exactlyOnce();
    await agent.end('SIGTERM');
    await server.end('SIGTERM');
  });

test('one wrong byte in the position, which SQLite’s own check does not see, is damage: it is read again from the checkpoint', async () => {
  const server = await pair.serving();
  let agent = pair.agent();
  attempts.write(3);
  await attempts.exactlyOnce();
  const state = join(pair.folder, 'agent');
  await until(() => existsSync(join(state, 'checkpoint.json')));
  attempts.write(4);
  await attempts.exactlyOnce();
  await agent.end('SIGTERM');
  const db = new DatabaseSync(join(state, 'outbox.db'));
  db.exec("UPDATE meta SET value = 'z' || substr(value, 2) WHERE key LIKE 'log:%'");
  db.close();
  attempts.write(2);
  agent = pair.agent();
  await agent.says('The outbox is damaged');
  await agent.says('reading again from where event');
  attempts.write(2);
  await attempts.exactlyOnce();
  await attempts.ledgersAgree();
  await agent.end('SIGTERM');
  await server.end('SIGTERM');
});

test('one wrong byte in an event that waits, which every server refuses, is damage: it is read again', async () => {
  let server = await pair.serving();
  let agent = pair.agent();
  attempts.write(3);
  await attempts.exactlyOnce();
  const state = join(pair.folder, 'agent');
  await until(() => existsSync(join(state, 'checkpoint.json')));
  await server.end('SIGTERM');
  attempts.write(4);
  await until(async () => /^to send\s+4$/m.test((await pair.command('status')).output));
  await agent.end('SIGTERM');
  const db = new DatabaseSync(join(state, 'outbox.db'));
  db.exec("UPDATE events SET body = 'z' || substr(body, 2) WHERE seq = (SELECT min(seq) + 1 FROM events)");
  db.exec(`UPDATE events SET body = replace(body, ',"user"', 'z"user"') WHERE seq = (SELECT min(seq) + 2 FROM events)`);
  db.close();
  server = await pair.serving();
  agent = pair.agent();
  await agent.says('The outbox is damaged');
  attempts.write(2);
  await attempts.exactlyOnce();
  await attempts.ledgersAgree();
  await agent.end('SIGTERM');
  await server.end('SIGTERM');
});

test('an outbox found damaged while the agent runs is replaced, and its events are read again', async () => {
  let server = await pair.serving();
  const agent = pair.agent();
  attempts.write(3);
  await attempts.exactlyOnce();
  const state = join(pair.folder, 'agent');
  await until(() => existsSync(join(state, 'checkpoint.json')));
  await server.end('SIGKILL');
  // More than SQLite keeps in memory.
  for (let i = 0; i < 30; i += 1) attempts.write(1_000);
  await until(async () =>
    new RegExp(`^to send\\s+${attempts.count - 3}$`, 'm').test((await pair.command('status')).output),
  );
  const file = openSync(join(state, 'outbox.db'), 'r+');
  const half = Math.floor(fstatSync(file).size / 8_192) * 4_096;
  writeSync(file, Buffer.alloc(half, 0x5a), 0, half, 4_096 * 4);
  closeSync(file);
  server = await pair.serving();
  await agent.says('The outbox is damaged', BACK_LIMIT_MS);
  await attempts.exactlyOnce();
  await server.end('SIGTERM');
});
