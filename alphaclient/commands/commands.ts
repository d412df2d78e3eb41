/** alphaclient's commands: what each takes, and which file carries it out. Each loads only what it needs. */
import { existsSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import type { Readable } from 'node:stream';
import manifest from '../../package.json' with { type: 'json' };
import { command, type Program, type ProgramIo } from '../../service/command-line.ts';
import type { Environment } from '../../service/environment.ts';
import { escapeText } from '../../service/escape.ts';
import { type Address, readAddress, textOf, type ValueParser } from '../../service/value-parser.ts';
import type { HeaderFormat } from '../sshd/header-format.ts';

const NOTES = `Settings are environment variables (ALPHACLIENT_SERVER, ALPHACLIENT_LOG, ...); .env is read too. They are listed in
.env.example, which packages bring as /usr/share/doc/asgard-agent/settings.example.
`;

/** The parts of its process that a program uses. */
export interface CommandIo extends ProgramIo {
  readonly stdin: Readable;
  readonly env: Environment;
}

/** A line that is read of a log has at most 64 KiB, and no path or code that somebody types is longer. */
const TEXT_LIMIT_CHARS = 65_536;
const file = { ...textOf(TEXT_LIMIT_CHARS, 'a log file, or - for standard input'), placeholder: 'FILE' };
const code = { ...textOf(TEXT_LIMIT_CHARS, 'a code that alphaserver enroll printed'), placeholder: 'CODE' };
/** Takes a server as people write it: `asgard.example`, with a port where it is not 5000. */
const serverAddress: ValueParser<Address> = {
  valid: 'the name or address of a server such as asgard.example:5000',
  parse: (given) =>
    ['', ':5000'].map((port) => readAddress(`tls://${given.replace(/^tls:\/\//, '')}${port}`, ['tls'])).find(Boolean),
};
const line = { ...textOf(TEXT_LIMIT_CHARS, 'a line of a log'), placeholder: 'LINE' };

/** Makes the table of commands for one process. */
export function alphaclient(io: CommandIo): Program {
  return {
    name: 'alphaclient',
    version: manifest.version,
    notes: NOTES,
    standard: 'run',
    commands: {
      run: command({
        summary: "follows this host's sshd log and sends what it shows to alphaserver",
        options: {},
        arguments: {},
        run: async () => {
          const { checkClientConfig, readClientConfig, unusedIn } = await import('../config.ts');
          const env = await environment(io);
          const config = readClientConfig(env);
          for (const warning of unusedIn(config, env)) io.stderr.write(`alphaclient: ${warning}\n`);
          checkClientConfig(config, env);
          return (await import('./run-command.ts')).runCommand(config, env);
        },
      }),
      join: command({
        summary:
          "gets this host a certificate by a code of alphaserver enroll, writes the agent's settings and starts its service",
        options: {
          file: {
            ...textOf(TEXT_LIMIT_CHARS, 'a file'),
            placeholder: 'FILE',
            help: 'the file that holds the code; - is standard input, which is read too where no code is given',
          },
        },
        arguments: { server: { ...serverAddress, placeholder: 'SERVER' }, code: { ...code, optional: true } },
        run: async ({ server, code: given, file: codeFile }) => {
          const { readClientConfig } = await import('../config.ts');
          const config = readClientConfig(await environment(io));
          return (await import('./join.ts')).joinCommand({ ...io, server, code: given, file: codeFile, config });
        },
      }),
      scan: command({
        summary: 'reads old logs (- is standard input) and prints their events',
        options: {
          summary: { help: 'tables for people, in place of a line of JSON for each event' },
          json: { help: 'with --summary one object, for programs; without it events are JSON anyway' },
          sessions: { help: 'also the ends of sessions, with the outcome ended; not in a summary' },
        },
        arguments: { files: { ...file, many: { least: 1 } } },
        run: async (given) => (await import('./scan.ts')).scan(given, io, await header(io)),
      }),
      explain: command({
        summary:
          'says which message of sshd a line is, and which event it makes; without a line it reads standard input',
        options: { json: { help: 'as one JSON object for each line, for programs' } },
        arguments: { words: { ...line, many: { least: 0 } } },
        run: async (given) => (await import('./explain.ts')).explain(given, io, await header(io)),
      }),
      status: command({
        summary: 'shows what the agent of this state folder has read, sent and had acknowledged',
        options: { json: { help: 'as JSON, for programs' } },
        arguments: {},
        run: async ({ json }) => {
          const { readClientConfig } = await import('../config.ts');
          const out = {
            out: (text: string) => void io.stdout.write(text),
            error: (text: string) => void io.stderr.write(`alphaclient status: ${text}`),
          };
          const { stateFolder } = readClientConfig(await environment(io));
          return (await import('./status.ts')).status(stateFolder, json, io.nowMs, out);
        },
      }),
    },
  };
}

/** Gathers the environment. Prints a line for whatever looks like a setting and is none. */
async function environment({ env: real, stderr }: CommandIo): Promise<Environment> {
  const { gatherEnvironment } = await import('../../service/environment.ts');
  const { SETTING_NAMES, STATE_STANDARD } = await import('../config.ts');
  // What `join` wrote where no file of settings is named: it goes where the state folder goes.
  const joined = (gathered: Environment): readonly string[] =>
    real['SETTINGS_DEFAULTS']
      ? []
      : [joinPath(gathered['ALPHACLIENT_STATE'] || STATE_STANDARD, '.env')].filter((file) => existsSync(file));
  const { env, warnings } = gatherEnvironment(real, 'ALPHACLIENT_', SETTING_NAMES, joined);
  for (const warning of warnings) stderr.write(`alphaclient: ${escapeText(warning)}\n`);
  return env;
}

/** Reads the header's form. Where no setting is given at all, a scan of a small log would take longer for the asking. */
async function header(io: CommandIo): Promise<HeaderFormat | null> {
  if (!io.env['ALPHACLIENT_HEADER'] && !io.env['SETTINGS_DEFAULTS'] && !existsSync('.env')) return null;
  const { readHeaderFormat } = await import('../config.ts');
  return readHeaderFormat(await environment(io));
}
