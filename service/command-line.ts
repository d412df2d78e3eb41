/**
 * Runs a program by its command line. The commands of a program are one table, from which their parsing, their help and the
 * form of their errors come: `--help`, `-h`, `help` and `--version` work for each, and an error begins with the command's name.
 */
import type { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { escapeText } from './escape.ts';
import { nearest } from './nearest.ts';
import { UserError } from './user-error.ts';
import type { ValueParser } from './value-parser.ts';

/** The command line is wrong; the message is one line that begins with the command's name. Exit code 2. */
export class UsageError extends UserError {
  constructor(command: string, what: string) {
    super(`${command}: ${escapeText(what, SHOWN_LIMIT_CHARS)}`, 2);
  }
}

/** The longest part of a command line that an error repeats. */
const SHOWN_LIMIT_CHARS = 240;

/** An option with a value; null where it is not given, unless it is `required`. */
export interface ValueOption<T> extends ValueParser<T> {
  /** The placeholder of the value in the help: `TIME`. */
  readonly placeholder: string;
  readonly help: string;
  readonly required?: true;
}

/** An option without a value; false where it is not given. */
export interface Switch {
  readonly help: string;
}

/**
 * An argument of a command. `many`: all the rest of the line, as a list; `least` of them must be there. `optional`: null where it is
 * not given.
 */
export interface Argument<T> extends ValueParser<T> {
  readonly placeholder: string;
  readonly many?: { readonly least: 0 | 1 };
  readonly optional?: true;
}

type Options = Readonly<Record<string, ValueOption<unknown> | Switch>>;
type Arguments = Readonly<Record<string, Argument<unknown>>>;
/** The values that a command is given, by the names of its options and arguments. */
export type Given<O extends Options, A extends Arguments> = {
  readonly [K in keyof O]: O[K] extends ValueOption<infer T>
    ? O[K] extends { readonly required: true }
      ? T
      : T | null
    : boolean;
} & {
  readonly [K in keyof A]: A[K] extends Argument<infer T>
    ? A[K] extends { readonly many: object }
      ? readonly T[]
      : A[K] extends { readonly optional: true }
        ? T | null
        : T
    : never;
};

/** One command. `run` resolves with the exit code, or rejects with a UserError. */
export interface Command<O extends Options = Options, A extends Arguments = Arguments> {
  /** One line of the help that says what it does, without a full stop. */
  readonly summary: string;
  readonly options: O;
  /** The arguments in their order on the line. */
  readonly arguments: A;
  readonly run: (given: Given<O, A>) => number | Promise<number>;
}

/** Commands under one word. `standard` names the one that runs where the line names none. */
export interface Group {
  readonly commands: Readonly<Record<string, Command | Group>>;
  readonly standard?: string;
}

/** A program: its commands, and what its help says of all of them. */
export interface Program extends Group {
  readonly name: string;
  readonly version: string;
  readonly notes: string;
}

/** Makes a table's entry of a command, whose `run` gets what its options and arguments are. */
export const command = <O extends Options, A extends Arguments>(given: Command<O, A>): Command =>
  given as unknown as Command;

/** The streams that a program writes to, and the time of its start. */
export interface ProgramIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly nowMs: number;
}

/** Parses the line, runs its command and resolves with the exit code. Errors are printed, and never thrown. */
export async function runProgram(program: Program, line: readonly string[], io: ProgramIo): Promise<number> {
  // Whoever reads may stop (`| head`): that ends the output, not the program with an exception.
  let broken: Error | null = null;
  io.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') broken ??= error;
  });
  let name = program.name;
  try {
    const found = find(program, line);
    name = found.path.join(' ');
    const text = informationIn(program, found);
    if (text !== null) {
      io.stdout.write(text);
      return 0;
    }
    if (!isCommand(found.node)) throw new UsageError(name, missing(found));
    const given = parse(name, found.node, found.rest, io.nowMs);
    const code = await found.node.run(given as never);
    if (broken) throw broken;
    return code;
  } catch (error) {
    const { message = String(error), exitCode = 1 } = error as Partial<UserError>;
    const named = error instanceof UsageError ? message : message.replaceAll(/^/gm, `${name}: `);
    io.stderr.write(
      `${named
        .split('\n')
        .map((one) => escapeText(one))
        .join('\n')}\n`,
    );
    return exitCode;
  }
}

