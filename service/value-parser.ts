/**
 * Parses values that a person wrote: a setting, a parameter of the API, an option of a command. Each parser names what is
 * valid, for the one line that refuses a text. Pure: the clock is an argument.
 */

/** A reader of one value's text. */
export interface ValueParser<T> {
  /** The words for what is valid, as they end the sentence `it must be ...`. */
  readonly valid: string;
  /** Says what is wrong with a text that is not valid, where `valid` alone does not help to find it. */
  readonly refusal?: (text: string) => string;
  /** The valid texts, where there are few. */
  readonly words?: readonly string[];
  /** Returns the value, or undefined for a text that is not valid. Spans count back from `nowMs`, Unix milliseconds. */
  readonly parse: (text: string, nowMs: number) => T | undefined;
}

/** Takes any text up to a length, in UTF-16 units. */
export const textOf = (
  limitChars: number,
  valid = `a text of at most ${limitChars} characters`,
): ValueParser<string> => ({
  valid,
  parse: (given) => (given.length > limitChars ? undefined : given),
});

/** The longest path that Linux takes, in bytes (PATH_MAX). */
const PATH_LIMIT_CHARS = 4_096;

/** Takes a path, or several where the setting says so. */
export const path = (valid: string): ValueParser<string> => textOf(PATH_LIMIT_CHARS, valid);

/** Takes one of some words. */
export const wordOf = <const W extends string>(words: readonly W[]): ValueParser<W> => ({
  valid: words.length <= 2 ? words.join(' or ') : `one of ${words.join(', ')}`,
  words,
  parse: (given) => words.find((word) => word === given),
});

/** Takes `true` or `false`. */
export const truth: ValueParser<boolean> = {
  valid: 'true or false',
  words: ['true', 'false'],
  parse: (given) => (given === 'true' ? true : given === 'false' ? false : undefined),
};

/** Takes a whole number between two others, both included, in at most nine digits. */
export const wholeNumber = (least: number, most: number): ValueParser<number> => ({
  valid: `a whole number from ${least} to ${most}`,
  parse: (given) => {
    const number = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
    return number >= least && number <= most ? number : undefined;
  },
});

const SPAN = /^(\d{1,9})([smhdw])$/;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Reads a span of time such as `90d`. Returns milliseconds, or undefined. */
export function readSpan(given: string): number | undefined {
  const match = SPAN.exec(given);
  if (!match) return undefined;
  const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  return ms > 0 && ms <= Number.MAX_SAFE_INTEGER ? ms : undefined;
}

/** Takes a span of time; gives milliseconds. */
export const span: ValueParser<number> = { valid: 'a span of time such as 15m, 24h or 90d', parse: readSpan };

/** The first and the last time that can be written with a year of four digits, Unix milliseconds: a time is sent on as it is written. */
const FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const within = (ms: number): number | undefined => (ms >= FIRST_MS && ms <= LAST_MS ? ms : undefined);

const ISO_TIME = /^(\d{4}-\d\d-(\d\d))(T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/**
 * Takes an ISO 8601 time, in UTC where it has no zone, or a span back from now such as `24h`; gives Unix milliseconds. A
 * span is cut to the second, so that all who look at the same span ask for the same result.
 */
export const time: ValueParser<number> = {
  valid: 'an ISO 8601 time such as 2026-11-23T19:46:01Z, or a span back from now such as 15m, 24h or 7d',
  parse: (given, nowMs) => {
    const spanMs = readSpan(given);
    if (spanMs !== undefined) return within(Math.floor((nowMs - spanMs) / 1_000) * 1_000);
    const [, date = '', day, clock, zone] = ISO_TIME.exec(given) ?? [];
    // Date.parse takes 30 February for 2 March.
    if (new Date(Date.parse(date)).getUTCDate() !== Number(day)) return undefined;
    return within(Date.parse(clock && !zone ? `${given}Z` : given));
  },
};

/** Takes a number of bytes, in KiB, MiB or GiB where it ends so. */
export const bytes = (least: number): ValueParser<number> => ({
  valid: `a size of at least ${least} bytes such as 64MiB`,
  parse: (given) => {
    const match = /^(\d{1,12})(KiB|MiB|GiB|)$/.exec(given);
    if (!match) return undefined;
    const size = Number(match[1]) * { '': 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 }[match[2] as ''];
    return size >= least && Number.isSafeInteger(size) ? size : undefined;
  },
});

/** An address at which something listens or is reached. */
export interface Address {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
}

/** Reads `SCHEME://HOST:PORT` with one of some schemes; the brackets of an IPv6 address are taken off. */
export function readAddress(given: string, schemes: readonly string[]): Address | undefined {
  const match = /^([a-z]+):\/\/(\[[0-9a-fA-F:.%a-z]+\]|[^\s\p{C}/:[\]@?#]+):(\d{1,5})\/?$/u.exec(given);
  if (!match) return undefined;
  const [, scheme = '', host = '', port = ''] = match;
  if (!schemes.includes(scheme) || Number(port) > 65_535) return undefined;
  return { scheme, host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Writes a host and a port as `readAddress` reads them: an IPv6 address goes into brackets. */
export const hostAndPort = (host: string, port: number): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Takes an address with one of some schemes. */
export const address = (schemes: readonly string[], example: string): ValueParser<Address> => ({
  valid: `an address such as ${example}${schemes.length > 1 ? ` (${schemes.join(' or ')})` : ''}`,
  parse: (given) => readAddress(given, schemes),
});
