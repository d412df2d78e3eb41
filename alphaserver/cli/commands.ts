/** alphaserver's commands: what each takes, and which file carries it out. Each loads only what it needs. */

import { isIP } from 'node:net';
import manifest from '../../package.json' with { type: 'json' };
import { type Argument, command, type Group, type Program, type ProgramIo } from '../../service/command-line.ts';
import { type Environment, gatherEnvironment } from '../../service/environment.ts';
import { escapeText } from '../../service/escape.ts';
import { readSpan, textOf, time, type ValueParser, wholeNumber, wordOf } from '../../service/value-parser.ts';
import {
  checkServerConfig,
  readServerConfig,
  SETTING_NAMES,
  type ServerConfig,
  type SettingName,
  unusedIn,
} from '../config.ts';
import { PATTERNS_LIMIT } from '../ingest/host-pattern.ts';
import { GOOD_LIMIT_MS, HOSTS_LIMIT } from '../ingest/join-codes.ts';
import { SCOPES } from '../ingest/tokens.ts';
import { serverUrls } from '../shared-log/postgres-url.ts';
import { ROLES } from '../web/users.ts';
import { revoked } from './revoked-key.ts';

const NOTES = `Times are ISO 8601 in UTC, or spans back from now such as 15m, 24h or 7d.
Settings are environment variables (ALPHASERVER_LISTEN, ALPHASERVER_HTTP, ...); .env is read too. They are listed in
.env.example, which packages bring as /usr/share/doc/asgard-server/settings.example.
`;

/** The parts of its process that a program uses. */
export interface CommandIo extends ProgramIo {
  readonly env: Environment;
}

/** The longest name, path or text in an option, in UTF-16 units. */
const TEXT_LIMIT_CHARS = 1_024;

const DAY_MS = 86_400_000;

const text = textOf(TEXT_LIMIT_CHARS);
/** Takes DNS names and addresses, which may be wildcards, with commas between. */
const hostNameList: ValueParser<readonly string[]> = {
  valid: 'names and addresses with commas between, such as asgard.example,192.0.2.1',
  parse: (given) => {
    const all = given.split(',').map((one) => one.trim());
    const good = (one: string): boolean =>
      isIP(one) !== 0 || /^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(one);
    return given.length <= TEXT_LIMIT_CHARS && all.every(good) ? all : undefined;
  },
};

/** Takes how long a code is good, in milliseconds. */
const goodFor: ValueParser<number> = {
  valid: `a span of time such as 1h or 24h, at most ${GOOD_LIMIT_MS / DAY_MS}d`,
  parse: (given) => {
    const ms = readSpan(given);
    return ms !== undefined && ms <= GOOD_LIMIT_MS ? ms : undefined;
  },
};

const postgresUrl: ValueParser<string> = {
  valid: 'an address such as postgres://asgard:PASSWORD@db.example.org:5432/asgard',
  parse: (given) => (serverUrls(given) === null ? undefined : given),
};

const name = textOf(TEXT_LIMIT_CHARS, 'the name of a token');
const option = <T>(parser: ValueParser<T>, placeholder: string, help: string) => ({ ...parser, placeholder, help });
const required = <T>(parser: ValueParser<T>, placeholder: string, help: string) =>
  ({ ...parser, placeholder, help, required: true }) as const;
const argument = <T>(parser: ValueParser<T>, placeholder: string) => ({ ...parser, placeholder });
const backupFolder = textOf(TEXT_LIMIT_CHARS, 'the folder of the backup');
const hostName = textOf(TEXT_LIMIT_CHARS, 'the name of a host');
const hosts = option(
  textOf(PATTERNS_LIMIT),
  'PATTERN',
  "the hosts that the agent may report, such as 'web-*,db-?'; the host that it first comes from unless given",
);
const names = option(
  hostNameList,
  'NAMES',
  "names and addresses that agents know the server by, with commas between; this machine's own are always among them",
);
const json = { help: 'as JSON, for programs' };

