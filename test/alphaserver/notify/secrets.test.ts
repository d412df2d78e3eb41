import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { RulesError, settingsIn } from '../../../alphaserver/alert-config/rules-file.ts';
import { secretsOf, withoutSecrets } from '../../../alphaserver/notify/channel-secrets.ts';
import { testMessage } from '../../../alphaserver/notify/message.ts';
import { sender } from '../../../alphaserver/notify/send.ts';
import { Pair, Program } from '../../programs.ts';
import { until } from '../../until.ts';
import { HttpReceiver, SmtpReceiver } from './receivers.ts';

const send = sender(null, Date.now);
const channelOf = (given: object) => settingsIn(JSON.stringify({ channels: { c: given } }), 'r').channels['c'] as never;
const mail = (server: string, more: object = {}) =>
  channelOf({ type: 'email', server, from: 'a@example.org', to: ['b@example.org'], ...more });
const deliver = (channel: never) => send(channel, testMessage('1', 0), new AbortController().signal);

/** Secrets as people put them into channels. Each of `texts` must be shown nowhere. */
const CHANNELS: readonly { readonly texts: readonly string[]; readonly of: (port: number) => object }[] = [
  {
    texts: ['T0LEAK', 'B0LEAK', 'xoxLEAKslack'],
    of: (port) => ({ type: 'slack', url: `http://127.0.0.1:${port}/services/T0LEAK123/B0LEAK123/xoxLEAKslack` }),
  },
  {
    texts: ['LEAKtelegram', '123456789'],
    of: (port) => ({ type: 'webhook', url: `http://127.0.0.1:${port}/bot123456789:LEAKtelegram/sendMessage` }),
  },
  {
    texts: ['LEAKquery', 'LEAKsecret'],
    of: (port) => ({ type: 'webhook', url: `http://127.0.0.1:${port}/?token=LEAKquery`, secret: 'LEAKsecret' }),
  },
  {
    texts: ['LEAKuser', 'LEAKpass', 'LEAK%70ass'],
    of: (port) => ({ type: 'discord', url: `http://LEAKuser:LEAK%70ass@127.0.0.1:${port}/x` }),
  },
  { texts: ['LEAKntfy'], of: (port) => ({ type: 'ntfy', url: `http://127.0.0.1:${port}/t`, token: 'LEAKntfy' }) },
  {
    texts: ['LEAKrouting'],
    of: (port) => ({ type: 'pagerduty', url: `http://127.0.0.1:${port}/t`, routingKey: 'LEAKrouting' }),
  },
  {
    texts: ['LEAKmanager'],
    of: (port) => ({ type: 'alertmanager', url: `http://127.0.0.1:${port}`, user: 'u', password: 'LEAKmanager' }),
  },
];

test('what a receiver repeats of an address, a token or a password is hidden in the fault', async () => {
  const http = await new HttpReceiver().open();
  try {
    for (const { texts, of } of CHANNELS) {
      const given = of(http.port);
      // Whole, and cut in the middle of the secret: an answer is read in pieces.
      for (const body of [JSON.stringify(given), `nobody here: ${texts[0]?.slice(0, -1)}`]) {
        http.answers.push({ status: 404, body });
        const delivery = await deliver(channelOf(given));
        assert.ok(!delivery.ok);
        assert.match(delivery.fault, /^HTTP 404 from http:\/\/127\.0\.0\.1:\d+: /);
        for (const text of texts) assert.ok(!delivery.fault.includes(text), `${text} in ${delivery.fault}`);
      }
    }
  } finally {
    http.close();
  }
});

