/** Renders a message in its channel's format. Pure. */
import type { Channel } from '../alert-config/rules-schema.ts';
import { alertmanagerPost } from './formats/alertmanager.ts';
import { discordPost } from './formats/discord.ts';
import { emailOf, type Mail } from './formats/email.ts';
import { ntfyPost } from './formats/ntfy.ts';
import { pagerdutyPost } from './formats/pagerduty.ts';
import { slackPost } from './formats/slack.ts';
import { teamsPost } from './formats/teams.ts';
import { webhookPost } from './formats/webhook.ts';
import type { Message } from './message.ts';
import type { Post } from './post.ts';

/** Holds a rendered message: an HTTP request, or a mail and its server. */
export type Rendered =
  | { readonly by: 'http'; readonly post: Post }
  | {
      readonly by: 'mail';
      readonly server: string;
      /** True when the settings allow to send the password without TLS. */
      readonly allowPlain: boolean;
      readonly mail: Mail;
    };

/** Renders a message. `page` is the page's address for people, null where none is known; `nowMs` the time of this delivery. */
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
      return {
        by: 'mail',
        server: channel.server,
        allowPlain: channel.allowPlain ?? false,
        mail: emailOf(channel.from, channel.to, message, page),
      };
  }
}
