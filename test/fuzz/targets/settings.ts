/** Settings, rules files, and files of tokens: what an operator writes, and what a disk makes of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readClientConfig } from '../../../alphaclient/config.ts';
import { RulesError, settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { TokenError, Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { SettingsError } from '../../../service/settings.ts';
import type { Target } from '../fuzz.ts';

/** Lets an error of this kind pass that is a line for each fault without a control character; anything else is a fault. */
function refused(error: unknown, kind: new (...values: never[]) => Error): void {
  if (!(error instanceof kind)) throw error;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those that must not be there.
  if (/[\0-\x09\x0b-\x1f\x7f\u202e]/.test(error.message))
    throw new Error(`not escaped: ${JSON.stringify(error.message)}`);
}

/** Environments: NAME=value, a NUL between two. */
export const settings: Target = {
  name: 'settings',
  seeds: [
    [
      'ALPHASERVER_LISTEN=tls://[::1]:5000',
      'ALPHASERVER_TLS_CERT=c',
      'ALPHASERVER_TLS_KEY=k',
      'ALPHASERVER_RETENTION=90d',
    ],
    ['ALPHASERVER_HTTP=http://127.0.0.1:8080', 'ALPHASERVER_WEBHOOK=https://u:p@h/x?y', 'ALPHASERVER_HTTP_NAMES=a.b,c'],
    ['ALPHACLIENT_SERVER=tcp://a:1,tls://[2001:db8::1]:2', 'ALPHACLIENT_HEADER={time} {host} {tag}[{pid}]: '],
    [
      'ALPHACLIENT_OUTBOX=256MiB',
      'ALPHACLIENT_NAME=box',
      'LOG_LEVEL=info',
      'LOG_FORMAT=json',
      'ALPHASERVER_ANONYMOUS=true',
    ],
  ].map((lines) => lines.join('\0')),
  run(input) {
    const pairs = input
      .toString('utf8')
      .split('\0')
      .map((line) => line.split(/=(.*)/s).slice(0, 2));
    const env = Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
    for (const read of [readServerConfig, readClientConfig])
      try {
        read(env);
      } catch (error) {
        refused(error, SettingsError);
      }
  },
};

/** Rules files. */
export const rules: Target = {
  name: 'rules',
  seeds: [
    '{"rules":{"break-in":{"count":5,"window":"24h","channels":["a"]}},"channels":{"a":{"type":"slack","url":"https://h/x"}}}',
    '{"quietHours":{"from":"22:00","until":"07:00","timeZone":"Europe/Berlin"},"allow":{"addresses":["192.0.2.0/24"]}} // x',
    '{"channels":{"m":{"type":"email","server":"smtp://u:p@h:587","from":"a@b","to":["c@d"],"allowPlain":true}},"page":"http://h"}',
    '{"ipv6Prefix":64,"late":{"after":"10m","tell":true},"grouping":{"wait":"1s"},"blocklist":{"rules":["break-in"]}}',
  ],
  run(input) {
    try {
      settingsIn(input.toString('utf8'), 'rules.json');
    } catch (error) {
      refused(error, RulesError);
    }
  },
};

const folder = mkdtempSync(join(tmpdir(), 'fuzz-tokens-'));

/** The file of tokens. */
export const tokens: Target = {
  name: 'tokens',
  seeds: [
    JSON.stringify({
      version: 1,
      tokens: [
        {
          name: 'a',
          sha256: 'x'.repeat(64),
          createdAt: '2026-11-23T19:46:01.123Z',
          revokedAt: null,
          hosts: 'web-*,db-?',
        },
        { name: 'b', sha256: 'y'.repeat(64), createdAt: '2026-11-23T19:46:01.123Z', revokedAt: '2026-11-24T00:00:00Z' },
      ],
    }),
  ],
  run(input) {
    writeFileSync(join(folder, 'tokens.json'), input);
    const read = new Tokens(folder);
    try {
      if (read.find('guessed') !== null) throw new Error('a guess was taken');
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
    }
  },
  close: () => rmSync(folder, { recursive: true }),
};
