/** Every setting of the programs with what can be wrong with its kind: compared with one written expectation. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { alphaclient } from '../alphaclient/commands/commands.ts';
import { SETTING_NAMES as CLIENT_NAMES, type SettingName as ClientSettingName } from '../alphaclient/config.ts';
import { alphaserver } from '../alphaserver/cli/commands.ts';
import { SETTING_NAMES as SERVER_NAMES, type SettingName } from '../alphaserver/config.ts';
import { type Program, type ProgramIo, runProgram } from '../service/command-line.ts';
import type { Environment } from '../service/environment.ts';
import { isExpected } from './expectation.ts';
import { Text } from './text.ts';

const folder = mkdtempSync(join(tmpdir(), 'settings-'));
const at = (name: string): string => join(folder, name);

before(() => {
  const make = (name: string, ...more: string[]): Buffer =>
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=localhost', '-days', '2']
        .concat(['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)])
        .concat(more),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
  make('own', '-nodes');
  make('other', '-nodes');
  make('locked', '-passout', 'pass:secret');
  mkdirSync(at('folder'));
  writeFileSync(at('text'), 'this is text\n');
  mkdirSync(at('linked'));
  symlinkSync(at('text'), at('linked/outbox.db'));
  writeFileSync(at('bytes.env'), Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]));
  writeFileSync(at('damaged.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** What is wrong with each kind of setting, and settings that must be there for it to count. */
interface Wrong {
  readonly values: readonly string[];
  readonly beside?: () => Environment;
}

const words: Wrong = { values: ['maybe', 'TRUE', ' '] };
const tls = (): Environment => ({
  ALPHASERVER_LISTEN: 'tls://127.0.0.1:0',
  ALPHASERVER_TLS_CERT: at('own.crt'),
  ALPHASERVER_TLS_KEY: at('own.key'),
});
const pageTls = (): Environment => ({
  ALPHASERVER_HTTP: 'https://127.0.0.1:0',
  ALPHASERVER_HTTP_TLS_CERT: at('own.crt'),
  ALPHASERVER_HTTP_TLS_KEY: at('own.key'),
});
const withoutPage = (): Environment => ({ ALPHASERVER_HTTP: 'off' });
const certificates: Wrong = { values: ['none', 'folder', 'text', 'own.key', 'damaged.crt'].map(at), beside: tls };
const long = 'x'.repeat(5_000);

const SERVER: Readonly<Record<SettingName, Wrong>> = {
  ALPHASERVER_LISTEN: { values: ['5000', 'udp://h:1', 'tcp://h:70000', 'tcp://h', 'tls://127.0.0.1:0', 'x\ny'] },
  ALPHASERVER_HTTP: { values: ['on', 'https://127.0.0.1:0', 'http://0.0.0.0:0', 'http://127.0.0.1'] },
  ALPHASERVER_DATA: { values: [at('text'), at('text/below'), '/proc/asgard', long] },
  ALPHASERVER_STORE: {
    values: [
      ...['sqlite', 'postgres://', 'postgres://h', 'http://h/name', 'postgres://h:x/name', long],
      `postgres://${Array(17).fill('h').join()}/name`,
    ],
  },
  ALPHASERVER_ANONYMOUS: words,
  ALPHASERVER_TLS_CERT: certificates,
  ALPHASERVER_TLS_KEY: {
    values: ['none', 'folder', 'text', 'own.crt', 'locked.key', 'other.key'].map(at),
    beside: tls,
  },
  ALPHASERVER_TLS_CLIENT_CA: certificates,
  ALPHASERVER_HTTP_TLS_CERT: { values: ['none', 'text', 'own.key'].map(at), beside: pageTls },
  ALPHASERVER_HTTP_TLS_KEY: { values: ['none', 'own.crt', 'other.key'].map(at), beside: pageTls },
  ALPHASERVER_HTTP_PASSWORD: { values: [long] },
  ALPHASERVER_HTTP_NAMES: { values: ['a b', 'a,,b', 'https://h', long] },
  ALPHASERVER_RETENTION: { values: ['90', '0d', 'forever', '-1d'] },
  ALPHASERVER_WEBHOOK: { values: ['chat', 'ftp://h/', 'http://', 'http://a b'] },
  ALPHASERVER_RULES: { values: [at('none'), at('folder'), at('text')] },
  ALPHASERVER_REPORT: {
    values: [
      'daily',
      '07:00',
      'daily 7:00',
      'daily 24:00',
      'weekly 07:00',
      'weekly Mon 07:00',
      'daily 07:00 Mars/Olympus',
    ],
  },
  ALPHASERVER_GEOIP: { values: [at('none'), at('folder'), at('text'), `${at('none')},${at('text')}`] },
  LOG_LEVEL: { values: ['loud', 'INFO'] },
  LOG_FORMAT: { values: ['xml'] },
};

const tlsServer = (): Environment => ({
  ALPHACLIENT_SERVER: 'tls://127.0.0.1:1',
  ALPHACLIENT_TLS_CERT: at('own.crt'),
  ALPHACLIENT_TLS_KEY: at('own.key'),
});