const isCommand = (node: Command | Group): node is Command => 'run' in node;
const hasValue = (kind: ValueOption<unknown> | Switch): kind is ValueOption<unknown> => 'parse' in kind;

/** A node of the table, the words that lead to it, and what of the line is left. */
interface Found {
  readonly path: readonly string[];
  readonly node: Command | Group;
  readonly rest: readonly string[];
}

/** Goes down the table as far as the line names commands. Throws a UsageError for a word that names none. */
function find(program: Program, line: readonly string[]): Found {
  let path: readonly string[] = [program.name];
  let node: Command | Group = program;
  let rest = line[0] === 'help' ? [...line.slice(1), '--help'] : line;
  while (!isCommand(node)) {
    const group: Group = node;
    const [word, ...more] = rest;
    if (word === undefined || word.startsWith('-')) {
      const standard = group.standard === undefined ? undefined : group.commands[group.standard];
      // Help and version of a group are its own, and not those of the command that runs without a word.
      if (standard === undefined || asks(rest) !== null) break;
      node = standard;
    } else if (word === 'help' && more.length === 0) {
      rest = ['--help'];
      break;
    } else {
      const next = Object.hasOwn(group.commands, word) ? group.commands[word] : undefined;
      if (next === undefined) throw new UsageError(path.join(' '), unknownCommand(word, group));
      [path, node, rest] = [[...path, word], next, more];
    }
  }
  return { path, node, rest };
}

function unknownCommand(word: string, { commands }: Group): string {
  const known = Object.keys(commands);
  const meant = nearest(word, known);
  return `"${word}" is no command; ${meant === null ? `there are ${known.join(', ')}` : `did you mean ${meant}?`}`;
}

const missing = ({ node }: Found): string =>
  `a command is missing; there are ${isCommand(node) ? '' : Object.keys(node.commands).join(', ')}`;

/** Returns what a line asks for before anything else. `help` alone is the word; after `--` it is a file or a name. */
function asks(rest: readonly string[]): 'help' | 'version' | null {
  const end = rest.indexOf('--');
  const options = end < 0 ? rest : rest.slice(0, end);
  if (options.includes('--help') || options.includes('-h') || (rest.length === 1 && rest[0] === 'help')) return 'help';
  return options.includes('--version') ? 'version' : null;
}

function informationIn(program: Program, found: Found): string | null {
  const asked = asks(found.rest);
  if (asked === 'version') return `${program.version}\n`;
  return asked === 'help' ? helpOf(program, found) : null;
}

