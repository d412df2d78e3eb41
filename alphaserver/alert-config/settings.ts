/** The rules file as values, and the defaults for what it leaves out. */

import { isWithin, readNetwork, sourceBits } from '../../service/ip-network.ts';
import type { QuietHours } from './quiet-hours.ts';
import { DEFAULT_DETECTION, type DetectionConfig, RULES, type Rule } from './rules.ts';
import type { Channel } from './rules-schema.ts';

/** A rule whose incidents notify nobody and do not count for the fleet's state; null: any rule, any host, any source. */
export interface Silence {
  readonly rule: Rule | null;
  readonly host: string | null;
  readonly source: string | null;
}

/** What a silence looks at of an incident. */
type Silenceable = { readonly rule: Rule; readonly host?: string | null; readonly source?: string | null };

/** Returns what tells whether an incident is silenced. It reads the silences once, for however many incidents. */
export function silencedBy(silences: readonly Silence[]): (incident: Silenceable) => boolean {
  const read = silences.map(({ rule, host, source }) => ({
    ...{ rule, host, source },
    network: source?.includes('/') ? readNetwork(source) : null,
  }));
  return ({ rule, host, source = null }) => {
    const near = read.filter((one) => (one.rule ?? rule) === rule && (one.host === null || one.host === host));
    if (near.some((one) => one.source === null || one.source === source)) return true;
    const networks = near.flatMap(({ network }) => network ?? []);
    if (networks.length === 0) return false;
    const bits = sourceBits(source);
    return networks.some((network) => isWithin(network, bits));
  };
}

/** One value for each setting of the rules file (docs/alerts.md). Times are milliseconds. */
export interface AlertSettings {
  readonly detection: DetectionConfig;
  /** Addresses, networks and users whose events no rule gets. */
  readonly allow: { readonly addresses: readonly string[]; readonly users: readonly string[] };
  /** True where channels are notified of late incidents too. */
  readonly notifyLate: boolean;
  readonly quietHours: QuietHours | null;
  readonly channels: Readonly<Record<string, Channel>>;
  /** The channels that each rule's incidents go to; null for all there are. */
  readonly routes: Readonly<Record<Rule, readonly string[] | null>>;
  /** The time that the first incident waits for others to share its message. */
  readonly groupWaitMs: number;
  /** The least time between two messages of a channel. */
  readonly groupEveryMs: number;
  readonly blocklistRules: readonly Rule[];
  /** True where an address comes on the blocklist by the word of logs that a client can write to. */
  readonly blocksForgeable: boolean;
  /** The page's address for people, without a slash at the end; null where none is known. */
  readonly page: string | null;
  /** The silences of people that hold now, which are in no file. */
  readonly silences: readonly Silence[];
}

/** The settings without a rules file. */
export const DEFAULT_SETTINGS: AlertSettings = {
  detection: DEFAULT_DETECTION,
  allow: { addresses: [], users: [] },
  notifyLate: false,
  quietHours: null,
  channels: {},
  routes: Object.fromEntries(RULES.map((rule) => [rule, null])) as Record<Rule, null>,
  groupWaitMs: 1_000,
  groupEveryMs: 30_000,
  // An honest user who mistyped once is among the sources of `distributed`.
  blocklistRules: ['brute-force', 'slow-brute-force', 'fleet-scan', 'user-enumeration', 'break-in', 'decoy'],
  blocksForgeable: false,
  page: null,
  silences: [],
};

/** The name of the channel that the variable ALPHASERVER_WEBHOOK makes. */
export const WEBHOOK_CHANNEL = 'ALPHASERVER_WEBHOOK';

/** Adds the channel of ALPHASERVER_WEBHOOK, which is notified of everything; null adds none. */
export function withWebhook(settings: AlertSettings, url: string | null): AlertSettings {
  if (url === null) return settings;
  const channel: Channel = { type: 'webhook', url, severity: 'notice', resolved: true };
  return { ...settings, channels: { ...settings.channels, [WEBHOOK_CHANNEL]: channel } };
}
