/** alphaserver's settings: contract section 3. */
import {
  absentOr,
  LOG_SETTINGS,
  readSettings,
  SettingsError,
  secret,
  setting,
  type Values,
} from '../service/settings.ts';
import { type Address, address, path, readAddress, span, truth, type ValueParser } from '../service/value-parser.ts';

const httpAddress: ValueParser<Address | 'off'> = {
  valid: 'an address such as http://127.0.0.1:8080, or off',
  parse: (given) => (given === 'off' ? 'off' : readAddress(given, ['http'])),
};

const webhook: ValueParser<string> = {
  valid: 'an http:// or https:// URL',
  parse: (given) => (/^https?:\/\/\S+$/.test(given) && URL.canParse(given) ? given : undefined),
};

const SETTINGS = {
  ALPHASERVER_LISTEN: setting(address(['tcp', 'tls'], 'tcp://0.0.0.0:5000'), 'tcp://0.0.0.0:5000'),
  ALPHASERVER_HTTP: setting(httpAddress, 'http://127.0.0.1:8080'),
  ALPHASERVER_DATA: setting(path('a folder'), './data/alphaserver'),
  ALPHASERVER_ANONYMOUS: setting(truth, 'false'),
  ALPHASERVER_TLS_CERT: absentOr(path('a file')),
  ALPHASERVER_TLS_KEY: absentOr(path('a file')),
  ALPHASERVER_TLS_CLIENT_CA: absentOr(path('a file')),
  ALPHASERVER_HTTP_PASSWORD: secret(1_024),
  ALPHASERVER_RETENTION: setting(span, '90d'),
  ALPHASERVER_WEBHOOK: { ...absentOr(webhook), secret: true },
  ALPHASERVER_RULES: absentOr(path('a file')),
  ALPHASERVER_GEOIP: absentOr(path('a file, or several with commas between')),
  ...LOG_SETTINGS,
};

/** All settings of one alphaserver, checked. Spans are in milliseconds; paths are as given. */
export interface ServerConfig {
  readonly listen: Address;
  readonly http: Address | null;
  readonly dataFolder: string;
  readonly anonymous: boolean;
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile: string | null } | null;
  readonly httpPassword: string | null;
  readonly retentionMs: number;
  readonly webhook: string | null;
  /** The file of alert rules. */
  readonly rulesFile: string | null;
  readonly geoipFile: string | null;
  readonly logLevel: Values<typeof LOG_SETTINGS>['LOG_LEVEL'];
  readonly logFormat: Values<typeof LOG_SETTINGS>['LOG_FORMAT'];
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|::1)$/;

/** The settings in `env`. Throws a SettingsError with one line for each that cannot be used. */
export function readServerConfig(env: Readonly<Record<string, string | undefined>>): ServerConfig {
  const given = readSettings(SETTINGS, env);
  const {
    ALPHASERVER_LISTEN: listen,
    ALPHASERVER_HTTP: http,
    ALPHASERVER_TLS_CERT: certFile,
    ALPHASERVER_TLS_KEY: keyFile,
  } = given;
  const faults: string[] = [];
  if (listen.scheme === 'tls' && !certFile)
    faults.push('ALPHASERVER_TLS_CERT= cannot be used: with tls:// it must be a certificate file');
  if (listen.scheme === 'tls' && !keyFile)
    faults.push('ALPHASERVER_TLS_KEY= cannot be used: with tls:// it must be a key file');
  if (http !== 'off' && !LOOPBACK.test(http.host) && !given.ALPHASERVER_HTTP_PASSWORD && !given.ALPHASERVER_ANONYMOUS)
    faults.push(
      `ALPHASERVER_HTTP=${http.scheme}://${http.host}:${http.port} cannot be used: anywhere but on loopback it must have ALPHASERVER_HTTP_PASSWORD set (or ALPHASERVER_ANONYMOUS=true)`,
    );
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze({
    listen,
    http: http === 'off' ? null : http,
    dataFolder: given.ALPHASERVER_DATA,
    anonymous: given.ALPHASERVER_ANONYMOUS,
    tls:
      listen.scheme === 'tls' && certFile && keyFile
        ? { certFile, keyFile, clientCaFile: given.ALPHASERVER_TLS_CLIENT_CA }
        : null,
    httpPassword: given.ALPHASERVER_HTTP_PASSWORD,
    retentionMs: given.ALPHASERVER_RETENTION,
    webhook: given.ALPHASERVER_WEBHOOK,
    rulesFile: given.ALPHASERVER_RULES,
    geoipFile: given.ALPHASERVER_GEOIP,
    logLevel: given.LOG_LEVEL,
    logFormat: given.LOG_FORMAT,
  });
}
