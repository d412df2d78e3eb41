/** A log that cannot be followed any more, in a mount namespace of the agent's own: it is reported, not taken for a quiet log. */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { lacking, works } from '../e2e/machine.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

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
      const { code, said } = await pair.command('status', '--json');
      states = said;
      // The agent may not have made its state folder yet.
      if (code !== 0) return false;
      const status = JSON.parse(said) as { state: string };
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

test('a log whose folder is unmounted is detached, and followed again once it is mounted anew', { skip }, async () => {
  await pair.serving();
  const folder = join(pair.folder, 'logs');
  mkdirSync(folder);
  const log = join(folder, 'sshd.log');
  const source = join(pair.folder, 'source.log');
  writeFileSync(source, line(1));
  const [unmount, mount] = ['unmount', 'mount'].map((name) => join(dirname(folder), name)) as [string, string];
  // Ends with the test's folder, and holds no pipe of the agent: one that waited for ever would keep the test from ending.
  const awaiting = (flag: string): string => `while [ ! -e ${flag} ]; do [ -e ${source} ] || exit; sleep 0.05; done`;
  const mounting = `mount -t tmpfs none ${folder}; cp ${source} ${log}`;
  const later = `(${awaiting(unmount)}; umount -l ${folder}; ${awaiting(mount)}; ${mounting}) >/dev/null 2>&1 &`;
  const agent = pair.agent(
    { ALPHACLIENT_LOG: log },
    within(`${mounting}; ${later}`).map((part) => part.replace('&;', '&')),
  );
  await reports('caught up');
  writeFileSync(unmount, '');
  await reports('log detached');
  await agent.says('unmounted');
  appendFileSync(source, line(2));
  writeFileSync(mount, '');
  await reports('caught up');
  await until(async () => (await pair.events()).length === 2);
});
