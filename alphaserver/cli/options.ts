/** Options of a command: read strictly, one clear line for what cannot be used. Pure but for the clock that is passed in. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { escapeText } from '../../service/escape.ts';
import { textOf, time, type ValueParser } from '../../service/value-parser.ts';

/** A command was used wrongly: one line for people, and exit code 2. */
export class UsageError extends Error {}

/** As much of a command line as an error repeats. */
const SHOWN_LIMIT_CHARS = 240;

/** The longest value of an option, in UTF-16 units. */
const TEXT_LIMIT_CHARS = 1_024;

type Kinds = Readonly<Record<string, 'text' | 'flag'>>;

/** The options that were given. Times are read as the API reads them. */
export class Options {
  readonly #command: string;
  readonly #values: Readonly<Record<string, string | boolean>>;
  readonly #nowMs: number;

  /** Throws a UsageError for options that are not among `kinds`, for one without its value, and for anything else on the line. */
  constructor(command: string, args: readonly string[], kinds: Kinds, nowMs: number) {
    this.#command = command;
    this.#nowMs = nowMs;
    const options: ParseArgsConfig['options'] = {};
    for (const [name, kind] of Object.entries(kinds)) options[name] = { type: kind === 'flag' ? 'boolean' : 'string' };
    try {
      this.#values = parseArgs({ args: [...args], options, strict: true }).values as Record<string, string | boolean>;
    } catch (error) {
      const [what = ''] = (error as Error).message.split(/\.\s|\n/);
      const known = Object.entries(kinds).map(([name, kind]) => (kind === 'flag' ? `--${name}` : `--${name} ...`));
      throw this.#wrong(`${what.replace(/\.$/, '')}; it takes ${known.join(', ')}`);
    }
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | null {
    return this.#read(name, textOf(TEXT_LIMIT_CHARS));
  }

  /** Unix milliseconds, or null where it is not given. */
  time(name: string): number | null {
    return this.#read(name, time);
  }

  /** A UsageError that names the command. */
  #wrong(what: string): UsageError {
    return new UsageError(`alphaserver ${this.#command}: ${escapeText(what, SHOWN_LIMIT_CHARS)}`);
  }

  /** Throws a UsageError unless `from` is before `to`. */
  inOrder(from: number, to: number): void {
    if (!(from < to)) throw this.#wrong('--since must be before --until');
  }

  #read<T>(name: string, { parse, valid }: ValueParser<T>): T | null {
    const given = this.#values[name];
    if (typeof given !== 'string') return null;
    const value = parse(given, this.#nowMs);
    if (value === undefined) throw this.#wrong(`--${name} must be ${valid}`);
    return value;
  }
}
