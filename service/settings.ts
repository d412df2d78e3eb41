/** Reads settings from environment variables: all at once, checked, then frozen. Knows no name of any program's setting. */
import { escapeText } from './escape.ts';
import { textOf, type ValueParser, wordOf } from './value-parser.ts';

/** How one variable is read. */
export interface Setting<T> extends ValueParser<T> {
  /** The text used when the variable is unset or empty. */
  readonly fallback: string;
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

/** As much of a value as a message repeats. */
const SHOWN_LIMIT_CHARS = 200;

/** Reads every setting from `env`. Throws a SettingsError naming each variable, its value and what would be valid. */
export function readSettings<S extends Settings>(
  settings: S,
  env: Readonly<Record<string, string | undefined>>,
): Values<S> {
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, setting] of Object.entries(settings)) {
    const given = env[name] || setting.fallback;
    // No setting is a span back from now.
    const value = setting.parse(given, 0);
    if (value === undefined) {
      const shown = setting.secret ? '(hidden)' : escapeText(given, SHOWN_LIMIT_CHARS);
      faults.push(`${name}=${shown} cannot be used: it must be ${setting.valid}`);
    }
    values[name] = value;
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze(values) as Values<S>;
}

/** A setting that a parser reads, with the text that stands for it when it is unset. */
export const setting = <T>(parser: ValueParser<T>, fallback: string): Setting<T> => ({ ...parser, fallback });

/** A setting that may be absent: null when it is unset or empty. */
export const absentOr = <T>(parser: ValueParser<T>): Setting<T | null> => ({
  ...parser,
  fallback: '',
  parse: (given, nowMs) => (given === '' ? null : parser.parse(given, nowMs)),
});

/** A text that no message shows; null when it is unset or empty. */
export const secret = (limitChars: number): Setting<string | null> => ({
  ...absentOr(textOf(limitChars)),
  secret: true,
});

/** Values of LOG_LEVEL, which are pino's, and of LOG_FORMAT. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export const LOG_FORMATS = ['plain', 'json'] as const;

/** The settings that every program of the project has. */
export const LOG_SETTINGS = {
  LOG_LEVEL: setting(wordOf(LOG_LEVELS), 'info'),
  LOG_FORMAT: setting(wordOf(LOG_FORMATS), 'plain'),
};
