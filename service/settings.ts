/** Reads settings from environment variables: all at once, checked, then frozen. Knows no name of any program's setting. */
import type { Environment } from './environment.ts';
import { escapeText } from './escape.ts';
import { UserError } from './user-error.ts';
import { textOf, type ValueParser, wordOf } from './value-parser.ts';

/** The reader of one variable. */
export interface Setting<T> extends ValueParser<T> {
  /** The text used when the variable is unset or empty. */
  readonly fallback: string;
  /** True when the value must not be shown in messages. */
  readonly secret?: boolean;
  /** Says why what the text points to cannot be used, or null; it reads files. */
  readonly fault?: (text: string) => string | null;
}

/** One setting per key; the key is the variable's name. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;
/** The values that a set of settings gives. */
export type Values<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

/** Some variables cannot be used: one line each. A program that meets it ends with exit code 2. */
export class SettingsError extends UserError {
  constructor(lines: readonly string[]) {
    super(lines.join('\n'), 2);
  }
}

/** The longest part of a value that a message repeats. */
const SHOWN_LIMIT_CHARS = 200;

/** Reads every setting from `env`. Throws a SettingsError naming each variable, its value and what would be valid. */
export function readSettings<S extends Settings>(settings: S, env: Environment): Values<S> {
  refuseUncheckedTls(env);
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, setting] of Object.entries(settings)) {
    // No setting is a span back from now.
    const text = given(env, name, setting);
    const value = setting.parse(text, 0);
    if (value === undefined)
      faults.push(refused(settings, env, name, setting.refusal?.(text) ?? `it must be ${setting.valid}`));
    values[name] = value;
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze(values) as Values<S>;
}

/** Node's variable that makes every TLS connection of a process take any certificate. */
const UNCHECKED = 'NODE_TLS_REJECT_UNAUTHORIZED';

/** Refuses an environment that takes the checks of certificates away. Throws a SettingsError. */
function refuseUncheckedTls(env: Environment): void {
  if (env[UNCHECKED] === '0')
    throw new SettingsError([
      `${UNCHECKED}=0 cannot be used: any server could then pass for another; name the authority that signed its certificate`,
    ]);
}

/**
 * Checks what the named settings point to, where they are set. Throws a SettingsError naming each variable, its value and
 * what is wrong with it.
 */
export function checkSettings<S extends Settings>(
  settings: S,
  env: Environment,
  names: readonly (keyof S & string)[],
): void {
  const faults = names.flatMap((name) => {
    const text = given(env, name, settings[name]);
    const fault = text === '' ? null : settings[name]?.fault?.(text);
    return fault ? [refused(settings, env, name, fault)] : [];
  });
  if (faults.length > 0) throw new SettingsError(faults);
}

/** Returns a line for each of these settings that is set although nothing uses it. `why` ends the sentence `... is not used: ...`. */
export const unusedSettings = (env: Environment, names: readonly string[], why: string): string[] =>
  names.filter((name) => env[name]).map((name) => `${name} is not used: ${why}`);

/** Returns the line that refuses a setting. */
export function refused(settings: Settings, env: Environment, name: string, why: string): string {
  const setting = settings[name];
  const shown = setting?.secret ? '(hidden)' : escapeText(given(env, name, setting), SHOWN_LIMIT_CHARS);
  return `${name}=${shown} cannot be used: ${escapeText(why)}`;
}

const given = (env: Environment, name: string, setting: Setting<unknown> | undefined): string =>
  env[name] || (setting?.fallback ?? '');

/** A setting that a parser reads, with the text that stands for it when it is unset. */
export const setting = <T>(parser: ValueParser<T>, fallback: string): Setting<T> => ({ ...parser, fallback });

/** A setting that may be absent: null when it is unset or empty. */
export const absentOr = <T>(parser: ValueParser<T>): Setting<T | null> => ({
  ...parser,
  fallback: '',
  parse: (text, nowMs) => (text === '' ? null : parser.parse(text, nowMs)),
});

/** A setting that points to something, which is checked before anything is opened. */
export const checked = <T>(setting: Setting<T>, fault: (text: string) => string | null): Setting<T> => ({
  ...setting,
  fault,
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
