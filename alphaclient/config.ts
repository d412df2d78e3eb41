/** Reads alphaclient's settings, which .env.example lists. */
import { TOKEN_LIMIT_CHARS } from '../protocol/messages.ts';
import { LOGIN_GRACE_LIMIT_SECONDS } from '../protocol/session.ts';
import { HOST_LIMIT_CHARS, isHostName, PORT_LIMIT } from '../protocol/values.ts';
import type { Environment } from '../service/environment.ts';
import { certificatesFault, folderFault, keyPairFault, laterFileFault, privateKeyFault } from '../service/files.ts';
import {
  absentOr,
  checked,
  checkSettings,
  LOG_SETTINGS,
  readSettings,
  refused,
  SettingsError,
  secret,
  setting,
  unusedSettings,
  type Values,
} from '../service/settings.ts';
import {
  type Address,
  bytes,
  path,
  readAddress,
  truth,
  type ValueParser,
  wholeNumber,
  wordOf,
} from '../service/value-parser.ts';
import { HeaderFormat } from './sshd/header-format.ts';
import { PORTS_LIMIT } from './sshd/sshd-listener.ts';

/** The most addresses of servers that are tried in turn. */
const SERVERS_LIMIT = 16;

const serverAddresses: ValueParser<readonly Address[]> = {
  valid: `addresses such as tcp://127.0.0.1:5000 (tcp or tls), at most ${SERVERS_LIMIT}, comma-separated`,
  parse: (given) => {
    const all = given.split(',').map((one) => readAddress(one.trim(), ['tcp', 'tls']));
    return all.length <= SERVERS_LIMIT && all.every((one) => one !== undefined && one.port > 0)
      ? (all as Address[])
      : undefined;
  },
};

const hostName: ValueParser<string> = {
  valid: `a name of at most ${HOST_LIMIT_CHARS} characters, without spaces and invisible ones`,
  parse: (given) => (isHostName(given) ? given : undefined),
};

/** Returns what is wrong with a header format; null where nothing is. */
function headerFault(given: string): string | null {
  try {
    new HeaderFormat(given);
    return null;
  } catch (error) {
    return (error as RangeError).message;
  }
}

const headerFormat: ValueParser<HeaderFormat> = {
  valid: 'a header such as `{time} {host} {tag}[{pid}]: `',
  parse: (given) => (headerFault(given) === null ? new HeaderFormat(given) : undefined),
  refusal: (given) => headerFault(given) ?? '',
};

const sshdPorts: ValueParser<readonly number[] | 'off'> = {
  valid: `ports from 1 to 65535, comma-separated, at most ${PORTS_LIMIT}, or off`,
  parse: (given) => {
    if (given === 'off') return 'off';
    const all = given.split(',').map((one) => (/^\s*\d{1,5}\s*$/.test(one) ? Number(one) : 0));
    return all.length <= PORTS_LIMIT && all.every((port) => port >= 1 && port <= PORT_LIMIT) ? all : undefined;
  },
};

const HEADER_SETTING = { ALPHACLIENT_HEADER: absentOr(headerFormat) };

/** The server where none is set. */
export const SERVER_STANDARD = 'tcp://127.0.0.1:5000';
/** The state folder where none is set. */
export const STATE_STANDARD = './data/alphaclient';

const SETTINGS = {
  ALPHACLIENT_SERVER: setting(serverAddresses, SERVER_STANDARD),
  ALPHACLIENT_LOG: checked(absentOr(path('a file, or journald')), (text) =>
    text === 'journald' ? null : laterFileFault(text),
  ),
  ALPHACLIENT_NAME: absentOr(hostName),
  ALPHACLIENT_STATE: checked(setting(path('a folder'), STATE_STANDARD), folderFault),
  ALPHACLIENT_TOKEN: secret(TOKEN_LIMIT_CHARS),
  ALPHACLIENT_TLS_CA: checked(absentOr(path('a file')), certificatesFault),
  ALPHACLIENT_TLS_CERT: checked(absentOr(path('a file')), certificatesFault),
  ALPHACLIENT_TLS_KEY: checked(absentOr(path('a file')), privateKeyFault),
  ALPHACLIENT_ALLOW_PLAIN: setting(truth, 'false'),
  ALPHACLIENT_FROM: setting(wordOf(['start', 'end']), 'start'),
  ALPHACLIENT_LOGIN_GRACE: setting(wholeNumber(0, LOGIN_GRACE_LIMIT_SECONDS), '120'),
  ALPHACLIENT_SSHD_PORTS: absentOr(sshdPorts),
  ...HEADER_SETTING,
  ALPHACLIENT_OUTBOX: setting(bytes(1_048_576), '256MiB'),
  ...LOG_SETTINGS,
};

