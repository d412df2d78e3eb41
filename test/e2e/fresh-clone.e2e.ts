/** Tests what a person gets who clones the project and types `npm start`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '../free-port.ts';
import { until } from '../until.ts';
import { byKey, byPassword } from './login.ts';
import { has, lacking, outcome, output, works } from './machine.ts';
import { Sshd } from './sshd.ts';

const root = resolve(import.meta.dirname, '../..');
/** npm fetches everything anew. */
const installLimitMs = 300_000;

const folder = mkdtempSync(join(tmpdir(), 'asgard-clone-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Copies what is committed into a new folder, as a clone has it. */
function clone(name: string): string {
  const to = join(folder, name);
  output('git', '-c', 'safe.directory=*', 'clone', '-q', '--no-local', root, to);
  return to;
}

/** The environment of a person's shell: none of what `npm run` adds, none of our settings, an empty home. */
function personal(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|ALPHA|LOG_|INIT_CWD|NODE$|NODE_TEST)/i.test(name)),
  );
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((each) => !each.includes('node_modules'));
  return { ...environment, PATH: path.join(delimiter), HOME: mkdtempSync(join(folder, 'home-')), ...settings };
}

class Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  #output = '';

  constructor(command: string, args: readonly string[], options: { cwd?: string; env: NodeJS.ProcessEnv }) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output += chunk;
      });
    }
    this.ended = new Promise((done) => this.child.once('close', (code) => done(code)));
  }

  get output(): string {
    return this.#output;
  }

  /** Kills it with all that it started, if anything still runs: it leads a process group. */
  kill(): void {
    try {
      process.kill(-(this.child.pid as number), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Waits until what it printed matches. */
  async prints(expression: RegExp, limitMs?: number): Promise<void> {
    await until(
      () => {
        if (expression.test(this.#output)) return true;
        assert.equal(this.child.exitCode, null, `ended before it printed ${expression}:\n${this.#output}`);
        return false;
      },
      () => `prints ${expression}, but:\n${this.#output}`,
      limitMs,
    );
  }
}

test('npm start on a fresh clone shows the logins to this machine, and SIGTERM ends all of it with 0', {
  skip: lacking('npm start on a fresh clone', {
    npm: has('npm'),
    git: has('git'),
    sshd: has('sshd'),
    ssh: has('ssh'),
    sshpass: has('sshpass'),
    'a git repository': works('git', '-c', 'safe.directory=*', '-C', root, 'rev-parse', 'HEAD'),
  }),
}, async (t) => {
  const sshd = await Sshd.start();
  t.after(() => sshd.stop());
  const [port, page] = [await freePort(), await freePort()];
  const run = new Run('npm', ['start'], {
    cwd: clone('started'),
    env: personal({
      ALPHACLIENT_LOG: sshd.logFile,
      ALPHACLIENT_SERVER: `tcp://127.0.0.1:${port}`,
      ALPHASERVER_LISTEN: `tcp://127.0.0.1:${port}`,
      ALPHASERVER_HTTP: `http://127.0.0.1:${page}`,
    }),
  });
  t.after(() => run.kill());
  await run.prints(/^Socket now listening$/m, installLimitMs);
  await run.prints(new RegExp(`http://127\\.0\\.0\\.1:${page}`));

  assert.ok(byKey('127.0.0.1', sshd.user, sshd.keyFile, sshd.port), 'the right key is let in');
  assert.ok(!byPassword('127.0.0.1', 'nobody-here', 'guess', sshd.port), 'a guess is not');
  // A log that was there before the first start is read from its beginning; keys that ssh offers in vain count too.
  await run.prints(new RegExp(`^Processed result: ${hostname()} had 2 attempt of ssh session$`, 'm'));
  assert.equal((await fetch(`http://127.0.0.1:${page}/healthz`)).status, 200);

  run.child.kill('SIGTERM');
  assert.equal(await run.ended, 0, run.output);
  assert.match(run.output, /^Client is requesting to quit$/m);
  await assert.rejects(fetch(`http://127.0.0.1:${page}/healthz`), 'nothing is left behind');
});

test('npm start on a machine without an sshd log says which setting to use, and keeps server and page up', {
  skip: lacking('npm start on a machine without a log', {
    git: has('git'),
    'a Docker engine': works('docker', 'info'),
    'a git repository': works('git', '-c', 'safe.directory=*', '-C', root, 'rev-parse', 'HEAD'),
  }),
}, async (t) => {
  const name = `asgard-e2e-bare-${process.pid}`;
  // The image that ours are built from: Node, npm, no sshd, no journal.
  const bare = ['run', '--rm', '--init', '--name', name, '-v', `${clone('bare')}:/asgard`, '-w', '/asgard'];
  const run = new Run('docker', [...bare, 'node:24-trixie-slim', 'npm', 'start'], { env: process.env });
  t.after(() => outcome('docker', ['rm', '-f', name]));
  await run.prints(/^Socket now listening$/m, installLimitMs);
  await run.prints(/^.*http:\/\/127\.0\.0\.1:8080.*$/m);
  await run.prints(/^.*no sshd log.*ALPHACLIENT_LOG.*$/im);
  await run.prints(/^Received connection from 127\.0\.0\.1:\d+$/m);
  assert.equal(run.output.match(/ALPHACLIENT_LOG/g)?.length, 1, run.output);
  const ask = `fetch('http://127.0.0.1:8080/readyz').then((answer) => process.exit(answer.status === 200 ? 0 : 1))`;
  output('docker', 'exec', name, 'node', '-e', ask);
  output('docker', 'kill', '--signal', 'TERM', name);
  assert.equal(await run.ended, 0, run.output);
});
