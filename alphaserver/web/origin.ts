/** Where a source is, from a file of MaxMind's format that stands on this machine. Nothing is asked of the internet. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Reader, type Response } from 'maxmind';
import type { Logger } from '../../service/logger.ts';
import type { Origin } from './views.ts';

/** The origin of an address as a field to add; nothing where no file is set or it does not know the address. */
export type OriginOf = (ip: string | null) => { readonly origin?: Origin | null };

/** What a server without a file says. */
export const NO_ORIGIN: OriginOf = () => ({});

/**
 * Reads a GeoLite2/GeoIP2 country, city or ASN file, or another with `country.iso_code`. A file that cannot be read or is
 * damaged is said once, as an error, and then there are no origins.
 */
export function originsFrom(file: string | null, log: Pick<Logger, 'error'>): OriginOf {
  if (file === null) return NO_ORIGIN;
  let reader: Reader<Response> | null = null;
  const failed = (error: unknown): void => {
    reader = null;
    log.error(
      `ALPHASERVER_GEOIP=${file} cannot be used, sources have no country: ${error instanceof Error ? error.message : error}`,
    );
  };
  try {
    reader = new Reader<Response>(readFileSync(file));
  } catch (error) {
    failed(error);
  }
  return (ip) => {
    const address = ip?.split('%', 1)[0] ?? '';
    if (reader === null || isIP(address) === 0) return {};
    try {
      return { origin: originIn(reader, address) };
    } catch (error) {
      failed(error);
      return {};
    }
  };
}

function originIn(reader: Reader<Response>, address: string): Origin | null {
  const [found, prefix] = reader.getWithPrefixLength(address);
  if (found === null) return null;
  const { country, registered_country: registered } = found as {
    country?: { iso_code?: unknown };
    registered_country?: { iso_code?: unknown };
  };
  const code = country?.iso_code ?? registered?.iso_code;
  return { country: typeof code === 'string' ? code : null, network: networkOf(address, prefix) };
}

/** The network of an address with so many leading bits, such as `203.0.113.0/24`. */
export function networkOf(address: string, prefix: number): string | null {
  const sized = isIP(address) === 4 ? 8 : 16;
  const groups = sized === 8 ? address.split('.').map(Number) : groupsOf(address);
  if (groups === null) return null;
  const kept = groups.map((group, i) => {
    const bits = Math.min(Math.max(prefix - i * sized, 0), sized);
    return group & ((2 ** sized - 1) ^ (2 ** (sized - bits) - 1));
  });
  if (sized === 8) return `${kept.join('.')}/${prefix}`;
  const shown = new URL(`http://[${kept.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
  return `${shown}/${prefix}`;
}

function groupsOf(address: string): number[] | null {
  // The URL parser writes an IPv4 tail as two groups and checks the rest.
  if (!URL.canParse(`http://[${address}]`)) return null;
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...(tail === undefined ? [] : zeros), ...after].map((group) => Number.parseInt(group, 16));
}