/** The name of one of alphaclient's settings. */
export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** All settings of one alphaclient. */
export interface ClientConfig {
  /** Tried in turn; never empty. */
  readonly servers: readonly Address[];
  /** The log to follow, `journald`, or null: look for one. */
  readonly log: string | null;
  /** The host's name, or null: the hostname. */
  readonly name: string | null;
  readonly stateFolder: string;
  readonly token: string | null;
  /** True when the token may be sent over `tcp://` to public addresses as well. */
  readonly allowPlain: boolean;
  readonly tls: { readonly caFile: string | null; readonly certFile: string | null; readonly keyFile: string | null };
  readonly from: 'start' | 'end';
  /** The form of a line's beginning where no built-in form fits, or null. */
  readonly header: HeaderFormat | null;
  /** sshd's LoginGraceTime in seconds; 0: none. */
  readonly loginGraceSeconds: number;
  /** The ports whose connections are compared with the sessions in the log; null: those that the log names, else 22. */
  readonly sshdPorts: readonly number[] | 'off' | null;
  /** The outbox takes no more events above this size. */
  readonly outboxLimitBytes: number;
  readonly logLevel: Values<typeof LOG_SETTINGS>['LOG_LEVEL'];
  readonly logFormat: Values<typeof LOG_SETTINGS>['LOG_FORMAT'];
}

/** Reads the one setting that `scan` and `explain` need. Throws a SettingsError where it cannot be used. */
export function readHeaderFormat(env: Readonly<Record<string, string | undefined>>): HeaderFormat | null {
  return readSettings(HEADER_SETTING, env).ALPHACLIENT_HEADER;
}

/** Reads the settings in `env`. Throws a SettingsError with one line for each that cannot be used. */
export function readClientConfig(env: Readonly<Record<string, string | undefined>>): ClientConfig {
  const given = readSettings(SETTINGS, env);
  return Object.freeze({
    servers: given.ALPHACLIENT_SERVER,
    log: given.ALPHACLIENT_LOG,
    name: given.ALPHACLIENT_NAME,
    stateFolder: given.ALPHACLIENT_STATE,
    token: given.ALPHACLIENT_TOKEN,
    tls: { caFile: given.ALPHACLIENT_TLS_CA, certFile: given.ALPHACLIENT_TLS_CERT, keyFile: given.ALPHACLIENT_TLS_KEY },
    allowPlain: given.ALPHACLIENT_ALLOW_PLAIN,
    from: given.ALPHACLIENT_FROM,
    header: given.ALPHACLIENT_HEADER,
    loginGraceSeconds: given.ALPHACLIENT_LOGIN_GRACE,
    sshdPorts: given.ALPHACLIENT_SSHD_PORTS,
    outboxLimitBytes: given.ALPHACLIENT_OUTBOX,
    logLevel: given.LOG_LEVEL,
    logFormat: given.LOG_FORMAT,
  });
}

/** The settings that only a server over TLS needs. */
const TLS_NAMES: readonly string[] = ['ALPHACLIENT_TLS_CA', 'ALPHACLIENT_TLS_CERT', 'ALPHACLIENT_TLS_KEY'];

/** Returns a line for each setting that has no effect beside the others. */
export function unusedIn({ servers }: ClientConfig, env: Environment): string[] {
  if (servers.some(({ scheme }) => scheme === 'tls')) return [];
  return unusedSettings(env, TLS_NAMES, 'no address in ALPHACLIENT_SERVER is tls://');
}

/** Checks what the settings point to, as far as the configuration uses it. Throws a SettingsError. */
export function checkClientConfig({ servers, tls }: ClientConfig, env: Environment): void {
  const usesTls = servers.some(({ scheme }) => scheme === 'tls');
  checkSettings(
    SETTINGS,
    env,
    SETTING_NAMES.filter((name) => usesTls || !TLS_NAMES.includes(name)),
  );
  if (!usesTls) return;
  if ((tls.certFile === null) !== (tls.keyFile === null)) {
    const [missing, given] = tls.certFile === null ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
    const why = `it must be a file where ALPHACLIENT_TLS_${given} is one`;
    throw new SettingsError([refused(SETTINGS, env, `ALPHACLIENT_TLS_${missing}`, why)]);
  }
  if (tls.certFile === null || tls.keyFile === null) return;
  const fault = keyPairFault(tls.certFile, tls.keyFile);
  if (fault !== null) throw new SettingsError([refused(SETTINGS, env, 'ALPHACLIENT_TLS_KEY', fault)]);
}
