/** Reads alphaserver's settings, which .env.example lists. */
import type { Environment } from '../service/environment.ts';
import {
  certificatesFault,
  fileFault,
  folderFault,
  geoipFault,
  keyPairFault,
  privateKeyFault,
} from '../service/files.ts';
import { isLoopback } from '../service/ip-network.ts';
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
import { type Address, address, path, readAddress, span, truth, type ValueParser } from '../service/value-parser.ts';
import { authorityFiles, authorityFolder } from './ingest/authority.ts';
import type { CertificateFiles } from './ingest/certificate.ts';
import { type ReportSchedule, reportSchedule } from './report/schedule.ts';
import { serverUrls } from './shared-log/postgres-url.ts';

/** Longest list of host names, in characters. */
const NAMES_LIMIT_CHARS = 1_024;

const httpAddress: ValueParser<Address | 'off'> = {
  valid: 'an address such as http://127.0.0.1:8080 (http or https), or off',
  parse: (given) => (given === 'off' ? 'off' : readAddress(given, ['http', 'https'])),
};

const hostNames: ValueParser<readonly string[]> = {
  valid: 'host names with commas between, such as asgard.example.org',
  parse: (given) => {
    const names = given.split(',').map((name) => name.trim());
    return given.length <= NAMES_LIMIT_CHARS && names.every((name) => /^[A-Za-z0-9._-]{1,255}$/.test(name))
      ? names
      : undefined;
  },
};

const webhook: ValueParser<string> = {
  valid: 'an http:// or https:// URL',
  parse: (given) => (/^https?:\/\/\S+$/.test(given) && URL.canParse(given) ? given : undefined),
};

/** The shared log's address; null: the embedded store. */
const store: ValueParser<string | null> = {
  valid:
    'embedded, or an address such as postgres://asgard:PASSWORD@db.example.org:5432/asgard, several servers with commas between',
  parse: (given) => {
    if (given === 'embedded') return null;
    return serverUrls(given) === null ? undefined : given;
  },
};

const SETTINGS = {
  ALPHASERVER_LISTEN: setting(address(['tcp', 'tls'], 'tcp://0.0.0.0:5000'), 'tcp://0.0.0.0:5000'),
  ALPHASERVER_HTTP: setting(httpAddress, 'http://127.0.0.1:8080'),
  ALPHASERVER_DATA: checked(setting(path('a folder'), './data/alphaserver'), folderFault),
  ALPHASERVER_STORE: { ...setting(store, 'embedded'), secret: true },
  ALPHASERVER_ANONYMOUS: setting(truth, 'false'),
  ALPHASERVER_TLS_CERT: checked(absentOr(path('a file')), certificatesFault),
  ALPHASERVER_TLS_KEY: checked(absentOr(path('a file')), privateKeyFault),
  ALPHASERVER_TLS_CLIENT_CA: checked(absentOr(path('a file')), certificatesFault),
  ALPHASERVER_HTTP_TLS_CERT: checked(absentOr(path('a file')), certificatesFault),
  ALPHASERVER_HTTP_TLS_KEY: checked(absentOr(path('a file')), privateKeyFault),
  ALPHASERVER_HTTP_PASSWORD: secret(1_024),
  ALPHASERVER_HTTP_NAMES: absentOr(hostNames),
  ALPHASERVER_RETENTION: setting(span, '90d'),
  ALPHASERVER_WEBHOOK: { ...absentOr(webhook), secret: true },
  ALPHASERVER_RULES: checked(absentOr(path('a file')), fileFault),
  ALPHASERVER_REPORT: absentOr(reportSchedule),
  ALPHASERVER_GEOIP: checked(absentOr(path('a file, or several with commas between')), geoipFault),
  ...LOG_SETTINGS,
};

