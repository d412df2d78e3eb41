/** A Debian of its own, booted with its systemd: what a package's unit does there is what it does on a host. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { until } from '../until.ts';
import { outcome, output } from './machine.ts';

/** The packages that the tests use there beyond Debian's minimal system; Python and its apt are for Ansible. */
const INCLUDED =
  'systemd,systemd-sysv,dbus,openssh-server,openssh-client,sshpass,libpam-systemd,iproute2,libstdc++6,python3,python3-apt';
const BOOT_LIMIT_MS = 120_000;
const COMMAND_LIMIT_MS = 240_000;

/** A minimal Debian of which roots are copied: making one takes a minute or two, a copy some seconds. */
export class Debian {
  readonly #folder: string;
  readonly #suite: string;

  private constructor(folder: string, suite: string) {
    this.#folder = folder;
    this.#suite = suite;
  }

  /** Makes one of this release with debootstrap. Root alone can. */
  static async make(suite: string): Promise<Debian> {
    const folder = mkdtempSync(join(tmpdir(), `asgard-e2e-${suite}-`));
    const making = spawn('debootstrap', ['--variant=minbase', `--include=${INCLUDED}`, suite, join(folder, 'root')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let log = '';
    making.stdout.on('data', (bytes: Buffer) => {
      log += bytes.toString();
    });
    await once(making, 'exit');
    if (making.exitCode !== 0)
      throw new Error(`debootstrap ${suite} ended with ${making.exitCode}: ${log.slice(-2_000)}`);
    return new Debian(folder, suite);
  }

  /** Copies it. The root is not booted yet, and knows itself by `hostname`. */
  root(hostname: string): BootedRoot {
    const folder = mkdtempSync(join(tmpdir(), `asgard-e2e-${this.#suite}-`));
    output('cp', '-a', join(this.#folder, 'root'), join(folder, 'root'));
    writeFileSync(join(folder, 'root', 'etc', 'hostname'), `${hostname}\n`);
    return new BootedRoot(folder, hostname);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A root folder which can be booted and commands run in. */
export class BootedRoot {
  readonly #folder: string;
  readonly #hostname: string;
  #nspawn: ChildProcess | null = null;
  #init = 0;

  /** `folder` has the root in `root`, and goes with it. */
  constructor(folder: string, hostname: string) {
    this.#folder = folder;
    this.#hostname = hostname;
  }

  /** Gives two booted roots a wire between them, and lets the second know the first by its host name. */
  static connect(first: BootedRoot, second: BootedRoot): void {
    const [one, other] = ['192.0.2.1', '192.0.2.2'];
    const ends = [first, second].map((root) => ['name', 'wire', 'netns', String(root.#init)]);
    output('ip', 'link', 'add', ...(ends[0] ?? []), 'type', 'veth', 'peer', ...(ends[1] ?? []));
    first.shell(`ip address add ${one}/24 dev wire; ip link set wire up`);
    second.shell(
      `ip address add ${other}/24 dev wire; ip link set wire up; echo ${one} ${first.#hostname} >>/etc/hosts`,
    );
  }

  /** Puts files into its `/root`. */
  copy(...paths: readonly string[]): void {
    for (const path of paths) cpSync(path, join(this.#folder, 'root', 'root', basename(path)));
  }

  /** Boots it, in a network of its own with loopback alone, and resolves when its services are started. */
  async boot(): Promise<void> {
    // Two roots of one name would share a folder below /run.
    const name = `--machine=${basename(this.#folder)}`;
    const options = ['--quiet', '--register=no', '--keep-unit', '--private-network', name];
    this.#nspawn = spawn('systemd-nspawn', [...options, '--boot', '--directory', join(this.#folder, 'root')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const pid = String(this.#nspawn.pid);
    await until(
      () => {
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
        this.#init = Number(children[0]);
        return this.#init > 0 && /running|degraded/.test(this.outcome('systemctl', 'is-system-running').stdout);
      },
      () => `its systemd is up: ${this.outcome('systemctl', 'is-system-running').stdout}`,
      BOOT_LIMIT_MS,
    );
    this.run('ip', 'link', 'set', 'lo', 'up');
  }

  /** Shuts it down. Its files stay: `boot` starts it again, as after a reboot. */
  async shutDown(): Promise<void> {
    const nspawn = this.#nspawn;
    this.#nspawn = null;
    if (nspawn === null || nspawn.exitCode !== null) return;
    // Its init takes this for the order to power off.
    nspawn.kill('SIGTERM');
    await once(nspawn, 'exit');
  }

  /** Shuts it down and removes its files. */
  async remove(): Promise<void> {
    await this.shutDown();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs a command there to its end, whatever that is. */
  outcome(...command: readonly string[]) {
    return outcome('nsenter', [...this.#inside(), ...command], COMMAND_LIMIT_MS);
  }

  /** Runs a command there that must succeed, and gives what it printed on standard output. */
  run(...command: readonly string[]): string {
    return output('nsenter', ...this.#inside(), ...command);
  }

  /** Runs lines of shell there, which must all succeed. */
  shell(lines: string): string {
    return this.run('sh', '-euc', lines);
  }

  /** Runs a program of this machine in its network, to its end. */
  fromNetwork(...command: readonly string[]) {
    return outcome('nsenter', ['--target', String(this.#init), '--net', '--', ...command], COMMAND_LIMIT_MS);
  }

  #inside(): string[] {
    const spaces = ['--target', String(this.#init), '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
    // Nothing of this machine's environment.
    return [...spaces, 'env', '-i', 'HOME=/root', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8'];
  }
}
