/**
 * Mounts over and under a log, in a mount namespace of the agent's own. A log that cannot be followed any more is reported, not taken
 * for a quiet one; one that goes on in another file system is read on.
 */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { lacking, works } from './machine.ts';

const skip = lacking('logs that are mounted into a container', {
  'root and mount namespaces': works('unshare', '-m', 'true'),
});

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.make();
});
afterEach(() => pair.close());

const line = (i: number): string => `Failed password for u${i} from 192.0.2.7 port ${2_000 + i} ssh2\n`;

/** Runs a shell script in a mount namespace of its own, and then the agent in it. */
const within = (script: string): string[] => ['unshare', '-m', 'sh', '-c', `${script}; exec "$@"`, 'sh'];

async function reports(state: string): Promise<void> {
  let states: unknown;
  await until(
    async () => {
      const { hosts } = await pair.api<{ hosts: { state: string }[] }>('/api/hosts');
      const { code, output } = await pair.command('status', '--json');
      states = output;
      // The agent may not have made its state folder yet.
      if (code !== 0) return false;
      const status = JSON.parse(output) as { state: string };
      states = [hosts[0]?.state, status.state];
      return hosts[0]?.state === state && status.state === state;
    },
    () => `${state}, got ${states}`,
  );
}

test('a mounted log whose original is deleted is detached, and followed again once it is mounted anew', {
  skip,
}, async () => {
  await pair.serving();
  const original = join(pair.folder, 'original.log');
  writeFileSync(original, line(1));
  writeFileSync(pair.logFile, '');
  const agent = pair.agent({}, within(`mount --bind ${original} ${pair.logFile}`));
  await reports('caught up');
  rmSync(original);
  await reports('log detached');
  await agent.says('mounted');
  await agent.end('SIGTERM');
  writeFileSync(original, line(1) + line(2));
  pair.agent({}, within(`mount --bind ${original} ${pair.logFile}`));
  await reports('caught up');
  appendFileSync(original, line(3));
  await until(async () => (await pair.events()).length === 3);
});

/** Returns a shell command that waits for a file. It ends with the test's folder, and so keeps no test from ending. */
const awaiting = (flag: string): string =>
  `while [ ! -e ${flag} ]; do [ -d ${dirname(flag)} ] || exit; sleep 0.05; done`;

/**
 * Starts an agent that follows a log in a folder of its own, in a mount namespace where `first` ran before. Each script of `later` runs
 * there once the function that is returned was called once more.
 */
function agentWithMounts(log: string, first: string, later: readonly string[]) {
  const flags = later.map((_, i) => join(pair.folder, `step-${i}`));
  const steps = later.map((script, i) => `${awaiting(flags[i] as string)}; ${script}`).join('; ');
  // It holds no pipe of the agent.
  const script = `${first}; (${steps}) >/dev/null 2>&1 &`;
  const agent = pair.agent(
    { ALPHACLIENT_LOG: log },
    within(script).map((part) => part.replace('&;', '&')),
  );
  return { agent, next: () => writeFileSync(flags.shift() as string, '') };
}

async function users(count: number): Promise<string[]> {
  await until(
    async () => (await pair.events()).length >= count,
    () => `${count} events`,
  );
  return (await pair.events()).map(({ user }) => user).reverse();
}

test('a log whose folder is unmounted is detached, and followed again once it is mounted anew', { skip }, async () => {
  await pair.serving();
  const folder = join(pair.folder, 'logs');
  mkdirSync(folder);
  const log = join(folder, 'sshd.log');
  const source = join(pair.folder, 'source.log');
  writeFileSync(source, line(1));
  const mounting = `mount -t tmpfs none ${folder}; cp ${source} ${log}`;
  const { agent, next } = agentWithMounts(log, mounting, [`umount -l ${folder}`, mounting]);
  await reports('caught up');
  next();
  await reports('log detached');
  await agent.says('unmounted');
  appendFileSync(source, line(2));
  next();
  await reports('caught up');
  await until(async () => (await pair.events()).length === 2);
});

test('a log goes on in a tmpfs that is mounted over its folder, and in its own file once that is unmounted', {
  skip,
}, async () => {
  await pair.serving();
  const folder = join(pair.folder, 'logs');
  mkdirSync(folder);
  const log = join(folder, 'sshd.log');
  const [copy, more, below] = ['copy', 'more', 'below'].map((name) => join(pair.folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(log, line(1) + line(2));
  writeFileSync(copy, line(1) + line(2) + line(3));
  writeFileSync(more, line(4));
  writeFileSync(below, line(5));
  const { next } = agentWithMounts(log, 'true', [
    // In place with one system call each: the folder is never seen empty.
    `mkdir ${pair.folder}/upper; mount -t tmpfs none ${pair.folder}/upper; cp ${copy} ${pair.folder}/upper/sshd.log; mount --move ${pair.folder}/upper ${folder}`,
    `cat ${more} >> ${log}`,
    `umount -l ${folder}; cat ${below} >> ${log}`,
  ]);
  assert.deepEqual(await users(2), ['u1', 'u2']);
  next();
  assert.deepEqual(await users(3), ['u1', 'u2', 'u3']);
  next();
  assert.deepEqual(await users(4), ['u1', 'u2', 'u3', 'u4']);
  await reports('caught up');
  next();
  assert.deepEqual(await users(5), ['u1', 'u2', 'u3', 'u4', 'u5']);
  await reports('caught up');
  const gaps = await pair.api<{ gaps: unknown[] }>('/api/gaps');
  assert.deepEqual(gaps.gaps, []);
});
