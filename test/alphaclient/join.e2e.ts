/** A host joins a real server by a real code, over TLS, and is watched from then on. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { writeIdentity } from '../../alphaclient/uplink/identity-file.ts';
import { Authority, authorityFolder } from '../../alphaserver/ingest/authority.ts';
import { makeRequest, sign } from '../../service/certificates.ts';
import { Pair, Program } from '../programs.ts';
import { until } from '../until.ts';

const DAY_MS = 86_400_000;

/** A server with an authority of its own, and commands on both sides of it. */
async function authorized(context: TestContext, host = '127.0.0.1') {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const settings = {
    ALPHASERVER_LISTEN: `tls://${host}:${pair.port}`,
    ALPHASERVER_DATA: join(pair.folder, 'server'),
    ALPHASERVER_ANONYMOUS: 'false',
  };
  const command = async (...args: string[]): Promise<string> => {
    const program = pair.add(new Program('alphaserver/main.ts', settings, args));
    assert.equal(await program.ended, 0, program.output);
    return program.output;
  };
  const enroll = async (...args: string[]): Promise<string> => (await command('enroll', ...args)).split('\n')[0] ?? '';
  await command('certs', 'init');
  const server = await pair.serving(settings);
  writeFileSync(pair.logFile, '');
  const agentSettings = { ALPHACLIENT_STATE: join(pair.folder, 'agent'), ALPHACLIENT_LOG: pair.logFile };
  const joins = async (input: string, ...args: string[]): Promise<{ code: number | null; output: string }> => {
    const program = pair.add(new Program('alphaclient/main.ts', agentSettings, ['join', ...args]));
    program.child.stdin?.end(input);
    return { code: await program.ended, output: program.output };
  };
  const agent = (): Program => pair.add(new Program('alphaclient/main.ts', agentSettings, ['run']));
  return {
    pair,
    server,
    settings,
    command,
    enroll,
    joins,
    agent,
    identity: join(pair.folder, 'agent', 'identity.pem'),
  };
}

const FAILED = 'Nov 23 19:46:01 h sshd[4711]: Failed password for root from 192.0.2.1 port 50022 ssh2\n';

test('a host joins by a code from standard input, and its attempts are stored under the name that it got', async (context) => {
  const { pair, server, enroll, joins, agent, command, identity } = await authorized(context);
  const address = `127.0.0.1:${pair.port}`;
  const joined = await joins(`${await enroll('web-01')}\n`, address);
  assert.equal(joined.code, 0, joined.output);
  assert.match(joined.output, /^Joined 127\.0\.0\.1:\d+ as web-01; settings are in .*agent\/\.env\n/);
  assert.equal(statSync(identity).mode & 0o777, 0o600);
  const running = agent();
  await running.says('Connected to tls://127.0.0.1:');
  appendFileSync(pair.logFile, FAILED);
  await server.says('Processed result: web-01 had 1 attempt of ssh session');
  // What ends a certificate ends its session.
  await command('certs', 'revoke', 'web-01');
  await running.says('its token or certificate is not valid any more');
  await running.says('its certificate was revoked');
});

test('the settings go where a package has them, also where no other package made that folder', async (context) => {
  const { pair, enroll } = await authorized(context);
  const file = join(pair.folder, 'etc', 'asgard', 'agent.env');
  const settings = { ALPHACLIENT_STATE: join(pair.folder, 'agent'), SETTINGS_DEFAULTS: file };
  const joining = pair.add(new Program('alphaclient/main.ts', settings, ['join', `127.0.0.1:${pair.port}`]));
  joining.child.stdin?.end(await enroll('web-01'));
  assert.equal(await joining.ended, 0, joining.output);
  assert.match(readFileSync(file, 'utf8'), /^ALPHACLIENT_SERVER=tls:\/\/127\.0\.0\.1:\d+$/m);
});

test('a host that joins at one of its servers keeps the others, and one that joins elsewhere says what it replaces', async (context) => {
  const { pair, enroll } = await authorized(context);
  const state = join(pair.folder, 'agent');
  const file = join(pair.folder, 'agent.env');
  const address = `127.0.0.1:${pair.port}`;
  const joins = async (): Promise<string> => {
    const program = pair.add(
      new Program('alphaclient/main.ts', { ALPHACLIENT_STATE: state, SETTINGS_DEFAULTS: file }, ['join', address]),
    );
    program.child.stdin?.end(await enroll('web-01'));
    assert.equal(await program.ended, 0, program.output);
    return program.output;
  };
  writeFileSync(file, `ALPHACLIENT_SERVER=tls://one.example:5000,tcp://${address}\n`);
  const both = `tls://one.example:5000,tls://${address}`;
  assert.ok((await joins()).includes(`which are tried in turn: ${both}\n`));
  assert.match(readFileSync(file, 'utf8'), new RegExp(`^ALPHACLIENT_SERVER=${both}$`, 'm'));
  writeFileSync(file, 'ALPHACLIENT_SERVER=tls://one.example:5000,tls://two.example:5000\n');
  assert.match(await joins(), /ALPHACLIENT_SERVER is tls:\S+ now, in place of tls:\/\/one\S+two\.example:5000\n/);
  assert.match(readFileSync(file, 'utf8'), new RegExp(`^ALPHACLIENT_SERVER=tls://${address}$`, 'm'));
});

