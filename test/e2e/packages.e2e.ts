/** The packages, as hosts install them: booted Debians, their systemd, real logins, an upgrade, a reboot, a purge; by hand and by Ansible. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { VERSION } from '../../packaging/checkout.ts';
import { blocksIn } from '../docs/blocks.ts';
import { until } from '../until.ts';
import { BootedRoot, Debian } from './booted-root.ts';
import { has, lacking, outcome, output } from './machine.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MIB = 1_048_576;
const SERVICES = ['asgard-server', 'asgard-agent'] as const;
const SUITES = ['bookworm', 'trixie'] as const;
/** Higher than the version that is packaged. */
const LATER = `${VERSION}+later`;
/** Logins during an upgrade: each takes a fraction of a second, the upgrade some seconds. */
const LOGINS_MEANWHILE = 40;

const needs = {
  root: process.getuid?.() === 0,
  debootstrap: has('debootstrap'),
  'systemd-nspawn': has('systemd-nspawn'),
  'dpkg-deb': has('dpkg-deb'),
  lintian: has('lintian'),
  'ansible-playbook': has('ansible-playbook'),
};

/** Makes a package again under another version, as the next release would. Returns its path. */
function underVersion(version: string, deb: string, folder: string): string {
  const tree = mkdtempSync(join(folder, 'tree-'));
  output('dpkg-deb', '--raw-extract', deb, tree);
  for (const name of ['control', 'preinst']) {
    const path = join(tree, 'DEBIAN', name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(VERSION, version));
  }
  const path = join(folder, basename(deb).replace(VERSION, version));
  output('dpkg-deb', '--root-owner-group', '-Zgzip', '-z1', '--build', tree, path);
  rmSync(tree, { recursive: true });
  return path;
}

