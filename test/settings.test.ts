/** Every setting of the programs with what can be wrong with its kind: compared with one written expectation. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { alphaserver } from '../alphaserver/cli/commands.ts';
import { SETTING_NAMES as SERVER_NAMES, type SettingName } from '../alphaserver/config.ts';
import { type Program, runProgram } from '../service/command-line.ts';
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
const certificates: Wrong = { values: ['none', 'folder', 'text', 'own.key', 'damaged.crt'].map(at), beside: tls };
const long = 'x'.repeat(5_000);

const SERVER: Readonly<Record<SettingName, Wrong>> = {
  ALPHASERVER_LISTEN: { values: ['5000', 'udp://h:1', 'tcp://h:70000', 'tcp://h', 'tls://127.0.0.1:0', 'x\ny'] },
  ALPHASERVER_HTTP: { values: ['on', 'https://h:1', 'http://0.0.0.0:0', 'http://127.0.0.1'] },
  ALPHASERVER_DATA: { values: [at('text'), at('text/below'), '/proc/asgard', long] },
  ALPHASERVER_ANONYMOUS: words,
  ALPHASERVER_TLS_CERT: certificates,
  ALPHASERVER_TLS_KEY: {
    values: ['none', 'folder', 'text', 'own.crt', 'locked.key', 'other.key'].map(at),
    beside: tls,
  },
  ALPHASERVER_TLS_CLIENT_CA: certificates,
  ALPHASERVER_HTTP_PASSWORD: { values: [long] },
  ALPHASERVER_HTTP_NAMES: { values: ['a b', 'a,,b', 'https://h', long] },
  ALPHASERVER_RETENTION: { values: ['90', '0d', 'forever', '-1d'] },
  ALPHASERVER_WEBHOOK: { values: ['chat', 'ftp://h/', 'http://', 'http://a b'] },
  ALPHASERVER_RULES: { values: [at('none'), at('folder'), at('text')] },
  ALPHASERVER_GEOIP: { values: [at('none'), at('folder'), at('text'), `${at('none')},${at('text')}`] },
  LOG_LEVEL: { values: ['loud', 'INFO'] },
  LOG_FORMAT: { values: ['xml'] },
};

/** What a program says to each wrong setting when it is to run. */
async function transcript(
  names: readonly string[],
  wrong: Readonly<Record<string, Wrong>>,
  standing: Environment,
  make: (io: { stdout: Text; stderr: Text; nowMs: number; env: Environment }) => Program,
): Promise<string> {
  let all = '';
  for (const name of names)
    for (const value of wrong[name]?.values ?? []) {
      const env = { ...standing, ...wrong[name]?.beside?.(), [name]: value };
      const io = { stdout: new Text(), stderr: new Text(), nowMs: 0, env };
      const code = await runProgram(make(io), [], io);
      all += `$ ${name}=${JSON.stringify(value.slice(0, 80))}\n${io.stdout.text}${io.stderr.text}[exit ${code}]\n\n`;
    }
  return all.replaceAll(folder, 'FOLDER').replaceAll('x'.repeat(60), 'xxx');
}

test('alphaserver refuses each wrong setting as written down, before it opens anything', async () => {
  const standing = { ALPHASERVER_DATA: at('data'), ALPHASERVER_LISTEN: 'tcp://127.0.0.1:0', ALPHASERVER_HTTP: 'off' };
  isExpected('alphaserver-settings.txt', await transcript(SERVER_NAMES, SERVER, standing, alphaserver));
});
