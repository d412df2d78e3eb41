/** A PostgreSQL of this machine for tests and benchmarks: on loopback, in a folder that goes with it. */
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chownSync, existsSync, globSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

/** Debian keeps PostgreSQL's programs outside of PATH, one folder a version. */
const [BIN = ''] = globSync('/usr/lib/postgresql/*/bin')
  .filter((bin) => existsSync(join(bin, 'initdb')))
  .sort()
  .reverse();
const START_LIMIT_SECONDS = 60;

/** The reason why no PostgreSQL can run here; false when one can. In CI that is a failure. */
export const noPostgres: string | false =
  BIN !== '' || process.env['CI'] ? false : 'PostgreSQL is not installed: apt-get install postgresql';

/** PostgreSQL refuses to run as root, so that root runs it as the user that its package made. */
const runAs: readonly string[] =
  process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'] : [];

/** One cluster. */
export class Postgres {
  readonly folder: string;
  readonly port: number;
  readonly #settings: readonly string[];
  #databases = 0;

  private constructor(folder: string, port: number, settings: readonly string[]) {
    this.folder = folder;
    this.port = port;
    this.#settings = settings;
  }

  /** Makes and starts a cluster with these settings beside Debian's own. */
  static async start(...settings: string[]): Promise<Postgres> {
    const cluster = new Postgres(scratch(), await freePort(), settings);
    cluster.#run(
      'initdb',
      '--pgdata',
      cluster.data,
      '--username=asgard',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
    );
    cluster.resume();
    return cluster;
  }

  /** Makes and starts a standby of this cluster, under a name that synchronous_standby_names may list. */
  async standby(name: string): Promise<Postgres> {
    const standby = new Postgres(scratch(), await freePort(), this.#settings);
    standby.follow(this, name);
    return standby;
  }

  /** Becomes a standby of another cluster, at the same port; nothing is left of what it was. */
  follow(primary: Postgres, name: string): void {
    if (this.isRunning) this.stop();
    rmSync(this.data, { recursive: true, force: true });
    const from = `host=127.0.0.1 port=${primary.port} user=asgard application_name=${name}`;
    this.#run('pg_basebackup', '--pgdata', this.data, '--dbname', from, '--checkpoint=fast', '--write-recovery-conf');
    this.resume();
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** The address of its database. */
  get url(): string {
    return `postgres://asgard@127.0.0.1:${this.port}/postgres`;
  }

  /** Makes a further database, and gives its address. */
  newDatabase(): string {
    this.#databases += 1;
    const name = `made${this.#databases}`;
    this.sql(`CREATE DATABASE ${name}`);
    return this.url.replace(/postgres$/, name);
  }

  /** Runs SQL and gives its output, one row a line. */
  sql(text: string): string {
    const args = ['-h', '127.0.0.1', '-p', String(this.port), '-U', 'asgard', '-d', 'postgres', '-XAtqc', text];
    return execFileSync(join(BIN, 'psql'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  }

  /** Starts it, also after a stop. */
  resume(): void {
    const options = [`-p ${this.port}`, '-c listen_addresses=127.0.0.1', `-c unix_socket_directories=${this.folder}`];
    for (const one of this.#settings) options.push(`-c ${one}`);
    const log = join(this.folder, 'log');
    this.#run(
      'pg_ctl',
      '-D',
      this.data,
      '-l',
      log,
      '-t',
      String(START_LIMIT_SECONDS),
      '-w',
      '-o',
      options.join(' '),
      'start',
    );
  }

  /** Ends it as `kill -9` of its processes does, or in order. */
  stop(mode: 'immediate' | 'fast' = 'immediate'): void {
    this.#run('pg_ctl', '-D', this.data, '-m', mode, '-w', 'stop');
  }

  /** Puts its write-ahead log into a folder on another disk, which its user may write. */
  moveWal(folder: string): void {
    const wal = join(this.data, 'pg_wal');
    const moved = join(folder, 'pg_wal');
    this.stop('fast');
    execFileSync('cp', ['-a', wal, moved]);
    rmSync(wal, { recursive: true });
    symlinkSync(moved, wal);
    this.resume();
  }

  /** True while its processes are there, also where they only recover. */
  get isRunning(): boolean {
    const [command, args] = this.#command('pg_ctl', '-D', this.data, 'status');
    return spawnSync(command, args, { cwd: this.folder }).status === 0;
  }

  /** Starts it where it has ended by itself; true once it answers. */
  revive(): boolean {
    try {
      if (!this.isRunning) this.resume();
      return this.sql('SELECT 1') === '1';
    } catch {
      // It still recovers, or ends just now.
      return false;
    }
  }

  /** Makes a standby the primary. */
  promote(): void {
    this.#run('pg_ctl', '-D', this.data, '-w', 'promote');
  }

  /** Ends it and takes its folder away. */
  close(): void {
    if (this.isRunning) this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #command(program: string, ...args: string[]): [string, string[]] {
    const [command = '', ...rest] = [...runAs, join(BIN, program), ...args];
    return [command, rest];
  }

  #run(program: string, ...args: string[]): void {
    const [command, rest] = this.#command(program, ...args);
    // Not a pipe: a server that is started keeps it open.
    const out = join(this.folder, `${program}.out`);
    const done: SpawnSyncReturns<Buffer> = spawnSync(
      '/bin/sh',
      ['-c', 'out=$1; shift; exec "$@" >"$out" 2>&1', 'sh', out, command, ...rest],
      {
        stdio: 'ignore',
        cwd: this.folder,
      },
    );
    if (done.status !== 0)
      throw new Error(`${program} failed: ${execFileSync('tail', ['-n', '20', out], { encoding: 'utf8' })}`);
  }
}

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-postgres-'));
  if (runAs.length > 0) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })));
    chownSync(folder, uid ?? 0, gid ?? 0);
  }
  return folder;
}
