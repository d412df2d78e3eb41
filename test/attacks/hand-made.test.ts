/** Clients made by hand against a real server, for what no test of a part shows by itself: times, numbers and files that end nothing. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Pair } from '../programs.ts';
import { until } from '../until.ts';

const AGENTS = ['2f1c9a3e-7b1d-4c56-9f0e-0123456789ab', '2f1c9a3e-7b1d-4c56-9f0e-0123456789ac'] as const;
const YEAR_9999 = '9999-12-31T23:59:59.999Z';

/** Sends hello and lines; resolves with all that the server sent, once `wanted` is in it. */
async function says(port: number, agent: string, lines: readonly (object | string)[], wanted: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  const hello = { type: 'hello', version: 1, agent, host: `host-${agent.at(-1)}` };
  for (const line of [hello, ...lines]) socket.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  await until(
    () => received.includes(wanted),
    () => received,
  );
  socket.destroy();
  return received;
}

const event = (seq: number, more: object = {}): object => ({
  ...{ type: 'event', seq, at: new Date().toISOString(), outcome: 'failed', method: 'password' },
  ...{ user: 'root', invalidUser: false, ip: '203.0.113.9', port: 1, trust: 'syslog', ...more },
});
const times = (count: number, from: number, more: object = {}): object[] =>
  Array.from({ length: count }, (_, i) => event(from + i, more));

interface Incident {
  readonly rule: string;
  readonly source: string;
  readonly lastAt: string;
}

test('events of the year 9999 raise what happens now, time out of the blocklist, and hide no break-in', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  await pair.serving({ LOG_LEVEL: 'error' });
  const poisoned = times(200, 1, { at: YEAR_9999 });
  await says(pair.port, AGENTS[0], poisoned, '"seq":200}');
  // The real one, of the same source.
  await says(pair.port, AGENTS[1], [...times(6, 1), event(7, { outcome: 'accepted' })], '"seq":7}');
  const alerts = async (): Promise<readonly Incident[]> =>
    (await pair.api<{ alerts: readonly Incident[] }>('/api/alerts?open=true')).alerts;
  await until(async () => (await alerts()).some(({ rule }) => rule === 'break-in'));
  for (const { rule, lastAt } of await alerts())
    assert.ok(Date.parse(lastAt) < Date.now() + 11 * 60_000, `${rule} ${lastAt}`);
  const list = await (await fetch(`http://127.0.0.1:${pair.httpPort}/blocklist.txt?format=nftables`)).text();
  const seconds = [...list.matchAll(/203\.0\.113\.9 timeout (\d+)s/g)].map(([, text]) => Number(text));
  assert.equal(seconds.length, 1, list);
  assert.ok((seconds[0] ?? 0) <= 26 * 60, list);
});

test('numbers near 2^53, deep JSON and values that are none are refused, and the ledger goes on', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const server = await pair.serving({ LOG_LEVEL: 'error' });
  for (const line of [
    event(2 ** 53 - 1),
    event(2 ** 40 + 1),
    event(1, { ip: '999.1.1.1' }),
    event(1, { at: '2026-02-30T00:00:00Z' }),
    event(1, { host: '' }),
  ])
    await says(pair.port, AGENTS[0], [line], '"code":"bad_message"');
  await says(pair.port, AGENTS[0], ['['.repeat(32_000)], '"code":"bad_json"');
  const report = {
    state: 'caught up',
    behindBytes: 2 ** 53 - 1,
    sentSeq: 2 ** 53 - 1,
    waiting: 2 ** 53 - 1,
    linesRead: 1,
  };
  await says(pair.port, AGENTS[0], [{ type: 'ping', report }, event(1)], '"seq":1}');
  const ledger = await fetch(`http://127.0.0.1:${pair.httpPort}/api/ledger`);
  assert.deepEqual([ledger.status, ((await ledger.json()) as { totals: { stored: number } }).totals.stored], [200, 1]);
  for (const path of ['/api/events?since=2026-02-30', '/api/events?ip=999.1.1.1', '/api/alerts?limit=1001'])
    assert.equal((await fetch(`http://127.0.0.1:${pair.httpPort}${path}`)).status, 400, path);
  assert.equal(await server.end('SIGTERM'), 0);
});

test('a rules file that is gone, and tokens that are damaged, end no server', async (context) => {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const rules = join(pair.folder, 'rules.json');
  writeFileSync(rules, '{}');
  const server = await pair.serving({ ALPHASERVER_RULES: rules });
  rmSync(rules);
  server.child.kill('SIGHUP');
  await server.says(`Alert rules stay as they were: ${rules} cannot be read`);
  for (const [file, words] of [
    ['tokens.json', 'Tokens stay as they were'],
    ['script-tokens.json', 'Tokens of scripts stay as they were'],
  ] as const) {
    writeFileSync(join(pair.folder, 'server', file), '{"version":1,');
    await until(
      async () => {
        await fetch(`http://127.0.0.1:${pair.httpPort}/api/hosts`, { headers: { authorization: 'Bearer x' } });
        return server.output.includes(words);
      },
      () => `${words} in ${server.output}`,
    );
  }
  assert.equal((await fetch(`http://127.0.0.1:${pair.httpPort}/healthz`)).status, 200);
  assert.equal(await server.end('SIGTERM'), 0);
});
