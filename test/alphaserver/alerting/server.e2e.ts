/** Alerts of a real server, from the wire to the API. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import type { Alert, AlertDetail } from '../../../alphaserver/queries/alert-results.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';
import { sends, wrong } from '../detection/agent.ts';

const alertsOf = async (pair: Pair): Promise<Alert[]> => (await pair.api<{ alerts: Alert[] }>('/api/alerts')).alerts;

test('ten failures are an alert: in the list, by its id, in the summary, on the stream, in the log', async () => {
  const pair = await Pair.make();
  try {
    const server = await pair.serving();
    const stream = await fetch(`http://127.0.0.1:${pair.httpPort}/api/stream`);
    await sends(pair.port, wrong(10));
    await until(
      async () => (await alertsOf(pair)).length > 0,
      () => server.output,
    );
    const [alert] = await alertsOf(pair);
    assert.equal(alert?.rule, 'brute-force');
    assert.match(alert?.summary ?? '', /^203\.0\.113\.5 tried to log in 10 times on box in \d+ s, as root$/);
    const detail = await pair.api<AlertDetail>(`/api/alerts/${alert?.id}`);
    assert.deepEqual(
      detail.events.map(({ id }) => id),
      detail.evidence,
    );
    assert.deepEqual([detail.hosts, detail.users, detail.sources], [['box'], ['root'], ['203.0.113.5']]);
    const { state, because } = await pair.api<{ state: string; because: Alert[] }>('/api/summary');
    assert.equal(state, 'attack');
    assert.deepEqual(because, [alert]);
    await server.says(`Alert opened: warning brute-force: ${alert?.summary}\n`);
    let streamed = '';
    for await (const chunk of stream.body as ReadableStream<Uint8Array>) {
      streamed += Buffer.from(chunk).toString();
      // A chunk may end anywhere.
      if (/event: alert\n.*\n\n/.test(streamed)) break;
    }
    assert.ok(streamed.includes(`event: alert\ndata: ${JSON.stringify(alert)}\n\n`), streamed);
  } finally {
    await pair.close();
  }
});

test('somebody got in: breach, until somebody has looked at it', async () => {
  const pair = await Pair.make();
  try {
    const server = await pair.serving();
    await sends(pair.port, [...wrong(6), { secondsAgo: 0, outcome: 'accepted', user: 'mira' }]);
    const summary = () => pair.api<{ state: string; because: Alert[] }>('/api/summary');
    await until(
      async () => (await summary()).state === 'breach',
      () => server.output,
    );
    const [alert] = (await summary()).because;
    assert.equal(alert?.rule, 'break-in');
    const take = (body: unknown, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts/${alert?.id}/acknowledge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    assert.equal((await take({ by: 'x' }, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await take({ by: 'x' }, { 'sec-fetch-site': 'cross-site' })).status, 403);
    for (const body of [{}, { by: ' ' }, { by: 7 }, { by: 'x'.repeat(101) }, { by: 'x', at: 1 }, 'x'])
      assert.equal((await take(body)).status, 400, JSON.stringify(body));
    assert.equal((await summary()).state, 'breach');
    const own = { origin: `http://127.0.0.1:${pair.httpPort}`, 'sec-fetch-site': 'same-origin' };
    const taken = (await (await take({ by: 'Mira <b>' }, own)).json()) as AlertDetail;
    assert.equal(taken.acknowledgedBy, 'Mira <b>');
    assert.equal(((await (await take({ by: 'Somebody else' })).json()) as AlertDetail).acknowledgedBy, 'Mira <b>');
    // What still goes on is an attack, known to somebody.
    assert.equal((await summary()).state, 'attack');
    assert.equal((await fetch(`http://127.0.0.1:${pair.httpPort}/api/alerts/nothing`)).status, 404);
    assert.equal((await pair.api<{ message: string }>('/api/alerts?cursor=x')).message.slice(0, 6), 'cursor');
  } finally {
    await pair.close();
  }
});

test('a rules file with a mistake ends the start with code 2, and says where it is', async () => {
  const pair = await Pair.make();
  try {
    const file = join(pair.folder, 'rules.json');
    writeFileSync(file, '{\n  "rules": { "brute-force": { "count": 0 } }\n}');
    const server = pair.server({ ALPHASERVER_RULES: file });
    assert.equal(await server.ended, 2);
    assert.equal(server.output, `alphaserver: ALPHASERVER_RULES: ${file}:2:40: rules.brute-force.count must be >= 1\n`);
  } finally {
    await pair.close();
  }
});

test('SIGHUP: other rules hold from then on, a mistake keeps those there were', async () => {
  const pair = await Pair.make();
  try {
    const file = join(pair.folder, 'rules.json');
    writeFileSync(file, '{"rules":{"brute-force":{"count":5}}}');
    const server = await pair.serving({ ALPHASERVER_RULES: file });
    await sends(pair.port, wrong(4));
    writeFileSync(file, '{"rules":{"brute-force":{"count":"3"}}}');
    server.child.kill('SIGHUP');
    await server.says(`Alert rules stay as they were: ${file}:1:34: rules.brute-force.count must be integer`);
    await sends(pair.port, wrong(5, { ip: '203.0.113.6' }), 5);
    await server.says('Alert opened: warning brute-force: 203.0.113.6 tried to log in 5 times');
    writeFileSync(file, '{"rules":{"brute-force":{"count":3,"severity":"notice"}}}');
    server.child.kill('SIGHUP');
    await server.says('Alert rules read again');
    await sends(pair.port, wrong(3, { ip: '203.0.113.7' }), 10);
    await server.says('Alert opened: notice brute-force: 203.0.113.7 tried to log in 3 times');
    assert.deepEqual((await alertsOf(pair)).map(({ source, count }) => [source, count]).sort(), [
      ['203.0.113.6', 5],
      ['203.0.113.7', 3],
    ]);
  } finally {
    await pair.close();
  }
});

test('an alert goes to the webhook, and its source onto the blocklist', async () => {
  const pair = await Pair.make();
  const posted: { alerts: { id: string; rule: string }[] }[] = [];
  const hook = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      posted.push(JSON.parse(body));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  try {
    await until(() => hook.listening);
    const server = await pair.serving({
      ALPHASERVER_WEBHOOK: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    });
    await sends(pair.port, [...wrong(10), ...wrong(10, { ip: '10.0.0.9' })]);
    await until(
      () => posted.length > 0,
      () => server.output,
    );
    const open = await alertsOf(pair);
    assert.deepEqual(
      posted.flatMap(({ alerts }) => alerts.map(({ id }) => id)).sort(),
      open.map(({ id }) => id).sort(),
    );
    const list = await fetch(`http://127.0.0.1:${pair.httpPort}/blocklist.txt`);
    assert.equal(await list.text(), '203.0.113.5\n');
  } finally {
    await pair.close();
    hook.close();
  }
});

test('alert replay tells beside a running server what other rules would have raised', async () => {
  const pair = await Pair.make();
  try {
    assert.equal((await pair.serverCommand('alert', 'replay')).code, 1, 'there is no store yet');
    await pair.serving();
    await sends(pair.port, [
      { secondsAgo: 90_000, outcome: 'accepted', user: 'mira', ip: '192.0.2.1' },
      { secondsAgo: 89_000, outcome: 'accepted', user: 'mira', ip: '192.0.2.1' },
      { secondsAgo: 88_000, outcome: 'accepted', user: 'mira', ip: '192.0.2.1' },
      ...wrong(12, { user: 'a\u202eb' }),
      { secondsAgo: 0, outcome: 'accepted', user: 'mira', ip: '192.0.2.2' },
    ]);
    const file = join(pair.folder, 'try.json');
    const count = async (...args: string[]): Promise<string[]> => {
      const { code, output } = await pair.serverCommand('alert', 'replay', '--json', ...args);
      assert.equal(code, 0, output);
      return (JSON.parse(output) as { alerts: Alert[] }).alerts.map(({ rule }) => rule);
    };
    assert.deepEqual(await count(), ['brute-force', 'first-seen-source']);
    assert.deepEqual(await count('--since', '1h'), ['brute-force', 'first-seen-source']);
    assert.deepEqual(await count('--since', '9999-01-01'), []);
    writeFileSync(file, '{"rules":{"brute-force":{"count":13},"first-seen-source":{"count":4}}}');
    assert.deepEqual(await count('--rules', file), []);
    writeFileSync(file, '{"rules":{"brute-force":{"count":12}}}');
    const { output } = await pair.serverCommand('alert', 'replay', '--rules', file);
    assert.match(output, /^opened +severity +rule +count +what\n/);
    assert.match(
      output,
      /Z +warning +brute-force +12 +203\.0\.113\.5 tried to log in 12 times on box in 11 s, as a\\u202eb\n/,
    );
    assert.match(output, /\n2 incidents in 16 events: 1 brute-force, 1 first-seen-source\n$/);
    writeFileSync(file, '{"rules":7}');
    const wrongFile = await pair.serverCommand('alert', 'replay', '--rules', file);
    assert.deepEqual(wrongFile, { code: 2, output: `alphaserver alert replay: ${file}:1:10: rules must be object\n` });
    assert.equal((await pair.serverCommand('alert', 'replay', '--rule', file)).code, 2);
  } finally {
    await pair.close();
  }
});
