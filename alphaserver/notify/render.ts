/** A message in the form that its channel takes. Pure. */
import type { Channel } from '../alert-config/channels.ts';
import { alertmanagerPost } from './formats/alertmanager.ts';
import { discordPost } from './formats/discord.ts';
import { emailOf, type Mail } from './formats/email.ts';
import { ntfyPost } from './formats/ntfy.ts';
import { pagerdutyPost } from './formats/pagerduty.ts';
import { slackPost } from './formats/slack.ts';
import { teamsPost } from './formats/teams.ts';
import { webhookPost } from './formats/webhook.ts';
import { type Message, SHOWN_LIMIT } from './message.ts';
import type { Post } from './post.ts';

/** A delivery as it goes out: over HTTP, or through a mail server. */
export type Rendered =
  | { readonly by: 'http'; readonly post: Post }
  | { readonly by: 'mail'; readonly server: string; readonly mail: Mail };

/** `page` is the page's address for people, null where none is known; `nowMs` the time of the try. */
export function render(channel: Channel, message: Message, page: string | null, nowMs: number): Rendered {
  const http = (post: Post): Rendered => ({ by: 'http', post });
  switch (channel.type) {
    case 'webhook':
      return http(webhookPost(channel.url, channel.secret ?? null, message, page, nowMs));
    case 'slack':
      return http(slackPost(channel.url, message, page));
    case 'discord':
      return http(discordPost(channel.url, message, page));
    case 'teams':
      return http(teamsPost(channel.url, message, page));
    case 'ntfy':
      return http(ntfyPost(channel.url, channel.token ?? null, message, page));
    case 'pagerduty':
      return http(pagerdutyPost(channel.url ?? null, channel.routingKey, message, page));
    case 'alertmanager': {
      const { url, user = null, password = null } = channel;
      return http(alertmanagerPost(url, { user, password }, message, page));
    }
    case 'email':
      return { by: 'mail', server: channel.server, mail: emailOf(channel.from, channel.to, message, page) };
  }
}

/**
 * What waits as the messages a channel takes: one for all, but for PagerDuty one for each of the first SHOWN_LIMIT
 * incidents, since there each is answered for by itself, and one for the rest.
 */
export function messagesFor(channel: Channel, whole: Message): Message[] {
  if (channel.type !== 'pagerduty' || whole.count <= 1) return [whole];
  const singles = whole.told
    .slice(0, SHOWN_LIMIT)
    .map((told, i) => ({ ...whole, id: `${whole.id}.${String(i).padStart(2, '0')}`, told: [told], count: 1 }));
  const rest = whole.told.slice(SHOWN_LIMIT);
  const count = whole.count - singles.length;
  return count === 0 ? singles : [...singles, { ...whole, id: `${whole.id}.rest`, told: rest, count }];
}