/** Reads the options and arguments of one command. Throws a UsageError. */
function parse(name: string, { options, arguments: wanted }: Command, rest: readonly string[], nowMs: number): unknown {
  const wrong = (what: string): UsageError => new UsageError(name, what);
  const { tokens } = parseArgs({
    args: [...rest],
    options: Object.fromEntries(
      Object.entries(options).map(([option, kind]) => [
        option,
        { type: hasValue(kind) ? 'string' : 'boolean' } as const,
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Record<string, unknown> = Object.fromEntries(
    Object.entries(options).map(([option, kind]) => [option, hasValue(kind) ? null : false]),
  );
  const seen = new Set<string>();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const kind = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (kind === undefined) throw wrong(unknownOption(token.rawName, options));
    if (seen.has(token.name)) throw wrong(`${token.rawName} is given twice`);
    seen.add(token.name);
    if (!hasValue(kind)) {
      if (token.value !== undefined) throw wrong(`${token.rawName} takes no value`);
      given[token.name] = true;
      continue;
    }
    if (token.value === undefined) throw wrong(`${token.rawName} needs a value: ${kind.valid}`);
    given[token.name] = read(kind, token.value, nowMs, () => wrong(`${token.rawName} must be ${kind.valid}`));
  }
  for (const [option, kind] of Object.entries(options))
    if (hasValue(kind) && kind.required && given[option] === null) throw wrong(`--${option} is missing: ${kind.valid}`);
  for (const [argument, kind] of Object.entries(wanted)) {
    const taken = kind.many ? words.splice(0) : words.splice(0, 1);
    if (taken.length < (kind.many?.least ?? (kind.optional ? 0 : 1)))
      throw wrong(`${kind.placeholder} is missing: ${kind.valid}`);
    const values = taken.map((word) =>
      read(kind, word, nowMs, () => wrong(`${kind.placeholder} must be ${kind.valid}, and not "${word}"`)),
    );
    given[argument] = kind.many ? values : (values[0] ?? null);
  }
  if (words.length > 0) throw wrong(`"${words[0]}" is more than it takes; see --help`);
  return given;
}

function read<T>({ parse: parseValue }: ValueParser<T>, text: string, nowMs: number, wrong: () => UsageError): T {
  const value = parseValue(text, nowMs);
  if (value === undefined) throw wrong();
  return value;
}

function unknownOption(given: string, options: Options): string {
  const known = Object.keys(options).map((option) => `--${option}`);
  const meant = nearest(given, known);
  const takes = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`;
  return `${given} is no option; ${meant === null ? takes : `did you mean ${meant}?`}`;
}

/** The widest usage that its summary stands beside, in characters; a longer one has it on the next line. */
const USAGE_CHARS = 34;

/** Writes the help of a command, or of all commands of a group. */
function helpOf(program: Program, { path, node }: Found): string {
  const usages = usagesOf(path, node, isCommand(node) ? undefined : node.standard);
  const lines = usages.map(([usage, { summary }], i) => {
    const begin = i === 0 ? 'usage: ' : '       ';
    if (isCommand(node)) return `${begin}${usage}`;
    return usage.length <= USAGE_CHARS
      ? `${begin}${usage.padEnd(USAGE_CHARS)} ${summary}`
      : `${begin}${usage}\n${' '.repeat(begin.length + USAGE_CHARS + 1)}${summary}`;
  });
  const own = isCommand(node) ? `\nIt ${node.summary}.\n${optionLines(node.options)}` : '';
  return `${lines.join('\n')}\n${own}\n${program.notes}`;
}

function usagesOf(
  path: readonly string[],
  node: Command | Group,
  standard: string | undefined,
): [usage: string, command: Command][] {
  if (isCommand(node)) return [[[...path, ...wordsOf(node)].join(' '), node]];
  return Object.entries(node.commands).flatMap(([word, next]) =>
    usagesOf([...path, word === standard ? `[${word}]` : word], next, undefined),
  );
}

function wordsOf({ options, arguments: wanted }: Command): string[] {
  return [
    ...Object.entries(options).map(([option, kind]) => {
      if (!hasValue(kind)) return `[--${option}]`;
      return kind.required ? `--${option} ${kind.placeholder}` : `[--${option} ${kind.placeholder}]`;
    }),
    ...Object.values(wanted).map(({ placeholder, many, optional }) => {
      if (!many) return optional ? `[${placeholder}]` : placeholder;
      return many.least === 0 ? `[${placeholder}...]` : `${placeholder}...`;
    }),
  ];
}

function optionLines(options: Options): string {
  const rows = Object.entries(options).map(
    ([option, kind]) => [`--${option}${hasValue(kind) ? ` ${kind.placeholder}` : ''}`, kind.help] as const,
  );
  const all = [...rows, ['--help', 'this text'] as const];
  const width = Math.max(...all.map(([usage]) => usage.length));
  return `\n${all.map(([usage, help]) => `  ${usage.padEnd(width)}  ${help}\n`).join('')}`;
}
