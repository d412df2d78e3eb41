import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fastify } from 'fastify';
import { Authority, authorityFolder } from '../../../alphaserver/ingest/authority.ts';
import { hostCheck } from '../../../alphaserver/web/host-check.ts';
import { boundAnswers, SERVER_LIMITS } from '../../../alphaserver/web/in-flight.ts';
import { WAITING_PER_ADDRESS_LIMIT } from '../../../service/guess-delay.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { askedFrom, statusFrom } from './asked-from.ts';
import { Served } from './served.ts';

function status(port: number, host: string): Promise<number | undefined> {
  return new Promise((done, failed) => {
    const asked = request({ host: '127.0.0.1', port, path: '/api/summary', headers: { host } }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    });
    asked.on('error', failed).end();
  });
}

test("a host name is the server's own where no foreign site can have it, or where the settings say so", () => {
  const isOwn = hostCheck(['web-1', 'Asgard.Example.org', '127.0.0.1']);
  for (const host of [
    'localhost',
    'localhost:8080',
    'x.localhost',
    '127.0.0.1:8080',
    '203.0.113.1',
    '[::1]:8080',
    'alphaserver:8080',
  ])
    assert.equal(isOwn(host), true, host);
  for (const host of ['asgard.example.org', 'ASGARD.example.org.:8080', 'a.asgard.example.org'])
    assert.equal(isOwn(host), true, host);
  for (const host of [
    undefined,
    '',
    'evil.example',
    'asgard.example.org.evil.example',
    'localhost.evil.example',
    'x y.z',
    '[::1',
    '[::1].evil.example',
    '[::1]:8080.evil.example',
    '[::1]:8080@evil.example',
  ])
    assert.equal(isOwn(host), false, String(host));
});

test('a wildcard is one label in front, as in certificates', () => {
  const isOwn = hostCheck(['*.Corp.example', '*', '*.']);
  for (const host of ['mon.corp.example', 'MON.corp.example.:8080']) assert.equal(isOwn(host), true, host);
  for (const host of ['corp.example', 'a.mon.corp.example', '.corp.example', 'xcorp.example', '*.corp.example', 'a.b'])
    assert.equal(isOwn(host), false, host);
});

test('names that certs init gives a running server are its own once the certificate is read again', async (context) => {
  const served = new Served();
  context.after(() => served.close());
  const authority = new Authority(authorityFolder(join(served.folder, 'store')));
  await authority.init('asgard', ['127.0.0.1'], Date.now());
  await served.open({ ALPHASERVER_LISTEN: 'tls://127.0.0.1:0' });
  const port = Number(new URL(served.page).port);
  assert.equal(await status(port, 'asgard.example'), 421);
  await authority.init('asgard', ['*.corp.example', 'asgard.example'], Date.now());
  assert.equal(authority.serverName(), 'asgard.example', 'nobody types a wildcard');
  served.reload();
  for (const host of ['asgard.example', 'mon.corp.example']) assert.equal(await status(port, host), 200, host);
  writeFileSync(authority.files.server, 'damaged');
  served.reload();
  assert.equal(await status(port, 'asgard.example'), 200, 'a certificate that cannot be read takes no name away');
});

test('a request for a foreign host name is refused, and the setting lets it in', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  await pair.serving({ ALPHASERVER_HTTP_NAMES: 'asgard.example.org' });
  assert.equal(await status(pair.httpPort, 'evil.example'), 421);
  assert.equal(await status(pair.httpPort, 'asgard.example.org'), 200);
  assert.equal(await status(pair.httpPort, `127.0.0.1:${pair.httpPort}`), 200);
  const twice = connect(pair.httpPort, '127.0.0.1');
  twice.write('GET /api/summary HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n');
  const [answer] = (await once(twice, 'data')) as [Buffer];
  assert.match(String(answer), /^HTTP\/1\.1 421 /);
  twice.destroy();
});

