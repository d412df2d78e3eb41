/** `alphaserver alert test`: one message to each channel, now, whatever its severity and the hour. */
import { randomUUID } from 'node:crypto';
import type { AlertSettings } from '../alert-config/settings.ts';
import { testMessage } from '../notify/message.ts';
import { sender } from '../notify/send.ts';

interface Io {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/**
 * Tries the channels named, or all there are, and prints a line for each. Returns 0 when all have taken it, 1 when one has not,
 * 2 when there is none or a name is none of them.
 */
export async function testChannels(
  settings: AlertSettings,
  names: readonly string[],
  io: Io,
  now: () => number,
): Promise<number> {
  const known = Object.keys(settings.channels);
  if (known.length === 0) {
    io.error('There is no channel: set ALPHASERVER_WEBHOOK, or name channels in the file of ALPHASERVER_RULES\n');
    return 2;
  }
  const unknown = names.find((name) => !Object.hasOwn(settings.channels, name));
  if (unknown !== undefined) {
    io.error(`alert test: ${JSON.stringify(unknown)} is no channel; there are ${known.join(', ')}\n`);
    return 2;
  }
  const send = sender(settings.page, now);
  let failed = 0;
  for (const name of names.length === 0 ? known : names) {
    const channel = settings.channels[name];
    if (channel === undefined) continue;
    const begunMs = now();
    const delivery = await send(channel, testMessage(randomUUID(), begunMs), new AbortController().signal);
    const result = delivery.ok ? `delivered in ${now() - begunMs} ms` : `failed: ${delivery.fault}`;
    if (!delivery.ok) failed += 1;
    io.out(`${name} (${channel.type}): ${result}\n`);
  }
  return failed > 0 ? 1 : 0;
}
