/** `alphaserver run`. */
import type { Environment } from '../../service/environment.ts';
import { createLogger } from '../../service/logger.ts';
import { onShutdown } from '../../service/shutdown.ts';
import { supervisor } from '../../service/systemd.ts';
import { UserError } from '../../service/user-error.ts';
import { type Address, hostAndPort } from '../../service/value-parser.ts';
import { alertSettings, RulesError } from '../alert-config/rules-file.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ServerConfig } from '../config.ts';
import { serve } from '../server.ts';

/** The longest time that an orderly shutdown may take. */
const STOP_LIMIT_MS = 5_000;

/** Starts the server, which ends the process by itself. Rejects with a RulesError before anything is opened. */
export async function runCommand(config: ServerConfig, env: Environment): Promise<number> {
  const { rulesFile, webhook } = config;
  const rules = rulesOf(config);
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const serving = await serve(config, log, rules).catch((error: unknown) => {
    log.error(error instanceof Error ? error.message : String(error));
    process.exit(error instanceof UserError ? error.exitCode : 1);
  });
  // A terminal that goes away ends the server as it ends others; anybody else who sends it wants files to be read again.
  if (!process.stdout.isTTY || rulesFile !== null)
    process.on('SIGHUP', () => void serving.reload(() => alertSettings(rulesFile, webhook)));
  const supervised = supervisor(env);
  onShutdown(
    () => {
      supervised.stopping();
      return serving.stop();
    },
    STOP_LIMIT_MS,
    log,
  );
  supervised.ready();
  process.send?.({ ready: { ALPHACLIENT_SERVER: addressForAgents(config.listen, serving.port) } });
  // To the launcher of `npm start`, which has a person to tell.
  if (serving.page) process.send?.({ say: `Page: ${serving.page}` });
  return 0;
}

/** Gives the address by which an agent on this machine reaches the server: `npm start` must not lead it to another one. */
function addressForAgents({ scheme, host }: Address, port: number): string {
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${scheme}://${hostAndPort(local, port)}`;
}

function rulesOf({ rulesFile, webhook }: ServerConfig): AlertSettings {
  try {
    return alertSettings(rulesFile, webhook);
  } catch (error) {
    if (error instanceof RulesError) throw new RulesError(`ALPHASERVER_RULES: ${error.message}`, { cause: error });
    throw error;
  }
}
