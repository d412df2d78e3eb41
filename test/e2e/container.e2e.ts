/** An sshd in a container that has no syslog, beside another program: read from what Docker keeps of their output. Needs Docker and root. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { byPassword } from './login.ts';
import { has, lacking, outcome, output, works } from './machine.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** The container's name, and its image's. */
const NAME = 'asgard-contained';
/** Two looks of the agent at the kernel's connections, a ping, and what a busy machine adds. */
const SEEN_MS = 90_000;
const needs = {
  root: process.getuid?.() === 0,
  'a Docker engine': works('docker', 'info'),
  sshpass: has('sshpass'),
};

describe('an sshd in a container', { skip: lacking('an sshd in a container', needs) }, () => {
  let pair: Pair;
  let port = 0;

  before(async () => {
    works('docker', 'rm', '-f', NAME);
    output('docker', 'build', '-q', '-t', NAME, '-f', `${ROOT}/alphaclient/Dockerfile`, ROOT);
    pair = await Pair.make();
    port = await freePort();
    const sshd = `/usr/sbin/sshd -D -e -p ${port} -o ListenAddress=127.0.0.1 -o HostKey=/etc/ssh/ssh_host_ed25519_key`;
    const both = `mkdir -p /run/sshd; ssh-keygen -q -A; (while sleep 0.1; do echo "[other] tick: $RANDOM"; done) & exec ${sshd}`;
    // On this machine's loopback, and nowhere else.
    const run = ['run', '-d', '--name', NAME, '--network', 'host', '--log-driver', 'json-file', '--entrypoint', 'bash'];
    output('docker', ...run, NAME, '-c', both);
  });
  after(async () => {
    works('docker', 'rm', '-f', NAME);
    works('docker', 'rmi', NAME);
    await pair.close();
  });

  const logged = (...options: string[]): string => {
    const { stdout, stderr } = outcome('docker', ['logs', ...options, NAME]);
    return stdout + stderr;
  };
  const scanned = (log: string): { outcome: string; user: string; at: string | null }[] =>
    spawnSync(process.execPath, [`${ROOT}/alphaclient/main.ts`, 'scan', '-'], { input: log, encoding: 'utf8' })
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('has each attempt counted once, within the stream of the other program', async () => {
    await until(() => logged().includes(`listening on 127.0.0.1 port ${port}`), logged);
    await pair.serving();
    pair.agent({ ALPHACLIENT_LOG: output('docker', 'inspect', '--format', '{{.LogPath}}', NAME).trim() });
    assert.equal(byPassword('127.0.0.1', 'root', 'PASSWORD', port), true);
    assert.equal(byPassword('127.0.0.1', 'root', 'wrong', port), false);
    assert.equal(byPassword('127.0.0.1', 'pi from 192.0.2.1', 'wrong', port), false);
    const wanted = ['accepted root', 'failed pi from 192.0.2.1', 'failed root'];
    await until(async () => (await pair.events()).length >= wanted.length, logged);
    const seen = (events: readonly { outcome: string; user: string }[]): string[] =>
      events.map(({ outcome, user }) => `${outcome} ${user}`).sort();
    assert.deepEqual(seen(await pair.events()), wanted);
    const timed = scanned(logged('-t'));
    assert.deepEqual(seen(timed), wanted);
    assert.ok(timed.every(({ at }) => at !== null && Math.abs(Date.parse(at) - Date.now()) < 600_000));
    assert.deepEqual(seen(scanned(logged())), wanted);
    assert.deepEqual(await pair.api('/api/unknown'), { shapes: [] });
  });

  it('has its sessions confirmed by the kernel; one whose sshd-session is killed ends', async () => {
    const sessions = async (open: boolean) =>
      (await pair.api<{ sessions: { how: string | null; confirmedAt: string | null }[] }>(`/api/sessions?open=${open}`))
        .sessions;
    await until(async () => (await sessions(true)).length === 0, undefined, SEEN_MS);
    const before = (await sessions(false)).length;
    const ssh = ['ssh', '-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'];
    const client = spawn('sshpass', ['-p', 'PASSWORD', ...ssh, '-p', String(port), 'root@127.0.0.1', 'sleep 600'], {
      stdio: 'ignore',
    });
    try {
      await until(
        async () => (await sessions(true)).some(({ confirmedAt }) => confirmedAt !== null),
        () => logged(),
        SEEN_MS,
      );
      const processes = output('docker', 'top', NAME, '-eo', 'pid,args').split('\n');
      const ofSession = processes.filter((line) => /sshd-session: root(@| \[priv\])/.test(line));
      assert.ok(ofSession.length > 0, processes.join('\n'));
      for (const line of ofSession) process.kill(Number.parseInt(line, 10), 'SIGKILL');
      await until(async () => (await sessions(false)).length === before + 1, logged, SEEN_MS);
      assert.match((await sessions(false))[0]?.how ?? '', /^(gone|closed)$/);
      // This list was asked for before: an expensive result is given again for a while.
      await until(async () => (await sessions(true)).length === 0, logged, SEEN_MS);
      const { alerts } = await pair.api<{ alerts: { rule: string }[] }>('/api/alerts');
      assert.deepEqual(
        alerts.filter(({ rule }) => rule === 'unlogged-session'),
        [],
      );
    } finally {
      client.kill('SIGKILL');
    }
  });
});
