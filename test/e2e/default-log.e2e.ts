/** The log that an agent chose by itself, in a mount namespace with a `/var/log` of its own: a restart does not change it. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Pair, type Program } from '../programs.ts';
import { until } from '../until.ts';
import { lacking, works } from './machine.ts';

const skip = lacking('a default log', { 'root and mount namespaces': works('unshare', '-m', 'true') });

let pair: Pair;
let logs: string;
let programs: string;
beforeEach(async () => {
  pair = await Pair.make();
  logs = join(pair.folder, 'logs');
  programs = join(pair.folder, 'bin');
  mkdirSync(logs);
  mkdirSync(programs);
});
afterEach(() => pair.close());

const line = (i: number): string =>
  `Nov 27 12:00:0${i} web1 sshd[${100 + i}]: Failed password for u${i} from 192.0.2.7 port ${2_000 + i} ssh2\n`;

/** Starts an agent without a log set. */
function start(): Program {
  const script = `mount --bind ${logs} /var/log; unset ALPHACLIENT_LOG; PATH=${programs}:$PATH; exec "$@"`;
  return pair.agent({}, ['unshare', '-m', 'sh', '-c', script, 'sh']);
}

async function users(expected: readonly string[]): Promise<void> {
  let seen: string[] = [];
  await until(
    async () => {
      seen = (await pair.events()).map(({ user }) => user).sort();
      return seen.length >= expected.length;
    },
    () => `${expected}, got ${seen}`,
  );
  assert.deepEqual(seen, expected);
}

test('a log that comes before the one that is followed changes nothing at a restart, and the log says how to change over', {
  skip,
}, async () => {
  await pair.serving();
  writeFileSync(join(logs, 'auth.log'), line(1) + line(2));
  const first = start();
  await users(['u1', 'u2']);
  await first.end('SIGTERM');
  assert.doesNotMatch(first.output, /change over/);
  writeFileSync(join(logs, 'sshd.log'), line(1) + line(2) + line(3));
  appendFileSync(join(logs, 'auth.log'), line(3));
  const second = start();
  await second.says('Following /var/log/auth.log');
  await users(['u1', 'u2', 'u3']);
  assert.match(second.output, /not \/var\/log\/sshd\.log: set ALPHACLIENT_LOG=\/var\/log\/sshd\.log to change over/);
  await second.end('SIGTERM');
});

test('a restart while the log is away, with a journal there, waits for the log', { skip }, async () => {
  await pair.serving();
  writeFileSync(join(logs, 'auth.log'), line(1));
  mkdirSync(join(logs, 'journal'));
  const asked = join(pair.folder, 'asked');
  writeFileSync(join(programs, 'journalctl'), `#!/bin/sh\ntouch ${asked}\nexec sleep 100\n`, { mode: 0o755 });
  const first = start();
  await users(['u1']);
  await first.end('SIGTERM');
  appendFileSync(join(logs, 'auth.log'), line(2));
  renameSync(join(logs, 'auth.log'), join(logs, 'auth.log.1'));
  const second = start();
  await second.says('ALPHACLIENT_LOG=journald');
  await second.says('/var/log/auth.log does not exist yet');
  writeFileSync(join(logs, 'auth.log'), line(3));
  await users(['u1', 'u2', 'u3']);
  assert.equal(existsSync(asked), false);
});