test('a host that cannot keep what it gets does not use up its code', async (context) => {
  const { pair, enroll } = await authorized(context);
  const state = join(pair.folder, 'agent');
  const code = await enroll('--count', '1');
  const joins = async (settings: Record<string, string>): Promise<{ code: number | null; output: string }> => {
    const program = pair.add(new Program('alphaclient/main.ts', settings, ['join', `127.0.0.1:${pair.port}`]));
    program.child.stdin?.end(`${code}\n`);
    return { code: await program.ended, output: program.output };
  };
  const notFolder = join(pair.folder, 'file');
  writeFileSync(notFolder, '');
  const folder = join(pair.folder, 'folder');
  mkdirSync(folder);
  const settings = await joins({ ALPHACLIENT_STATE: state, SETTINGS_DEFAULTS: join(notFolder, 'agent.env') });
  assert.match(settings.output, /the settings cannot be written to .*; nothing was sent, the code is still good/);
  const aFolder = await joins({ ALPHACLIENT_STATE: state, SETTINGS_DEFAULTS: folder });
  assert.match(aFolder.output, /the settings cannot be written to .*; nothing was sent, the code is still good/);
  const identity = await joins({ ALPHACLIENT_STATE: join(notFolder, 'agent') });
  assert.match(identity.output, /the identity of this host cannot be written to .*; nothing was sent/);
  assert.deepEqual([settings.code, aFolder.code, identity.code], [1, 1, 1]);
  const right = await joins({ ALPHACLIENT_STATE: state, SETTINGS_DEFAULTS: join(folder, 'agent.env') });
  assert.equal(right.code, 0, right.output);
  assert.deepEqual(
    readdirSync(state).filter((name) => name.startsWith('.join')),
    [],
  );
});

test('a code in a file works once, and each refusal says why', async (context) => {
  const { pair, enroll, joins } = await authorized(context);
  const address = `127.0.0.1:${pair.port}`;
  const file = join(pair.folder, 'code');
  writeFileSync(file, `${await enroll('--count', '1')}\n`);
  assert.equal((await joins('', '--file', file, address)).code, 0);
  const [again, none, nothing, both, plain] = await Promise.all([
    joins('', '--file', file, address),
    joins('this is none\n', address),
    joins('', address),
    joins('', '--file', file, address, 'CODE'),
    joins('', '--file', file, `127.0.0.1:${pair.httpPort}`),
  ]);
  assert.deepEqual([again.code, none.code, nothing.code, both.code, plain.code], [1, 1, 2, 2, 1]);
  assert.match(again.output, /refused: the code was used already/);
  assert.match(none.output, /the code is not valid: copy all 44 characters that alphaserver enroll printed/);
  assert.match(nothing.output, /CODE is missing/);
  assert.match(both.output, /it takes CODE or --file, and not both/);
  assert.match(plain.output, /it speaks no TLS: ALPHASERVER_LISTEN must be tls:\/\/ there/);
});

test('nothing is sent to a server that is not the one of the code', async (context) => {
  const { enroll, joins } = await authorized(context);
  const other = await authorized(context);
  const wrong = await joins(await enroll('web-01'), `127.0.0.1:${other.pair.port}`);
  assert.match(
    wrong.output,
    /is not the server that the code is of; nothing was sent to it: check the address, or get a new code on that server/,
  );
  assert.equal(other.server.output.includes('may not join'), false);
});

test('a server by a name that its certificate has not is refused, and the command that is named adds it', async (context) => {
  const { pair, enroll, joins, command, server } = await authorized(context, '127.0.0.2');
  const [code, address] = [await enroll('web-01'), `127.0.0.2:${pair.port}`];
  const misnamed = await joins(code, address);
  assert.equal(misnamed.code, 1);
  assert.match(
    misnamed.output,
    /its certificate has not the name 127\.0\.0\.2: there, alphaserver certs init --names 127/,
  );
  await command('certs', 'init', '--names', '127.0.0.2');
  server.child.kill('SIGHUP');
  await server.says('Certificate read again from ');
  assert.equal((await joins(code, address)).code, 0);
});

