/** Names where sources are, for the rules. */
import type { OriginOf } from '../../service/origin.ts';
import type { OriginNamesOf } from '../detection/source-origin.ts';

/** Returns a lookup of countries and network operators in the files that `originOf` reads. */
export function originNames(originOf: OriginOf): OriginNamesOf {
  return (ip) => {
    const { origin } = originOf(ip);
    if (!origin) return null;
    const { country, asn, organization } = origin;
    return { country, operator: asn === null ? organization : `AS${asn} ${organization ?? ''}`.trimEnd() };
  };
}
