/** alphaclient's settings: contract section 3. */
import {
  type Address,
  bytes,
  LOG_SETTINGS,
  oneOf,
  readAddress,
  readSettings,
  secret,
  text,
  type Values,
} from '../service/settings.ts';

const TOKEN_LIMIT = 256;
const NAME_LIMIT = 255;
/** The most addresses of servers that are tried in turn. */
const SERVERS_LIMIT = 16;

const SETTINGS = {
  ALPHACLIENT_SERVER: {
    fallback: 'tcp://127.0.0.1:5000',
    valid: `addresses such as tcp://127.0.0.1:5000 (tcp or tls), at most ${SERVERS_LIMIT}, comma-separated`,
    read: (given: string): readonly Address[] | undefined => {
      const all = given.split(',').map((one) => readAddress(one.trim(), ['tcp', 'tls']));
      return all.length <= SERVERS_LIMIT && all.every((one) => one !== undefined && one.port > 0)
        ? (all as Address[])
        : undefined;
    },
  },
  ALPHACLIENT_LOG: text(),
  ALPHACLIENT_NAME: {
    fallback: '',
    valid: `a name of at most ${NAME_LIMIT} characters`,
    read: (given: string) => (given.length > NAME_LIMIT ? undefined : given || null),
  },
  ALPHACLIENT_STATE: { ...text('./data/alphaclient'), valid: 'a folder' },
  ALPHACLIENT_TOKEN: secret(TOKEN_LIMIT),
  ALPHACLIENT_TLS_CA: text(),
  ALPHACLIENT_TLS_CERT: text(),
  ALPHACLIENT_TLS_KEY: text(),
  ALPHACLIENT_FROM: oneOf(['start', 'end'], 'start'),
  ALPHACLIENT_OUTBOX: bytes('256MiB', 1_048_576),
  ...LOG_SETTINGS,
};

/** All settings of one alphaclient, checked. */
export interface ClientConfig {
  /** Tried in turn; never empty. */
  readonly servers: readonly Address[];
  /** The log to follow, `journald`, or null: look for one. */
  readonly log: string | null;
  /** The host's name, or null: the hostname. */
  readonly name: string | null;
  readonly stateFolder: string;
  readonly token: string | null;
  readonly tls: { readonly caFile: string | null; readonly certFile: string | null; readonly keyFile: string | null };
  readonly from: 'start' | 'end';
  /** The outbox takes no more events above this size. */
  readonly outboxLimitBytes: number;
  readonly logLevel: Values<typeof LOG_SETTINGS>['LOG_LEVEL'];
  readonly logFormat: Values<typeof LOG_SETTINGS>['LOG_FORMAT'];
}

/** The settings in `env`. Throws a SettingsError with one line for each that cannot be used. */
export function readClientConfig(env: Readonly<Record<string, string | undefined>>): ClientConfig {
  const given = readSettings(SETTINGS, env);
  return Object.freeze({
    servers: given.ALPHACLIENT_SERVER,
    log: given.ALPHACLIENT_LOG,
    name: given.ALPHACLIENT_NAME,
    stateFolder: given.ALPHACLIENT_STATE ?? '',
    token: given.ALPHACLIENT_TOKEN,
    tls: { caFile: given.ALPHACLIENT_TLS_CA, certFile: given.ALPHACLIENT_TLS_CERT, keyFile: given.ALPHACLIENT_TLS_KEY },
    from: given.ALPHACLIENT_FROM,
    outboxLimitBytes: given.ALPHACLIENT_OUTBOX,
    logLevel: given.LOG_LEVEL,
    logFormat: given.LOG_FORMAT,
  });
}