const CLIENT: Readonly<Record<ClientSettingName, Wrong>> = {
  ALPHACLIENT_SERVER: {
    values: ['h', 'http://h:1', 'tcp://h', 'tcp://h:0', 'tcp://a:1,,tcp://b:1', Array(17).fill('tcp://h:1').join()],
  },
  ALPHACLIENT_LOG: { values: [at('folder'), at('text/below'), long] },
  ALPHACLIENT_NAME: { values: ['two words', 'x\u202ey', long] },
  ALPHACLIENT_STATE: { values: [at('text'), at('text/below'), at('linked'), '/proc/asgard', long] },
  ALPHACLIENT_TOKEN: { values: [long] },
  ALPHACLIENT_TLS_CA: { ...certificates, beside: tlsServer },
  ALPHACLIENT_TLS_CERT: { values: [...certificates.values, ''], beside: tlsServer },
  ALPHACLIENT_TLS_KEY: {
    values: [...['none', 'folder', 'text', 'own.crt', 'locked.key', 'other.key'].map(at), ''],
    beside: tlsServer,
  },
  ALPHACLIENT_ALLOW_PLAIN: words,
  ALPHACLIENT_FROM: { values: ['middle', 'START'] },
  ALPHACLIENT_LOGIN_GRACE: { values: ['-1', '2m', '604801'] },
  ALPHACLIENT_SSHD_PORTS: { values: ['0', '22;2222', 'on', '65536'] },
  ALPHACLIENT_HEADER: { values: ['{time', '{colour} ', long] },
  ALPHACLIENT_OUTBOX: { values: ['1', '256', '256MB', '-1MiB', '999999999999GiB'] },
  LOG_LEVEL: { values: ['loud', 'INFO'] },
  LOG_FORMAT: { values: ['xml'] },
};

/** What a program says to each wrong setting when it is to run. */
async function transcript(
  names: readonly string[],
  wrong: Readonly<Record<string, Wrong>>,
  standing: Environment,
  make: (io: ProgramIo & { stdin: Readable; env: Environment }) => Program,
): Promise<string> {
  let all = '';
  for (const name of names)
    for (const value of wrong[name]?.values ?? []) {
      const env = { ...standing, ...wrong[name]?.beside?.(), [name]: value };
      const io = { stdout: new Text(), stderr: new Text(), stdin: Readable.from([]), nowMs: 0, env };
      const code = await runProgram(make(io), [], io);
      all += `$ ${name}=${JSON.stringify(value.slice(0, 80))}\n${io.stdout.text}${io.stderr.text}[exit ${code}]\n\n`;
    }
  return all.replaceAll(folder, 'FOLDER').replaceAll('x'.repeat(60), 'xxx');
}

test('alphaserver refuses each wrong setting as written down, before it opens anything', async () => {
  const standing = { ALPHASERVER_DATA: at('data'), ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0', ALPHASERVER_HTTP: 'off' };
  isExpected('alphaserver-settings.txt', await transcript(SERVER_NAMES, SERVER, standing, alphaserver));
});

test('alphaclient refuses each wrong setting as written down, before it opens anything', async () => {
  const standing = { ALPHACLIENT_STATE: at('state'), ALPHACLIENT_LOG: at('log') };
  isExpected('alphaclient-settings.txt', await transcript(CLIENT_NAMES, CLIENT, standing, alphaclient));
});

test('both programs warn of what sets nothing: names that are like settings, and files that cannot be read', async () => {
  const misspelt: Readonly<Record<string, Wrong>> = {
    ALPHASERVER_HTPP: { values: ['off'] },
    ALPHASEVER_LISTEN: { values: ['tcp://h:1'] },
    ALPHASERVER_COLOUR: { values: ['red'] },
    ALPHACLIENT_SEVER: { values: ['tcp://h:1'] },
    ALPHACLEINT_LOG: { values: ['x'] },
    SETTINGS_DEFAULTS: { values: [at('folder'), at('bytes.env'), at('text')] },
  };
  // What stops the programs afterwards.
  const standing = { LOG_LEVEL: 'loud' };
  const transcripts = [alphaserver, alphaclient].map((make) =>
    transcript(Object.keys(misspelt), misspelt, standing, make),
  );
  const unused: Readonly<Record<string, Wrong>> = {
    ALPHASERVER_TLS_CERT: { values: [at('own.crt')] },
    ALPHASERVER_TLS_CLIENT_CA: { values: [at('own.crt')] },
    ALPHASERVER_HTTP_PASSWORD: { values: ['secret'], beside: withoutPage },
    ALPHASERVER_HTTP_NAMES: { values: ['asgard.example'], beside: withoutPage },
    ALPHACLIENT_TLS_CA: { values: [at('own.crt')] },
    ALPHACLIENT_TLS_KEY: { values: [at('own.key')] },
  };
  const stopped = { ALPHASERVER_DATA: '/proc/asgard', ALPHACLIENT_STATE: '/proc/asgard' };
  for (const make of [alphaserver, alphaclient])
    transcripts.push(transcript(Object.keys(unused), unused, stopped, make));
  isExpected('settings-warnings.txt', (await Promise.all(transcripts)).join(''));
});

test('commands that write into the data folder name the setting where it cannot be used, and say that they made it', async () => {
  let output = '';
  const run = async (value: string, ...line: string[]): Promise<void> => {
    const io = { stdout: new Text(), stderr: new Text(), nowMs: 0, env: { ALPHASERVER_DATA: value } };
    const code = await runProgram(alphaserver(io), line, io);
    output += `$ ALPHASERVER_DATA=${value} alphaserver ${line.join(' ')}\n${io.stderr.text}[exit ${code}]\n`;
  };
  for (const line of [
    ['token', 'add'],
    ['user', 'add', '--role', 'viewer'],
  ]) {
    const made = at(`new-${line[0]}`);
    for (const [i, value] of [at('text'), at('text/below'), '/proc/asgard', made, made].entries())
      await run(value, ...line, `name-${i}`);
  }
  isExpected('data-folder.txt', output.replaceAll(folder, 'FOLDER'));
});
