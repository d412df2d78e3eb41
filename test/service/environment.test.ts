import { deepEqual, equal } from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type Environment, gatherEnvironment } from '../../service/environment.ts';

const KNOWN = ['ALPHASERVER_HTTP', 'ALPHASERVER_LISTEN', 'ALPHASERVER_HTTP_PASSWORD'];
/** A user without any rights of root's. */
const NOBODY = 65_534;
const before = process.cwd();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'environment-'));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

const gathered = (real: Environment = {}) => gatherEnvironment(real, 'ALPHASERVER_', KNOWN);
const warnings = (text: string | Buffer): readonly string[] => {
  writeFileSync('.env', text);
  return gathered().warnings;
};

test('the real environment wins over .env, and .env over the file of defaults', () => {
  writeFileSync('.env', 'ALPHASERVER_HTTP=file\nALPHASERVER_LISTEN=file\n');
  writeFileSync('defaults', 'ALPHASERVER_LISTEN=defaults\nALPHASERVER_HTTP_PASSWORD=defaults\n');
  const { env, warnings: none } = gathered({ ALPHASERVER_HTTP: 'real', SETTINGS_DEFAULTS: 'defaults' });
  deepEqual([env['ALPHASERVER_HTTP'], env['ALPHASERVER_LISTEN']], ['real', 'file']);
  equal(env['ALPHASERVER_HTTP_PASSWORD'], 'defaults');
  deepEqual(none, []);
});

test('settings that the launcher passes on win over the file of defaults, and .env over them', () => {
  writeFileSync('.env', 'ALPHASERVER_HTTP=file\n');
  writeFileSync('defaults', 'ALPHASERVER_LISTEN=defaults\n');
  const offered = JSON.stringify({ ALPHASERVER_HTTP: 'offered', ALPHASERVER_LISTEN: 'offered' });
  const { env } = gathered({ SETTINGS_OFFERED: offered, SETTINGS_DEFAULTS: 'defaults' });
  deepEqual([env['ALPHASERVER_HTTP'], env['ALPHASERVER_LISTEN']], ['file', 'offered']);
});

test('settings that stand for none are overruled by the file of defaults', () => {
  writeFileSync('defaults', 'ALPHASERVER_LISTEN=defaults\n');
  const fallback = JSON.stringify({ ALPHASERVER_HTTP: 'fallback', ALPHASERVER_LISTEN: 'fallback' });
  const { env } = gathered({ SETTINGS_FALLBACK: fallback, SETTINGS_DEFAULTS: 'defaults' });
  deepEqual([env['ALPHASERVER_HTTP'], env['ALPHASERVER_LISTEN']], ['fallback', 'defaults']);
});

test('a name that begins like a setting and is none is reported, with the nearest', () => {
  deepEqual(gathered({ ALPHASERVER_HTPP: 'off' }).warnings, [
    'ALPHASERVER_HTPP is no setting; did you mean ALPHASERVER_HTTP?',
  ]);
  deepEqual(gathered({ ALPHASERVER_COLOUR: 'red' }).warnings, ['ALPHASERVER_COLOUR is no setting']);
  deepEqual(gathered({ ALPHASEVER_LISTEN: 'x' }).warnings, [
    'ALPHASEVER_LISTEN is no setting; did you mean ALPHASERVER_LISTEN?',
  ]);
  deepEqual(warnings('ALPHASERVER_LISTN=x\n'), ['ALPHASERVER_LISTN is no setting; did you mean ALPHASERVER_LISTEN?']);
});

test('settings of the other program, and of anything else, are left alone', () => {
  deepEqual(gathered({ ALPHACLIENT_LOG: 'x', ALPHACLIENT_LGO: 'x', ALPHABET: 'x', PATH: 'x' }).warnings, []);
});

test('a .env that is not there is nothing, and one that cannot be read is reported', () => {
  deepEqual(gathered().warnings, []);
  mkdirSync('.env');
  deepEqual(gathered().warnings, ['.env is a folder, and not a file of settings']);
});

test('a .env that this user may not read is reported', {
  skip: process.getuid?.() === 0 && 'root may read everything',
}, () => {
  writeFileSync('.env', 'A=1');
  chmodSync('.env', 0);
  equal(gathered().warnings.length, 1);
});