/** The name of one of alphaserver's settings. */
export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** All settings of one alphaserver. Spans are in milliseconds; paths are as given. */
export interface ServerConfig {
  readonly listen: Address;
  readonly http: Address | null;
  readonly dataFolder: string;
  /** The address of the log that several servers share; null: the store in `dataFolder` is the only one. */
  readonly storeUrl: string | null;
  readonly anonymous: boolean;
  readonly tls: CertificateFiles | null;
  /** True when agents must show a certificate of the client CA. */
  readonly needsCertificate: boolean;
  /** The certificate of the page, or null: HTTP alone. */
  readonly httpTls: CertificateFiles | null;
  /** True where somebody has to be logged in although there are neither users nor a password yet. */
  readonly httpClosed: boolean;
  readonly httpPassword: string | null;
  /** Host names by which the page is known, beside this machine's own. */
  readonly httpNames: readonly string[];
  readonly retentionMs: number;
  readonly webhook: string | null;
  /** The file of alert rules. */
  readonly rulesFile: string | null;
  /** The times at which reports are sent by the channels, or null: never. */
  readonly report: ReportSchedule | null;
  readonly geoipFile: string | null;
  readonly logLevel: Values<typeof LOG_SETTINGS>['LOG_LEVEL'];
  readonly logFormat: Values<typeof LOG_SETTINGS>['LOG_FORMAT'];
}

/** Reads the settings in `env`. Throws a SettingsError with one line for each that cannot be used. */
export function readServerConfig(env: Environment): ServerConfig {
  const given = readSettings(SETTINGS, env);
  const {
    ALPHASERVER_LISTEN: listen,
    ALPHASERVER_HTTP: http,
    ALPHASERVER_TLS_CERT: certFile,
    ALPHASERVER_TLS_KEY: keyFile,
  } = given;
  const faults: string[] = [];
  if (listen.scheme === 'tls' && !certFile && keyFile)
    faults.push('ALPHASERVER_TLS_CERT= cannot be used: with tls:// it must be a certificate file');
  if (listen.scheme === 'tls' && certFile && !keyFile)
    faults.push('ALPHASERVER_TLS_KEY= cannot be used: with tls:// it must be a key file');
  const httpTls = http === 'off' ? null : pageTls(given, http.scheme);
  const isOpenToOthers = http !== 'off' && !isLoopback(http.host);
  if (isOpenToOthers && httpTls === null && !given.ALPHASERVER_HTTP_PASSWORD && !given.ALPHASERVER_ANONYMOUS)
    faults.push(
      `ALPHASERVER_HTTP=${http.scheme}://${http.host}:${http.port} cannot be used: anywhere but on loopback it must be https://, or have ALPHASERVER_HTTP_PASSWORD set (or ALPHASERVER_ANONYMOUS=true)`,
    );
  for (const [set, other] of PAIRED)
    if (given[set] && !given[other]) faults.push(`${other}= cannot be used: it must be set, since ${set} is`);
  if (faults.length > 0) throw new SettingsError(faults);
  return Object.freeze({
    listen,
    http: http === 'off' ? null : http,
    dataFolder: given.ALPHASERVER_DATA,
    storeUrl: given.ALPHASERVER_STORE,
    anonymous: given.ALPHASERVER_ANONYMOUS,
    tls: listen.scheme === 'tls' ? agentTls(given) : null,
    needsCertificate: given.ALPHASERVER_TLS_CLIENT_CA !== null,
    httpTls,
    httpClosed: isOpenToOthers && !given.ALPHASERVER_HTTP_PASSWORD && !given.ALPHASERVER_ANONYMOUS,
    httpPassword: given.ALPHASERVER_HTTP_PASSWORD,
    httpNames: given.ALPHASERVER_HTTP_NAMES ?? [],
    retentionMs: given.ALPHASERVER_RETENTION,
    webhook: given.ALPHASERVER_WEBHOOK,
    rulesFile: given.ALPHASERVER_RULES,
    report: given.ALPHASERVER_REPORT,
    geoipFile: given.ALPHASERVER_GEOIP,
    logLevel: given.LOG_LEVEL,
    logFormat: given.LOG_FORMAT,
  });
}

