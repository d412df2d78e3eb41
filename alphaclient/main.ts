/** alphaclient's command line: wires the rooms together. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { config as readDotenv } from 'dotenv';
import manifest from '../package.json' with { type: 'json' };
import { createLogger } from '../service/logger.ts';
import { SettingsError } from '../service/settings.ts';
import { onShutdown } from '../service/shutdown.ts';
import { readClientConfig } from './config.ts';
import { OutboxError } from './database.ts';
import { explain } from './explain.ts';
import { run } from './run.ts';
import { scan } from './scan.ts';
import { status } from './status.ts';

const HELP = `usage: alphaclient [run]                      follow this host's sshd log and send what it shows to alphaserver
       alphaclient scan [--summary] FILE...   read old logs (- is standard input) and print their events
       alphaclient explain LINE               which rule reads a line, and what comes of it
       alphaclient status [--json]            what the agent of this state folder has read, sent and had acknowledged

Settings are environment variables (ALPHACLIENT_SERVER, ALPHACLIENT_LOG, ...); .env is read too. See .env.example.
`;
/** How long a shutdown may take: the goodbye and the last commit. */
const STOP_LIMIT_MS = 5_000;

const fail = (message: string, code: 1 | 2): never => {
  process.stderr.write(`${message}\n`);
  process.exit(code);
};

function settings() {
  readDotenv({ path: ['.env', process.env['SETTINGS_DEFAULTS'] ?? ''].filter(Boolean), quiet: true });
  try {
    return readClientConfig(process.env);
  } catch (error) {
    if (error instanceof SettingsError) return fail(error.message, 2);
    throw error;
  }
}

function follow(): void {
  const config = settings();
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  try {
    const running = run({ config, hostname: hostname(), path: process.env['PATH'] ?? '', log });
    onShutdown(() => running.stop(), STOP_LIMIT_MS, log);
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

function showStatus(args: readonly string[]): number {
  const { json } = parseArgs({ args: [...args], options: { json: { type: 'boolean', default: false } } }).values;
  const io = {
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  };
  return status(settings().stateFolder, json, Date.now(), io);
}

async function main([command = 'run', ...args]: string[]): Promise<void> {
  const io = { stdout: process.stdout, stderr: process.stderr, stdin: process.stdin };
  switch (command) {
    case 'run':
      follow();
      break;
    case 'scan':
      process.exitCode = await scan(args, io);
      break;
    case 'explain':
      process.exitCode = await explain(args, io);
      break;
    case 'status':
      process.exitCode = showStatus(args);
      break;
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      break;
    case '--version':
      process.stdout.write(`${manifest.version}\n`);
      break;
    default:
      fail(`alphaclient: ${JSON.stringify(command)} is no command\n${HELP}`, 2);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => fail(error instanceof Error ? error.message : String(error), 2));