test('lines of .env that set nothing are reported, and what sets something is used all the same', () => {
  deepEqual(warnings(Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a])), ['.env is no text in UTF-8']);
  deepEqual(warnings('# comment\n\nA=1\nALPHASERVER_HTTP off\n'), [
    '.env has a line 4 that sets nothing: a setting is NAME=value',
  ]);
  deepEqual(warnings('A="one\ntwo # no comment\n"\nexport B=\'x\'\nC: yaml\nD=\n  E = spaced # comment\n'), []);
  writeFileSync('.env', 'nonsense\nALPHASERVER_HTTP=off\n');
  equal(gathered().env['ALPHASERVER_HTTP'], 'off');
});

test('a value without quotes that ends at its # is reported, and used as far as it goes', () => {
  const cut = (line: string): readonly string[] => warnings(`A=1\n${line}\n`);
  for (const [line, value] of [
    ['ALPHASERVER_HTTP_PASSWORD=ab#Long-secret-77', 'ab'],
    ['export ALPHASERVER_HTTP_PASSWORD = ab#c # comment', 'ab'],
    ['ALPHASERVER_HTTP_PASSWORD=#secret', ''],
    ['ALPHASERVER_HTTP_PASSWORD="ab#c', '"ab'],
  ] as const) {
    deepEqual(cut(line), ['.env has a value in line 2 that ends before its #: put it in quotes'], line);
    equal(gathered().env['ALPHASERVER_HTTP_PASSWORD'], value, line);
  }
  for (const [line, value] of [
    ['ALPHASERVER_HTTP_PASSWORD="ab#c"', 'ab#c'],
    ["ALPHASERVER_HTTP_PASSWORD= 'ab#c'# comment", 'ab#c'],
    ['ALPHASERVER_HTTP_PASSWORD=`ab\n#c`#d', 'ab\n#c'],
    ['ALPHASERVER_HTTP_PASSWORD=ab # comment#1', 'ab'],
    ['ALPHASERVER_HTTP_PASSWORD= # comment', ''],
    ['ALPHASERVER_HTTP_PASSWORD=ab\n#B=c#d', 'ab'],
  ] as const) {
    deepEqual(cut(line), [], line);
    equal(gathered().env['ALPHASERVER_HTTP_PASSWORD'], value, line);
  }
  deepEqual(cut('A=b#c\nnonsense'), ['.env has a line 3 that sets nothing: a setting is NAME=value']);
});

test('a # behind a value in the file of defaults is reported, since the service has what follows it, too, and the same in .env is not', () => {
  const lines = [
    ['ALPHASERVER_HTTP_PASSWORD=ab #Long', 'ab'],
    ['ALPHASERVER_HTTP_PASSWORD=30d # a month', '30d'],
    ['ALPHASERVER_HTTP_PASSWORD="ab#c" # comment', 'ab#c'],
    ['ALPHASERVER_HTTP_PASSWORD= # comment', ''],
  ] as const;
  const fault =
    'has a # in line 2 that ends the value for a command, and not for a service of systemd: put the value in quotes, and a comment on a line of its own';
  const inDefaults = (line: string) => {
    writeFileSync('defaults', `A=1\n${line}\n`);
    return gathered({ SETTINGS_DEFAULTS: 'defaults' });
  };
  for (const [line, value] of lines) {
    const { env, warnings: reported } = inDefaults(line);
    deepEqual(reported, [`defaults ${fault}`], line);
    equal(env['ALPHASERVER_HTTP_PASSWORD'], value, line);
  }
  deepEqual(inDefaults('ALPHASERVER_HTTP_PASSWORD=ab#Long').warnings, [`defaults ${fault}`]);
  for (const line of ['ALPHASERVER_HTTP_PASSWORD="ab #c"', '# comment = # comment', 'ALPHASERVER_HTTP_PASSWORD=ab'])
    deepEqual(inDefaults(line).warnings, [], line);
  rmSync('defaults');
  for (const [line] of lines) deepEqual(warnings(`A=1\n${line}\n`), [], line);
});

test('a working folder that this user may not look into has no settings, as where root typed a command that becomes another user', () => {
  writeFileSync('.env', 'ALPHASERVER_HTTP=off');
  chmodSync('.', 0);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    deepEqual(gathered(), { env: {}, warnings: [] });
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(folder, 0o700);
  }
});
