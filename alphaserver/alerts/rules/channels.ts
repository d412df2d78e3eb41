/** Ways to tell people, as the rules file names them. */
import type { Severity } from './terms.ts';

interface Common {
  /** The least severity it is told of. */
  readonly severity: Severity;
  /** Whether it is told that an incident is over. */
  readonly resolved: boolean;
}

export type WebhookChannel = Common & { readonly type: 'webhook'; readonly url: string; readonly secret?: string };
export type ChatChannel = Common & { readonly type: 'slack' | 'discord' | 'teams'; readonly url: string };
export type NtfyChannel = Common & { readonly type: 'ntfy'; readonly url: string; readonly token?: string };
export type PagerdutyChannel = Common & {
  readonly type: 'pagerduty';
  readonly routingKey: string;
  readonly url?: string;
};
export type AlertmanagerChannel = Common & {
  readonly type: 'alertmanager';
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
};
export type EmailChannel = Common & {
  readonly type: 'email';
  readonly server: string;
  readonly from: string;
  readonly to: readonly string[];
};
export type Channel =
  | WebhookChannel
  | ChatChannel
  | NtfyChannel
  | PagerdutyChannel
  | AlertmanagerChannel
  | EmailChannel;
