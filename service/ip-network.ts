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

/** The IPv6 network that one customer of a provider gets. */
const CUSTOMER_BITS = 64;

/** Gives what counts as one peer where peers are counted: an IPv4 address, or the network of an IPv6 customer. What is no address stays. */
export const peerSourceOf = (address: string): string => sourceOf(address, CUSTOMER_BITS) ?? address;

/** Gives a socket's remote address without the mark of an IPv4 one on an IPv6 socket (RFC 4291, section 2.5.5.2); `?` where it is gone. */
export const peerAddress = (remote: string | undefined): string => (remote ?? '?').replace(/^::ffff:/, '');

/** IPv6 addresses whose source is remembered. */
const REMEMBERED_LIMIT_ADDRESSES = 10_000;

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
    if (this.#known.size >= REMEMBERED_LIMIT_ADDRESSES) this.#known.clear();
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

/** Hexadecimal digits that tell an IPv6 address's network of NETWORK_BITS from others. */
const NETWORK_DIGITS = NETWORK_BITS / 4;
const hex = (numbers: readonly number[], length: number): string =>
  numbers.map((number) => number.toString(16).padStart(length, '0')).join('');

const DOT = 46;
const ZERO = 48;

/** Reads an IPv4 address as a signed number of 32 bits; null for any other text, which would not come back the same. */
export function ipv4Number(text: string): number | null {
  let address = 0;
  let parts = 0;
  let part = -1;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (part === 0) return null;
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return null;
    } else {
      if (code !== DOT || part < 0) return null;
      address = (address << 8) | part;
      parts += 1;
      part = -1;
    }
  }
  return part < 0 || parts !== 3 ? null : (address << 8) | part;
}

/** Digits of an IPv4 address in hexadecimal. */
const IPV4_DIGITS = IPV4_BITS / 4;

/** Writes an IPv4 address as its eight hexadecimal digits; null for anything else. */
export function ipv4Digits(address: string): string | null {
  const number = ipv4Number(address);
  return number === null ? null : (number >>> 0).toString(16).padStart(IPV4_DIGITS, '0');
}

/** Writes what comes before `::/64` in a network that `networkOf` gave as its sixteen hexadecimal digits. */
export const networkDigits = (network: string): string =>
  (network.split('::', 1)[0] as string)
    .split(':')
    .map((group) => group.padStart(4, '0'))
    .join('')
    .padEnd(NETWORK_DIGITS, '0');

/** A network in CIDR form, read. */
export interface Network {
  /** The network as it is written: an address in it of more bits than `bits` is cut. */
  readonly text: string;
  readonly version: 4 | 6;
  readonly bits: number;
  /** Its first address as 8 or 32 hexadecimal digits. */
  readonly digits: string;
}

/** The widest networks that are read: wider ones are no place of anybody. */
export const WIDEST_BITS = { 4: 8, 6: 16 } as const;

/** Reads an address or a network in CIDR form, an address as the network of all its bits; null for anything else, and for wider ones. */
export function readNetwork(given: string): Network | null {
  const [, address = '', length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(given) ?? [];
  const digits = digitsOf(address);
  if (digits === null) return null;
  const version = digits.length === 8 ? 4 : 6;
  const most = version === 4 ? IPV4_BITS : IPV6_BITS;
  // The bits of an IPv4 address that is written inside of an IPv6 one are counted otherwise.
  if (length !== undefined && version !== isIP(address)) return null;
  const bits = Number(length ?? most);
  if (bits < WIDEST_BITS[version] || bits > most) return null;
  const text = networkWith(version === 4 ? (sourceOf(address, IPV6_BITS) as string) : address, bits) as string;
  return { text, version, bits, digits: digitsOf(text.split('/', 1)[0] as string) as string };
}

/** Writes an address as 8 or 32 hexadecimal digits, an IPv4 one inside of an IPv6 one as IPv4; null for what is none. */
function digitsOf(address: string): string | null {
  const version = isIP(address);
  if (version === 4) return ipv4Digits(address);
  if (version !== 6) return null;
  const parsed = ipaddr.IPv6.parse(address.split('%', 1)[0] as string);
  return parsed.isIPv4MappedAddress() ? ipv4Digits(parsed.toIPv4Address().toString()) : hex(parsed.parts, 4);
}

/** A source, read once to be compared with many networks. */
export interface SourceBits {
  /** Its first address as 8 or 32 hexadecimal digits, an IPv4 one inside of an IPv6 one as IPv4. */
  readonly digits: string;
  /** The version that it is written in. */
  readonly version: number;
  /** Null for an address. */
  readonly bits: number | null;
}

/** Reads an address, or the network that a source is; null for what is none. Takes some 5 us where it is IPv6. */
export function sourceBits(source: string | null): SourceBits | null {
  const [address = '', length] = (source ?? '').split('/', 2);
  const digits = digitsOf(address);
  if (digits === null) return null;
  return { digits, version: isIP(address), bits: length === undefined ? null : Number(length) };
}

/** Tells whether an address, or all of a smaller network, is in a network. Null is in none. */
export function isWithin({ version, bits, digits }: Network, source: string | SourceBits | null): boolean {
  const own = typeof source === 'string' ? sourceBits(source) : source;
  if (own === null || own.digits.length !== digits.length) return false;
  if (own.bits !== null && (version !== own.version || own.bits < bits)) return false;
  const [whole, rest] = [bits >> 2, bits & 3];
  if (!own.digits.startsWith(digits.slice(0, whole))) return false;
  const mask = 0xf & ~(0xf >> rest);
  return (
    rest === 0 ||
    (Number.parseInt(own.digits[whole] as string, 16) & mask) === Number.parseInt(digits[whole] as string, 16)
  );
}

/**
 * Gives the beginnings of the hexadecimal digits that the addresses of a network have, and no others: one, or up to eight
 * where its bits are no multiple of four. Only the first `length` digits are asked for.
 */
export function digitPrefixes({ bits, digits }: Network, length: number): string[] {
  const [whole, rest] = [bits >> 2, bits & 3];
  if (whole >= length) return [digits.slice(0, length)];
  const start = digits.slice(0, whole);
  if (rest === 0) return [start];
  const first = Number.parseInt(digits[whole] as string, 16);
  return Array.from({ length: 2 ** (4 - rest) }, (_, i) => start + (first + i).toString(16));
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
