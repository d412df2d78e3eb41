import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { alphaserver } from '../../../alphaserver/cli/commands.ts';
import { SCRIPT_TOKENS, TokenError, Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { runProgram } from '../../../service/command-line.ts';
import { Pair } from '../../programs.ts';
import { Text } from '../../text.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokens-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function command(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const [out, error] = [new Text(), new Text()];
  const io = { stdout: out, stderr: error, env: { ALPHASERVER_DATA: folder }, nowMs: 0 };
  const code = await runProgram(alphaserver(io), ['token', ...args], io);
  return { code, out: out.text, error: error.text };
}

test('a running server sees tokens that a command adds and revokes, and the file holds none of them', async () => {
  const server = new Tokens(folder);
  assert.equal(server.find('guess'), null);
  const token = (await command('add', 'web-01')).out.trim();
  assert.equal(server.refresh(), true);
  assert.equal(server.refresh(), false, 'the file is read again only when it has changed');
  const hash = server.find(token)?.sha256 ?? '';
  assert.equal(server.isValid(hash), true);
  const file = join(folder, 'tokens.json');
  assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(token));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match((await command('list')).out, /^web-01\t.*\tvalid\tits own host\n$/);
  assert.equal((await command('revoke', 'web-01')).code, 0);
  assert.equal(server.refresh(), true);
  assert.equal(server.isValid(hash), false);
  assert.equal(server.find(token), null);
  assert.match((await command('list')).out, /revoked/);
});

test('a command that cannot be carried out says why: 1 for the state of things, 2 for wrong usage', async () => {
  await command('add', 'a');
  assert.deepEqual(await command('add', 'a'), {
    code: 1,
    out: '',
    error: 'alphaserver token add: there is a token a already: rotate or revoke it\n',
  });
  assert.match((await command('add', '../x y')).error, /cannot be a name/);
  assert.equal((await command('revoke', 'b')).code, 1);
  for (const args of [[], ['add'], ['list', 'x'], ['drop', 'a'], ['add', 'a', 'b']])
    assert.equal((await command(...args)).code, 2, args.join(' '));
});

test('a name that begins like an option, or is dots alone, is no name', async () => {
  for (const name of ['--help', '-x', '.', '..', '...']) {
    const { code, out, error } = await command('add', '--', name);
    assert.deepEqual([code, out], [1, ''], name);
    assert.match(error, /cannot be a name/);
  }
  assert.deepEqual(JSON.parse((await command('list', '--json')).out), { tokens: [] });
});

test('a data folder that had to be made is logged: it may not be the one of the server', async () => {
  rmSync(folder, { recursive: true });
  const { code, out, error } = await command('add', 'a');
  assert.equal(code, 0);
  assert.match(out, /^[\w-]{43}\n$/);
  assert.match(error, /^alphaserver token add: \S+ was not there and is made; [^\n]*\n$/);
  assert.equal((await command('add', 'b')).error, '');
});

test('a damaged token file lets nobody in and says where it is', () => {
  writeFileSync(join(folder, 'tokens.json'), '{"version":1');
  assert.throws(
    () => new Tokens(folder).refresh(),
    (error: unknown) => error instanceof TokenError && error.message.includes('tokens.json'),
  );
});

test('tokens stay as they were while the file is damaged, which is logged once, and go on when it is whole', async () => {
  const faults: string[] = [];
  const server = new Tokens(folder, (message) => faults.push(message));
  const token = (await command('add', 'a')).out.trim();
  assert.equal(server.find(token)?.name, 'a');
  const whole = readFileSync(join(folder, 'tokens.json'));
  for (const damaged of ['{"version":1', '{"version":1,"tokens":[null]}']) {
    writeFileSync(join(folder, 'tokens.json'), damaged);
    for (let i = 0; i < 3; i++) assert.equal(server.find(token)?.name, 'a');
  }
  assert.equal(faults.length, 2);
  writeFileSync(join(folder, 'tokens.json'), whole);
  await command('revoke', 'a');
  assert.equal(server.find(token), null);
});

