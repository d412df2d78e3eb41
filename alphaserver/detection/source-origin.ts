/** Gives the country and the network operator of sources, as numbers that detectors can remember. */
import { hashOf } from '../../service/text-hash.ts';

/** Names of where an address is: an ISO 3166 code, and such as `AS64500 Example`. Null where it is not known. */
export interface OriginNames {
  readonly country: string | null;
  readonly operator: string | null;
}

/** Looks an address up; null where nothing is known of it. */
export type OriginNamesOf = (ip: string) => OriginNames | null;

/** Hashes of both names, 0 where it is not known: nothing has to be interned for them. */
export interface SourceOrigin {
  readonly country: number;
  readonly operator: number;
}

const UNKNOWN: SourceOrigin = { country: 0, operator: 0 };
/** Addresses whose origin is remembered: a login is replayed several times while it may still change its place. */
const CACHED_LIMIT_ADDRESSES = 4_096;

/** Origins by the numbers of interned addresses. */
export class SourceOrigins {
  readonly #namesOf: OriginNamesOf | null;
  readonly #text: (ip: number) => string | null;
  readonly #known = new Map<number, SourceOrigin>();

  constructor(namesOf: OriginNamesOf | null, text: (ip: number) => string | null) {
    this.#namesOf = namesOf;
    this.#text = text;
  }

  of(ip: number): SourceOrigin {
    if (!this.#namesOf || ip === 0) return UNKNOWN;
    let origin = this.#known.get(ip);
    if (origin) return origin;
    const names = this.#namesOf(this.#text(ip) ?? '');
    origin = { country: hashed(names?.country), operator: hashed(names?.operator) };
    if (this.#known.size >= CACHED_LIMIT_ADDRESSES) this.#known.clear();
    this.#known.set(ip, origin);
    return origin;
  }

  /** Forgets what it remembers: to be called when numbers of texts are given to other texts. */
  forget(): void {
    this.#known.clear();
  }
}

const hashed = (name: string | null | undefined): number => (name ? hashOf(name) : 0);
