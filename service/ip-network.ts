/** Who is one source: an IPv4 address, or the IPv6 network that one customer of a provider gets. */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** The eight groups of an IPv6 address that `isIP` takes, scope left out. */
function groups(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const read = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [Number.parseInt(group, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const first = read(head);
  if (tail === undefined) return first;
  const last = read(tail);
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** The text of eight groups as RFC 5952 wants it: the longest run of zeros left out. */
function written(parts: readonly number[]): string {
  let best = { from: -1, length: 1 };
  for (let from = 0; from < 8; from += 1) {
    let length = 0;
    while (from + length < 8 && parts[from + length] === 0) length += 1;
    if (length > best.length) best = { from, length };
  }
  const hex = (some: readonly number[]): string => some.map((part) => part.toString(16)).join(':');
  return best.from < 0 ? hex(parts) : `${hex(parts.slice(0, best.from))}::${hex(parts.slice(best.from + best.length))}`;
}

/**
 * The source that an address belongs to: an IPv4 address (also where it is written inside an IPv6 one) as it is, an
 * IPv6 address as its network `2001:db8:1:2::/64`. Null for what is no address: a host name says nothing sure.
 */
export function sourceOf(address: string | null, ipv6Prefix: number): string | null {
  if (address === null) return null;
  const bare = address.split('%', 1)[0] as string;
  if (isIPv4(bare)) return bare;
  if (isIP(bare) !== 6) return null;
  const parts = groups(bare);
  if (parts.slice(0, 5).every((part) => part === 0) && parts[5] === 0xffff) {
    const [high = 0, low = 0] = parts.slice(6);
    return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  if (ipv6Prefix >= 128) return written(parts);
  const masked = parts.map((part, i) => {
    const bits = Math.min(16, Math.max(0, ipv6Prefix - i * 16));
    return part & (0xffff << (16 - bits)) & 0xffff;
  });
  return `${written(masked)}/${ipv6Prefix}`;
}

/** The bits that a network of one customer has in common. */
const NETWORK_BITS = 64;

/** The /64 that an IPv6 address is in, as `2001:db8:1:2::/64`; null for anything else. */
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
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (version === 4 ? 32 : 128)) return false;
  list.addSubnet(address, Number(prefix), family);
  return true;
}

/** A list of addresses and networks, all of which must be well-formed. */
export function networks(given: readonly string[]): BlockList {
  const list = new BlockList();
  for (const one of given) if (!addNetwork(list, one)) throw new RangeError(`${one} is no address and no network`);
  return list;
}

/** True when an address, or the first of a source's network, is in a list. */
export function isIn(list: BlockList, source: string): boolean {
  const address = (source.split('/', 1)[0] as string).split('%', 1)[0] as string;
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
}
