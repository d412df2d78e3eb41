/** Decides which addresses are one source: an IPv4 address, or the IPv6 network that one customer of a provider gets. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

const IPV4_BITS = 32;
const IPV6_BITS = 128;

/** Keeps the first `bits` of numbers of `size` bits each. */
const masked = (numbers: readonly number[], size: number, bits: number): number[] =>
  numbers.map((number, i) => {
    const kept = Math.min(Math.max(bits - i * size, 0), size);
    return number & ((2 ** size - 1) ^ (2 ** (size - kept) - 1));
  });

/** Writes the network of an address with so many leading bits, such as `203.0.113.0/24`; IPv6 as RFC 5952 has it. Null for what is no address. */
export function networkWith(address: string, bits: number): string | null {
  const version = isIP(address);
  if (version === 4) return `${masked(address.split('.').map(Number), 8, bits).join('.')}/${bits}`;
  return version === 6 ? ipv6Network(ipaddr.IPv6.parse(address.split('%', 1)[0] as string), bits) : null;
}

const ipv6Network = ({ parts }: ipaddr.IPv6, bits: number): string =>
  `${new ipaddr.IPv6(masked(parts, 16, bits)).toRFC5952String()}/${bits}`;

/**
 * Gives the source that an address belongs to: an IPv4 address (also where it is written inside an IPv6 one) as it is, an
 * IPv6 address as its network `2001:db8:1:2::/64`. Null for what is no address: a host name says nothing sure.
 */
export function sourceOf(address: string | null, ipv6Prefix: number): string | null {
  if (address === null || isIPv4(address)) return address;
  const bare = address.split('%', 1)[0] as string;
  const version = isIP(bare);
  if (version !== 6) return version === 4 ? bare : null;
  const parsed = ipaddr.IPv6.parse(bare);
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  return ipv6Prefix >= IPV6_BITS ? parsed.toRFC5952String() : ipv6Network(parsed, ipv6Prefix);
}

/** IPv6 addresses whose source is remembered. */
const REMEMBERED_LIMIT = 10_000;

/** True for a host that is this machine by its name or address alone. */
export const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|localhost|::1)$/.test(host);

/** Gives sources as `sourceOf` does, and remembers those of IPv6 addresses: reading one takes some 5 us. */
export class Sources {
  readonly #ipv6Prefix: number;
  readonly #known = new Map<string, string | null>();

  constructor(ipv6Prefix: number) {
    this.#ipv6Prefix = ipv6Prefix;
  }

  of(address: string | null): string | null {
    if (address === null || !address.includes(':')) return sourceOf(address, this.#ipv6Prefix);
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const source = sourceOf(address, this.#ipv6Prefix);
    if (this.#known.size >= REMEMBERED_LIMIT) this.#known.clear();
    this.#known.set(address, source);
    return source;
  }
}

/** The leading bits that the network of one customer has in common. */
const NETWORK_BITS = 64;

/** Gives the /64 that an IPv6 address is in, as `2001:db8:1:2::/64`; null for anything else. */
export function networkOf(address: string | null): string | null {
  // Most are IPv4.
  if (address === null || !address.includes(':')) return null;
  const source = sourceOf(address, NETWORK_BITS);
  return source?.endsWith('/64') ? source : null;
}

/** Adds an address or a network in CIDR form to a list; false when it is neither. */
export function addNetwork(list: BlockList, given: string): boolean {
  const [address = '', prefix, ...more] = given.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (prefix === undefined) {
    list.addAddress(address, family);
    return true;
  }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (version === 4 ? IPV4_BITS : IPV6_BITS)) return false;
  list.addSubnet(address, Number(prefix), family);
  return true;
}

/** Makes a list of addresses and networks. Throws a RangeError for one that is neither. */
export function networks(given: readonly string[]): BlockList {
  const list = new BlockList();
  for (const one of given) if (!addNetwork(list, one)) throw new RangeError(`${one} is no address and no network`);
  return list;
}

/**
 * Networks that are not routed on the internet (IANA's special-purpose registries, RFC 6890): this machine's, private and local
 * ones, and those of no single host.
 */
export const UNROUTED_NETWORKS: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
];

/** True when an address, or the first of a source's network, is in a list. */
export function isIn(list: BlockList, source: string): boolean {
  const address = (source.split('/', 1)[0] as string).split('%', 1)[0] as string;
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
