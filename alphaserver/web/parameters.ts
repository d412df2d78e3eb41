/** Query parameters: read strictly, with one clear error that names the parameter. Pure but for the clock that is passed in. */
import { readSpan } from '../../service/settings.ts';

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

  /** Unix milliseconds of an ISO 8601 time, or of a span back from now such as `24h`. */
  time(name: string): number | null {
    const value = this.text(name);
    if (value === null) return null;
    const spanMs = readSpan(value);
    if (spanMs !== undefined) return this.#nowMs - spanMs;
    const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms))
      throw new ParameterError(
        name,
        'an ISO 8601 time such as 2026-11-23T19:46:01Z, or a span back from now such as 15m, 24h or 7d',
      );
    return ms;
  }
}
