/** A real sshd of the test's own on loopback, and the log it writes. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { networkInterfaces, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';
import { Key } from './client.ts';

/** sshd must be called by its whole path: it starts itself anew for each connection. */
const PROGRAM = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path));

/** The reason why no sshd can be run here; false when one can. In CI that is a failure. */
export function sshdLacking(): string | false {
  if (PROGRAM) return false;
  const lack = 'no sshd here: install openssh-server';
  if (process.env['CI'] === 'true') throw new Error(lack);
  return lack;
}

/** The version of this machine's OpenSSH, such as 9.2. */
export function sshdVersion(): number {
  const { stdout, stderr } = spawnSync(PROGRAM ?? 'sshd', ['-V'], { encoding: 'utf8' });
  return Number(/OpenSSH_(\d+\.\d+)/.exec(`${stdout}${stderr}`)?.[1]);
}

/** Wrong tries on one connection until sshd has had enough. */
export const MAX_TRIES = 4;
/** Limit of a client's silence for sshd, and of everything else on a busy machine. */
const GRACE_SECONDS = 20;
/** A user that there is on every Debian, and that this sshd lets nobody be. */
export const DENIED = 'daemon';

export interface SshdOptions {
  readonly level: 'INFO' | 'VERBOSE';
  /** More lines for sshd_config; the first value of an option counts, and these stand first. */
  readonly config?: readonly string[];
  /** Lines for the end of sshd_config: `Match` and what follows it. */
  readonly match?: readonly string[];
  /** Runs sshd by way of this command, which ends in executing its arguments. */
  readonly within?: readonly string[];
  /** Path at which the log appears when sshd does not write it itself. */
  readonly logFile?: string;
}

/** True when loopback speaks IPv6 here; in many containers it does not. */
export function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
}

/** The processes whose parent is `pid`. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // `pid (program) state parent ...`, and the program's name may hold anything.
      const parent = /^\) \S (\d+)/.exec(
        /\) \S \d+[^)]*$/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[0] ?? '',
      )?.[1];
      return Number(parent) === pid ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** A running sshd. Whoever runs the tests may log in with `key`, nobody with a password unless `config` says so. */
export class SshdServer {
  readonly port: number;
  readonly folder: string;
  readonly logFile: string;
  /** The key that is let in. */
  readonly key: Key;
  /** Who may log in with it. */
  readonly user = userInfo().username;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, folder: string, logFile: string, key: Key) {
    this.#child = child;
    this.port = port;
    this.folder = folder;
    this.logFile = logFile;
    this.key = key;
  }

  /** Starts one, and resolves when it listens; no connection is made to find that out. */
  static async start({ level, config = [], match = [], within = [], logFile }: SshdOptions): Promise<SshdServer> {
    if (!PROGRAM) throw new Error('no sshd here');
    const folder = mkdtempSync(join(tmpdir(), 'sshd-'));
    // Users read their keys as themselves.
    chmodSync(folder, 0o755);
    const key = new Key();
    const port = await freePort();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(folder, 'host_key')]);
    writeFileSync(join(folder, 'authorized_keys'), key.line, { mode: 0o644 });
    // As root it wants the folder that the package's service makes.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    const all = [
      ...config,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      ...(hasIpv6() ? ['ListenAddress ::1'] : []),
      `HostKey ${join(folder, 'host_key')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
      `LogLevel ${level}`,
      `MaxAuthTries ${MAX_TRIES}`,
      `LoginGraceTime ${GRACE_SECONDS}`,
      `DenyUsers ${DENIED}`,
      'MaxStartups 100',
      'PidFile none',
      'StrictModes no',
      'PermitRootLogin yes',
      'UsePAM no',
      ...match,
    ];
    writeFileSync(join(folder, 'sshd_config'), `${all.join('\n')}\n`);
    const own = join(folder, 'sshd.log');
    const log = logFile ?? own;
    const [program = PROGRAM, ...args] = [...within, PROGRAM, '-D', '-f', join(folder, 'sshd_config')];
    const child = spawn(program, logFile ? args : [...args, '-E', own], { stdio: ['ignore', 'inherit', 'inherit'] });
    const server = new SshdServer(child, port, folder, log, key);
    await until(
      () => server.log().includes(`Server listening on 127.0.0.1 port ${port}.`),
      () => `sshd listens; its log: ${server.log()}`,
    );
    return server;
  }

  /** All it has logged up to now, each byte a character. */
  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'latin1') : '';
  }

  /** Waits for the end of every connection, ends sshd, and resolves when its last line is in the log. */
  async stop(): Promise<void> {
    const pid = this.#child.pid ?? 0;
    await until(
      () => childrenOf(pid).length === 0,
      () => `every connection of sshd ${pid} is over`,
    );
    this.#child.kill();
    await until(() => this.log().includes('Received signal 15; terminating.'));
  }

  /** Ends it at once, whatever it does, and removes its folder. */
  remove(): void {
    this.#child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
