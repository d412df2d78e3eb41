/** `alphaserver alert test`: sends one message to each channel, whatever its severity and the hour. */
import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { ProgramIo } from '../../service/command-line.ts';
import { UserError } from '../../service/user-error.ts';
import { alertSettings } from '../alert-config/rules-file.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { ServerConfig } from '../config.ts';
import { testMessage } from '../notify/message.ts';
import { sender } from '../notify/send.ts';

/** Tries channels under the settings of the rules file. Rejects with a RulesError, or a UserError for a name that is no channel. */
export const testCommand = (
  names: readonly string[],
  { rulesFile, webhook }: Pick<ServerConfig, 'rulesFile' | 'webhook'>,
  { stdout }: Pick<ProgramIo, 'stdout'>,
): Promise<number> => testChannels(alertSettings(rulesFile, webhook), names, stdout, Date.now);

/**
 * Tries the channels named, or all there are, and prints a line for each. Resolves with 0 when all have taken it, with 1 when
 * one has not. Rejects with a UserError when there is none, or a name is none of them.
 */
export async function testChannels(
  settings: AlertSettings,
  names: readonly string[],
  stdout: Writable,
  now: () => number,
): Promise<number> {
  const known = Object.keys(settings.channels);
  if (known.length === 0)
    throw new UserError(
      'there is no channel: set ALPHASERVER_WEBHOOK, or name channels in the file of ALPHASERVER_RULES',
      2,
    );
  const unknown = names.find((name) => !Object.hasOwn(settings.channels, name));
  if (unknown !== undefined) throw new UserError(`"${unknown}" is no channel; there are ${known.join(', ')}`, 2);
  const send = sender(settings.page, now);
  let failed = 0;
  for (const name of names.length === 0 ? known : names) {
    const channel = settings.channels[name];
    if (channel === undefined) continue;
    const begunMs = now();
    const delivery = await send(channel, testMessage(randomUUID(), begunMs), new AbortController().signal);
    const result = delivery.ok ? `delivered in ${now() - begunMs} ms` : `failed: ${delivery.fault}`;
    if (!delivery.ok) failed += 1;
    stdout.write(`${name} (${channel.type}): ${result}\n`);
  }
  return failed > 0 ? 1 : 0;
}
