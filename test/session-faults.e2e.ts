/** Sessions from the log of a host to the server's list, with real processes: killed, restarted, and of an earlier version. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { oldProgram, oldSources } from './old-programs.ts';
import { Pair, Program } from './programs.ts';
import { until } from './until.ts';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.make();
});
afterEach(() => pair.close());

interface Shown {
  readonly user: string;
  readonly until: string | null;
  readonly how: string | null;
  readonly lastedSeconds: number | null;
  readonly followed: boolean;
}

const BEGUN_MS = Date.now() - 3_600_000;
let second = 0;
const write = (pid: number, message: string): void => {
  second += 1;
  const at = new Date(BEGUN_MS + second * 1_000).toISOString().replace('Z', '+00:00');
  appendFileSync(pair.logFile, `${at} box sshd[${pid}]: ${message}\n`);
};
const login = (n: number): void =>
  write(n, `Accepted publickey for u${n} from 192.0.2.7 port ${n} ssh2: ED25519 SHA256:abc`);
const logout = (n: number): void => write(n + 1, `Disconnected from user u${n} 192.0.2.7 port ${n}`);

const shown = async (query = ''): Promise<readonly Shown[]> =>
  (await pair.api<{ sessions: Shown[] }>(`/api/sessions${query}`)).sessions;
const usersIn = async (open: boolean): Promise<string> =>
  (await shown(`?open=${open}`))
    .map(({ user, how }) => (how === null ? user : `${user} ${how}`))
    .sort()
    .join(', ');

/** Waits until an answer is the one that is expected. */
async function gives(expected: string, answer: () => Promise<string>): Promise<void> {
  let last = '';
  await until(
    async () => {
      last = await answer();
      return last === expected;
    },
    () => `${expected} expected, got ${last}`,
  );
}

const becomes = (inNow: string, ended: string): Promise<void> =>
  gives(`in: ${inNow}; ended: ${ended}`, async () => `in: ${await usersIn(true)}; ended: ${await usersIn(false)}`);

test('sessions end once, whichever side is killed, and those that are open stay so', async () => {
  let server = await pair.serving();
  let agent = pair.agent();
  for (const n of [1001, 1011, 1021, 1031]) login(n);
  await becomes('u1001, u1011, u1021, u1031', '');
  logout(1001);
  await becomes('u1011, u1021, u1031', 'u1001 disconnected');

  await agent.end('SIGKILL');
  logout(1011);
  agent = pair.agent();
  await becomes('u1021, u1031', 'u1001 disconnected, u1011 disconnected');

  await server.end('SIGKILL');
  logout(1021);
  login(1041);
  server = await pair.serving();
  await becomes('u1031, u1041', 'u1001 disconnected, u1011 disconnected, u1021 disconnected');

  // Both begin again, and the agent says once more which sessions are open.
  await agent.end('SIGTERM');
  await server.end('SIGTERM');
  await pair.serving();
  pair.agent();
  logout(1031);
  await becomes('u1041', 'u1001 disconnected, u1011 disconnected, u1021 disconnected, u1031 disconnected');
  assert.ok((await shown()).every(({ followed }) => followed));
});

test('an agent that loses its state is followed by nobody else, and ends what it never saw begin', async () => {
  await pair.serving();
  const agent = pair.agent();
  for (const n of [1001, 1011]) login(n);
  await becomes('u1001, u1011', '');
  await agent.end('SIGKILL');
  const another = { ALPHACLIENT_STATE: join(pair.folder, 'another'), ALPHACLIENT_FROM: 'end' };
  pair.agent(another);
  await until(async () => (await pair.api<{ agents: unknown[] }>('/api/ledger')).agents.length === 2);
  // It has to have found the log's end before the line comes that it is to read.
  let status = '';
  await until(
    async () => {
      const asked = pair.add(new Program('alphaclient/main.ts', pair.agentEnv(another), ['status', '--json']));
      await asked.ended;
      status = asked.output;
      return status.includes('"caught up"');
    },
    () => status,
  );
  logout(1001);
  await becomes('u1011', 'u1001 disconnected');
});

