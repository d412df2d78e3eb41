/** A Debian of its own, booted with its systemd: what a package's unit does there is what it does on a host. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { until } from '../until.ts';
import { outcome, output } from './machine.ts';

/** The packages that the tests use there beyond Debian's minimal system. */
const INCLUDED = 'systemd,systemd-sysv,dbus,openssh-server,openssh-client,sshpass,libpam-systemd,iproute2,libstdc++6';
const BOOT_LIMIT_MS = 120_000;

/** A root folder made by debootstrap, which can be booted and commands run in. Root alone can make one. */
export class BootedRoot {
  readonly #folder: string;
  #nspawn: ChildProcess | null = null;
  #init = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes a root of this Debian release, not yet booted. Takes a minute or two. */
  static async create(suite: string): Promise<BootedRoot> {
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
    return new BootedRoot(folder);
  }

  /** Puts files into its `/root`. */
  copy(...paths: readonly string[]): void {
    for (const path of paths) cpSync(path, join(this.#folder, 'root', 'root', basename(path)));
  }

  /** Boots it, in a network of its own with loopback alone, and resolves when its services are started. */
  async boot(): Promise<void> {
    const options = ['--quiet', '--register=no', '--keep-unit', '--private-network', '--boot'];
    this.#nspawn = spawn('systemd-nspawn', [...options, '--directory', join(this.#folder, 'root')], {
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
    // systemd-nspawn covers the machine's boot id with one of its own, but not for units that have a /proc of their own, where
    // journalctl --follow then takes every new entry for another boot's. Here all see the machine's.
    this.shell('umount /proc/sys/kernel/random/boot_id; systemctl restart systemd-journald');
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
    return outcome('nsenter', [...this.#inside(), ...command], 120_000);
  }

  /** Runs a command there that must succeed, and gives what it printed on standard output. */
  run(...command: readonly string[]): string {
    return output('nsenter', ...this.#inside(), ...command);
  }

  /** Runs lines of shell there, which must all succeed. */
  shell(lines: string): string {
    return this.run('sh', '-euc', lines);
  }

  #inside(): string[] {
    return ['--target', String(this.#init), '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
  }
}
