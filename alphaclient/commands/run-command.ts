/** `alphaclient run`. */
import { hostname } from 'node:os';
import type { Environment } from '../../service/environment.ts';
import { createLogger } from '../../service/logger.ts';
import { onShutdown } from '../../service/shutdown.ts';
import { supervisor } from '../../service/systemd.ts';
import { UserError } from '../../service/user-error.ts';
import type { ClientConfig } from '../config.ts';
import { OutboxError } from '../outbox/database.ts';
import { run } from '../run.ts';

/** The longest time that a shutdown may take: `quit` and the last commit. */
const STOP_LIMIT_MS = 5_000;

/** Starts the agent, which ends the process by itself. Throws a UserError where its state folder cannot be used. */
export function runCommand(config: ClientConfig, env: Environment): number {
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  let running: ReturnType<typeof run>;
  try {
    running = run({ config, hostname: hostname(), path: env['PATH'] ?? '', log });
  } catch (error) {
    if (!(error instanceof OutboxError)) throw error;
    throw new UserError(`The state folder ${config.stateFolder} cannot be used: ${error.message}`, 1, { cause: error });
  }
  const supervised = supervisor(env as NodeJS.ProcessEnv);
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
  return 0;
}
