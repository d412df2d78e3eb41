/** A real sshd of the test's own on loopback, which writes the log that alphaclient follows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';
import { has, outcome, output } from './machine.ts';

/**
 * How it is run. `daemon`: with a log of its own (`-D -E`). `socket`: systemd's socket activation starts one for each connection
 * (`-i`). `container`: to standard error (`-D -e`), which is kept as Docker's json-file driver does.
 */
export type SshdForm = 'daemon' | 'socket' | 'container';

/** What a test may want otherwise. */
export interface SshdOptions {
  readonly form?: SshdForm;
  /** A root folder whose sshd it is: that of another release than this machine's. Null: this machine's. */
  readonly root?: string | null;
  readonly address?: string;
  /** What comes before its command, such as one that enters a network namespace. */
  readonly within?: readonly string[];
}

/** A running sshd. It lets the user who runs the tests in, by the key in `keyFile`. */
export class Sshd {
  readonly port: number;
  readonly address: string;
  readonly logFile: string;
  readonly keyFile: string;
  readonly user = userInfo().username;
  readonly #folder: string;
  readonly #command: readonly string[];
  readonly #form: SshdForm;
  #child: ChildProcess | null = null;
  #isStopped = false;

  private constructor(settings: readonly string[], port: number, options: SshdOptions) {
    const { form = 'daemon', root = null, address = '127.0.0.1', within = [] } = options;
    this.port = port;
    this.address = address;
    this.#form = form;
    const base = root === null ? tmpdir() : join(root, 'tmp');
    this.#folder = mkdtempSync(join(base, 'asgard-e2e-sshd-'));
    // As the sshd sees it.
    const folder = root === null ? this.#folder : this.#folder.slice(root.length);
    this.logFile = join(this.#folder, 'sshd.log');
    this.keyFile = join(this.#folder, 'key');
    for (const name of ['host', 'key'])
      output('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(this.#folder, name));
    // As root it wants the folder that the package's service makes.
    if (process.getuid?.() === 0) mkdirSync(join(root ?? '/', 'run/sshd'), { recursive: true });
    const config = [
      `RevokedKeys ${join(folder, 'revoked-keys')}`,
      ...settings,
      `Port ${port}`,
      `ListenAddress ${address}`,
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'key.pub')}`,
      'PidFile none',
      'StrictModes no',
      'PermitRootLogin yes',
      'UsePAM no',
      // bash reads ~/.bashrc for a command of sshd at its first level alone: what a developer has in there takes its time, and may
      // leave a lock behind when it is killed, for which each later login waits.
      'SetEnv SHLVL=1',
    ];
    // sshd refuses every key while the list is not there.
    writeFileSync(join(this.#folder, 'empty'), '');
    output('ssh-keygen', '-q', '-k', '-f', join(this.#folder, 'revoked-keys'), join(this.#folder, 'empty'));
    writeFileSync(join(this.#folder, 'config'), `${config.join('\n')}\n`);
    const path = has('sshd') ? output('sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin command -v sshd').trim() : 'sshd';
    const program = root === null ? [path] : ['chroot', root, '/usr/sbin/sshd'];
    const log = ['-E', join(folder, 'sshd.log')];
    const commands: Record<SshdForm, readonly string[]> = {
      daemon: [...program, '-D', '-f', join(folder, 'config'), ...log],
      socket: [
        ...['systemd-socket-activate', '--accept', '--inetd', `--listen=${address}:${port}`],
        // As systemd does, for which it stands. It has the kernel end its children with itself, each sshd's monitor alone; and a
        // monitor that leads no process group does not end its unprivileged process after LoginGraceTime. What a monitor leaves
        // behind before a login keeps the client's connection for ever.
        ...['setpriv', '--pdeathsig', 'clear', 'setsid'],
        ...[...program, '-i', '-f', join(folder, 'config'), ...log],
      ],
      container: [...program, '-D', '-e', '-f', join(folder, 'config')],
    };
    this.#command = [...within, ...commands[form]];
    writeFileSync(this.logFile, '');
  }

  /** Starts one, and resolves when it takes connections. `more`: further lines of sshd_config. */
  static async start(more: readonly string[] = [], options: SshdOptions = {}): Promise<Sshd> {
    const sshd = new Sshd(more, await freePort(), options);
    sshd.resume();
    await until(
      () => outcome(...scan(sshd, options.within ?? [])).stdout !== '',
      () => `sshd takes connections on port ${sshd.port}`,
    );
    return sshd;
  }

  /** Starts it where it was ended. */
  resume(): void {
    if (this.#form !== 'container') {
      // systemd-socket-activate tells of each connection.
      this.#child = this.#spawned(this.#form === 'socket' ? 'ignore' : 'inherit');
      return;
    }
    this.#child = this.#spawned('pipe');
    let rest = '';
    this.#child.stderr?.on('data', (bytes: Buffer) => {
      if (this.#isStopped) return;
      const lines = (rest + bytes.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      const time = new Date().toISOString();
      for (const line of lines)
        appendFileSync(this.logFile, `${JSON.stringify({ log: `${line}\n`, stream: 'stderr', time })}\n`);
    });
  }

  #spawned(stderr: 'inherit' | 'ignore' | 'pipe'): ChildProcess {
    const [program = '', ...args] = this.#command;
    return spawn(program, args, { stdio: ['inherit', 'inherit', stderr] });
  }

  /** The list of keys that it refuses. */
  get revokedKeysFile(): string {
    return join(this.#folder, 'revoked-keys');
  }

  /** The process id of the listener. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** The arguments of an ssh that logs in by the key, before the host's name. */
  get login(): readonly string[] {
    const options = ['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
    const settings = [...options, 'LogLevel=ERROR'].flatMap((option) => ['-o', option]);
    return ['-F', 'none', ...settings, '-i', this.keyFile, '-p', String(this.port), '-l', this.user];
  }

  /** Ends the listener; sessions go on. */
  end(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child?.kill(signal);
  }

  /** Ends it, and takes its folder away. */
  stop(): void {
    this.#isStopped = true;
    this.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const scan = ({ port, address }: Sshd, within: readonly string[]): [string, string[]] => {
  const [program = '', ...args] = [...within, 'ssh-keyscan', '-p', String(port), address];
  return [program, args];
};

/** Stops a process, and resolves once it does nothing more; false where it has ended. */
export async function stopped(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 'SIGSTOP');
  } catch {
    return false;
  }
  const state = (): string => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.[0] ?? 'X';
    } catch {
      return 'X';
    }
  };
  await until(
    () => 'TZX'.includes(state()),
    () => `process ${pid} stops`,
  );
  return state() === 'T';
}

/** The processes that a process has started. */
export function childrenOf(pid: number): number[] {
  if (!Number.isInteger(pid) || pid <= 1) throw new Error(`not the id of a process: ${pid}`);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[1] === String(pid);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Those, and the processes that they have started, the last ones first. */
export const descendantsOf = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [...descendantsOf(child), child]);
