/** What deploy/ has for others to deploy with: the Ansible role by its linter, the Compose file with a host that joins. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../free-port.ts';
import { Program } from '../programs.ts';
import { until } from '../until.ts';
import { Compose } from './compose.ts';
import { has, lacking, outcome, works } from './machine.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FILE = 'deploy/compose/docker-compose.yml';

test('the Ansible role passes its linter in the strictest profile', {
  skip: lacking('the Ansible role', { 'ansible-lint': has('ansible-lint') }),
}, () => {
  const folder = join(ROOT, 'deploy/ansible');
  const { status, stdout, stderr } = outcome(
    'env',
    ['-C', folder, 'ansible-lint', '--offline', '--profile', 'production', 'site.yml', 'roles'],
    300_000,
  );
  assert.equal(status, 0, stdout + stderr);
});

const needs = { 'a Docker engine': works('docker', 'info'), 'docker compose': works('docker', 'compose', 'version') };
test('the Compose file for a fleet gives a server that hosts join over TLS, unprivileged and read-only', {
  skip: lacking('the Compose file for a fleet', needs),
}, async (context) => {
  const [agents, page] = [await freePort(), await freePort()];
  const ports = { ASGARD_AGENTS_PORT: `127.0.0.1:${agents}`, ASGARD_PAGE_PORT: `127.0.0.1:${page}` };
  const folder = mkdtempSync(join(tmpdir(), 'asgard-e2e-deploy-'));
  const compose = new Compose(['docker', 'compose', '-f', FILE], undefined, ports);
  context.after(() => {
    compose.run('down', '-v', '--rmi', 'local');
    rmSync(folder, { recursive: true });
  });
  const server = (...args: string[]): string[] => ['alphaserver', 'node', 'alphaserver/main.ts', ...args];
  compose.run('build');
  compose.run('run', '-T', '--rm', ...server('certs', 'init', '--names', 'asgard.example'));
  compose.run('up', '-d');
  const ps = (): string => compose.run('ps');
  await until(() => /\(healthy\)/.test(ps()), ps, 90_000);
  assert.match(
    compose.run('exec', '-T', ...server('user', 'add', 'me', '--role', 'operator')),
    /https:\/\/asgard\.example:8080/,
  );
  const output = compose.run('exec', '-T', ...server('enroll', 'web-01'));
  const code = /^[\w-]{44}$/m.exec(output)?.[0] ?? '';
  const log = join(folder, 'sshd.log');
  writeFileSync(log, '');
  const settings = { ALPHACLIENT_STATE: join(folder, 'agent'), ALPHACLIENT_LOG: log };
  const joined = new Program('alphaclient/main.ts', settings, ['join', `127.0.0.1:${agents}`, code]);
  assert.equal(await joined.ended, 0, joined.output);
  const agent = new Program('alphaclient/main.ts', settings, ['run']);
  context.after(() => agent.end('SIGKILL'));
  await agent.says('Connected to ');
  appendFileSync(log, 'Nov 23 19:46:01 h sshd[4711]: Failed password for root from 192.0.2.1 port 50022 ssh2\n');
  const logs = (): string => compose.run('logs');
  await until(() => logs().includes('Processed result: web-01 had 1 attempt'), logs);
  const id = compose.run(
    'exec',
    '-T',
    'alphaserver',
    'sh',
    '-c',
    'id -u; touch /asgard/x 2>&1 || true; grep CapEff /proc/1/status',
  );
  assert.match(id, /^10500\n.*Read-only file system\nCapEff:\s+0000000000000000/);
});
