/** Tests which notices a real server delivers, also when it is killed between a delivery and its record of it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { sends, wrong } from '../detection/agent.ts';
import { HttpReceiver } from './receivers.ts';

interface Channels {
  readonly channels: readonly { readonly waiting: number; readonly fault: string | null; readonly delivered: number }[];
}

test('a server killed between a delivery and its note of it delivers again with the same id, and nothing else twice', async () => {
  const pair = await Pair.make();
  const http = await new HttpReceiver().open();
  try {
    const env = { ALPHASERVER_WEBHOOK: `${http.url}/hook` };
    // The receiver has the message, the server has not heard so.
    http.answers.push(null);
    const first = await pair.serving(env);
    await sends(pair.port, wrong(10));
    await until(() => http.received.length === 1);
    await first.end('SIGKILL');
    await pair.serving(env);
    const channel = async () => (await pair.api<Channels>('/api/channels')).channels[0];
    await until(async () => (await channel())?.delivered === 1);
    assert.equal((await channel())?.waiting, 0);
    assert.equal(http.received.length, 2);
    const [before, after] = http.received;
    assert.equal(after?.headers['webhook-id'], before?.headers['webhook-id']);
    assert.equal(after?.body, before?.body);
    const { alerts } = JSON.parse(after?.body ?? '{}');
    assert.deepEqual(
      alerts.map(({ event, rule, source }: Record<string, string>) => [event, rule, source]),
      [['opened', 'brute-force', '203.0.113.5']],
    );
    assert.equal(await (await fetch(`http://127.0.0.1:${pair.httpPort}/blocklist.txt`)).text(), '203.0.113.5\n');
  } finally {
    http.close();
    await pair.close();
  }
});

test('a webhook that fails is shown, and storing goes on meanwhile', async () => {
  const pair = await Pair.make();
  const http = await new HttpReceiver().open();
  try {
    http.answers.push(...Array.from({ length: 50 }, () => ({ status: 503 })));
    const server = await pair.serving({ ALPHASERVER_WEBHOOK: `${http.url}/hook` });
    await sends(pair.port, wrong(10));
    await server.says('Channel ALPHASERVER_WEBHOOK: HTTP 503');
    const channel = async () => (await pair.api<Channels>('/api/channels')).channels[0];
    await until(async () => (await channel())?.fault !== null);
    assert.match((await channel())?.fault ?? '', /^HTTP 503 from http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await channel())?.waiting, 1);
    await sends(pair.port, wrong(3), 11);
    assert.equal((await pair.events()).length, 13);
  } finally {
    http.close();
    await pair.close();
  }
});

test('the list for firewalls has an ETag, and says nothing again to one who has it', async () => {
  const pair = await Pair.make();
  try {
    await pair.serving();
    await sends(pair.port, [...wrong(10), ...wrong(10, { ip: '10.5.0.1' })]);
    const list = (query = '', headers = {}) =>
      fetch(`http://127.0.0.1:${pair.httpPort}/blocklist.txt${query}`, { headers });
    await until(async () => (await (await list('?private=true')).text()) === '10.5.0.1\n203.0.113.5\n');
    const answer = await list();
    assert.equal(await answer.text(), '203.0.113.5\n');
    assert.equal((await list('', { 'if-none-match': answer.headers.get('etag') })).status, 304);
    assert.match(await (await list('?format=nftables')).text(), /203\.0\.113\.5 timeout \d+s/);
    const wrongForm = await list('?format=csv');
    assert.equal(wrongForm.status, 400);
    assert.match(await wrongForm.text(), /format must be one of plain, nftables, ipset/);
  } finally {
    await pair.close();
  }
});