/** Makes the table of commands for one process. */
export function alphaserver(io: CommandIo): Program {
  const settings = (...checked: SettingName[]): ServerConfig => settingsIn(io, checked);
  const columns = io.env['COLUMNS'];
  const token: Group = {
    commands: {
      add: command({
        summary: 'makes a token for one agent, or with --scope for a script; it is shown once',
        options: {
          hosts,
          scope: option(
            wordOf(SCOPES),
            'SCOPE',
            'for a script that asks the page: metrics or blocklist alone, or what a viewer or an operator may',
          ),
        },
        arguments: { name: argument(name, 'NAME') },
        run: async (given) => (await tokens()).add(given, settings().dataFolder, io),
      }),
      rotate: command({
        summary: 'makes a new token in place of one, for the same agent or else script',
        options: { hosts },
        arguments: { name: argument(name, 'NAME') },
        run: async (given) => (await tokens()).rotate(given, settings().dataFolder, io),
      }),
      list: command({
        summary: 'lists the tokens there are',
        options: { json },
        arguments: {},
        run: async (given) => (await tokens()).list(given.json, settings().dataFolder, io),
      }),
      revoke: command({
        summary: 'ends a token, of an agent or else of a script, and its sessions',
        options: {},
        arguments: { name: argument(name, 'NAME') },
        run: async (given) => (await tokens()).revoke(given.name, settings().dataFolder, io),
      }),
    },
  };
  const userName = argument(textOf(TEXT_LIMIT_CHARS, 'the name of a user'), 'NAME');
  const passwordFile = option(
    text,
    'FILE',
    'the file whose first line is the password, - is standard input; one is made unless given',
  );
  const user: Group = {
    commands: {
      add: command({
        summary: "lets somebody log in on the page, and prints the password and the page's address",
        options: {
          role: required(wordOf(ROLES), 'ROLE', 'viewer: sees everything; operator: acts on it as well'),
          file: passwordFile,
        },
        arguments: { name: userName },
        run: async (given) => (await users()).add(given, settings(), io),
      }),
      password: command({
        summary: 'sets a password, which ends the sessions of the user',
        options: { file: passwordFile },
        arguments: { name: userName },
        run: async (given) => (await users()).setPassword(given, settings().dataFolder, io),
      }),
      list: command({
        summary: 'lists who may log in',
        options: { json },
        arguments: {},
        run: async (given) => (await users()).list(given.json, settings().dataFolder, io),
      }),
      remove: command({
        summary: 'removes a user, which ends the sessions of the user',
        options: {},
        arguments: { name: userName },
        run: async (given) => (await users()).remove(given.name, settings().dataFolder),
      }),
    },
  };
  const certs: Group = {
    commands: {
      init: command({
        summary: 'makes a certificate authority, and a certificate for this server; again: more names for the server',
        options: { names },
        arguments: { folder: { ...argument(text, 'DIR'), optional: true } },
        run: async (given) => (await certificates()).init(given, settings(), io),
      }),
      list: command({
        summary: 'lists the hosts that joined, and when the certificates of server and authority end',
        options: { json },
        arguments: {},
        run: async (given) => (await certificates()).list(given.json, settings(), io),
      }),
      revoke: command({
        summary: 'ends the certificate of a host, and its session',
        options: {},
        arguments: { name: argument(textOf(TEXT_LIMIT_CHARS, 'the name of a host'), 'NAME') },
        run: async (given) => (await certificates()).revoke(given.name, settings(), io),
      }),
    },
  };
  const alert: Group = {
    commands: {
      test: command({
        summary: 'sends each channel a message that says it is a test',
        options: {},
        arguments: { channels: { ...argument(text, 'CHANNEL'), many: { least: 0 } } },
        run: async (given) =>
          (await import('./alert-test.ts')).testCommand(given.channels, settings('ALPHASERVER_RULES'), io),
      }),
      replay: command({
        summary: 'shows what rules would have raised on what is stored',
        options: {
          rules: option(text, 'FILE', 'a rules file to try, instead of the one that is set'),
          since: option(time, 'TIME', 'only incidents whose last event was then or later'),
          json,
        },
        arguments: {},
        run: async (given) =>
          (await import('./alert-replay.ts')).replayCommand(given, settings('ALPHASERVER_RULES', 'ALPHASERVER_GEOIP'), {
            ...io,
            columns,
          }),
      }),
    },
  };
  const forgetting = (kind: 'host' | 'agent', named: Argument<string>, summary: string) =>
    command({
      summary,
      options: {},
      arguments: { name: named },
      run: async (given) =>
        (await import('./forget-command.ts')).forgetCommand(kind, given.name, settings().dataFolder, io),
    });
  const forget: Group = {
    commands: {
      host: forgetting(
        'host',
        argument(hostName, 'NAME'),
        'lists a host no longer that is gone, nor its agent; what happened there stays stored',
      ),
      agent: forgetting(
        'agent',
        argument(textOf(TEXT_LIMIT_CHARS, 'the id of an agent'), 'ID'),
        'lists an agent no longer that is gone, nor hosts that it alone reported',
      ),
    },
  };
  const keys: Group = {
    commands: {
      revoke: command({
        summary: "adds keys, and certificates by serial, to the list for sshd's RevokedKeys",
        options: {
          file: option(text, 'FILE', 'the list; revoked-keys in the data folder unless given'),
          ca: option(text, 'FILE', "the public key of the CA, for certificates' serials"),
        },
        arguments: { keys: { ...argument(revoked, 'FINGERPRINT'), many: { least: 1 } } },
        run: async (given) => (await import('./keys-command.ts')).revokeCommand(given, settings().dataFolder, io),
      }),
    },
  };
  return {
    name: 'alphaserver',
    version: manifest.version,
    notes: NOTES,
    standard: 'run',
    commands: {
      run: command({
        summary: "takes agents' connections, stores every attempt, shows the page",
        options: {},
        arguments: {},
        run: async () => (await import('./run-command.ts')).runCommand(settings(...SETTING_NAMES), io.env),
      }),
      token,
      backup: command({
        summary: 'copies the data folder into DIR, which must be new or empty, also while the server runs',
        options: {},
        arguments: { folder: argument(backupFolder, 'DIR') },
        run: async (given) => (await import('./backup-command.ts')).backup(given.folder, settings(), io),
      }),
      restore: command({
        summary: 'puts a backup into the data folder, which must be empty, while the server does not run',
        options: {},
        arguments: { folder: argument(backupFolder, 'DIR') },
        run: async (given) => (await import('./backup-command.ts')).restore(given.folder, settings().dataFolder, io),
      }),
      certs,
      user,
      enroll: command({
        summary: 'prints a code with which a host joins: as NAME once and within an hour, or as itself with --count',
        options: {
          hosts: option(
            textOf(PATTERNS_LIMIT),
            'PATTERN',
            "hosts that the agent may report besides its own, such as 'web-*,db-?'",
          ),
          count: option(wholeNumber(1, HOSTS_LIMIT), 'N', 'how many hosts may join by one code, each by its own name'),
          for: option(goodFor, 'SPAN', 'how long the code is good; 1h unless given'),
        },
        arguments: {
          names: { ...argument(hostName, 'NAME'), many: { least: 0 } },
        },
        run: async (given) =>
          (await import('./enroll-command.ts')).enrollCommand({ ...given, forMs: given.for }, settings(), io),
      }),
      alert,
      forget,
      migrate: command({
        summary:
          'copies the store of this server to PostgreSQL, where several servers share it; again: what came since',
        options: { to: required(postgresUrl, 'URL', 'postgres://USER:PASSWORD@HOST:5432/NAME') },
        arguments: {},
        run: async (given) =>
          (await import('./migrate-command.ts')).migrateCommand(given.to, settings().dataFolder, io),
      }),
      report: command({
        summary: 'prints what happened, and whether anything is wrong, beside a running server or without one',
        options: {
          since: option(time, 'TIME', 'from then on; the last 24 hours unless given'),
          until: option(time, 'TIME', 'up to then; now unless given'),
          json,
        },
        arguments: {},
        run: async (given) =>
          (await import('./report-command.ts')).reportCommand(given, settings('ALPHASERVER_GEOIP'), { ...io, columns }),
      }),
      keys,
      who: command({
        summary: 'lists who is in now, beside a running server or without one',
        options: {
          host: option(hostName, 'NAME', 'only sessions on this host'),
          user: option(text, 'NAME', 'only sessions of this user'),
          json,
        },
        arguments: {},
        run: async (given) =>
          (await import('./who-command.ts')).whoCommand(given, settings().dataFolder, { ...io, columns }),
      }),
      tail: command({
        summary: 'prints events as they are stored',
        options: {
          since: option(time, 'TIME', 'first those stored that happened then or later'),
          host: option(hostName, 'NAME', 'only events of this host'),
          json,
        },
        arguments: {},
        run: async (given) =>
          (await import('./tail-command.ts')).tailCommand(given, settings().dataFolder, { ...io, columns }),
      }),
    },
  };
}

const tokens = () => import('./token-command.ts');
const users = () => import('./user-command.ts');
const certificates = () => import('./certs-command.ts');

/**
 * Reads the settings, and checks what those named point to. Prints a line for whatever looks like a setting and is none.
 * Throws a SettingsError.
 */
function settingsIn({ env: real, stderr }: CommandIo, checked: readonly SettingName[]): ServerConfig {
  const { env, warnings } = gatherEnvironment(real, 'ALPHASERVER_', SETTING_NAMES);
  for (const warning of warnings) stderr.write(`alphaserver: ${escapeText(warning)}\n`);
  const config = readServerConfig(env);
  // Of a server that is to run; the other commands have no use for most settings.
  if (checked.length === SETTING_NAMES.length)
    for (const warning of unusedIn(config, env)) stderr.write(`alphaserver: ${warning}\n`);
  checkServerConfig(config, env, checked);
  return config;
}
