/** `alphaserver alert ...`. */

import { alertSettings, RulesError } from '../alert-config/rules-file.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ServerConfig } from '../config.ts';
import { replayCommand } from './alert-replay.ts';
import { testChannels } from './alert-test.ts';

const USAGE = `usage: alphaserver alert test [CHANNEL...]
       alphaserver alert replay [--rules FILE] [--since 30d] [--json]
`;

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** The variable COLUMNS. */
  readonly columns: string | undefined;
}

/** Carries out one alert command and returns the exit code: 0, 1 when it failed, 2 for wrong usage or a rules file with a mistake. */
export async function alertCommand(args: readonly string[], config: ServerConfig, io: Io): Promise<number> {
  const [verb, ...rest] = args;
  try {
    const settings = (): AlertSettings => alertSettings(config.rulesFile, config.webhook);
    if (verb === 'test') return await testChannels(settings(), rest, io, Date.now);
    if (verb === 'replay') {
      const { dataFolder } = config;
      await replayCommand(rest, {
        dataFolder,
        settings,
        nowMs: Date.now(),
        stdout: process.stdout,
        columns: io.columns,
      });
      return 0;
    }
  } catch (error) {
    if (!(error instanceof RulesError)) throw error;
    io.error(`${error.message}\n`);
    return 2;
  }
  io.error(USAGE);
  return 2;
}
