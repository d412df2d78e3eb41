/** One try to deliver a message to a channel. */
import type { Channel } from '../alert-config/channels.ts';
import type { Delivery } from './delivery.ts';
import { postTo } from './http.ts';
import type { Message } from './message.ts';
import { render } from './render.ts';
import { mailTo } from './smtp.ts';

/** Tries once. Never rejects; an aborted try counts as failed, also where the receiver has got it. */
export type Deliver = (channel: Channel, message: Message, signal: AbortSignal) => Promise<Delivery>;

/** Delivers over the network; `page` is the page's address for people. */
export function deliverer(page: string | null, now: () => number): Deliver {
  return (channel, message, signal) => {
    const nowMs = now();
    const rendered = render(channel, message, page, nowMs);
    return rendered.by === 'http'
      ? postTo(rendered.post, signal, nowMs)
      : mailTo(rendered.server, rendered.mail, signal);
  };
}
