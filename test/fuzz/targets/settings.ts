/** Settings, rules files, and the files of who may come in: what an operator writes, and what a disk makes of it. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readClientConfig } from '../../../alphaclient/config.ts';
import { compileRulesCheck, RulesError, settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { JoinCodes } from '../../../alphaserver/ingest/join-codes.ts';
import { JoinedHosts } from '../../../alphaserver/ingest/joined-hosts.ts';
import { TokenError, Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { Users } from '../../../alphaserver/web/users.ts';
import { SettingsError } from '../../../service/settings.ts';
import { UserError } from '../../../service/user-error.ts';
import type { Target, Traits } from '../fuzz.ts';

/** Lets an error of this kind pass that is a line for each fault without a control character; anything else is a fault. */
function refused(error: unknown, kind: new (...values: never[]) => Error): Traits {
  if (!(error instanceof kind)) throw error;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those that must not be there.
  if (/[\0-\x09\x0b-\x1f\x7f\u202e]/.test(error.message))
    throw new Error(`not escaped: ${JSON.stringify(error.message)}`);
  // What is wrong, without the names that the input made up.
  return error.message.split('\n').map((line) => line.replace(/^.*?:\d+: .*? (?=must |is no|this )/s, ''));
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
    return [readServerConfig, readClientConfig].flatMap((read) => {
      try {
        return Object.keys(read(env)).slice(0, 1);
      } catch (error) {
        return refused(error, SettingsError);
      }
    });
  },
};

/** Compiled once: it takes longer than to read a file. */
const rulesCheck = compileRulesCheck();

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
      settingsIn(input.toString('utf8'), 'rules.json', rulesCheck);
      return ['taken'];
    } catch (error) {
      return refused(error, RulesError);
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
    try {
      if (new Tokens(folder).find('guessed') !== null) throw new Error('a guess was taken');
      return ['taken'];
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return [error.message];
    }
  },
  close: () => rmSync(folder, { recursive: true }),
};

const people = mkdtempSync(join(tmpdir(), 'fuzz-people-'));
for (const name of ['joined', 'codes']) mkdirSync(join(people, name));
const secret = Buffer.alloc(8, 1);
/** Nobody has joined. */
const UNKNOWN = { isTaken: () => false, endOf: () => null };
const CODE_FILE = `codes/${createHash('sha256').update(secret).digest('hex')}.json`;

/** The files of users, of hosts that joined, of certificates that were revoked, and of codes. */
export const accessFiles: Target = {
  name: 'access-files',
  seeds: [
    {
      version: 1,
      users: [{ name: 'a', role: 'viewer', changedMs: 1_795_000_000_000, salt: 'c2FsdA==', scrypt: 'eA==' }],
    },
    { version: 1, name: 'a', hosts: 'web-*', joinedMs: 1_795_000_000_000 },
    { version: 1, revoked: { a: 1_795_000_000_000 } },
    { version: 1, name: null, hosts: null, count: 2, endsMs: 1_795_000_000_000, used: [{ name: 'a', request: 'b' }] },
  ].map((content) => JSON.stringify(content)),
  run(input) {
    for (const file of ['users.json', 'joined/a.json', CODE_FILE]) writeFileSync(join(people, file), input);
    const revokedFile = join(people, 'revoked.json');
    rmSync(revokedFile, { force: true });
    const hosts = (): JoinedHosts => new JoinedHosts(people);
    const reads = [
      () => new Users(people).list().map(({ role }) => role),
      () =>
        hosts()
          .list()
          .map(({ name }) => String(hosts().fault({ name, fromMs: 0 }) === null)),
      () => {
        writeFileSync(revokedFile, input);
        return [hosts().isTaken('a') ? 'taken' : 'free'];
      },
      () => {
        const taken = new JoinCodes(people).look(secret, 'h', 'request', UNKNOWN, 1_794_000_000_000);
        return [taken.ok ? 'let in' : taken.message];
      },
    ];
    return reads.flatMap((read, place) => {
      try {
        return read().map((what) => `${place} ${what}`);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        return [`${place} ${error.message}`];
      }
    });
  },
  close: () => rmSync(people, { recursive: true }),
};
