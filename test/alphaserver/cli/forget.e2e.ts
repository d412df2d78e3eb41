import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Pair } from '../../programs.ts';
import { until } from '../../until.ts';

const ID = '2f1c9a3e-7b1d-4c56-9f0e-0123456789ab';

/** An agent that says hello and sends events by hand. */
async function agent(pair: Pair, id: string, host: string): Promise<{ socket: Socket; got: () => string }> {
  const socket = connect(pair.port, '127.0.0.1').on('error', () => {});
  let got = '';
  socket.on('data', (bytes: Buffer) => {
    got += bytes;
  });
  socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: id, host })}\n`);
  await until(() => got.includes('welcome'));
  return { socket, got: () => got };
}

const event = (seq: number, more: object = {}): string =>
  `${JSON.stringify({ type: 'event', seq, at: new Date().toISOString(), outcome: 'failed', method: 'password', user: 'u', ip: '192.0.2.1', port: 1, ...more })}\n`;

interface Lists {
  readonly hosts: { readonly host: string; readonly attempts: number }[];
  readonly agents: { readonly agent: string; readonly lastSeq: number }[];
  readonly alerts: { readonly rule: string; readonly host: string; readonly closedAt: string | null }[];
  readonly events: { readonly host: string }[];
}

async function lists(pair: Pair): Promise<Lists> {
  const parts = await Promise.all(
    ['/api/hosts', '/api/ledger', '/api/alerts?limit=1000', '/api/events?host=web-7'].map((path) =>
      pair.api<Lists>(path),
    ),
  );
  return Object.assign({}, ...parts) as Lists;
}

async function fleet(context: TestContext): Promise<Pair> {
  const pair = await Pair.make();
  context.after(() => pair.close());
  const rules = join(pair.folder, 'rules.json');
  writeFileSync(rules, JSON.stringify({ rules: { 'agent-silent': { window: '1s' } } }));
  await pair.serving({ ALPHASERVER_RULES: rules });
  return pair;
}

test('a host that is gone is forgotten while the server runs: its agent and its open alert too, and its events stay', async (context) => {
  const pair = await fleet(context);
  const { socket, got } = await agent(pair, ID, 'web-7');
  socket.write(event(1) + event(2));
  await until(() => got().includes('"ack","seq":2'));

  const refused = await pair.serverCommand('forget', 'host', 'web-7');
  assert.equal(refused.code, 1);
  assert.match(
    refused.output,
    /^alphaserver forget host: host web-7 cannot be forgotten: its agent 2f1c\S+ is connected; stop it first\n$/,
  );
  const unknown = await pair.serverCommand('forget', 'agent', 'nobody');
  assert.deepEqual([unknown.code, unknown.output], [1, 'alphaserver forget agent: there is no agent nobody\n']);

  socket.destroy();
  await until(async () =>
    (await lists(pair)).alerts.some(({ rule, closedAt }) => rule === 'agent-silent' && closedAt === null),
  );
  const done = await pair.serverCommand('forget', 'host', 'web-7');
  assert.deepEqual([done.code, done.output], [0, `forgot agent ${ID}\nforgot host web-7\n`]);
  await until(async () => {
    const { hosts, agents, alerts, events } = await lists(pair);
    const silent = alerts.filter(({ rule }) => rule === 'agent-silent');
    return (
      hosts.length + agents.length === 0 && silent.every(({ closedAt }) => closedAt !== null) && events.length === 2
    );
  });

  // Whoever comes back goes on with its numbers and its counts.
  const back = await agent(pair, ID, 'web-7');
  assert.match(back.got(), /"welcome","version":1,"seq":2\b/);
  back.socket.write(event(2) + event(3));
  await until(async () => (await lists(pair)).hosts.some(({ host, attempts }) => host === 'web-7' && attempts === 3));
  back.socket.destroy();
});

test('an agent is forgotten with the hosts that it alone reported, without a server too', async (context) => {
  const pair = await fleet(context);
  const { socket, got } = await agent(pair, ID, 'loghost');
  socket.write(event(1, { host: 'db-1' }) + event(2, { host: 'db-2' }));
  await until(() => got().includes('"ack","seq":2'));
  const other = await agent(pair, ID.replace('ab', 'ac'), 'db-2');
  socket.destroy();
  // Until the server has noticed that, the host is connected. The collector stays listed while it reports others than its own host.
  let output = '';
  await until(
    async () => {
      output = (await pair.serverCommand('forget', 'host', 'loghost')).output;
      return output === 'forgot host loghost\n';
    },
    () => output,
  );
  await pair.end();
  const done = await pair.serverCommand('forget', 'agent', ID);
  assert.deepEqual([done.code, done.output], [0, `forgot agent ${ID}\nforgot host db-1\n`]);
  other.socket.destroy();
  await pair.serving();
  assert.deepEqual(
    (await lists(pair)).hosts.map(({ host }) => host),
    ['db-2'],
  );
});
