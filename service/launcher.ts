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
 * The first program is what the others are for: when it ends, the others are stopped. Another one that ends leaves the
 * rest running, unless it was started wrongly (exit code 2): then nothing here can work as meant, and all are stopped.
 * SIGINT, SIGTERM and SIGHUP stop all, the first program last. The exit code is 0 when all ended well, else that of the program that ended all.
 *
 * Each program finds FILE's path in SETTINGS_DEFAULTS, to read after its own settings. What it sends as
 * `{ say: "text" }` over its IPC channel becomes a line on standard output.
 */

/** As long as Docker waits, too, before it kills. */
const stopGraceMs = 10_000;

const usageExitCode = 2;

type Running = { readonly program: string; readonly child: ChildProcess; readonly ended: Promise<number> };

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(usageExitCode);
}

/** The command line, or the end of the process with one line that says what is wrong with it. */
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
  child.on('message', (message: unknown) => {
    if (typeof message === 'object' && message !== null && 'say' in message && typeof message.say === 'string') {
      process.stdout.write(`${message.say}\n`);
    }
  });
  const ended = new Promise<number>((done) => {
    child.once('exit', (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    child.once('error', (error) => {
      process.stderr.write(`launcher: ${program} did not start: ${error.message}\n`);
      done(1);
    });
  });
  return { program, child, ended };
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
    // The first last, so that the others can say goodbye to it.
    const [first, ...others] = running;
    void Promise.all(others.map((other) => end(other, signal))).then(() => first && end(first, signal));
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGHUP', () => stop('SIGTERM'));

  for (const program of programs) running.push(start(program, environment));

  let exitCode = 0;
  await Promise.all(
    running.map(async ({ program, ended }, index) => {
      const code = await ended;
      if (stopping) {
        exitCode ||= code;
        return;
      }
      const endsAll = index === 0 || code === usageExitCode;
      const rest = running.length > 1 ? (endsAll ? '; stopping the rest' : '; the rest goes on') : '';
      process.stderr.write(`launcher: ${program} ended with exit code ${code}${rest}\n`);
      exitCode ||= code;
      if (endsAll) {
        exitCode = code;
        stop('SIGTERM');
      }
    }),
  );
  return exitCode;
}

if (import.meta.main) process.exitCode = await run();
