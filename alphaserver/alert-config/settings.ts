/** All that the rules file says, as values; and what holds where it says nothing. */

import type { Channel } from './channels.ts';
import type { QuietHours } from './quiet-hours.ts';
import { DEFAULT_DETECTION, type DetectionConfig, RULES, type Rule } from './rules.ts';

/** One value for each thing that the rules file can say: docs/alerts.md. Times in milliseconds. */
export interface AlertSettings {
  readonly detection: DetectionConfig;
  /** Whose events no rule sees. */
  readonly allow: { readonly addresses: readonly string[]; readonly users: readonly string[] };
  /** Whether channels are told of what came late. */
  readonly tellLate: boolean;
  readonly quietHours: QuietHours | null;
  readonly channels: Readonly<Record<string, Channel>>;
  /** Names of the channels that a rule's incidents go to; null for all there are. */
  readonly routes: Readonly<Record<Rule, readonly string[] | null>>;
  /** How long the first incident waits for others to share its message, and the least time between two messages of a channel. */
  readonly groupWaitMs: number;
  readonly groupEveryMs: number;
  readonly blocklistRules: readonly Rule[];
  /** The page's address for people, without a slash at the end; null where none is known. */
  readonly page: string | null;
}

/** Without a rules file. */
export const DEFAULT_SETTINGS: AlertSettings = {
  detection: DEFAULT_DETECTION,
  allow: { addresses: [], users: [] },
  tellLate: false,
  quietHours: null,
  channels: {},
  routes: Object.fromEntries(RULES.map((rule) => [rule, null])) as Record<Rule, null>,
  groupWaitMs: 1_000,
  groupEveryMs: 30_000,
  // An honest user who mistyped once is among the sources of `distributed`.
  blocklistRules: ['brute-force', 'slow-brute-force', 'fleet-scan', 'user-enumeration', 'break-in'],
  page: null,
};

/** The channel that the setting ALPHASERVER_WEBHOOK alone makes. */
export const WEBHOOK_CHANNEL = 'ALPHASERVER_WEBHOOK';

/** The settings with one more channel, which is told of everything. */
export function withWebhook(settings: AlertSettings, url: string | null): AlertSettings {
  if (url === null) return settings;
  const channel: Channel = { type: 'webhook', url, severity: 'notice', resolved: true };
  return { ...settings, channels: { ...settings.channels, [WEBHOOK_CHANNEL]: channel } };
}
