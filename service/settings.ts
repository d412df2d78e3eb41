/** Settings from environment variables: read all at once, checked, then frozen. Knows no name of any program's setting. */

/** How one variable is read. */
export interface Setting<T> {
  /** Text used when the variable is unset or empty. */
  readonly fallback: string;
  /** What would be valid, for the message: `a port from 0 to 65535`. */
  readonly valid: string;
  /** The value of a text, or undefined when it cannot be used. */
  readonly read: (text: string) => T | undefined;
  /** True when the value must not be shown in messages. */
  readonly secret?: boolean;
}

/** One setting per key; the key is the variable's name. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;
/** The values that a set of settings gives. */
export type Values<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Some variables cannot be used: one line each. A program that meets it ends with exit code 2. */
export class SettingsError extends Error {
  readonly code = 'settings';
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
  }
}

/** Reads every setting from `env`. Throws a SettingsError naming each variable, its value and what would be valid. */
export function readSettings<S extends Settings>(
  settings: S,
  env: Readonly<Record<string, string | undefined>>,
): Values<S> {
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, setting] of Object.entries(settings)) {
    const text = env[name] || setting.fallback;
    const value = setting.read(text);
    if (value === undefined)
      faults.push(`${name}=${setting.secret ? '(hidden)' : visible(text)} cannot be used: it must be ${setting.valid}`);
    values[name] = value;
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze(values) as Values<S>;
}

const SHOWN_LIMIT = 200;
const visible = (text: string): string => JSON.stringify(text.slice(0, SHOWN_LIMIT)).slice(1, -1);

/** Any text; empty means absent (null). */
export const text = (fallback = ''): Setting<string | null> => ({
  fallback,
  valid: 'a text',
  read: (given) => given || null,
});

/** A text that is never shown; empty means absent (null). */
export const secret = (limit: number): Setting<string | null> => ({
  fallback: '',
  valid: `a text of at most ${limit} characters`,
  read: (given) => (given.length > limit ? undefined : given || null),
  secret: true,
});

/** One of some words. */
export const oneOf = <const W extends string>(words: readonly W[], fallback: W): Setting<W> => ({
  fallback,
  valid: words.length === 2 ? words.join(' or ') : `one of ${words.join(', ')}`,
  read: (given) => words.find((word) => word === given),
});

/** Values of LOG_LEVEL, which are pino's, and of LOG_FORMAT. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['plain', 'json'] as const;

/** The settings that every program of the project has. */
export const LOG_SETTINGS = {
  LOG_LEVEL: oneOf(LOG_LEVELS, 'info'),
  LOG_FORMAT: oneOf(LOG_FORMATS, 'plain'),
};

/** `true` or `false`. */
export const flag = (fallback: boolean): Setting<boolean> => ({
  fallback: String(fallback),
  valid: 'true or false',
  read: (given) => (given === 'true' ? true : given === 'false' ? false : undefined),
});

const SPAN = /^(\d{1,9})([smhdw])$/;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** A span of time such as `90d`, in milliseconds, or undefined. */
export function readSpan(given: string): number | undefined {
  const match = SPAN.exec(given);
  if (!match) return undefined;
  const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  return ms > 0 && ms <= Number.MAX_SAFE_INTEGER ? ms : undefined;
}

/** A span of time, in milliseconds. */
export const span = (fallback: string): Setting<number> => ({
  fallback,
  valid: 'a span of time such as 15m, 24h or 90d',
  read: readSpan,
});

/** A whole number of bytes, with KiB, MiB or GiB. */
export const bytes = (fallback: string, least: number): Setting<number> => ({
  fallback,
  valid: `a size of at least ${least} bytes such as 64MiB`,
  read: (given) => {
    const match = /^(\d{1,12})(KiB|MiB|GiB|)$/.exec(given);
    if (!match) return undefined;
    const size = Number(match[1]) * { '': 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 }[match[2] as ''];
    return size >= least && Number.isSafeInteger(size) ? size : undefined;
  },
});

/** Where something listens or is reached. */
export interface Address {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
}

/** Reads `SCHEME://HOST:PORT` with one of some schemes; brackets of IPv6 addresses are taken off. */
export function readAddress(given: string, schemes: readonly string[]): Address | undefined {
  const match = /^([a-z]+):\/\/(\[[0-9a-fA-F:.%a-z]+\]|[^\s/:[\]@?#]+):(\d{1,5})\/?$/.exec(given);
  if (!match) return undefined;
  const [, scheme = '', host = '', port = ''] = match;
  if (!schemes.includes(scheme) || Number(port) > 65_535) return undefined;
  return { scheme, host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** An address with one of some schemes. */
export const address = (schemes: readonly string[], fallback: string): Setting<Address> => ({
  fallback,
  valid: `an address such as ${fallback}${schemes.length > 1 ? ` (${schemes.join(' or ')})` : ''}`,
  read: (given) => readAddress(given, schemes),
});
