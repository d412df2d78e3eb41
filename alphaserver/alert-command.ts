/** `alphaserver alert ...`. */
import { alertSettings, RulesError } from './alerts/rules-file.ts';
import { testChannels } from './alerts/telling/trial.ts';
import type { ServerConfig } from './config.ts';

const USAGE = 'usage: alphaserver alert test [CHANNEL...]\n';

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Carries out one alert command and returns the exit code: 0, 1 when it failed, 2 for wrong usage or a rules file with a mistake. */
export async function alertCommand(args: readonly string[], config: ServerConfig, io: Io): Promise<number> {
  const [verb, ...rest] = args;
  try {
    if (verb === 'test') return await testChannels(alertSettings(config.rulesFile, config.webhook), rest, io, Date.now);
  } catch (error) {
    if (!(error instanceof RulesError)) throw error;
    io.error(`${error.message}\n`);
    return 2;
  }
  io.error(USAGE);
  return 2;
}