test('a wrong password is logged, and answered later each time; a right one beside it at once', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const server = await pair.serving({ ALPHASERVER_HTTP_PASSWORD: 'right' });
  const ask = async (password: string): Promise<{ status: number; tookMs: number }> => {
    const begun = performance.now();
    const authorization = `Basic ${Buffer.from(`x:${password}`).toString('base64')}`;
    // A path that asks the store nothing: the answer to the right password waits for no query.
    const answer = await fetch(`http://127.0.0.1:${pair.httpPort}/api/me`, { headers: { authorization } });
    return { status: answer.status, tookMs: performance.now() - begun };
  };
  assert.equal((await ask('right')).status, 200);
  const [first, second] = [await ask('wrong'), await ask('wrong')];
  assert.deepEqual([first.status, second.status], [401, 401]);
  assert.ok(first.tookMs >= 250 && second.tookMs >= 500, `${first.tookMs} ${second.tookMs}`);
  // The next one waits for two seconds, within which the right one has to be answered.
  assert.equal((await ask('wrong')).status, 401);
  const waiting = ask('wrong');
  let isAnswered = false;
  void waiting.then(() => {
    isAnswered = true;
  });
  assert.equal((await ask('right')).status, 200);
  assert.equal(isAnswered, false, 'the guess beside it still waits');
  await waiting;
  await server.says('Wrong password for the page from 127.0.0.1');
});

test('guesses that nobody waits for are not looked at any more, and another address is served', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  await pair.serving({ ALPHASERVER_HTTP_PASSWORD: 'right' });
  const sockets: Socket[] = [];
  context.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const guess = (localAddress: string, password: string): Promise<string> =>
    new Promise((done) => {
      const socket = connect({ port: pair.httpPort, host: '127.0.0.1', localAddress }).on('error', () => {});
      sockets.push(socket);
      const authorization = `Basic ${Buffer.from(`:${password}`).toString('base64')}`;
      socket.write(`GET /api/summary HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n\r\n`);
      socket.once('data', (bytes) => done(String(bytes).slice(9, 12)));
    });
  // The answers to the first ones wait; one that is right behind them would be known by its coming at once.
  await until(async () => {
    for (let i = 0; i < WAITING_PER_ADDRESS_LIMIT; i++) void guess('127.0.0.2', `wrong ${i}`);
    return (await guess('127.0.0.2', 'right')) === '429';
  });
  assert.equal(await guess('127.0.0.1', 'right'), '200');
});

/** Serves answers of 8 MB; together they may have 24 MB. A name in the header `name` is the actor's. */
async function largeAnswers(context: TestContext): Promise<string> {
  const app = fastify({ ...SERVER_LIMITS, forceCloseConnections: true });
  const answer = 'x'.repeat(8_000_000);
  boundAnswers(app, 3 * answer.length);
  app.addHook('onRequest', async (request) => {
    const { name } = request.headers;
    if (typeof name === 'string') request.actor = { name, role: 'viewer' };
  });
  app.get('/', async () => answer);
  await app.listen({ host: '127.0.0.1', port: 0 });
  context.after(() => app.close());
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`;
}

test('answers that nobody takes are bounded: more are refused until some are taken or given up', async (context) => {
  const url = await largeAnswers(context);
  const stuck = await Promise.all([2, 3, 4].map((last) => askedFrom(`127.0.0.${last}`, url)));
  assert.deepEqual(
    stuck.map(({ statusCode }) => statusCode),
    [200, 200, 200],
  );
  assert.equal(await statusFrom('127.0.0.1', url), 503);
  for (const answer of stuck) answer.destroy();
  await until(async () => (await statusFrom('127.0.0.1', url)) === 200);
});

test('one address, and one name, can have half of what waits: more is refused for it alone', async (context) => {
  const url = await largeAnswers(context);
  const [byAddress, byName] = [await askedFrom('127.0.0.2', url), await askedFrom('127.0.0.3', url, { name: 'mira' })];
  assert.deepEqual([byAddress.statusCode, byName.statusCode], [200, 200]);
  assert.equal(await statusFrom('127.0.0.2', url), 429);
  assert.equal(await statusFrom('127.0.0.4', url, { name: 'mira' }), 429);
  assert.equal(await statusFrom('127.0.0.3', url), 200);
  byAddress.destroy();
  byName.destroy();
  await until(async () => (await statusFrom('127.0.0.2', url)) === 200);
});

test('headers that come too slowly are cut off', async (context) => {
  const app = fastify({ ...SERVER_LIMITS, http: { headersTimeout: 200, connectionsCheckingInterval: 50 } });
  app.get('/', async () => 'x');
  await app.listen({ host: '127.0.0.1', port: 0 });
  context.after(() => app.close());
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n');
  let answer = '';
  socket.on('data', (bytes: Buffer) => {
    answer += bytes.toString();
  });
  await once(socket, 'close');
  assert.match(answer, /^HTTP\/1\.1 408 /);
});