test('a user and password in an address go into a header, and into no error', async () => {
  const http = await new HttpReceiver().open();
  const delivery = await deliver(channelOf({ type: 'slack', url: `http://me:p%40ss@127.0.0.1:${http.port}/x` }));
  assert.deepEqual(delivery, { ok: true });
  assert.equal(http.received[0]?.headers.authorization, `Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  const { port } = http;
  http.close();
  const gone = await deliver(channelOf({ type: 'slack', url: `http://me:pass-word@127.0.0.1:${port}/x` }));
  assert.ok(!gone.ok && !/me:|pass-word/.test(gone.fault), JSON.stringify(gone));
});

test('the longest secret is hidden first, and one that the text ends in the middle of too', () => {
  const secrets = secretsOf(channelOf({ type: 'slack', url: 'https://hooks.example/services/T0123456/abcdefghij' }));
  assert.equal(withoutSecrets('at /services/T0123456/abcdefghij now', secrets), 'at (hidden) now');
  assert.equal(withoutSecrets('token abcdef', secrets), 'token (hidden)');
  assert.equal(withoutSecrets('all is well', secrets), 'all is well');
});

test('a password is not sent to a mail server without TLS, unless it is on loopback or the channel allows it', async () => {
  const smtp = await new SmtpReceiver().open();
  smtp.asks = true;
  try {
    // This machine by an address that is not loopback by its looks.
    const server = `smtp://me:LEAKmail@0.0.0.0:${smtp.port}`;
    const refused = await deliver(mail(server));
    assert.ok(!refused.ok);
    assert.match(refused.fault, /the password is not sent without TLS .*use smtps:\/\/, or set "allowPlain": true$/);
    assert.ok(!smtp.heard.includes('AUTH'), smtp.heard);
    for (const channel of [mail(server, { allowPlain: true }), mail(server.replace('0.0.0.0', '127.0.0.1'))]) {
      smtp.heard = '';
      const delivery = await deliver(channel);
      assert.ok(smtp.heard.includes('AUTH PLAIN'), smtp.heard);
      // The server repeats the command, in which the password is base64.
      assert.ok(!delivery.ok);
      assert.match(delivery.fault, /not you: AUTH PLAIN \(hidden\)$/);
    }
    // Nothing secret is sent without a user.
    smtp.asks = false;
    assert.deepEqual(await deliver(mail(`smtp://0.0.0.0:${smtp.port}`)), { ok: true });
  } finally {
    smtp.close();
  }
});

test('an address that cannot be used is refused without being repeated', () => {
  for (const channel of [
    { type: 'slack', url: 'https://me:LEAK%zz@hooks.example/x' },
    { type: 'slack', url: 'http://LEAK:99999/x' },
    { type: 'email', server: 'smtp://me:LEAK%@mail', from: 'a@example.org', to: ['b@example.org'] },
  ])
    assert.throws(
      () => channelOf(channel),
      (error: Error) =>
        error instanceof RulesError && /is no address/.test(error.message) && !/LEAK/.test(error.message),
    );
});

/** Refuses each request and repeats all that it was sent; gives its port. */
async function echo(t: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    const { url, headers } = request;
    let body = '';
    request.on('data', (piece: Buffer) => {
      body += piece;
    });
    request.on('end', () => {
      const { routing_key: key = '' } = /^{/.test(body) ? JSON.parse(body) : {};
      response.writeHead(404).end(`${url} ${headers.authorization} ${key}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('no secret of a channel is in the log, the API, the metrics, or alert test', async (t) => {
  const port = await echo(t);
  const pair = await Pair.make();
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  t.after(async () => {
    await pair.close();
    rmSync(folder, { recursive: true });
  });
  const channels = Object.fromEntries(CHANNELS.map(({ of }, i) => [`c${i}`, of(port)]));
  const rules = join(folder, 'rules.json');
  writeFileSync(rules, JSON.stringify({ channels, grouping: { wait: '1s', every: '1s' } }));
  const env = { ALPHASERVER_RULES: rules, ALPHASERVER_WEBHOOK: `http://127.0.0.1:${port}/hooks/LEAKwebhook` };
  const server = await pair.serving({ ...env, LOG_LEVEL: 'trace' });
  const agent = pair.agent();
  const at = new Date().toISOString().slice(0, 19);
  writeFileSync(pair.logFile, `${at}+00:00 box sshd[7]: Accepted password for root from 192.0.2.7 port 4711 ssh2\n`);
  await until(
    () => (server.output.match(/Channel c\d: HTTP 404/g) ?? []).length >= CHANNELS.length,
    () => server.output,
  );
  let shown = server.output + agent.output;
  for (const path of ['/api/channels', '/api/alerts', '/api/summary', '/metrics', '/'])
    shown += await (await fetch(`http://127.0.0.1:${pair.httpPort}${path}`)).text();
  const tried = new Program('alphaserver/main.ts', { ...env, ALPHASERVER_DATA: join(folder, 'none') }, [
    'alert',
    'test',
  ]);
  assert.equal(await tried.ended, 1);
  assert.match(tried.output, /^c0 \(slack\): failed: HTTP 404/);
  shown += tried.output;
  for (const text of [...CHANNELS.flatMap(({ texts }) => texts), 'LEAKwebhook'])
    assert.ok(!shown.includes(text), `${text} in:\n${shown}`);
});
