/** alphaserver's command line: wires the rooms together. */
import { config as readDotenv } from 'dotenv';
import manifest from '../package.json' with { type: 'json' };
import { createLogger, type Logger } from '../service/logger.ts';
import { SettingsError } from '../service/settings.ts';
import { onShutdown } from '../service/shutdown.ts';
import { supervisor } from '../service/systemd.ts';
import { alertSettings, RulesError } from './alert-config/rules-file.ts';
import type { AlertSettings } from './alert-config/settings.ts';
import { alertCommand } from './cli/alert-command.ts';
import { UsageError } from './cli/options.ts';
import { reportCommand } from './cli/report-command.ts';
import { tailCommand } from './cli/tail-command.ts';
import { tokenCommand } from './cli/token-command.ts';
import { readServerConfig, type ServerConfig } from './config.ts';

const HELP = `usage: alphaserver [run]                 take agents' connections, store every attempt, show the page
       alphaserver token add NAME        make a token for an agent; it is shown once
       alphaserver token list            the tokens there are
       alphaserver token revoke NAME     end a token and the sessions that use it
       alphaserver alert test [CHANNEL...]
                                         send each channel a message that says it is a test
       alphaserver alert replay [--rules FILE] [--since 30d] [--json]
                                         what rules would have raised on what is stored
       alphaserver report [--since 24h] [--until TIME] [--json]
                                         what happened, and whether anything is wrong, beside a running server or without
       alphaserver tail [--since TIME] [--host NAME] [--json]
                                         events as they are stored

Times are ISO 8601 in UTC, or spans back from now such as 15m, 24h or 7d.
Settings are environment variables (ALPHASERVER_LISTEN, ALPHASERVER_HTTP, ...); .env is read too. See .env.example.
`;
/** How long an orderly shutdown may take. */
const STOP_LIMIT_MS = 5_000;

const fail = (message: string, code: 1 | 2): never => {
  process.stderr.write(`${message}\n`);
  process.exit(code);
};

function settings(): ServerConfig {
  readDotenv({ path: ['.env', process.env['SETTINGS_DEFAULTS'] ?? ''].filter(Boolean), quiet: true });
  try {
    return readServerConfig(process.env);
  } catch (error) {
    if (error instanceof SettingsError) return fail(error.message, 2);
    throw error;
  }
}

function alertRules({ rulesFile, webhook }: ServerConfig): AlertSettings {
  try {
    return alertSettings(rulesFile, webhook);
  } catch (error) {
    if (error instanceof RulesError) return fail(`ALPHASERVER_RULES: ${error.message}`, 2);
    throw error;
  }
}

async function run(): Promise<void> {
  const config = settings();
  const rules = alertRules(config);
  const log: Logger = createLogger({ level: config.logLevel, format: config.logFormat });
  // Only here: the commands, which need nothing of it, begin in two thirds of the time without.
  const { serve } = await import('./server.ts');
  const serving = await serve(config, log, rules).catch((error: unknown) => {
    log.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  });
  // Without a file there is nothing to read again, and a terminal that goes away ends the server as it ends others.
  if (config.rulesFile !== null)
    process.on('SIGHUP', () => void serving.reload(() => alertSettings(config.rulesFile, config.webhook)));
  const supervised = supervisor(process.env);
  onShutdown(
    () => {
      supervised.stopping();
      return serving.stop();
    },
    STOP_LIMIT_MS,
    log,
  );
  supervised.ready();
  // To the launcher of `npm start`, which has a person to tell.
  if (serving.page) process.send?.({ say: `Page: ${serving.page}` });
}

const columns = process.env['COLUMNS'];

async function report(args: readonly string[]): Promise<void> {
  const { dataFolder, geoipFile } = settings();
  const { stdout, stderr } = process;
  await reportCommand(args, { dataFolder, geoipFile, nowMs: Date.now(), stdout, stderr, columns });
}

async function tail(args: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const { dataFolder } = settings();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  await tailCommand(args, { dataFolder, nowMs: Date.now(), stdout: process.stdout, columns, stop: stop.signal });
}

async function main([command = 'run', ...args]: string[]): Promise<void> {
  const io = {
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  };
  switch (command) {
    case 'run':
      await run();
      break;
    case 'token':
      process.exitCode = tokenCommand(args, settings().dataFolder, Date.now(), io);
      break;
    case 'alert':
      process.exitCode = await alertCommand(args, settings(), { ...io, columns });
      break;
    case 'report':
      await report(args);
      break;
    case 'tail':
      await tail(args);
      break;
    case '--help':
    case '-h':
      process.stdout.write(HELP);
      break;
    case '--version':
      process.stdout.write(`${manifest.version}\n`);
      break;
    default:
      fail(`alphaserver: ${JSON.stringify(command)} is no command\n${HELP}`, 2);
  }
}

main(process.argv.slice(2)).catch((error: unknown) =>
  fail(error instanceof Error ? error.message : String(error), error instanceof UsageError ? 2 : 1),
);
