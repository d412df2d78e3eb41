/** Looks up the country and network of a source in files of MaxMind's format on this machine. Nothing is asked of the internet. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Reader, type Response } from 'maxmind';
import { networkWith } from './ip-network.ts';
import type { Logger } from './logger.ts';

/** The origin of an address; null where no file says so. `country` is an ISO 3166 code, `network` in CIDR form. */
export interface Origin {
  readonly country: string | null;
  readonly network: string | null;
  readonly asn: number | null;
  readonly organization: string | null;
}

/** The origin of an address as a field to add; nothing where no file is set or it does not know the address. */
export type OriginOf = (ip: string | null) => { readonly origin?: Origin | null };

/** The answer of a server without a file. */
export const NO_ORIGIN: OriginOf = () => ({});

/**
 * Reads GeoLite2/GeoIP2 country, city or ASN files, or others with their fields: one path, or several with commas between.
 * A file that cannot be read or is damaged is logged once, as an error that names it behind `setting`, and then nothing is known from it.
 */
export function originsFrom(
  files: string | null,
  log: Pick<Logger, 'error'>,
  setting = 'ALPHASERVER_GEOIP=',
): OriginOf {
  if (files === null) return NO_ORIGIN;
  const books = files.split(',').map((file) => new Book(file.trim(), log, setting));
  return (ip) => {
    const address = ip?.split('%', 1)[0] ?? '';
    if (isIP(address) === 0 || books.every(({ usable }) => !usable)) return {};
    const found = books.map((book) => book.find(address)).filter((origin) => origin !== null);
    return { origin: found.length === 0 ? null : found.reduce(joined) };
  };
}

/** Merges both answers; of two networks it takes the smaller one. */
function joined(a: Origin, b: Origin): Origin {
  const bits = ({ network }: Origin): number => Number(network?.split('/')[1] ?? 0);
  return {
    country: a.country ?? b.country,
    network: bits(a) >= bits(b) ? a.network : b.network,
    asn: a.asn ?? b.asn,
    organization: a.organization ?? b.organization,
  };
}

/** One file. */
class Book {
  readonly #named: string;
  readonly #log: Pick<Logger, 'error'>;
  #reader: Reader<Response> | null = null;

  constructor(file: string, log: Pick<Logger, 'error'>, setting: string) {
    this.#named = setting + file;
    this.#log = log;
    try {
      this.#reader = new Reader<Response>(readFileSync(file));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** False once it could not be read. */
  get usable(): boolean {
    return this.#reader !== null;
  }

  /** Gives the file's answer about an address; null where it has none. */
  find(address: string): Origin | null {
    try {
      return this.#reader && originIn(this.#reader, address);
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  #failed(error: unknown): void {
    this.#reader = null;
    const why = error instanceof Error ? error.message : error;
    this.#log.error(`${this.#named} cannot be used, nothing is known of sources from it: ${why}`);
  }
}

interface Found {
  /** The country's code in a file of ip-location-db. */
  readonly country_code?: unknown;
  readonly country?: { readonly iso_code?: unknown };
  readonly registered_country?: { readonly iso_code?: unknown };
  readonly autonomous_system_number?: unknown;
  readonly autonomous_system_organization?: unknown;
}

function originIn(reader: Reader<Response>, address: string): Origin | null {
  const [found, prefix] = reader.getWithPrefixLength(address) as [Found | null, number];
  if (found === null) return null;
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const asn = found.autonomous_system_number;
  return {
    country: text(found.country?.iso_code ?? found.registered_country?.iso_code ?? found.country_code),
    network: networkWith(address, prefix),
    asn: typeof asn === 'number' ? asn : null,
    organization: text(found.autonomous_system_organization),
  };
}
