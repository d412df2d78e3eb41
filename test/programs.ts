/** Real alphaserver and alphaclient processes for benchmarks and tests, on loopback, in a folder that goes with them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './until.ts';

/** An agent is back at a server that was away: up to 30 s pass between two of its connection attempts. */
export const BACK_LIMIT_MS = 90_000;

/** A server answers within this time, also at a low priority on a busy machine. */
const START_LIMIT_MS = 120_000;

const ROOT = join(import.meta.dirname, '..');
/** As package.json sets it: a start takes half of the time. */
const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'node');

/** One process and its output. */
export class Program {
  readonly child: ChildProcess;
  output = '';
  readonly ended: Promise<number | null>;
  #listeners: ((text: string) => void)[] = [];

  /** Runs one of our programs, or another one where `file` is null: then the first argument is its name. */
  constructor(file: string | null, env: Record<string, string>, args: readonly string[] = []) {
    const [command = '', ...rest] = file === null ? args : [process.execPath, join(ROOT, file), ...args];
    this.child = spawn(command, rest, {
      env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
      cwd: tmpdir(),
    });
    const heard = (chunk: Buffer) => {
      this.output += chunk;
      for (const listener of this.#listeners) listener(String(chunk));
    };
    this.child.stdout?.on('data', heard);
    this.child.stderr?.on('data', heard);
    this.ended = new Promise((done) => this.child.once('close', done));
  }

  onOutput(listener: (text: string) => void): void {
    this.#listeners.push(listener);
  }

  says(text: string, limitMs?: number): Promise<void> {
    return until(
      () => this.output.includes(text),
      () => `${text} in:\n${this.output}`,
      limitMs,
    );
  }

  /** Ends it with a signal; resolves with its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Bounds how long a file this process may write, in bytes: as a full disk does, without being root. Null takes it away again. */
  limitFiles(bytes: number | null): void {
    execFileSync('prlimit', ['--pid', String(this.child.pid), `--fsize=${bytes ?? 'unlimited'}:`]);
  }

  /** Resident memory, MiB. */
  get memoryMiB(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.child.pid}/status`, 'utf8'))?.[1]) / 1_024;
  }
}

/** A scratch fleet of one server and one agent; start and kill them as you like. */
export class Pair {
  readonly folder = mkdtempSync(join(tmpdir(), 'asgard-'));
  readonly logFile = join(this.folder, 'sshd.log');
  readonly #programs: Program[] = [];
  readonly port: number;
  readonly httpPort: number;

  private constructor(port: number, httpPort: number) {
    this.port = port;
    this.httpPort = httpPort;
  }

  static async make(): Promise<Pair> {
    return new Pair(await freePort(), await freePort());
  }

  server(more: Record<string, string> = {}): Program {
    return this.#run('alphaserver/main.ts', {
      ALPHASERVER_LISTEN: `tcp://127.0.0.1:${this.port}`,
      ALPHASERVER_HTTP: `http://127.0.0.1:${this.httpPort}`,
      ALPHASERVER_DATA: join(this.folder, 'server'),
      ALPHASERVER_ANONYMOUS: 'true',
      ...more,
    });
  }

  /** A server that answers already. */
  async serving(more: Record<string, string> = {}): Promise<Program> {
    const server = this.server(more);
    await until(
      () => this.api('/healthz').then(Boolean, () => false),
      () => server.output,
      START_LIMIT_MS,
    );
    return server;
  }

  /** `within` is what comes before the command, such as one that enters a network namespace. */
  agent(more: Record<string, string> = {}, within: readonly string[] = []): Program {
    return this.#run('alphaclient/main.ts', this.agentEnv(more), within);
  }

  /** Runs one alphaclient command to its end. */
  async command(...args: string[]): Promise<{ code: number | null; output: string }> {
    const program = new Program('alphaclient/main.ts', this.agentEnv({}), args);
    return { code: await program.ended, output: program.output };
  }

  /** Runs one alphaserver command on the server's folder to its end. */
  async serverCommand(...args: string[]): Promise<{ code: number | null; output: string }> {
    const program = new Program('alphaserver/main.ts', { ALPHASERVER_DATA: join(this.folder, 'server') }, args);
    return { code: await program.ended, output: program.output };
  }

  /** Every stored event, newest first. */
  async events(): Promise<{ user: string; outcome: string }[]> {
    const all: { user: string; outcome: string }[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { events: typeof all; next: string | null } = await this.api(
        `/api/events?limit=1000${cursor && `&cursor=${cursor}`}`,
      );
      all.push(...page.events);
      cursor = page.next;
    }
    return all;
  }

  async api<T>(path: string): Promise<T> {
    return (await fetch(`http://127.0.0.1:${this.httpPort}${path}`)).json() as Promise<T>;
  }

  /** Takes a program in that is to end with this fleet. */
  add(program: Program): Program {
    this.#programs.push(program);
    return program;
  }

  /** Kills what still runs. */
  async end(): Promise<void> {
    for (const program of this.#programs) await program.end('SIGKILL');
  }

  /** Ends what still runs and takes the folder away. */
  async close(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The settings of an agent of this fleet. */
  agentEnv(more: Record<string, string> = {}): Record<string, string> {
    return {
      ALPHACLIENT_SERVER: `tcp://127.0.0.1:${this.port}`,
      ALPHACLIENT_LOG: this.logFile,
      ALPHACLIENT_STATE: join(this.folder, 'agent'),
      ALPHACLIENT_NAME: 'box',
      ...more,
    };
  }

  #run(file: string, env: Record<string, string>, within: readonly string[] = []): Program {
    const program =
      within.length === 0
        ? new Program(file, env)
        : new Program(null, env, [...within, process.execPath, join(ROOT, file)]);
    return this.add(program);
  }
}