/** Returns the commands of README for thirty hosts, without their comments: those for the server, and those for each host. */
function readmeCommands(): { server: string[]; host: string[] } {
  const blocks = blocksIn(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  const commandsOf = (first: RegExp): string[] => {
    const found = blocks.find(({ text }) => first.test(text));
    assert.ok(found, `README has a block that begins with ${first}`);
    return found.text.split('\n').map((line) => line.replace(/\s+#.*/, ''));
  };
  return { server: commandsOf(/^apt install \.\/asgard-server/), host: commandsOf(/^apt install \.\/asgard-agent/) };
}

/** Tries a wrong password on a root's own sshd. */
function guess(root: BootedRoot): void {
  const given = ['StrictHostKeyChecking=no', 'NumberOfPasswordPrompts=1', 'PubkeyAuthentication=no'];
  const options = given.flatMap((option) => ['-o', option]);
  const answer = root.outcome('sshpass', '-p', 'wrong', 'ssh', ...options, 'root@127.0.0.1', 'true');
  assert.match(answer.stderr, /Permission denied/, 'sshd asked for the password, and took none');
}

const logOf = (root: BootedRoot): string => root.run('journalctl', '--no-pager', '-u', 'asgard-*');

/** Waits until the server on `root` has counted a host's attempts. */
async function counted(root: BootedRoot, host: string, attempts: number | string): Promise<void> {
  const line = new RegExp(`Processed result: ${host} had ${attempts} attempts? of ssh session`);
  await until(
    () => line.test(logOf(root)),
    () => `${line} in ${logOf(root)}`,
    60_000,
  );
}

describe('packages', { skip: lacking('installed packages', needs) }, () => {
  const out = mkdtempSync(join(tmpdir(), 'asgard-e2e-packages-'));
  const debians = new Map<string, Debian>();
  let packages: string[] = [];
  before(async () => {
    const args = ['packaging/main.ts', '--arch', 'amd64', '--format', 'deb', '--out', out];
    const making = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
    const made = once(making, 'exit');
    // Beside the packing, which takes one processor: debootstrap mostly waits for the network.
    for (const suite of SUITES) debians.set(suite, await Debian.make(suite));
    assert.deepEqual(await made, [0, null]);
    packages = readdirSync(out)
      .sort()
      .map((name) => join(out, name));
  });
  after(() => {
    for (const debian of debians.values()) debian.remove();
    rmSync(out, { recursive: true });
  });

  /** Copies a Debian, puts all packages into it and boots it. */
  async function booted(context: TestContext, suite: (typeof SUITES)[number], hostname: string): Promise<BootedRoot> {
    const root = debians.get(suite)?.root(hostname) ?? assert.fail(suite);
    context.after(() => root.remove());
    root.copy(...packages);
    await root.boot();
    return root;
  }

  it('are small, and without an error of lintian but for one override', () => {
    const [agent = ''] = packages;
    assert.ok(statSync(agent).size < 32 * MIB, `${statSync(agent).size} bytes`);
    const installedKiB = Number(execFileSync('dpkg-deb', ['--field', agent, 'Installed-Size'], { encoding: 'utf8' }));
    assert.ok(installedKiB < 115 * 1_024, `${installedKiB} KiB`);
    const { status, stdout } = outcome('lintian', ['--fail-on', 'error', '--allow-root', ...packages], 300_000);
    assert.equal(status, 0, stdout);
    for (const name of ['asgard-agent', 'asgard-server']) {
      const overrides = readFileSync(join(ROOT, 'packaging', name, 'lintian-overrides'), 'utf8');
      assert.equal(overrides.split('\n').filter((line) => /^[^#]/.test(line)).length, 1, `one override of ${name}`);
    }
  });

  it('are what README says to somebody who types its lines on a server and on a host, and Ansible does the same', async (context) => {
    const server = await booted(context, 'bookworm', 'asgard.example');
    const host = await booted(context, 'trixie', 'web-07');
    BootedRoot.connect(server, host);
    const commands = readmeCommands();
    let last = '';
    const type = (root: BootedRoot, command: string): void => {
      const begunMs = performance.now();
      last = root.shell(`cd /root; ${command} </dev/null`);
      context.diagnostic(
        `${((performance.now() - begunMs) / 1_000).toFixed(1)} s: ${command.replace(/[\w-]{44}$/, 'CODE')}`,
      );
    };
    const begunMs = performance.now();
    for (const command of commands.server) type(server, command);
    const code = /^[\w-]{44}$/m.exec(last)?.[0] ?? assert.fail(last);
    for (const command of commands.host) type(host, command.replace(/\bCODE$/, code));
    assert.match(last, /asgard-agent runs and is connected\n$/);
    guess(host);
    await counted(server, 'web-07', 1);
    const seconds = (performance.now() - begunMs) / 1_000;
    context.diagnostic(`${seconds.toFixed(0)} s until a login on the host stands on the server`);

    // Ansible on this machine, over SSH within the server's network: the server becomes a host as well.
    const key = join(out, 'key');
    output('ssh-keygen', '-q', '-N', '', '-t', 'ed25519', '-f', key);
    chmodSync(key, 0o600);
    server.shell(
      `install -d -m 700 /root/.ssh; echo '${readFileSync(`${key}.pub`, 'utf8').trim()}' >/root/.ssh/authorized_keys`,
    );
    const inventory = join(out, 'inventory');
    const at = 'ansible_host=127.0.0.1';
    const login = `ansible_user=root ansible_ssh_private_key_file=${key} ansible_python_interpreter=/usr/bin/python3`;
    const known = "ansible_ssh_common_args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'";
    writeFileSync(
      inventory,
      `asgard_server ${at} ${login} ${known}\n\n[asgard_agents]\nweb-01 ${at} ${login} ${known}\n`,
    );
    const play = (): string => {
      const playbook = join(ROOT, 'deploy', 'ansible', 'site.yml');
      const settings = [`ANSIBLE_LOCAL_TEMP=${join(out, 'ansible')}`, 'ANSIBLE_NOCOLOR=1', 'LC_ALL=C.UTF-8'];
      const given = ['-i', inventory, '-e', `asgard_agent_package=${packages[0]}`, playbook];
      const { status, stdout, stderr } = server.fromNetwork('env', ...settings, 'ansible-playbook', ...given);
      assert.equal(status, 0, stdout + stderr);
      return stdout;
    };
    assert.match(play(), /^web-01 +: ok=\d+ +changed=[1-9]\d* +unreachable=0 +failed=0 /m);
    const second = play();
    assert.match(second, /^web-01 +: ok=\d+ +changed=0 +unreachable=0 +failed=0 /m);
    assert.doesNotMatch(second, /changed=[1-9]/, 'a second run changes nothing');
    guess(server);
    // Ansible's own logins by key count too.
    await counted(server, 'web-01', '\\d+');
    assert.equal(server.run('systemctl', 'is-enabled', 'asgard-agent').trim(), 'enabled');
  });

  for (const suite of SUITES)
    it(`watch logins on a booted ${suite}, over an upgrade and a reboot, until they are purged`, async (context) => {
      const root = await booted(context, suite, suite);
      root.shell(`dpkg -i /root/*.deb
        alphaserver certs init
        systemctl enable --now asgard-server ssh`);
      assert.match(root.run('alphaserver', 'user', 'add', 'me', '--role', 'operator'), /^Password: \S+\nPage: +https:/);
      const { stdout: state } = root.outcome('systemctl', 'is-active', 'asgard-agent');
      assert.equal(state.trim(), 'inactive', 'no server is set yet');
      const code = root.run('alphaserver', 'enroll', '--count', '30', '--for', '24h').trim();
      assert.match(root.run('alphaclient', 'join', '127.0.0.1:5000', code), /asgard-agent runs and is connected\n$/);
      const again = root.outcome('alphaclient', 'join', '127.0.0.1:5000', code);
      assert.match(again.stderr, /has joined already/);
      // Nobody sees the page without a login.
      const ask = `Promise.all(['/login', '/api/summary'].map((path) => fetch('https://127.0.0.1:8080' + path)))
        .then((all) => console.log(all.map(({ status }) => status).join()))`;
      const statuses = root.run('env', 'NODE_TLS_REJECT_UNAUTHORIZED=0', '/usr/lib/asgard-server/node', '-e', ask);
      assert.equal(statuses.trim(), '200,401');
      guess(root);
      await counted(root, suite, 1);
      for (const service of SERVICES) {
        const rated = root.run('systemd-analyze', 'security', '--threshold=15', '--no-pager', `${service}.service`);
        context.diagnostic(`${suite} ${rated.trim().split('\n').at(-1)}`);
        const pid = root.run('systemctl', 'show', '-P', 'MainPID', service).trim();
        // One of its own is refused by hosts with user.max_user_namespaces=0.
        const spaces = [pid, '1'].map((of) => root.run('readlink', `/proc/${of}/ns/user`));
        assert.equal(spaces[0], spaces[1], 'it needs no user namespace');
        assert.equal(root.run('ps', '-o', 'user:20=', '-p', pid).trim(), service);
        context.diagnostic(`${suite} ${service}: ${root.run('grep', 'RssAnon', `/proc/${pid}/status`).trim()}`);
      }
      // As root, and yet nothing becomes root's; the service's user may read what `join` wrote.
      root.run('alphaserver', 'token', 'add', 'web-2');
      assert.equal(root.outcome('alphaclient', 'status').stderr, '');
      assert.equal(root.run('find', '/var/lib/asgard/agent', '/var/lib/asgard/server', '-user', 'root'), '');

      root.copy(...packages.map((deb) => underVersion(LATER, deb, out)));
      // Logins go on while both programs are replaced. By key: many wrong passwords would be refused by sshd itself.
      root.shell(`ssh-keygen -q -N '' -t ed25519 -f /root/.ssh/id_ed25519
        cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
        for i in $(seq ${LOGINS_MEANWHILE}); do ssh -n -o BatchMode=yes root@127.0.0.1 true || exit 1; done & logins=$!
        dpkg -i /root/*${LATER}*.deb
        wait $logins`);
      await counted(root, suite, 1 + LOGINS_MEANWHILE);
      assert.match(root.run('alphaclient', 'status', '--json'), /"declaredLost":0,"gaps":\[\]/);

      const back = root.outcome('sh', '-c', `dpkg -i /root/*_${VERSION}_*.deb`);
      assert.notEqual(back.status, 0);
      for (const service of SERVICES) {
        assert.ok(
          back.stderr.includes(`${service}: ${VERSION} is older than ${LATER}, whose state it cannot read. To go back`),
        );
        assert.equal(root.run('systemctl', 'is-active', service).trim(), 'active', 'what runs goes on');
      }
      guess(root);
      await counted(root, suite, 2 + LOGINS_MEANWHILE);
      await root.shutDown();
      await root.boot();
      guess(root);
      await counted(root, suite, 3 + LOGINS_MEANWHILE);

      const purged = root.shell(`echo '#edited' >>/etc/asgard/server.env
        touch /etc/asgard/rules.json
        dpkg --purge asgard-agent asgard-server 2>&1`);
      assert.match(purged, /\/var\/lib\/asgard\/agent \(state\) and \/etc\/asgard \(settings\) are left as they are/);
      assert.match(
        purged,
        /what else is in \/etc\/asgard are left .* \/etc\/asgard\/server\.env \(settings\) are gone/,
      );
      assert.equal(root.run('ls', '/etc/asgard'), 'agent.env\nrules.json\n');
      assert.equal(root.outcome('systemctl', 'cat', 'asgard-agent').status, 1);
      assert.equal(root.run('ls', '/var/lib/asgard/server').includes('asgard.db'), true);
    });
});
