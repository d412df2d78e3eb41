/** Alerts of a real server, from the wire to the API. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import test from 'node:test';
import type { AlertDetail, AlertView } from '../../../alphaserver/web/alert-views.ts';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';

const AGENT = '5f0c1f6e-9d0b-4c57-8a25-0d8f3f6a7c11';

interface Attempt {
  readonly secondsAgo: number;
  readonly outcome?: 'accepted' | 'failed';
  readonly user?: string;
  readonly ip?: string;
  readonly host?: string;
}

/** An agent that says these events, numbered from `seq`, and has them acknowledged. */
async function sends(port: number, attempts: readonly Attempt[], seq = 1): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('data', (chunk: Buffer) => {
    heard += chunk;
  });
  const lines = attempts.map(({ secondsAgo, outcome = 'failed', user = 'root', ip = '203.0.113.5', host }, i) => ({
    type: 'event',
    seq: seq + i,
    at: new Date(Date.now() - secondsAgo * 1_000).toISOString(),
    outcome,
    method: 'password',
    user,
    invalidUser: false,
    ip,
    port: 40_000,
    ...(host ? { host } : {}),
  }));
  const hello = { type: 'hello', version: 1, agent: AGENT, host: 'box' };
  socket.write([hello, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
  await until(
    () => heard.includes(`"ack","seq":${seq + attempts.length - 1}}`),
    () => heard,
  );
  socket.destroy();
}

const wrong = (count: number, given: Partial<Attempt> = {}): Attempt[] =>
  Array.from({ length: count }, (_, i) => ({ secondsAgo: count - i, ...given }));

test('ten failures are an alert: in the list, by its id, in the summary, on the stream, in the log', async () => {
  const pair = await Pair.make();
  try {
    const server = await pair.serving();
    const stream = await fetch(`http://127.0.0.1:${pair.httpPort}/api/stream`);
    await sends(pair.port, wrong(10));
    const alerts = async (): Promise<AlertView[]> =>
      (await pair.api<{ alerts: AlertView[] }>('/api/alerts?open=true')).alerts;
    await until(
      async () => (await alerts()).length > 0,
      () => server.said,
    );
    const [alert] = await alerts();
    assert.equal(alert?.rule, 'brute-force');
    assert.match(alert?.summary ?? '', /^203\.0\.113\.5 failed 10 times on box in \d+ s, as root$/);
    const detail = await pair.api<AlertDetail>(`/api/alerts/${alert?.id}`);
    assert.deepEqual(
      detail.events.map(({ id }) => id),
      detail.evidence,
    );
    assert.deepEqual([detail.hosts, detail.users, detail.sources], [['box'], ['root'], ['203.0.113.5']]);
    const { state, because } = await pair.api<{ state: string; because: AlertView[] }>('/api/summary');
    assert.equal(state, 'attack');
    assert.deepEqual(because, [alert]);
    await server.says(`Alert opened: warning brute-force: ${alert?.summary}\n`);
    let streamed = '';
    for await (const chunk of stream.body as ReadableStream<Uint8Array>) {
      streamed += Buffer.from(chunk).toString();
      if (streamed.includes('event: alert')) break;
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
    const summary = () => pair.api<{ state: string; because: AlertView[] }>('/api/summary');
    await until(
      async () => (await summary()).state === 'breach',
      () => server.said,
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
