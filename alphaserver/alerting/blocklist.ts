/** Lists the addresses under an active attack alert, for firewalls. Pure. */
import { isIP } from 'node:net';
import {
  isIn,
  isWithin,
  type Network,
  networks,
  readNetwork,
  sourceBits,
  UNROUTED_NETWORKS,
} from '../../service/ip-network.ts';
import type { AlertSettings } from '../alert-config/settings.ts';
import type { Incident } from '../detection/incident.ts';
import { type Holding, NOTHING_HOLDS } from './standing.ts';

/** An address, or an IPv6 network, and until when it is under an alert if nothing more comes from it. Unix milliseconds. */
export interface Blocked {
  readonly address: string;
  readonly untilMs: number;
  /** The identities by whose word it is there. */
  readonly by: readonly string[];
}

/** The longest timeout of an element that ipset takes, in seconds (ipset(8)). A longer block is renewed by the next list. */
export const IPSET_TIMEOUT_LIMIT_S = 2_147_483;

/** The formats of a list: addresses alone, a file for `nft -f`, a file for `ipset restore`, JSON that says who says so. */
export const BLOCKLIST_FORMATS = ['plain', 'nftables', 'ipset', 'json'] as const;
export type BlocklistFormat = (typeof BLOCKLIST_FORMATS)[number];

/** The most addresses on the list, those that are to be on it for the shortest time left out: what an ipset holds by default. */
export const BLOCKLIST_LIMIT = 65_536;

/** The most addresses by the word of one identity, those that have been quiet for longest left out. */
export const IDENTITY_ADDRESSES_LIMIT = 1_000;
/** Stands for all agents without an identity: whoever may connect without one may connect as many. */
export const ANONYMOUS = 'anonymous';

/** A firewall that blocked what is not routed on the internet would block its own network. */
const PRIVATE = networks(UNROUTED_NETWORKS);

/** The settings that a list depends on. */
export type BlocklistSettings = Pick<AlertSettings, 'allow' | 'blocklistRules' | 'blocksForgeable' | 'detection'>;

/** Says which addresses are wanted. */
export interface BlocklistOptions {
  readonly settings: BlocklistSettings;
  /** True where private and loopback addresses are wanted as well. */
  readonly withPrivate: boolean;
  readonly nowMs: number;
  /** The identity of an agent, by its id; null where it has none. */
  readonly identityOf: (agent: string) => string | null;
  /** The decisions of people: addresses that are blocked by hand, and those that never are. */
  readonly byHand?: Pick<Holding, 'blocks' | 'allows'>;
}

/**
 * Returns the sources of open incidents of the settings' rules, in the order of their addresses: never one of the allow-list,
 * and private and loopback addresses only where asked for; and those that people blocked by hand. Left out are late incidents, for what happened last week is over;
 * what only logs say that a client can write to, unless the settings ask for it; and what one identity says beyond its limit.
 */
