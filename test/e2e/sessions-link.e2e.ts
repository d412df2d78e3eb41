/**
 * A session whose network goes away: it stays open while the kernel of its host holds the connection, and ends when the kernel
 * gives it up. Needs root: sshd, its agent and the client are in network namespaces of their own.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';
import { has, lacking, output, works } from './machine.ts';
import { Sshd } from './sshd.ts';

const [HOST, CLIENT] = ['asgard-link-host', 'asgard-link-client'];
const [HOST_ADDRESS, CLIENT_ADDRESS, OURS, AGENTS] = ['192.0.2.1', '192.0.2.2', '169.254.214.1', '169.254.214.2'];
const inside = (namespace: string): string[] => ['ip', 'netns', 'exec', namespace];
/** Two looks of the agent at the kernel's connections, a ping, and what a busy machine adds. */
const SEEN_MS = 90_000;
const needs = {
  root: process.getuid?.() === 0,
  ip: has('ip'),
  'openssh-server': has('sshd'),
  'openssh-client': has('ssh'),
};

interface Session {
  readonly port: number;
  readonly how: string | null;
  readonly confirmedAt: string | null;
}

describe('a session whose link is taken down', { skip: lacking('network namespaces with an sshd', needs) }, () => {
  let pair: Pair;
  let sshd: Sshd | null = null;
  const clients: ChildProcess[] = [];

  const cleared = (): void => {
    for (const name of [HOST, CLIENT]) works('ip', 'netns', 'delete', name);
    works('ip', 'link', 'delete', 'asgard-link');
  };
  const linked = (from: readonly string[], name: string, address: string): void => {
    output('ip', ...from, 'addr', 'add', `${address}/30`, 'dev', name);
    output('ip', ...from, 'link', 'set', name, 'up');
  };
  before(async () => {
    cleared();
    for (const name of [HOST, CLIENT]) output('ip', 'netns', 'add', name);
    output('ip', 'link', 'add', 'asgard-link', 'type', 'veth', 'peer', 'name', 'agents', 'netns', HOST);
    output('ip', '-n', HOST, 'link', 'add', 'clients', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', CLIENT);
    linked([], 'asgard-link', OURS);
    linked(['-n', HOST], 'agents', AGENTS);
    linked(['-n', HOST], 'clients', HOST_ADDRESS);
    linked(['-n', CLIENT], 'eth0', CLIENT_ADDRESS);
    // An address of the namespace's own is reached by its loopback.
    output('ip', '-n', HOST, 'link', 'set', 'lo', 'up');
    // The kernel gives a connection up after some seconds without an answer, where it would take a quarter of an hour.
    output(...(inside(HOST) as [string]), 'sysctl', '-q', '-w', 'net.ipv4.tcp_retries2=5');
    sshd = await Sshd.start(['LogLevel INFO'], { address: HOST_ADDRESS, within: inside(HOST) });
    pair = await Pair.make();
    pair.server({ ALPHASERVER_LISTEN: `tcp://${OURS}:${pair.port}` });
    await until(() => pair.api('/healthz').then(Boolean, () => false), undefined, SEEN_MS);
    pair.agent({ ALPHACLIENT_SERVER: `tcp://${OURS}:${pair.port}`, ALPHACLIENT_LOG: sshd.logFile }, inside(HOST));
  });
  after(async () => {
    for (const client of clients) client.kill('SIGKILL');
    sshd?.stop();
    await pair.close();
    cleared();
  });

  const sessions = async (open: boolean): Promise<readonly Session[]> =>
    (await pair.api<{ sessions: Session[] }>(`/api/sessions?open=${open}`)).sessions;
  const login = (command: string): void => {
    const [program = '', ...args] = [...inside(CLIENT), 'ssh', ...(sshd?.login ?? []), HOST_ADDRESS, command];
    clients.push(spawn(program, args, { stdio: 'ignore' }));
  };
  /** True while the kernel of the host has the connection of a client's port. */
  const isHeld = (port: number): boolean =>
    output('ip', 'netns', 'exec', HOST, 'ss', '-tnH', 'dport', '=', `:${port}`).trim() !== '';

  it('is open as long as the kernel has its connection, and over when the kernel drops it', async () => {
    // One says something all the time, so that the kernel waits for an answer; the other is idle.
    login('while sleep 0.2; do echo tick; done');
    await until(async () => (await sessions(true)).length === 1, undefined, SEEN_MS);
    const [talking] = await sessions(true);
    login('sleep 600');
    await until(
      async () => {
        const open = await sessions(true);
        return open.length === 2 && open.every(({ confirmedAt }) => confirmedAt !== null);
      },
      undefined,
      SEEN_MS,
    );
    const idle = (await sessions(true)).find(({ port }) => port !== talking?.port);
    assert.ok(talking && idle);

    output('ip', '-n', HOST, 'link', 'set', 'clients', 'down');
    await until(
      async () => {
        const isOpen = (await sessions(true)).some(({ port }) => port === talking.port);
        assert.ok(isOpen || !isHeld(talking.port), 'a session is not over while the kernel has its connection');
        return !isOpen;
      },
      undefined,
      2 * SEEN_MS,
    );
    const [ended, ...more] = await sessions(false);
    assert.equal(more.length, 0);
    assert.equal(ended?.port, talking.port);
    // sshd says that its connection failed, or it says nothing and the kernel's table does.
    assert.match(ended?.how ?? '', /^(gone|closed|timeout)$/);
    assert.ok(isHeld(idle.port));
    assert.deepEqual(
      (await sessions(true)).map(({ port }) => port),
      [idle.port],
    );

    // What says nothing is closed by the kernel alone.
    output('ip', 'netns', 'exec', HOST, 'ss', '-K', 'dport', '=', `:${idle.port}`);
    if (isHeld(idle.port)) return;
    await until(async () => (await sessions(true)).length === 0, undefined, SEEN_MS);
  });
});
