/** Query parameters: read strictly, with one clear error that names the parameter. Pure but for the clock that is passed in. */

import { networkOf } from '../../service/ip-network.ts';
import { readSpan } from '../../service/settings.ts';
import type { SpanQuery } from '../queries/results.ts';

/** The contract's bounds on every list. */
export const LIMIT_DEFAULT = 100;
export const LIMIT_MOST = 1_000;
const TEXT_LIMIT = 1_024;

/** A parameter cannot be used; becomes the 400 answer. */
export class ParameterError extends Error {
  readonly statusCode = 400;
  constructor(name: string, valid: string) {
    super(`${name} must be ${valid}`);
  }
}

/** The parameters of one request. Each reader names one; `only` refuses the rest. */
export class Parameters {
  readonly #given: Readonly<Record<string, unknown>>;
  readonly #nowMs: number;

  constructor(given: unknown, nowMs: number) {
    this.#given = given as Record<string, unknown>;
    this.#nowMs = nowMs;
  }

  /** Throws a ParameterError for a parameter that is not among `names`: a misspelt filter must not give unfiltered answers. */
  only(names: readonly string[]): void {
    for (const name of Object.keys(this.#given))
      if (!names.includes(name))
        throw new ParameterError(name.slice(0, 40), `left out: this path knows ${names.join(', ')}`);
  }

  text(name: string): string | null {
    const value = this.#given[name];
    if (value === undefined) return null;
    if (typeof value !== 'string' || value.length > TEXT_LIMIT)
      throw new ParameterError(name, `given once, with at most ${TEXT_LIMIT} characters`);
    return value;
  }

  /** An address as it is, or an IPv6 /64 in one form for all its spellings. Other networks are refused. */
  source(name: string): string | null {
    const value = this.text(name);
    if (value === null || !value.includes('/')) return value;
    const [address = '', bits, ...more] = value.split('/');
    const network = networkOf(address);
    if (network === null || bits !== '64' || more.length > 0)
      throw new ParameterError(
        name,
        'an address such as 203.0.113.7, or an IPv6 network of 64 bits such as 2001:db8:1:2::/64',
      );
    return network;
  }

  oneOf<const W extends string>(name: string, words: readonly W[]): W | null {
    const value = this.text(name);
    if (value === null) return null;
    const word = words.find((one) => one === value);
    if (word === undefined) throw new ParameterError(name, words.join(', '));
    return word;
  }

  limit(): number {
    const value = this.text('limit');
    if (value === null) return LIMIT_DEFAULT;
    const limit = Number(value);
    if (!/^\d{1,9}$/.test(value) || limit < 1 || limit > LIMIT_MOST)
      throw new ParameterError('limit', `a whole number from 1 to ${LIMIT_MOST}`);
    return limit;
  }

  flag(name: string): boolean | null {
    const word = this.oneOf(name, ['true', 'false']);
    return word === null ? null : word === 'true';
  }

  /** The span from `since` to `until`, infinite where they are left out. */
  span(): SpanQuery {
    return { from: this.time('since') ?? Number.NEGATIVE_INFINITY, to: this.time('until') ?? Number.POSITIVE_INFINITY };
  }

  /** A cursor of the form that `read` takes apart; null where none is given. `read` gives null for what no answer gave. */
  cursor<C>(read: (text: string) => C | null): C | null {
    const value = this.text('cursor');
    if (value === null) return null;
    const cursor = read(value);
    if (cursor === null) throw new ParameterError('cursor', "what an earlier answer's next gave");
    return cursor;
  }

  /** Unix milliseconds of an ISO 8601 time, or of a span back from now such as `24h`. */
  time(name: string): number | null {
    const value = this.text(name);
    if (value === null) return null;
    const spanMs = readSpan(value);
    // To the second, so that all who look at the same span share an answer.
    if (spanMs !== undefined) return Math.floor((this.#nowMs - spanMs) / 1_000) * 1_000;
    const match = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.exec(value);
    // Without a zone it is UTC, as all our times are, and not the time of wherever the server stands.
    const ms = match ? Date.parse(match[1] && !match[2] ? `${value}Z` : value) : Number.NaN;
    if (Number.isNaN(ms))
      throw new ParameterError(
        name,
        'an ISO 8601 time such as 2026-11-23T19:46:01Z, or a span back from now such as 15m, 24h or 7d',
      );
    return ms;
  }
}
