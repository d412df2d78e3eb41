/** The packages, as a host installs them: booted Debians, their systemd, real logins, an upgrade, a reboot, a purge. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from '../until.ts';
import { BootedRoot } from './booted-root.ts';
import { has, lacking, outcome } from './machine.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MIB = 1_048_576;
const SERVICES = ['asgard-server', 'asgard-agent'] as const;

const needs = {
  root: process.getuid?.() === 0,
  debootstrap: has('debootstrap'),
  'systemd-nspawn': has('systemd-nspawn'),
  'dpkg-deb': has('dpkg-deb'),
  lintian: has('lintian'),
};

describe('packages', { skip: lacking('installed packages', needs) }, () => {
  const out = mkdtempSync(join(tmpdir(), 'asgard-e2e-packages-'));
  let packages: string[] = [];
  before(() => {
    const args = ['packaging/main.ts', '--arch', 'amd64', '--format', 'deb', '--out', out];
    execFileSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
    packages = readdirSync(out)
      .sort()
      .map((name) => join(out, name));
  });
  after(() => rmSync(out, { recursive: true }));

  it('are small, and without an error of lintian', () => {
    const [agent = ''] = packages;
    assert.ok(statSync(agent).size < 32 * MIB, `${statSync(agent).size} bytes`);
    const installedKiB = Number(execFileSync('dpkg-deb', ['--field', agent, 'Installed-Size'], { encoding: 'utf8' }));
    assert.ok(installedKiB < 115 * 1_024, `${installedKiB} KiB`);
    const { status, stdout } = outcome('lintian', ['--fail-on', 'error', '--allow-root', ...packages], 300_000);
    assert.equal(status, 0, stdout);
  });

  for (const suite of ['bookworm'])
    it(`watch logins on a booted ${suite}, over an upgrade and a reboot, until they are purged`, async (context) => {
      const root = await BootedRoot.create(suite);
      context.after(() => root.remove());
      root.copy(...packages);
      await root.boot();
      // The README's lines, as somebody types them.
      root.shell(`dpkg -i /root/*.deb
        alphaserver certs init
        systemctl enable --now asgard-server`);
      assert.match(root.run('alphaserver', 'user', 'add', 'me', '--role', 'operator'), /^Password: \S+\nPage: +https:/);
      assert.equal(
        root.outcome('systemctl', 'is-active', 'asgard-agent').stdout.trim(),
        'inactive',
        'nobody has said where to',
      );
      const code = root.run('alphaserver', 'enroll', '--count', '30', '--for', '24h').trim();
      assert.match(root.run('alphaclient', 'join', '127.0.0.1:5000', code), /asgard-agent runs and is connected\n$/);
      root.shell('systemctl enable --now ssh');
      const host = root.run('hostname').trim();
      const again = root.outcome('alphaclient', 'join', '127.0.0.1:5000', code);
      assert.match(again.stderr, /has joined already/);
      // Nobody sees the page without a login.
      const ask = `Promise.all(['/login', '/api/summary'].map((path) => fetch('https://127.0.0.1:8080' + path)))
        .then((all) => console.log(all.map(({ status }) => status).join()))`;
      const statuses = root.run('env', 'NODE_TLS_REJECT_UNAUTHORIZED=0', '/usr/lib/asgard-server/node', '-e', ask);
      assert.equal(statuses.trim(), '200,401');
      let attempts = 0;
      const login = async (): Promise<void> => {
        attempts += 1;
        const ssh = [
          'ssh',
          '-o',
          'StrictHostKeyChecking=no',
          '-o',
          'NumberOfPasswordPrompts=1',
          'root@127.0.0.1',
          'true',
        ];
        const answer = root.outcome('sshpass', '-p', 'wrong', ...ssh);
        assert.match(answer.stderr, /Permission denied/, 'sshd asked for the password, and took none');
        const line = new RegExp(`Processed result: ${host} had ${attempts} attempts? of ssh session`);
        const log = (): string => root.run('journalctl', '--no-pager', '-u', 'asgard-server', '-u', 'asgard-agent');
        await until(() => line.test(log()), log);
      };
      await login();
      for (const service of SERVICES) {
        root.run('systemd-analyze', 'security', '--threshold=15', '--no-pager', `${service}.service`);
        const user = root.run(
          'ps',
          '-o',
          'user:20=',
          '-p',
          root.run('systemctl', 'show', '-P', 'MainPID', service).trim(),
        );
        assert.equal(user.trim(), service);
        const pid = root.run('systemctl', 'show', '-P', 'MainPID', service).trim();
        context.diagnostic(`${suite} ${service}: ${root.run('grep', 'RssAnon', `/proc/${pid}/status`).trim()}`);
      }
      // As root, and yet nothing becomes root's.
      root.run('alphaserver', 'token', 'add', 'web-2');
      root.run('alphaclient', 'status');
      assert.equal(root.run('find', '/var/lib/asgard/agent', '/var/lib/asgard/server', '-user', 'root'), '');

      root.shell('dpkg -i /root/*.deb');
      await login();
      await root.shutDown();
      await root.boot();
      await login();

      const purged = root.shell('dpkg --purge asgard-agent asgard-server 2>&1');
      assert.match(purged, /\/var\/lib\/asgard\/agent \(state\) and \/etc\/asgard \(settings\) are left as they are/);
      assert.equal(root.outcome('systemctl', 'cat', 'asgard-agent').status, 1);
      assert.equal(root.run('ls', '/var/lib/asgard/server').includes('asgard.db'), true);
    });
});
