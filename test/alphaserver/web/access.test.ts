/** Who may see and do what, tried by requests made by hand on a real server. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, test } from 'node:test';
import { readServerConfig } from '../../../alphaserver/config.ts';
import { Authority, authorityFolder } from '../../../alphaserver/ingest/authority.ts';
import { SCRIPT_TOKENS, type Scope, Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { LOGINS_PER_ADDRESS_LIMIT } from '../../../alphaserver/web/login.ts';
import { makePassword, PASSWORD_LIMIT_CHARS, USERS_LIMIT, Users } from '../../../alphaserver/web/users.ts';
import { Served } from './served.ts';

const PASSWORDS = { vera: 'a viewer sees', olaf: 'an operator acts' };
/** A file of both users: to hash their passwords for each test would take most of its time. */
let usersFile: Buffer;
const addUsers = (): void => writeFileSync(join(store(), 'users.json'), usersFile, { mode: 0o600 });

let served: Served;
const store = (): string => join(served.folder, 'store');

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'asgard-users-'));
  await new Users(folder).add('vera', 'viewer', PASSWORDS.vera, Date.now());
  await new Users(folder).add('olaf', 'operator', PASSWORDS.olaf, Date.now());
  usersFile = readFileSync(join(folder, 'users.json'));
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  served = new Served();
  await served.open();
});
afterEach(() => served.close());