/** The certificate that agents see: the one that is set, or else that of `alphaserver certs init`. */
function agentTls(given: Values<typeof SETTINGS>): CertificateFiles {
  const {
    ALPHASERVER_TLS_CERT: certFile,
    ALPHASERVER_TLS_KEY: keyFile,
    ALPHASERVER_TLS_CLIENT_CA: clientCaFile,
  } = given;
  if (certFile && keyFile) return { certFile, keyFile, clientCaFile };
  const own = authorityFiles(authorityFolder(given.ALPHASERVER_DATA));
  return { certFile: own.server, keyFile: own.serverKey, clientCaFile: clientCaFile ?? own.ca };
}

/** Settings of the page's certificate that go together. */
const PAIRED = [
  ['ALPHASERVER_HTTP_TLS_CERT', 'ALPHASERVER_HTTP_TLS_KEY'],
  ['ALPHASERVER_HTTP_TLS_KEY', 'ALPHASERVER_HTTP_TLS_CERT'],
] as const;

/** The certificate of the page: the one that is set, or with https:// that of `alphaserver certs init`. */
function pageTls(given: Values<typeof SETTINGS>, scheme: string): CertificateFiles | null {
  const { ALPHASERVER_HTTP_TLS_CERT: certFile, ALPHASERVER_HTTP_TLS_KEY: keyFile } = given;
  if (certFile && keyFile) return { certFile, keyFile, clientCaFile: null };
  const own = authorityFiles(authorityFolder(given.ALPHASERVER_DATA));
  return scheme === 'https' ? { certFile: own.server, keyFile: own.serverKey, clientCaFile: null } : null;
}

/** The settings that only agents over TLS need. */
const TLS_NAMES: readonly string[] = ['ALPHASERVER_TLS_CERT', 'ALPHASERVER_TLS_KEY', 'ALPHASERVER_TLS_CLIENT_CA'];

/** The settings that only the page over TLS needs. */
const HTTP_TLS_NAMES: readonly string[] = ['ALPHASERVER_HTTP_TLS_CERT', 'ALPHASERVER_HTTP_TLS_KEY'];

/** The settings that only the page needs. */
const HTTP_NAMES: readonly string[] = ['ALPHASERVER_HTTP_PASSWORD', 'ALPHASERVER_HTTP_NAMES', ...HTTP_TLS_NAMES];

/** Returns a line for each setting that has no effect beside the others. */
export const unusedIn = ({ tls, http }: ServerConfig, env: Environment): string[] => [
  ...(tls === null ? unusedSettings(env, TLS_NAMES, 'ALPHASERVER_LISTEN is not tls://') : []),
  ...(http === null ? unusedSettings(env, HTTP_NAMES, 'ALPHASERVER_HTTP is off') : []),
];

/** Checks what the named settings point to, as far as the configuration uses it. Throws a SettingsError. */
export function checkServerConfig(config: ServerConfig, env: Environment, names: readonly SettingName[]): void {
  const { tls, httpTls } = config;
  const used = names.filter(
    (name) => (tls !== null || !TLS_NAMES.includes(name)) && (httpTls !== null || !HTTP_TLS_NAMES.includes(name)),
  );
  checkSettings(SETTINGS, env, used);
  if (used.includes('ALPHASERVER_TLS_CERT'))
    checkPair(env, tls, ['ALPHASERVER_TLS_CERT', 'ALPHASERVER_TLS_KEY'], 'tls://');
  if (used.includes('ALPHASERVER_HTTP_TLS_CERT'))
    checkPair(env, httpTls, ['ALPHASERVER_HTTP_TLS_CERT', 'ALPHASERVER_HTTP_TLS_KEY'], 'https://');
}

/** Checks a certificate and its key: those that are set, or those of `alphaserver certs init`. Throws a SettingsError. */
function checkPair(
  env: Environment,
  files: CertificateFiles | null,
  [certificate, key]: readonly [SettingName, SettingName],
  scheme: string,
): void {
  if (files === null) return;
  const wrong = (name: SettingName, why: string): SettingsError =>
    new SettingsError([refused(SETTINGS, env, name, why)]);
  if (certificatesFault(files.certFile) !== null)
    throw wrong(certificate, `with ${scheme} it must be a certificate file, or alphaserver certs init makes one`);
  const fault = keyPairFault(files.certFile, files.keyFile);
  if (fault !== null) throw wrong(key, fault);
}
