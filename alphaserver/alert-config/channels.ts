/** Ways to tell people, as the rules file names them. */
import type { Severity } from './rules.ts';

interface Common {
  /** The least severity it is told of. */
  readonly severity: Severity;
  /** Whether it is told that an incident is over. */
  readonly resolved: boolean;
}

/** Our own JSON, signed where there is a secret: docs/notifications.md. */
export type WebhookChannel = Common & { readonly type: 'webhook'; readonly url: string; readonly secret?: string };
/** The incoming webhook of a chat; its URL is a secret. */
export type ChatChannel = Common & { readonly type: 'slack' | 'discord' | 'teams'; readonly url: string };
/** A topic of an ntfy server. */
export type NtfyChannel = Common & { readonly type: 'ntfy'; readonly url: string; readonly token?: string };
/** An integration of PagerDuty; `url` where it is not theirs. */
export type PagerdutyChannel = Common & {
  readonly type: 'pagerduty';
  readonly routingKey: string;
  readonly url?: string;
};
/** An Alertmanager, with a user and password where it asks for them. */
export type AlertmanagerChannel = Common & {
  readonly type: 'alertmanager';
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
};
/** People, by way of an SMTP server’s URL. */
export type EmailChannel = Common & {
  readonly type: 'email';
  readonly server: string;
  readonly from: string;
  readonly to: readonly string[];
};
/** Any of them, told apart by `type`. */
export type Channel =
  | WebhookChannel
  | ChatChannel
  | NtfyChannel
  | PagerdutyChannel
  | AlertmanagerChannel
  | EmailChannel;