function send(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${served.page}${path}`, { redirect: 'manual', ...init });
}
const json = (body: object, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const login = (user: string, password: string): Promise<Response> => send('/login', json({ user, password }));

/** Logs in and returns the cookie as a browser sends it back. */
async function session(user: keyof typeof PASSWORDS): Promise<string> {
  const answer = await login(user, PASSWORDS[user]);
  assert.equal(answer.status, 200);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] as string;
}

const ROUTES = [
  '/',
  '/api/summary',
  '/api/hosts',
  '/api/events',
  '/api/alerts',
  '/api/ledger',
  '/api/channels',
  '/api/me',
  '/api/docs/json',
  '/metrics',
  '/blocklist.txt',
];
const ACT = '/api/alerts/1/acknowledge';

test('without users and a password everybody sees and acts, as on loopback before', async () => {
  for (const path of ROUTES) assert.equal((await send(path)).status, 200, path);
  assert.deepEqual(await (await send('/api/me')).json(), { name: null, role: 'operator', hasLogin: false });
  assert.equal((await send(ACT, json({ by: 'me' }))).status, 404, 'there is no such alert');
  assert.equal((await send(ACT, json({}))).status, 400, 'nobody is logged in, so somebody must be named');
});

test('with the first user nothing is shown without a login, from that moment on', async () => {
  addUsers();
  for (const path of ROUTES) {
    const answer = await send(path);
    assert.equal(answer.status, 401, path);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="asgard"');
  }
  assert.equal((await send(ACT, json({ by: 'me' }))).status, 401);
  for (const path of ['/healthz', '/readyz', '/login', '/login/login.js', '/login/login.css', '/login/icon.svg'])
    assert.equal((await send(path)).status, 200, path);
  const led = await send('/?range=7d', { headers: { accept: 'text/html' } });
  assert.equal(led.status, 303);
  assert.equal(led.headers.get('location'), '/login?to=%2F%3Frange%3D7d');
});

test('the one password stays good beside users, of which the log warns at the start', async () => {
  const more = { ALPHASERVER_HTTP_PASSWORD: 'of before', LOG_LEVEL: 'warn' };
  await served.reopen(more);
  assert.equal(served.output, '', 'no users yet');
  addUsers();
  await served.reopen(more);
  assert.match(served.output, /ALPHASERVER_HTTP_PASSWORD is set although there are users: .*; take it out/);
  const authorization = `Basic ${Buffer.from(':of before').toString('base64')}`;
  const me = await send('/api/me', { headers: { authorization } });
  assert.deepEqual(await me.json(), { name: null, role: 'operator', hasLogin: true });
});

test('a viewer sees everything and changes nothing; an operator does both', async () => {
  addUsers();
  const cookies = { vera: await session('vera'), olaf: await session('olaf') };
  for (const cookie of Object.values(cookies))
    for (const path of ROUTES) assert.equal((await send(path, { headers: { cookie } })).status, 200, path);
  assert.deepEqual(await (await send('/api/me', { headers: { cookie: cookies.vera } })).json(), {
    name: 'vera',
    role: 'viewer',
    hasLogin: true,
  });
  const refused = await send(ACT, json({ by: 'olaf' }, { cookie: cookies.vera }));
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /this is for operators/);
  assert.equal((await send(ACT, json({}, { cookie: cookies.olaf }))).status, 404, 'let through, and no such alert');
});

test('every route that is not a reading one refuses a viewer, whatever it is', async () => {
  addUsers();
  const cookie = await session('vera');
  const { paths } = (await (await send('/api/docs/json', { headers: { cookie } })).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const acting = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => !['get', 'head'].includes(method))
      .map((method) => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, '1')] as const),
  );
  assert.ok(
    acting.some(([, path]) => path === ACT),
    acting.join(),
  );
  for (const [method, path] of acting.filter(([, one]) => !['/login', '/logout'].includes(one))) {
    const answer = await send(path, { ...json({}, { cookie }), method });
    assert.equal(answer.status, 403, `${method} ${path}`);
  }
});

test("another site's page acts for nobody and logs nobody in or out", async () => {
  addUsers();
  const cookie = await session('olaf');
  const foreign = { 'sec-fetch-site': 'cross-site', cookie };
  for (const path of [ACT, '/login', '/logout'])
    assert.equal((await send(path, json({ user: 'olaf', password: 'x' }, foreign))).status, 403, path);
});

test('a session has a cookie that no script and no other site gets, and ends with logout, password and user', async () => {
  addUsers();
  const answer = await login('vera', PASSWORDS.vera);
  const set = answer.headers.get('set-cookie') ?? '';
  assert.match(set, /^asgard=[^;]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Strict$/);
  const cookie = set.split(';')[0] as string;
  const status = async (): Promise<number> => (await send('/api/me', { headers: { cookie } })).status;
  assert.equal(await status(), 200);
  const out = await send('/logout', { method: 'POST', headers: { cookie } });
  assert.match(out.headers.get('set-cookie') ?? '', /^asgard=; Max-Age=0;/);
  assert.equal(await status(), 401, 'somebody logged out of it');
  const vera = await session('vera');
  assert.equal((await send('/api/me', { headers: { cookie: vera } })).status, 200);
  await new Users(store()).setPassword('vera', 'another password', Date.now() + 1);
  assert.equal((await send('/api/me', { headers: { cookie: vera } })).status, 401, 'its password was changed');
  const olaf = await session('olaf');
  assert.equal((await send('/api/me', { headers: { cookie: olaf } })).status, 200);
  new Users(store()).remove('olaf');
  assert.equal((await send('/api/me', { headers: { cookie: olaf } })).status, 401, 'the user is removed');
});

test('a cookie that was copied before the logout stays refused over a restart, and other sessions of its user go on', async () => {
  addUsers();
  const [copied, other] = [await session('vera'), await session('vera')];
  const status = async (cookie: string): Promise<number> => (await send('/api/me', { headers: { cookie } })).status;
  assert.equal((await send('/logout', { method: 'POST', headers: { cookie: copied } })).status, 204);
  assert.deepEqual([await status(copied), await status(other)], [401, 200]);
  await served.reopen();
  assert.deepEqual([await status(copied), await status(other)], [401, 200]);
  assert.equal(statSync(join(store(), 'ended-sessions.json')).mode & 0o777, 0o600);
  writeFileSync(join(store(), 'ended-sessions.json'), 'damaged');
  await served.reopen();
  assert.deepEqual([await status(copied), await status(other)], [401, 401], 'nobody knows which are over');
  assert.match(served.output, /everybody has to log in again, since .*ended-sessions\.json cannot be read: /);
  assert.equal(await status(await session('vera')), 200);
});

test('a cookie that was changed or made up is none, and a session outlives a restart', async () => {
  addUsers();
  const cookie = await session('vera');
  const [name = '', value = ''] = cookie.split('=');
  const forged = Buffer.from(JSON.stringify({ name: 'olaf', changedMs: 0, endsMs: 9e15 })).toString('base64url');
  for (const wrong of [`${name}=${forged}`, `${name}=${forged}.${value.split('.')[1]}`, `${name}=`, `${name}=x.y`])
    assert.equal((await send('/api/me', { headers: { cookie: wrong } })).status, 401, wrong);
  await served.reopen();
  assert.equal((await send('/api/me', { headers: { cookie } })).status, 200);
});

test('a wrong password and an unknown user get the same answer, later each time', async () => {
  addUsers();
  const begun = performance.now();
  const [wrong, unknown] = [await login('vera', 'wrong'), await login('nobody', 'wrong')];
  assert.deepEqual([wrong.status, unknown.status], [401, 401]);
  assert.equal(await wrong.text(), await unknown.text());
  assert.ok(performance.now() - begun >= 750, 'two delays from below');
  for (const body of [
    {},
    { user: 'vera' },
    { user: 3, password: 'x' },
    { user: 'vera', password: 'x'.repeat(PASSWORD_LIMIT_CHARS + 1) },
  ])
    assert.equal((await send('/login', json(body))).status, 400, JSON.stringify(body).slice(0, 40));
});

test('an address that tries many passwords at once is refused beyond its share', async () => {
  addUsers();
  const many = Array.from({ length: LOGINS_PER_ADDRESS_LIMIT + 3 }, () => login('vera', PASSWORDS.vera));
  const statuses = (await Promise.all(many)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length >= LOGINS_PER_ADDRESS_LIMIT, true, statuses.join());
  assert.ok(statuses.includes(429), statuses.join());
});

test("a script's token is good for its scope alone, and an agent's for nothing here", async () => {
  addUsers();
  const scripts = new Tokens(store(), null, SCRIPT_TOKENS);
  const make = (scope: Scope): string => scripts.add(`for-${scope}`, Date.now(), null, scope);
  const status = async (token: string, path: string, init: RequestInit = {}): Promise<number> =>
    (await send(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } })).status;
  const tokens = {
    metrics: make('metrics'),
    blocklist: make('blocklist'),
    viewer: make('viewer'),
    operator: make('operator'),
  };
  assert.deepEqual([await status(tokens.metrics, '/metrics'), await status(tokens.metrics, '/api/events')], [200, 401]);
  assert.deepEqual(
    [await status(tokens.blocklist, '/blocklist.txt'), await status(tokens.blocklist, '/metrics')],
    [200, 401],
  );
  for (const path of ROUTES) assert.equal(await status(tokens.viewer, path), 200, path);
  assert.equal(await status(tokens.viewer, ACT, json({})), 403);
  assert.equal(await status(tokens.operator, ACT, json({})), 404);
  const agents = new Tokens(store()).add('web-1', Date.now());
  assert.equal(await status(agents, '/metrics'), 401);
  scripts.revoke('for-metrics', Date.now());
  assert.equal(await status(tokens.metrics, '/metrics'), 401);
});

test('users are kept for the owner of the folder alone, without their passwords', async () => {
  await new Users(store()).add('vera', 'viewer', PASSWORDS.vera, Date.now());
  for (const name of ['users.json', 'session-secret'])
    assert.equal(statSync(join(store(), name)).mode & 0o777, 0o600, name);
  assert.equal(readFileSync(join(store(), 'users.json'), 'utf8').includes(PASSWORDS.vera), false);
  assert.equal(
    readdirSync(store()).some((name) => name.endsWith('.new')),
    false,
  );
});

test('a file of users or tokens that is damaged keeps a server from starting; one that runs goes on as before', async () => {
  addUsers();
  await served.reopen();
  for (const file of ['users.json', 'tokens.json', 'script-tokens.json']) {
    const path = join(store(), file);
    const whole = existsSync(path) ? readFileSync(path) : null;
    writeFileSync(path, '{"version":1,"users":[');
    assert.equal((await send('/api/summary')).status, 401, `${file}: nobody acts without a login`);
    await assert.rejects(served.reopen(), new RegExp(`${file} cannot be read: `));
    if (whole === null) rmSync(path);
    else writeFileSync(path, whole);
    await served.open();
  }
  assert.equal((await login('vera', PASSWORDS.vera)).status, 200);
});

test('a name or a password that cannot be taken is refused in words', async () => {
  const users = new Users(store());
  await assert.rejects(users.add('-x', 'viewer', makePassword(), 0), /cannot be a name/);
  await assert.rejects(users.add('x', 'viewer', 'short', 0), /a password has 8 to 256 characters/);
  await assert.rejects(users.add('x', 'viewer', 'x'.repeat(PASSWORD_LIMIT_CHARS + 1), 0), /a password has 8 to 256/);
  await users.add('x', 'viewer', 'x'.repeat(PASSWORD_LIMIT_CHARS), 0);
  await assert.rejects(users.add('x', 'viewer', makePassword(), 0), /there is a user x already/);
  await assert.rejects(users.setPassword('y', makePassword(), 0), /there is no user "y"/);
  assert.throws(() => users.remove('y'), /there is no user "y"/);
});

test('over HTTPS the cookie is for this host over TLS alone, and nobody sees anything before there is a user', async (context) => {
  const encrypted = new Served();
  context.after(() => encrypted.close());
  const folder = join(encrypted.folder, 'store');
  const authority = new Authority(authorityFolder(folder));
  await authority.init('asgard', ['127.0.0.1'], Date.now());
  const ask = (path: string, init: { method?: string; body?: string } = {}): Promise<IncomingMessage> =>
    new Promise((done, failed) => {
      const headers = { 'content-type': 'application/json' };
      const asked = request(`${encrypted.page}${path}`, { ca: authority.certificate(), headers, ...init }, done);
      asked.on('error', failed).end(init.body);
    });
  await encrypted.open({ ALPHASERVER_HTTP: 'https://127.0.0.1:0', ALPHASERVER_ANONYMOUS: 'false' });
  assert.match(encrypted.page, /^https:/);
  assert.equal((await ask('/api/summary')).statusCode, 200, 'on loopback nobody has to log in');
  await new Users(folder).add('vera', 'viewer', PASSWORDS.vera, Date.now());
  assert.equal((await ask('/api/summary')).statusCode, 401);
  const answer = await ask('/login', {
    method: 'POST',
    body: JSON.stringify({ user: 'vera', password: PASSWORDS.vera }),
  });
  const [set = ''] = answer.headers['set-cookie'] ?? [];
  assert.match(set, /^__Host-asgard=[^;]+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
});

test('a page that others can reach over HTTPS is closed before there is a user', () => {
  const config = (http: string, more: object = {}) => readServerConfig({ ALPHASERVER_HTTP: http, ...more });
  assert.equal(config('https://0.0.0.0:8080').httpClosed, true);
  assert.equal(config('https://0.0.0.0:8080', { ALPHASERVER_HTTP_PASSWORD: 'x' }).httpClosed, false);
  assert.equal(config('https://0.0.0.0:8080', { ALPHASERVER_ANONYMOUS: 'true' }).httpClosed, false);
  assert.equal(config('http://127.0.0.1:8080').httpClosed, false);
  assert.throws(() => config('http://0.0.0.0:8080'), /anywhere but on loopback it must be https:/);
});

test('one user more than 1,000 is refused, and one who goes makes room', async () => {
  addUsers();
  const [vera] = new Users(store()).list();
  const users = Array.from({ length: USERS_LIMIT }, (_, i) => ({ ...vera, name: `user-${i}` }));
  writeFileSync(join(store(), 'users.json'), JSON.stringify({ version: 1, users }));
  const full = new Users(store());
  await assert.rejects(full.add('another', 'viewer', PASSWORDS.vera, Date.now()), /there are 1000 users already/);
  full.remove('user-0');
  await full.add('another', 'viewer', PASSWORDS.vera, Date.now());
  assert.equal(full.list().length, USERS_LIMIT);
});