export function blocked(incidents: readonly Incident[], options: BlocklistOptions): Blocked[] {
  const { settings, withPrivate, nowMs, identityOf, byHand = NOTHING_HOLDS } = options;
  const kept = [...settings.allow.addresses, ...byHand.allows];
  const allowed = networks(kept);
  const inside = kept.map(sourceBits);
  // Whoever allowed an address allowed it also where the network around it is to be blocked.
  const isKept = (source: string): boolean => {
    if (inside.length === 0) return false;
    if (isIn(allowed, source)) return true;
    const network = source.includes('/') ? readNetwork(source) : null;
    return network !== null && inside.some((one) => isWithin(network, one));
  };
  /** The time until which each identity's word puts each address on the list. */
  const words = new Map<string, Map<string, number>>();
  for (const incident of incidents) {
    if (incident.closedAt !== null || incident.late || !settings.blocklistRules.includes(incident.rule)) continue;
    if (!settings.blocksForgeable && !isVouched(incident)) continue;
    const untilMs = incident.lastAt + settings.detection.quietMs;
    if (untilMs <= nowMs) continue;
    const identity = identityOf(incident.agent) ?? ANONYMOUS;
    const until = words.get(identity) ?? new Map<string, number>();
    words.set(identity, until);
    const { source: whole, ips } = incident;
    // Where the network of a source has an allowed address, the source is blocked by the addresses that it used.
    const isApart = whole?.includes('/') && isKept(whole);
    for (const source of whole === null || isApart ? ips : [whole]) {
      if (isIP(source.split('/', 1)[0] ?? '') === 0 || isIn(allowed, source)) continue;
      if (!withPrivate && isIn(PRIVATE, source)) continue;
      until.set(source, Math.max(until.get(source) ?? 0, untilMs));
    }
  }
  const list = new Map<string, { untilMs: number; by: string[] }>();
  for (const [identity, until] of words)
    for (const [source, untilMs] of [...until].sort(([, a], [, b]) => b - a).slice(0, IDENTITY_ADDRESSES_LIMIT)) {
      const one = list.get(source) ?? { untilMs, by: [] };
      list.set(source, { untilMs: Math.max(one.untilMs, untilMs), by: [...one.by, identity] });
    }
  const wide: Network[] = [];
  for (const { address, untilMs, by } of byHand.blocks) {
    if (isKept(address)) continue;
    const network = address.includes('/') ? readNetwork(address) : null;
    if (network !== null) wide.push(network);
    const one = list.get(address) ?? { untilMs, by: [] };
    list.set(address, { untilMs: Math.max(one.untilMs, untilMs), by: [...one.by, by] });
  }
  // nft refuses an address, or a network, together with a network that it is in.
  const whole = networks([...list.keys()].filter((source) => source.includes('/')));
  return [...list]
    .filter(([source]) => source.includes('/') || !isIn(whole, source))
    .filter(([source]) => !wide.some((network) => network.text !== source && isWithin(network, source)))
    .map(([address, one]) => ({ address, ...one }))
    .sort((a, b) => b.untilMs - a.untilMs)
    .slice(0, BLOCKLIST_LIMIT)
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Incidents of a version before say only what the deciding event was. */
const isVouched = ({ vouched, trust }: Incident): boolean => vouched ?? (trust !== null && trust !== 'forgeable');

const family = ({ address }: Blocked): 4 | 6 => (address.includes(':') ? 6 : 4);
const seconds = ({ untilMs }: Blocked, nowMs: number): number => Math.max(1, Math.ceil((untilMs - nowMs) / 1_000));

/** Returns the list as text. Addresses are the only part of it that comes from outside, and each of them is an address. */
export function formatted(list: readonly Blocked[], format: BlocklistFormat, nowMs: number): string {
  switch (format) {
    case 'plain':
      return list.map(({ address }) => `${address}\n`).join('');
    case 'nftables':
      return ([4, 6] as const).map((version) => nftSet(list, version, nowMs)).join('');
    case 'json':
      return `${JSON.stringify({ addresses: list.map(jsonOf) })}\n`;
    case 'ipset':
      return ([4, 6] as const).map((version) => ipset(list, version, nowMs)).join('');
  }
}

const jsonOf = ({ address, untilMs, by }: Blocked) => ({ address, until: new Date(untilMs).toISOString(), by });

/** Returns commands that make a set of the table `inet asgard` where there is none, empty it and fill it in one transaction. */
function nftSet(list: readonly Blocked[], version: 4 | 6, nowMs: number): string {
  const name = `asgard${version}`;
  const elements = list
    .filter((one) => family(one) === version)
    .map((one) => `${one.address} timeout ${seconds(one, nowMs)}s`);
  return [
    'add table inet asgard',
    `add set inet asgard ${name} { type ipv${version}_addr; flags interval, timeout; }`,
    `flush set inet asgard ${name}`,
    ...(elements.length === 0 ? [] : [`add element inet asgard ${name} {\n  ${elements.join(',\n  ')}\n}`]),
    '',
  ].join('\n');
}

/** Returns commands that fill another set and swap it in, so that no packet finds the set empty. */
function ipset(list: readonly Blocked[], version: 4 | 6, nowMs: number): string {
  const name = `asgard${version}`;
  const made = `hash:net family inet${version === 6 ? '6' : ''} maxelem ${BLOCKLIST_LIMIT} timeout 0`;
  return [
    `create -exist ${name} ${made}`,
    `create -exist ${name}-new ${made}`,
    `flush ${name}-new`,
    ...list
      .filter((one) => family(one) === version)
      .map(
        (one) =>
          `add -exist ${name}-new ${one.address} timeout ${Math.min(seconds(one, nowMs), IPSET_TIMEOUT_LIMIT_S)}`,
      ),
    `swap ${name}-new ${name}`,
    `destroy ${name}-new`,
    '',
  ].join('\n');
}
