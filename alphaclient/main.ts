/**
 * alphaclient's command line. Each command imports only the modules it needs, as V8 compiled them the last time: a scan of a small
 * log should take no longer than its reading.
 */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// The cache is beside the packages and not in the shared folder for temporary files, where others could write code into it. Where
// nothing can be written it fails silently, at the cost of speed alone. `npm run alphaclient` passes the same folder to Node, so
// that this file is cached too. It also keeps V8's young generation at 4 MiB, because read buffers die at once and V8 would grow
// it to hundreds of MiB for them; and it makes V8 optimize only functions called 50,000 times, because compiling the others takes
// longer than it saves.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'node'));

const HELP = `usage: alphaclient [run]                      follow this host's sshd log and send what it shows to alphaserver
       alphaclient scan [--summary] FILE...   read old logs (- is standard input) and print their events
       alphaclient explain LINE               which rule reads a line, and what comes of it
       alphaclient status [--json]            what the agent of this state folder has read, sent and had acknowledged

Settings are environment variables (ALPHACLIENT_SERVER, ALPHACLIENT_LOG, ...); .env is read too. See .env.example.
`;
const SETTINGS_FILES = ['.env', process.env['SETTINGS_DEFAULTS'] ?? ''].filter(Boolean);
/** How long a shutdown may take: `quit` and the last commit. */
const STOP_LIMIT_MS = 5_000;

const fail = (message: string, code: 1 | 2): never => {
  process.stderr.write(`${message}\n`);
  process.exit(code);
};

/** Reads what `read` asks for of the settings; ends the program where it cannot be used. */
async function settings<T>(read: (config: typeof import('./config.ts')) => (env: NodeJS.ProcessEnv) => T): Promise<T> {
  const { default: dotenv } = await import('dotenv');
  const { SettingsError } = await import('../service/settings.ts');
  dotenv.config({ path: SETTINGS_FILES, quiet: true });
  try {
    return read(await import('./config.ts'))(process.env);
  } catch (error) {
    if (error instanceof SettingsError) return fail(error.message, 2);
    throw error;
  }
}

const clientConfig = () => settings(({ readClientConfig }) => readClientConfig);
/** Where no setting is given at all, a scan of a small log would take longer for the asking. */
const headerFormat = () =>
  process.env['ALPHACLIENT_HEADER'] || SETTINGS_FILES.some((file) => existsSync(file))
    ? settings(({ readHeaderFormat }) => readHeaderFormat)
    : null;

async function follow(): Promise<void> {
  const config = await clientConfig();
  const { createLogger } = await import('../service/logger.ts');
  const { onShutdown } = await import('../service/shutdown.ts');
  const { supervisor } = await import('../service/systemd.ts');
  const { OutboxError } = await import('./outbox/database.ts');
  const { run } = await import('./run.ts');
  const { hostname } = await import('node:os');
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  try {
    const running = run({ config, hostname: hostname(), path: process.env['PATH'] ?? '', log });
    const supervised = supervisor(process.env);
    onShutdown(
      () => {
        supervised.stopping();
        return running.stop();
      },
      STOP_LIMIT_MS,
      log,
    );
    supervised.ready();
    running.ended.catch((error: unknown) => {
      log.error(`The agent cannot go on: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      process.exit(1);
    });
  } catch (error) {
    if (error instanceof OutboxError)
      fail(`The state folder ${config.stateFolder} cannot be used: ${error.message}`, 1);
    fail(error instanceof Error ? error.message : String(error), 1);
  }
}

async function showStatus(args: readonly string[]): Promise<number> {
  const { parseArgs } = await import('node:util');
  const { json } = parseArgs({ args: [...args], options: { json: { type: 'boolean', default: false } } }).values;
  const { status } = await import('./commands/status.ts');
  const io = {
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  };
  return status((await clientConfig()).stateFolder, json, Date.now(), io);
}

async function main([command = 'run', ...args]: string[]): Promise<void> {
  const io = () => ({ stdout: process.stdout, stderr: process.stderr, stdin: process.stdin });
  switch (command) {
    case 'run':
      await follow();
      break;
    case 'scan':
      process.exitCode = await (await import('./commands/scan.ts')).scan(args, io(), await headerFormat());
      break;
    case 'explain':
      process.exitCode = await (await import('./commands/explain.ts')).explain(args, io(), await headerFormat());
      break;
    case 'status':
      process.exitCode = await showStatus(args);
      break;
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      break;
    case '--version': {
      const { default: manifest } = await import('../package.json', { with: { type: 'json' } });
      process.stdout.write(`${manifest.version}\n`);
      break;
    }
    default:
      fail(`alphaclient: ${JSON.stringify(command)} is no command\n${HELP}`, 2);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => fail(error instanceof Error ? error.message : String(error), 2));