test('a rotated token is of the same name and hosts; the old one ends', async () => {
  const server = new Tokens(folder);
  const old = (await command('add', 'collector', '--hosts', 'web-*,db-?')).out.trim();
  const next = (await command('rotate', 'collector')).out.trim();
  assert.equal(server.find(old), null);
  assert.partialDeepStrictEqual(server.find(next), { name: 'collector', hosts: 'web-*,db-?' });
  assert.match((await command('list')).out, /collector\t.*\tvalid\thosts web-\*,db-\?\n$/);
  await command('rotate', 'collector', '--hosts', '*');
  assert.match((await command('list')).out, /valid\thosts \*\n$/);
  assert.match((await command('rotate', 'nobody')).error, /there is no token/);
  assert.match((await command('add', 'x', '--hosts', 'a b')).error, /is no pattern of hosts/);
  assert.notEqual((await command('add', 'x', '--hosts', 'a'.repeat(1_025))).code, 0);
});

test("a script's token is rotated as it is revoked: by its name, where no agent's has it", async () => {
  const scripts = new Tokens(folder, null, SCRIPT_TOKENS);
  const old = (await command('add', 'siem', '--scope', 'viewer')).out.trim();
  assert.match((await command('add', 'siem', '--scope', 'viewer')).error, /already: rotate or revoke it/);
  assert.match(
    (await command('rotate', 'siem', '--hosts', '*')).error,
    /siem is the token of a script: --hosts is for agents/,
  );
  assert.equal(scripts.find(old)?.scope, 'viewer', 'a command that is refused changes nothing');
  const { code, out, error } = await command('rotate', 'siem');
  assert.deepEqual([code, error], [0, '']);
  assert.equal(scripts.find(old), null);
  assert.partialDeepStrictEqual(scripts.find(out.trim()), { name: 'siem', scope: 'viewer', hosts: null });
  // Earlier versions made both.
  const agents = new Tokens(folder).add('siem', 0);
  const next = (await command('rotate', 'siem')).out.trim();
  assert.deepEqual([new Tokens(folder).find(agents), scripts.find(next)], [null, null]);
  assert.equal(scripts.find(out.trim())?.name, 'siem');
});

test('a name is that of an agent or of a script, until its token is revoked', async () => {
  await command('add', 'web-01');
  await command('add', 'siem', '--scope', 'viewer');
  const before = (await command('list')).out;
  for (const [args, whose] of [
    [['siem'], 'a script'],
    [['web-01', '--scope', 'metrics'], 'an agent'],
  ] as const) {
    assert.deepEqual(await command('add', ...args), {
      ...{ code: 1, out: '' },
      error: `alphaserver token add: ${args[0]} is the name of ${whose}'s token already: use another name, or revoke that one first\n`,
    });
    assert.equal((await command('list')).out, before, 'a command that is refused changes nothing');
  }
  await command('revoke', 'siem');
  assert.equal((await command('add', 'siem')).code, 0);
});

test('tokens that an earlier version made may report any host', () => {
  const sha256 = createHash('sha256').update('secret').digest('hex');
  const tokens = [{ name: 'old', sha256, createdAt: '2026-01-01T00:00:00.000Z', revokedAt: null }];
  writeFileSync(join(folder, 'tokens.json'), JSON.stringify({ version: 1, tokens }));
  assert.equal(new Tokens(folder).find('secret')?.hosts, '*');
});

test('over TLS, with a token, an attempt arrives; without a token it does not', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const at = (name: string): string => join(pair.folder, name);
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
  ];
  execFileSync(
    'openssl',
    [...request, '-addext', 'subjectAltName=DNS:localhost', '-keyout', at('key.pem'), '-out', at('cert.pem')],
    { stdio: 'ignore' },
  );
  const tls = {
    ALPHASERVER_LISTEN: `tls://127.0.0.1:${pair.port}`,
    ALPHASERVER_TLS_CERT: at('cert.pem'),
    ALPHASERVER_TLS_KEY: at('key.pem'),
  };
  const server = await pair.serving({ ...tls, ALPHASERVER_ANONYMOUS: 'false' });
  const token = new Tokens(at('server')).add('box', Date.now());
  writeFileSync(pair.logFile, 'Failed password for root from 192.0.2.1 port 22022 ssh2\r\n');
  const secure = { ALPHACLIENT_SERVER: `tls://localhost:${pair.port}`, ALPHACLIENT_TLS_CA: at('cert.pem') };
  const stranger = pair.agent({ ...secure, ALPHACLIENT_STATE: at('stranger') });
  await stranger.says('unauthorized');
  assert.doesNotMatch(server.output, /Processed result/);
  await stranger.end('SIGTERM');
  const agent = pair.agent({ ...secure, ALPHACLIENT_TOKEN: token });
  await server.says('Processed result: box had 1 attempt of ssh session');
  assert.equal(await agent.end('SIGTERM'), 0);
});
