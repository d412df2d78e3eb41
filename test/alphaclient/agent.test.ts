import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

/** Writes attempts, each with a user of its own, and counts them. */
function attempts(count: number, file = pair.logFile): void {
  for (let i = 0; i < count; i += 1) {
    written += 1;
    appendFileSync(file, `Failed password for u${written} from 192.0.2.7 port ${2_000 + written} ssh2\r\n`);
  }
}

const stateOf = (host: unknown): string => (host as { state: string }).state;

async function users(): Promise<string[]> {
  return (await pair.events()).map(({ user }) => user).reverse();
}

/** Checks that every attempt that was written is stored, once each. */
async function exactlyOnce(): Promise<void> {
  await until(
    async () => (await users()).length >= written,
    () => `${written} attempts stored`,
  );
  assert.deepEqual((await users()).sort(), Array.from({ length: written }, (_, i) => `u${i + 1}`).sort());
}

interface Ledger {
  readonly agents: readonly Record<'sent' | 'stored' | 'gaps' | 'waiting' | 'repeats' | 'linesRead', number>[];
  readonly totals: Record<'sent' | 'stored' | 'gaps' | 'waiting' | 'repeats' | 'linesRead', number>;
}

/** Checks that the server's account of the agent and the agent's own are the same, and add up to what was written. */
async function ledgersAgree(): Promise<void> {
  await until(async () => /"waiting":0,/.test((await pair.command('status', '--json')).said));
  await until(async () => (await pair.api<Ledger>('/api/ledger')).totals.waiting === 0);
  const { agents, totals } = await pair.api<Ledger>('/api/ledger');
  const told = JSON.parse((await pair.command('status', '--json')).said) as {
    events: number;
    acknowledged: number;
    waiting: number;
    logs: { lines: number }[];
  };
  const [account] = agents;
  assert.equal(agents.length, 1);
  assert.equal(account?.sent, (account?.stored ?? 0) + (account?.gaps ?? 0) + (account?.waiting ?? 0));
  assert.deepEqual([account?.stored, account?.gaps, account?.waiting], [written, 0, 0]);
  assert.deepEqual([told.events, told.acknowledged, told.waiting], [written, written, 0]);
  // A last report may still be on its way.
  await until(async () => (await pair.api<Ledger>('/api/ledger')).totals.linesRead === written, undefined, 20_000);
  assert.equal(told.logs[0]?.lines, written);
  assert.deepEqual([totals.sent, totals.stored], [written, written]);
}

test('a log that is written twice is warned of once, and its logins count once', async () => {
  await pair.serving();
  const agent = pair.agent();
  const messages = ['Failed password for', 'Accepted password for', 'Connection closed by user'].map(
    (words, i) =>
      `Nov 20 10:00:0${i} web sshd[7]: ${words} bob ${i < 2 ? 'from ' : ''}192.0.2.7 port 4711${i < 2 ? ' ssh2' : ''}\n`,
  );
  appendFileSync(pair.logFile, messages.map((message) => message.repeat(2)).join(''));
  await agent.says('Nearly all lines of sshd are in the log twice');
  appendFileSync(
    pair.logFile,
    messages.map((message) => message.replace('10:00:', '10:01:').replace('[7]', '[8]').repeat(2)).join(''),
  );
  await until(async () => (await pair.api<Ledger>('/api/ledger')).totals.stored === 6);
  assert.deepEqual((await pair.events()).map(({ outcome }) => outcome).sort(), [
    'accepted',
    'accepted',
    'failed',
    'failed',
    'failed',
    'failed',
  ]);
  assert.equal(agent.said.split('in the log twice').length, 2);
});

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
  await ledgersAgree();
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