test('an outbox that is damaged is replaced, and each session still ends once', async () => {
  await pair.serving();
  let agent = pair.agent();
  const folder = join(pair.folder, 'agent');
  for (const n of [1001, 1011, 1021]) login(n);
  logout(1001);
  await becomes('u1011, u1021', 'u1001 disconnected');
  // With the next tick all of it is in the checkpoint.
  await until(() => existsSync(join(folder, 'checkpoint.json')));
  login(1031);
  logout(1011);
  await becomes('u1021, u1031', 'u1001 disconnected, u1011 disconnected');
  await agent.end('SIGKILL');
  for (const ending of ['-wal', '-shm']) rmSync(join(folder, `outbox.db${ending}`), { force: true });
  writeFileSync(join(folder, 'outbox.db'), Buffer.alloc(8_192, 0x5a));
  logout(1031);
  agent = pair.agent();
  login(1041);
  await agent.says('is damaged');
  logout(1021);
  await becomes('u1041', 'u1001 disconnected, u1011 disconnected, u1021 disconnected, u1031 disconnected');
  await attempts(1001, 1011, 1021, 1031, 1041);
  assert.doesNotMatch(agent.output, /new id/);
});

const OLD_SETTINGS = (): Record<string, string> => ({
  ALPHASERVER_LISTEN: `tcp://127.0.0.1:${pair.port}`,
  ALPHASERVER_HTTP: `http://127.0.0.1:${pair.httpPort}`,
  ALPHASERVER_DATA: join(pair.folder, 'server'),
  ALPHASERVER_ANONYMOUS: 'true',
});

async function oldServer(root: string): Promise<Program> {
  const server = pair.add(oldProgram(root, 'alphaserver/main.ts', OLD_SETTINGS()));
  await until(
    () => pair.api('/healthz').then(Boolean, () => false),
    () => server.output,
  );
  return server;
}

const attempts = (...users: number[]): Promise<void> =>
  gives(users.map((n) => `u${n} accepted`).join(), async () =>
    (await pair.events())
      .map(({ user, outcome }) => `${user} ${outcome}`)
      .reverse()
      .join(),
  );

test('a new agent and an old server count every attempt; the ends wait for a newer server', async () => {
  const root = oldSources(pair.folder);
  let server = await oldServer(root);
  const agent = pair.agent();
  login(1001);
  logout(1001);
  login(1011);
  await attempts(1001, 1011);
  await server.end('SIGTERM');
  // The store is brought up to date. What was stored before sessions were kept has none, but its end has.
  server = await pair.serving();
  login(1021);
  await becomes('u1021', 'u1001 disconnected');
  logout(1011);
  logout(1021);
  await becomes('', 'u1001 disconnected, u1011 disconnected, u1021 disconnected');
  await attempts(1001, 1011, 1021);
  assert.doesNotMatch(agent.output, /new id/);
});

test('an old agent and a new server count every attempt, and its logins are sessions that nobody follows to their end', async () => {
  await pair.serving();
  const agent = pair.add(oldProgram(oldSources(pair.folder), 'alphaclient/main.ts', pair.agentEnv()));
  login(1001);
  logout(1001);
  login(1011);
  await attempts(1001, 1011);
  await becomes('u1001, u1011', '');
  await agent.end('SIGTERM');
  // The agent is upgraded in place: it goes on where the old one stopped.
  pair.agent();
  login(1021);
  logout(1011);
  await becomes('u1001, u1021', 'u1011 disconnected');
  await attempts(1001, 1011, 1021);
});

test('an old agent after a new one goes on without doubling, and so does a new one after it', async () => {
  await pair.serving();
  const root = oldSources(pair.folder);
  const first = pair.agent();
  login(1001);
  login(1011);
  await becomes('u1001, u1011', '');
  await first.end('SIGTERM');
  const old = pair.add(oldProgram(root, 'alphaclient/main.ts', pair.agentEnv()));
  login(1021);
  logout(1001);
  await attempts(1001, 1011, 1021);
  await old.end('SIGTERM');
  pair.agent();
  login(1031);
  logout(1011);
  await attempts(1001, 1011, 1021, 1031);
  await until(async () => (await usersIn(false)) === 'u1011 disconnected');
  // Nobody knows what became of a session whose end the old one read.
  await gives('u1001, u1021, u1031', () => usersIn(true));
  await until(async () => (await shown('?open=true')).find(({ user }) => user === 'u1001')?.followed === false);
});

test('an old agent and an old server work as they did', async () => {
  const root = oldSources(pair.folder);
  await oldServer(root);
  pair.add(oldProgram(root, 'alphaclient/main.ts', pair.agentEnv()));
  login(1001);
  logout(1001);
  await attempts(1001);
});
