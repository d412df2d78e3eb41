import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

let pair: Pair;
let sockets: Socket[];
beforeEach(async () => {
  pair = await Pair.make();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await pair.close();
});

const EVENTS = 20_000;
const flood = Buffer.from(
  Array.from(
    { length: EVENTS },
    (_, i) =>
      `{"type":"event","seq":${i + 1},"at":"2026-11-23T19:46:01.123Z","outcome":"failed","method":"password","user":"u${i}","ip":"192.0.2.1","port":1}\n`,
  ).join(''),
);

/** Agents that are welcome, and can send all they have at once. */
async function welcome(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const socket = connect(pair.port, '127.0.0.1').on('error', () => {});
    const agent = `2f1c9a3e-7b1d-4c56-9f0e-${String(n).padStart(12, '0')}`;
    socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent, host: `h${n}` })}\n`);
    sockets.push(socket);
  }
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  for (const socket of sockets) socket.on('data', () => {});
}

test('a disk that takes nothing slows all agents down, and the memory of the server stays bounded', async () => {
  const server = await pair.serving();
  const idle = server.memoryMiB;
  await welcome(10);
  server.limitFiles(1_024);
  // More than the kernel's buffers on both sides take, which is some 10 MiB each.
  const times = 10;
  for (const socket of sockets) for (let i = 0; i < times; i += 1) socket.write(flood);
  await server.says('Nothing is stored');
  const unsent = () => sockets.reduce((sum, { writableLength }) => sum + writableLength, 0);
  let before = -1;
  let stillSince = Date.now();
  await until(() => {
    if (unsent() !== before) stillSince = Date.now();
    before = unsent();
    return Date.now() - stillSince > 1_000;
  });
  const offeredMiB = (sockets.length * times * flood.length) / 2 ** 20;
  const unsentMiB = unsent() / 2 ** 20;
  assert.ok(unsentMiB > offeredMiB / 4, `${unsentMiB} of ${offeredMiB} MiB unsent`);
  const grown = server.memoryMiB - idle;
  assert.ok(grown < 200, `grew by ${grown} MiB while ${offeredMiB} MiB were offered`);
});

test('what was acknowledged is there, once, when the server is killed the moment it has done so', async () => {
  let server = await pair.serving();
  await welcome(1);
  const [socket] = sockets as [Socket];
  let acked = 0;
  const killed = new Promise<void>((done) => {
    socket.on('data', (chunk) => {
      for (const [, seq] of String(chunk).matchAll(/"ack","seq":(\d+)/g)) acked = Number(seq);
      if (acked > 0) void server.end('SIGKILL').then(() => done());
    });
  });
  socket.write(flood.subarray(0, flood.indexOf('"seq":2001,') - '{"type":"event",'.length));
  await killed;
  server = await pair.serving();
  const users = (await pair.events()).map(({ user }) => user);
  assert.ok(users.length >= acked, `${users.length} stored, ${acked} acknowledged`);
  assert.equal(new Set(users).size, users.length);
  for (let i = 0; i < acked; i += 1) assert.ok(users.includes(`u${i}`), `u${i}`);
});

test('a server under load stops in order within 5 s, and what it had not acknowledged comes again, once', async () => {
  const total = 10_000;
  const lines = Array.from(
    { length: total },
    (_, i) => `Failed password for u${i} from 192.0.2.7 port ${1_024 + (i % 60_000)} ssh2\r\n`,
  );
  appendFileSync(pair.logFile, lines.join(''));
  let server = await pair.serving();
  await welcome(3);
  for (const socket of sockets) socket.write(flood);
  const agent = pair.agent();
  await server.says('Processed result: box had');
  // A server that is not done in five seconds gives up, with 1.
  assert.equal(await server.end('SIGTERM'), 0, server.output);
  for (const socket of sockets) socket.destroy();
  server = await pair.serving();
  // Asked, not heard: a fast machine had stored all of it before it was stopped.
  const attempts = async (): Promise<number | undefined> => {
    const { hosts } = await pair.api<{ hosts: { host: string; attempts: number }[] }>('/api/hosts');
    return hosts.find(({ host }) => host === 'box')?.attempts;
  };
  await until(
    async () => ((await attempts()) ?? 0) >= total,
    () => server.output,
  );
  assert.equal(await attempts(), total);
  assert.equal(await agent.end('SIGTERM'), 0);
});