test('the agent waits for a missing log, keeps events while the server is down, and status shows both', async () => {
  const agent = pair.agent();
  await agent.says('does not exist yet');
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

test('while the agent’s disk is full it logs one error, reading waits, and nothing is lost', async () => {
  await pair.serving();
  const agent = pair.agent();
  attempts(3);
  await exactlyOnce();
  agent.limitFiles(1_024);
  attempts(20);
  await agent.says('The outbox cannot be written, reading waits');
  attempts(20);
  await until(async () => /outbox failing.*, connected/.test((await pair.command('status')).said));
  await until(async () =>
    (await pair.api<{ hosts: unknown[] }>('/api/hosts')).hosts.some((host) => stateOf(host) === 'outbox failing'),
  );
  assert.equal((await users()).length, 3);
  agent.limitFiles(null);
  await exactlyOnce();
  await agent.says('The outbox can be written again');
  assert.equal(agent.said.split('cannot be written').length, 2, agent.said);
  await ledgersAgree();
});

test('while the server’s disk is full it logs that, is not ready, and acknowledges nothing; then it goes on', async () => {
  const server = await pair.serving();
  pair.agent();
  attempts(3);
  await exactlyOnce();
  server.limitFiles(1_024);
  attempts(20);
  await server.says('Nothing is stored: ');
  const ready = () => fetch(`http://127.0.0.1:${pair.httpPort}/readyz`).then(({ status }) => status);
  assert.equal(await ready(), 503);
  attempts(20);
  await until(async () => /^to send\s+40$/m.test((await pair.command('status')).said));
  server.limitFiles(null);
  await exactlyOnce();
  await server.says('Storing again');
  assert.equal(await ready(), 200);
  assert.equal(server.said.split('Nothing is stored').length, 2, server.said);
  await ledgersAgree();
});

test('at the outbox’s limit reading waits and the log says so, nothing is dropped, and all events arrive once the server is there', async () => {
  const agent = pair.agent({ ALPHACLIENT_OUTBOX: '1MiB' });
  attempts(1);
  const line = (user: string) => `Failed password for ${user} from 192.0.2.7 port 2 ssh2\r\n`;
  for (let i = 0; i < 12; i += 1) {
    const from = written;
    written += 1_000;
    appendFileSync(pair.logFile, Array.from({ length: 1_000 }, (_, n) => line(`u${from + n + 1}`)).join(''));
  }
  await agent.says('The outbox is full');
  // What waits is on the disk, not in memory.
  assert.ok(agent.memoryMiB < 300, `${agent.memoryMiB} MiB`);
  await until(async () => (await pair.command('status')).said.includes('outbox full, behind by'));
  await pair.serving();
  await exactlyOnce();
  await agent.says('The outbox has room again');
  await ledgersAgree();
});

for (const known of [true, false])
  test(`an outbox damaged while the agent is down ${known ? 'is read again from its checkpoint' : 'and without a checkpoint goes on after its last event'}: nothing twice`, async () => {
    const server = await pair.serving();
    let agent = pair.agent();
    attempts(3);
    await exactlyOnce();
    const state = join(pair.folder, 'agent');
    await until(() => existsSync(join(state, 'checkpoint.json')));
    attempts(4);
    await exactlyOnce();
    await agent.end('SIGKILL');
    attempts(2);
    // All that is known is in one page of a small table: a page of another one is what can be lost without it.
    if (known) {
      writeFileSync(join(state, 'outbox.db'), Buffer.alloc(8_192, 0x5a));
      // Else SQLite mends the file from it.
      rmSync(join(state, 'outbox.db-wal'));
    } else {
      damageEvents(state);
      rmSync(join(state, 'checkpoint.json'));
    }
    agent = pair.agent();
    await agent.says('The outbox is damaged');
    await agent.says(known ? 'reading again from where event' : 'reading continues after its event');
    attempts(2);
    await exactlyOnce();
    await agent.end('SIGTERM');
    await server.end('SIGTERM');
  });

/** Writes nonsense over the root page of the outbox's table of events. */
function damageEvents(state: string): void {
  const db = new DatabaseSync(join(state, 'outbox.db'));
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const { rootpage } = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").get() as {
    rootpage: number;
  };
  db.close();
  const bytes = readFileSync(join(state, 'outbox.db'));
  bytes.fill(0x5a, (rootpage - 1) * 4_096, rootpage * 4_096);
  writeFileSync(join(state, 'outbox.db'), bytes);
}

test('an outbox found damaged while the agent runs is replaced, and its events are read again', async () => {
  let server = await pair.serving();
  const agent = pair.agent();
  attempts(3);
  await exactlyOnce();
  const state = join(pair.folder, 'agent');
  await until(() => existsSync(join(state, 'checkpoint.json')));
  await server.end('SIGKILL');
  const line = (user: string) => `Failed password for ${user} from 192.0.2.7 port 2 ssh2\r\n`;
  // More than SQLite keeps in memory.
  for (let i = 0; i < 30; i += 1) {
    const from = written;
    written += 1_000;
    appendFileSync(pair.logFile, Array.from({ length: 1_000 }, (_, n) => line(`u${from + n + 1}`)).join(''));
  }
  await until(async () => new RegExp(`^to send\\s+${written - 3}$`, 'm').test((await pair.command('status')).said));
  const file = openSync(join(state, 'outbox.db'), 'r+');
  const half = Math.floor(fstatSync(file).size / 8_192) * 4_096;
  writeSync(file, Buffer.alloc(half, 0x5a), 0, half, 4_096 * 4);
  closeSync(file);
  server = await pair.serving();
  await agent.says('The outbox is damaged');
  await exactlyOnce();
  await server.end('SIGTERM');
});

test('a lost part of the log is reported once: in both logs, in the list of gaps, and on the stream', async () => {
  const server = await pair.serving();
  let agent = pair.agent();
  attempts(3);
  await exactlyOnce();
  const watching = new AbortController();
  let seen = '';
  const stream = await fetch(`http://127.0.0.1:${pair.httpPort}/api/stream`, { signal: watching.signal });
  const watch = (async () => {
    for await (const piece of stream.body ?? []) seen += Buffer.from(piece).toString();
  })().catch(() => {});
  await agent.end('SIGKILL');
  // Written and deleted while nobody looked.
  appendFileSync(pair.logFile, 'Failed password for nobody from 192.0.2.7 port 2 ssh2\r\n');
  rmSync(pair.logFile);
  attempts(2);
  agent = pair.agent();
  await agent.says('Part of the log is lost');
  await server.says('Gap: ');
  await exactlyOnce();
  await until(() => seen.includes('event: gap'));
  await agent.end('SIGTERM');
  // Told again on the next connection, and known by then.
  agent = pair.agent();
  attempts(1);
  await exactlyOnce();
  await agent.end('SIGTERM');
  const { gaps } = await pair.api<{ gaps: { kind: string; host: string }[] }>('/api/gaps');
  assert.deepEqual(
    gaps.map(({ kind, host }) => [kind, host]),
    [['rotated-away', 'box']],
  );
  assert.deepEqual(JSON.parse(/^event: gap\ndata: (.*)$/m.exec(seen)?.[1] ?? ''), gaps[0]);
  assert.equal(server.said.split('Gap: ').length, 2, server.said);
  assert.equal(seen.split('event: gap').length, 2);
  const { totals } = await pair.api<{ totals: { declaredLost: number } }>('/api/ledger');
  assert.equal(totals.declaredLost, 1);
  watching.abort();
  await watch;
});

test('a wrong setting ends both programs with 2, a taken port the server with 1, each in one line', async () => {
  const wrong = pair.agent({ ALPHACLIENT_SERVER: 'nowhere' });
  assert.equal(await wrong.ended, 2);
  assert.match(wrong.said, /^alphaclient: ALPHACLIENT_SERVER=nowhere cannot be used: [^\n]+\n$/);
  const server = pair.server();
  await server.says('Socket now listening');
  const second = pair.server({ ALPHASERVER_DATA: join(pair.folder, 'other'), ALPHASERVER_HTTP: 'off' });
  assert.equal(await second.ended, 1);
  assert.match(second.said, /^Socket created\nBind failed\. Error : .*EADDRINUSE/);
});
