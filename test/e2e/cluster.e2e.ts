/** The Compose file of two servers, PostgreSQL and its standby: a login is seen on both, and the loss of a server and of the primary is survived. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../free-port.ts';
import { Program } from '../programs.ts';
import { until } from '../until.ts';
import { Compose } from './compose.ts';
import { lacking, works } from './machine.ts';

const FILE = 'deploy/compose/cluster.yml';
/** From a container's start to its first good health check, images made and all. */
const LIMIT_MS = 180_000;
const needs = { 'a Docker engine': works('docker', 'info'), 'docker compose': works('docker', 'compose', 'version') };

test('the Compose file of a cluster: a login is on both servers, also after a server and the primary are killed', {
  skip: lacking('the Compose file of a cluster', needs),
}, async (context) => {
  const [agents1, agents2, page1, page2] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const compose = new Compose(['docker', 'compose', '-f', FILE], undefined, {
    ASGARD_DB_PASSWORD: 'a-password-of-the-servers',
    ASGARD_DB_REPLICATION_PASSWORD: 'a-password-of-the-standby',
    ASGARD_AGENTS_PORT_1: `127.0.0.1:${agents1}`,
    ASGARD_AGENTS_PORT_2: `127.0.0.1:${agents2}`,
    ASGARD_PAGE_PORT_1: `127.0.0.1:${page1}`,
    ASGARD_PAGE_PORT_2: `127.0.0.1:${page2}`,
  });
  const folder = mkdtempSync(join(tmpdir(), 'asgard-e2e-cluster-'));
  context.after(() => {
    compose.run('down', '-v', '--rmi', 'local');
    rmSync(folder, { recursive: true });
  });
  const command = (server: 1 | 2, ...args: string[]): string =>
    compose.run('exec', '-T', `alphaserver_${server}`, 'node', 'alphaserver/main.ts', ...args);
  compose.run('build');
  compose.run('up', '-d', '--wait', 'db1', 'db2');
  for (const server of [1, 2])
    compose.run('run', '-T', '--rm', `alphaserver_${server}`, 'node', 'alphaserver/main.ts', 'certs', 'init');
  compose.run('up', '-d', '--wait');
  const code = /^[\w-]{44}$/m.exec(command(1, 'enroll', 'web-01'))?.[0] ?? '';
  const token = /^\S{40,}$/m.exec(command(1, 'token', 'add', 'reader', '--scope', 'viewer'))?.[0] ?? '';
  /** Asks a server from inside its container, whose certificate names no address of this machine. */
  const stored = (server: 1 | 2): number => {
    const script = `fetch('https://localhost:8080/api/ledger', { headers: { authorization: 'Bearer ${token}' } })
      .then((answer) => answer.json()).then(({ totals }) => console.log('stored', totals.stored), console.log)`;
    const container = `alphaserver_${server}`;
    // The certificate of the authority in the container.
    const trust = 'NODE_EXTRA_CA_CERTS=/var/lib/alphaserver/certs/ca.pem';
    const output = compose.run('exec', '-T', '-e', trust, container, 'node', '-e', script);
    return Number(/^stored (\d+)$/m.exec(output)?.[1] ?? -1);
  };
  const log = join(folder, 'sshd.log');
  writeFileSync(log, '');
  const settings = { ALPHACLIENT_STATE: join(folder, 'agent'), ALPHACLIENT_LOG: log };
  // The code was made at the first server: the second one has it within two seconds.
  let output = '';
  await until(
    async () => {
      const joining = new Program('alphaclient/main.ts', settings, ['join', `127.0.0.1:${agents2}`, code]);
      const ended = await joining.ended;
      output = joining.output;
      return ended === 0;
    },
    () => output,
  );
  const servers = `tls://127.0.0.1:${agents1},tls://127.0.0.1:${agents2}`;
  const agent = new Program('alphaclient/main.ts', { ...settings, ALPHACLIENT_SERVER: servers }, ['run']);
  context.after(() => agent.end('SIGKILL'));
  let logins = 0;
  const login = (): void => {
    logins += 1;
    appendFileSync(
      log,
      `Nov 23 19:46:0${logins} h sshd[${4_710 + logins}]: Accepted password for ada from 192.0.2.1 port ${50_000 + logins} ssh2\n`,
    );
  };
  const seenOn = (...each: (1 | 2)[]): Promise<void> =>
    until(
      () => each.every((server) => stored(server) === logins),
      () => `${logins} logins on ${each}: ${agent.output}\n${compose.run('logs', '--tail', '30')}`,
      LIMIT_MS,
    );
  login();
  await seenOn(1, 2);

  compose.run('kill', '-s', 'SIGKILL', 'alphaserver_1');
  login();
  await seenOn(2);
  compose.run('start', 'alphaserver_1');
  await until(() => /alphaserver_1.*\(healthy\)/.test(compose.run('ps')), undefined, LIMIT_MS);
  await seenOn(1, 2);

  compose.run('kill', '-s', 'SIGKILL', 'db1');
  login();
  compose.run('exec', '-T', 'db2', 'pg_ctl', 'promote', '--wait');
  await seenOn(1, 2);
  assert.equal(logins, 3);
});