test('a certificate is renewed over the connection of its agent once half of its life is over', async (context) => {
  const { pair, server, enroll, joins, agent, identity, settings } = await authorized(context);
  assert.equal((await joins(await enroll('web-01'), `127.0.0.1:${pair.port}`)).code, 0);
  // As if it had joined 200 days ago, by the record too.
  const { files } = new Authority(authorityFolder(settings.ALPHASERVER_DATA));
  const keys = { certificate: readFileSync(files.ca, 'utf8'), key: readFileSync(files.caKey, 'utf8') };
  const { request, key } = await makeRequest('web-01');
  const wanted = { name: 'web-01', usage: 'agent', alternativeNames: [], days: 365 } as const;
  const thenMs = Math.floor(Date.now() / 1_000) * 1_000 - 200 * DAY_MS;
  writeIdentity(identity, await sign(keys, request, wanted, thenMs), key);
  const record = join(settings.ALPHASERVER_DATA, 'joined', 'web-01.json');
  await server.end('SIGTERM');
  writeFileSync(record, JSON.stringify({ version: 1, name: 'web-01', hosts: null, joinedMs: thenMs }));
  const again = await pair.serving(settings);
  const running = agent();
  await running.says('The certificate is renewed until ');
  await again.says('The certificate of web-01 is renewed');
  assert.ok(Date.parse(new X509Certificate(readFileSync(identity)).validFrom) > Date.now() - DAY_MS);
  // It goes on by the new one, without a start of its own.
  await again.end('SIGTERM');
  await pair.serving(settings);
  await until(
    () => running.output.split('Connected to').length > 2,
    () => running.output,
  );
});

test('a certificate speaks for its own host alone, and nobody is let in without one', async (context) => {
  const { pair, enroll, joins, settings, identity } = await authorized(context);
  assert.equal((await joins(await enroll('web-01', '--hosts', 'db-*'), `127.0.0.1:${pair.port}`)).code, 0);
  const pem = readFileSync(identity);
  const { files } = new Authority(authorityFolder(settings.ALPHASERVER_DATA));
  const say = async (host: string, shown: object): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port: pair.port, ca: readFileSync(files.ca), ...shown });
    const agent = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';
    socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent, host })}\n`);
    const [answer] = await once(socket, 'data');
    socket.destroy();
    return String(answer);
  };
  const shown = { cert: pem, key: pem };
  assert.match(await say('web-02', shown), /certificate:web-01 may speak for hosts db-\* alone/);
  assert.match(
    await say('web-01', {}),
    /a token or a certificate is needed: alphaserver token add NAME makes a token, and over TLS alphaserver enroll NAME/,
  );
  assert.match(await say('web-01', shown), /"type":"welcome","version":1,"seq":0,"end":0,"accepts":\["end","renew"\]/);
  assert.match(await say('db-1', shown), /"type":"welcome"/);
  const { request, key } = await makeRequest('web-01');
  const stranger = new Authority(join(pair.folder, 'stranger'));
  await stranger.init('stranger', [], Date.now());
  const forged = await stranger.certifyAgent(request, 'web-01', Date.now());
  assert.match(await say('web-01', { cert: forged, key }), /its certificate is not of this server/);
});

test('an agent that had a token and joins goes on as the same agent', async (context) => {
  const { pair, server, enroll, joins, agent, command, settings } = await authorized(context);
  const token = (await command('token', 'add', 'web-01')).trim();
  const ca = join(settings.ALPHASERVER_DATA, 'certs', 'ca.pem');
  const before = {
    ALPHACLIENT_SERVER: `tls://127.0.0.1:${pair.port}`,
    ALPHACLIENT_TLS_CA: ca,
    ALPHACLIENT_TOKEN: token,
    ALPHACLIENT_NAME: 'web-01',
  };
  const first = pair.agent(before);
  await first.says('Connected to ');
  appendFileSync(pair.logFile, FAILED);
  await server.says('Processed result: web-01 had 1 attempt');
  await first.end('SIGTERM');
  assert.equal((await joins(await enroll('web-01'), `127.0.0.1:${pair.port}`)).code, 0);
  const env = join(pair.folder, 'agent', '.env');
  writeFileSync(env, `${readFileSync(env, 'utf8')}ALPHACLIENT_TOKEN=${token}\n`);
  const second = agent();
  await second.says('Connected to ');
  await server.says('is bound to certificate:web-01');
  appendFileSync(pair.logFile, FAILED.replace('50022', '50023'));
  await server.says('Processed result: web-01 had 2 attempt of');
  // From here on the certificate is enough.
  await second.end('SIGTERM');
  await command('token', 'revoke', 'web-01');
  writeFileSync(env, readFileSync(env, 'utf8').replace(/ALPHACLIENT_TOKEN=.*\n/, ''));
  await agent().says('Connected to ');
});

test('a server without an authority says that nobody can join there', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  await pair.serving();
  const socket = createConnection(pair.port, '127.0.0.1');
  const csr = '-----BEGIN CERTIFICATE REQUEST-----';
  socket.write(`${JSON.stringify({ type: 'enroll', version: 1, code: 'x', csr, host: 'h' })}\n`);
  const [answer] = await once(socket, 'data');
  assert.match(String(answer), /"unauthorized".*nobody can join here: it takes tls:\/\/ and alphaserver certs init/);
  socket.destroy();
});
