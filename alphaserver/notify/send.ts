/** Sends a message to a channel, once. */
import type { Channel } from '../alert-config/rules-schema.ts';
import { secretsOf } from './channel-secrets.ts';
import type { Delivery } from './delivery.ts';
import { postTo } from './http.ts';
import type { Message } from './message.ts';
import { render } from './render.ts';
import { mailTo } from './smtp.ts';

/** Sends once. Never rejects; an aborted delivery counts as failed, also where the receiver has got it. */
export type Send = (channel: Channel, message: Message, signal: AbortSignal) => Promise<Delivery>;

/** Returns a Send over the network; `page` is the page's address for people. */
export function sender(page: string | null, now: () => number): Send {
  return (channel, message, signal) => {
    const nowMs = now();
    const rendered = render(channel, message, page, nowMs);
    const secrets = secretsOf(channel);
    return rendered.by === 'http' ? postTo(rendered.post, secrets, signal, nowMs) : mailTo(rendered, secrets, signal);
  };
}
