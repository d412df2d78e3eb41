/**
 * Gathers a program's environment: `.env` of the working directory, then the settings that SETTINGS_OFFERED holds as JSON, then
 * the file that SETTINGS_DEFAULTS names, then the settings that SETTINGS_FALLBACK holds as JSON, under the real environment, which
 * wins. The one file that imports dotenv.
 */
import { readFileSync } from 'node:fs';
import dotenv from 'dotenv';
import { isClosed } from './files.ts';
import { nearest } from './nearest.ts';

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that a program reads its settings from, and a line for each thing in them that does nothing. */
export interface Gathered {
  readonly env: Environment;
  readonly warnings: readonly string[];
}

/** The prefixes of the two programs' variables, which share one `.env`. */
const PREFIXES = ['ALPHASERVER_', 'ALPHACLIENT_'];

/** Names more files of settings, by what is gathered so far; what they set is overruled by all else. */
type MoreFiles = (env: Environment) => readonly string[];

/**
 * Gathers the environment of the program whose settings are `known`; `prefix` is theirs. Warns of a file that cannot be
 * read or has lines that set nothing, and of variables that begin like settings and are none.
 */
export function gatherEnvironment(
  real: Environment,
  prefix: string,
  known: readonly string[],
  more: MoreFiles = () => [],
): Gathered {
  const warnings: string[] = [];
  const { SETTINGS_DEFAULTS: defaults, SETTINGS_OFFERED: offered, SETTINGS_FALLBACK: fallback } = real;
  let env: Environment = {
    ...(fallback ? (JSON.parse(fallback) as Environment) : {}),
    ...(defaults ? variablesIn(defaults, warnings, true) : {}),
    ...(offered ? (JSON.parse(offered) as Environment) : {}),
    // A command of root's that has become the service's user is in the folder where root typed it, such as /root: what is there are
    // no settings of the service.
    ...(isClosed('.') ? {} : variablesIn('.env', warnings)),
    ...real,
  };
  for (const file of more(env)) env = { ...variablesIn(file, warnings), ...env };
  for (const name of Object.keys(env)) {
    const other = PREFIXES.some((one) => one !== prefix && name.startsWith(one));
    if (known.includes(name) || other || !(name.startsWith(prefix) || /^ALPHA(S|C)[A-Z]*_/.test(name))) continue;
    const meant = nearest(name, known);
    // A name like the other program's is for the other one to warn of.
    if (meant === null && !name.startsWith(prefix)) continue;
    warnings.push(`${name} is no setting${meant === null ? '' : `; did you mean ${meant}?`}`);
  }
  return { env, warnings };
}

/** Reads a file; `isOfUnit` says that systemd reads it as well, for the service. */
function variablesIn(file: string, warnings: string[], isOfUnit = false): Environment {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EISDIR') warnings.push(`${file} is a folder, and not a file of settings`);
    else if (code !== 'ENOENT') warnings.push(`${file} cannot be read: ${message}`);
    return {};
  }
  const fault = faultIn(bytes, isOfUnit);
  if (fault !== null) warnings.push(`${file} ${fault}`);
  return dotenv.parse(bytes);
}

/** Returns what of a file sets nothing, or not all that is written there, or not the same for dotenv and for systemd, or null. */
function faultIn(bytes: Buffer, isOfUnit: boolean): string | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return 'is no text in UTF-8';
  }
  // A quoted value may go over several lines, which are part of the first. The space keeps a comment behind it apart from the `=`.
  const replaced = text.replace(
    /=\s*(["'`])(?:\\.|(?!\1)[^\\])*\1/g,
    (value) => `=${'\n'.repeat(value.split('\n').length - 1)} `,
  );
  const lines = replaced.split(/\r?\n/);
  const wrong = lines.findIndex((line) => !/^\s*(?:#.*|(?:export\s+)?[\w.-]+\s*[=:].*)?$/.test(line));
  if (wrong >= 0) return `has a line ${wrong + 1} that sets nothing: a setting is NAME=value`;
  // dotenv ends a value without quotes at any #, and lets a comment follow one with quotes; systemd, which reads the file of a unit
  // for the service, ends a value at no # (load_env_file of systemd 252).
  const behindValue = isOfUnit ? /^\s*(?:export\s+)?[\w.-]+\s*=[^#]*#/ : /^\s*(?:export\s+)?[\w.-]+\s*=[^#]*(?<!\s)#/;
  const cut = lines.findIndex((line) => behindValue.test(line)) + 1;
  if (cut === 0) return null;
  return isOfUnit
    ? `has a # in line ${cut} that ends the value for a command, and not for a service of systemd: put the value in quotes, and a comment on a line of its own`
    : `has a value in line ${cut} that ends before its #: put it in quotes`;
}
