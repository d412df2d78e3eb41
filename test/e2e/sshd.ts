/** A real sshd of the test's own on loopback, which writes the log that alphaclient follows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';
import { has, outcome, output } from './machine.ts';

/** A running sshd. It lets the user who runs the tests in, by the key in `keyFile`. */
export class Sshd {
  readonly port: number;
  readonly logFile: string;
  readonly keyFile: string;
  readonly user = userInfo().username;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    this.logFile = join(folder, 'sshd.log');
    this.keyFile = join(folder, 'key');
  }

  /** Starts one, and resolves when it takes connections. `more`: further lines of sshd_config. */
  static async start(more: readonly string[] = []): Promise<Sshd> {
    const folder = mkdtempSync(join(tmpdir(), 'asgard-e2e-sshd-'));
    const port = await freePort();
    for (const name of ['host', 'key']) output('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name));
    // As root it wants the folder that the package's service makes.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    const config = [
      `RevokedKeys ${join(folder, 'revoked-keys')}`,
      ...more,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'key.pub')}`,
      'PidFile none',
      'StrictModes no',
      'PermitRootLogin yes',
      'UsePAM no',
    ];
    // sshd refuses every key while the list is not there.
    writeFileSync(join(folder, 'empty'), '');
    output('ssh-keygen', '-q', '-k', '-f', join(folder, 'revoked-keys'), join(folder, 'empty'));
    writeFileSync(join(folder, 'config'), `${config.join('\n')}\n`);
    const program = has('sshd') ? output('sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin command -v sshd').trim() : 'sshd';
    const child = spawn(program, ['-D', '-f', join(folder, 'config'), '-E', join(folder, 'sshd.log')], {
      stdio: 'inherit',
    });
    await until(
      () => outcome('ssh-keyscan', ['-p', String(port), '127.0.0.1']).stdout !== '',
      () => `sshd takes connections on port ${port}`,
    );
    return new Sshd(child, port, folder);
  }

  /** The list of keys that it refuses. */
  get revokedKeysFile(): string {
    return join(this.#folder, 'revoked-keys');
  }

  /** The process id of the listener. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The arguments of an ssh that logs in by the key, before the host's name. */
  get login(): readonly string[] {
    const options = ['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
    const settings = [...options, 'LogLevel=ERROR'].flatMap((option) => ['-o', option]);
    return ['-F', 'none', ...settings, '-i', this.keyFile, '-p', String(this.port), '-l', this.user];
  }

  /** Ends it, and takes its folder away. */
  stop(): void {
    this.#child.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
