import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Runs several programs as one, for a person who wants to type one command:
 *
 *     node service/launcher.ts --env FILE PROGRAM.ts PROGRAM.ts ...
 *
 * The first program is what the others are for: they are started once it is ready, and stopped when it ends. Another one that ends
 * leaves the rest running, unless it was started wrongly (exit code 2): then nothing here can work as meant, and all are stopped.
 * SIGINT, SIGTERM and SIGHUP stop all, the first program last. The exit code is 0 when all ended well, else that of the program that ended all.
 *
 * Each program finds FILE's path in SETTINGS_DEFAULTS, to read after its own settings. What it sends as
 * `{ say: "text" }` over its IPC channel becomes a line on standard output. The first one is ready when it sends
 * `{ ready: { NAME: "value", ... } }`; the others find these settings in SETTINGS_OFFERED, as JSON, to read before FILE.
 */

/** The grace that Docker gives, too, before it kills. */
const stopGraceMs = 10_000;

const usageExitCode = 2;

type Running = {
  readonly program: string;
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
  /** Resolves with the settings that the program offers once it is ready, or with null when it ended before. */
  readonly ready: Promise<object | null>;
};

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(usageExitCode);
}

/** Reads the command line, or ends the process with one line that says what is wrong with it. */
function readArguments(): { settings: string | undefined; programs: string[] } {
  const usage = 'usage: node service/launcher.ts [--env FILE] PROGRAM.ts [PROGRAM.ts ...]';
  let parsed: { values: { env?: string | undefined }; positionals: string[] };
  try {
    parsed = parseArgs({ options: { env: { type: 'string' } }, allowPositionals: true });
  } catch (error) {
    fail(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
  const { values, positionals } = parsed;
  if (positionals.length === 0) fail(usage);
  const settings = values.env === undefined ? undefined : resolve(values.env);
  for (const path of settings === undefined ? positionals : [settings, ...positionals]) {
    if (!existsSync(path)) fail(`launcher: there is no file ${path}`);
  }
  return { settings, programs: positionals };
}

function start(program: string, environment: NodeJS.ProcessEnv): Running {
  const child = spawn(process.execPath, [program], {
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Out of the terminal's process group: Ctrl-C reaches the programs through us alone, once.
    detached: true,
  });
  const { promise: ready, resolve: settle } = Promise.withResolvers<object | null>();
  child.on('message', (message: unknown) => {
    if (typeof message !== 'object' || message === null) return;
    if ('say' in message && typeof message.say === 'string') process.stdout.write(`${message.say}\n`);
    if ('ready' in message && typeof message.ready === 'object') settle(message.ready);
  });
  const ended = new Promise<number>((done) => {
    child.once('exit', (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    child.once('error', (error) => {
      process.stderr.write(`launcher: ${program} did not start: ${error.message}\n`);
      done(1);
    });
  });
  void ended.then(() => settle(null));
  return { program, child, ended, ready };
}

/** Sends a program the signal, and kills it when it does not end in time. Resolves when it has ended. */
async function end({ program, child, ended }: Running, signal: NodeJS.Signals): Promise<void> {
  const late = setTimeout(() => {
    process.stderr.write(`launcher: ${program} did not end within ${stopGraceMs / 1000} s and is killed\n`);
    child.kill('SIGKILL');
  }, stopGraceMs);
  child.kill(signal);
  await ended;
  clearTimeout(late);
}

async function run(): Promise<number> {
  const { settings, programs } = readArguments();
  const environment = settings === undefined ? process.env : { ...process.env, SETTINGS_DEFAULTS: settings };

  const running: Running[] = [];
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    // Once: npm passes on the Ctrl-C that the terminal has sent us already.
    if (stopping) return;
    stopping = true;
    // The first last, so that the others can close their connections to it.
    const [first, ...others] = running;
    void Promise.all(others.map((other) => end(other, signal))).then(() => first && end(first, signal));
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGHUP', () => stop('SIGTERM'));

  let exitCode = 0;
  const watch = async ({ program, ended }: Running, isFirst: boolean): Promise<void> => {
    const code = await ended;
    if (stopping) {
      exitCode ||= code;
      return;
    }
    const endsAll = isFirst || code === usageExitCode;
    const rest = running.length > 1 ? (endsAll ? '; stopping the rest' : '; the rest goes on') : '';
    process.stderr.write(`launcher: ${program} ended with exit code ${code}${rest}\n`);
    exitCode ||= code;
    if (endsAll) {
      exitCode = code;
      stop('SIGTERM');
    }
  };
  const launch = (program: string, env: NodeJS.ProcessEnv): Running => {
    const started = start(program, env);
    running.push(started);
    return started;
  };
  const [firstProgram = '', ...otherPrograms] = programs;
  const first = launch(firstProgram, environment);
  const watched = [watch(first, true)];
  const offered = await first.ready;
  if (offered !== null && !stopping)
    for (const program of otherPrograms)
      watched.push(watch(launch(program, { ...environment, SETTINGS_OFFERED: JSON.stringify(offered) }), false));
  await Promise.all(watched);
  return exitCode;
}

if (import.meta.main) process.exitCode = await run();
