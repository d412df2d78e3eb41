/** A running agent from its start to its stop: its first state, and a stop while a damaged outbox is being replaced. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'node:test';
import { readClientConfig } from '../../alphaclient/config.ts';
import { lastHeartbeat } from '../../alphaclient/heartbeat.ts';
import { findDefaultLog } from '../../alphaclient/log/default-log.ts';
import { lockFolder } from '../../alphaclient/outbox/database.ts';
import { OUTBOX_FILE } from '../../alphaclient/outbox/outbox.ts';
import { type Running, run } from '../../alphaclient/run.ts';
import { until } from '../until.ts';

let folder: string;
let state: string;
let log: string;
let server: Server;
/** The connections of the agent, and what each of them has sent. */
let connections: { readonly socket: Socket; text: string }[];
let logged: string[];
let running: Running | null;
/** Called when the agent says `quit`: it waits for the server then, for three seconds at most. */
let onQuit: () => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
  state = join(folder, 'agent');
  log = join(folder, 'sshd.log');
  connections = [];
  logged = [];
  running = null;
  onQuit = () => {};
  // It welcomes everybody, and ends no connection by itself.
  server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = { socket, text: '' };
    connections.push(connection);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      if (connection.text === '') socket.write('{"type":"welcome","version":1,"seq":0}\n');
      connection.text += chunk;
      if (connection.text.includes('"type":"quit"')) onQuit();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  for (const { socket } of connections) socket.destroy();
  server.close();
  await running?.stop().catch(() => {});
  rmSync(folder, { recursive: true, force: true });
});

function start(settings: Record<string, string> = { ALPHACLIENT_LOG: log }): Running {
  const { port } = server.address() as AddressInfo;
  const config = readClientConfig({
    ALPHACLIENT_SERVER: `tcp://127.0.0.1:${port}`,
    ALPHACLIENT_STATE: state,
    ALPHACLIENT_SSHD_PORTS: 'off',
    ...settings,
  });
  const write = (text: string): void => void logged.push(text);
  running = run({
    ...{ config, hostname: 'box', path: '' },
    log: { debug: write, info: write, warn: write, error: write },
  });
  return running;
}

const connects = (port: number): string => `Connection from 192.0.2.7 port ${port} on 192.0.2.1 port 22\r\n`;

test('a stop while a damaged outbox is about to be replaced ends the agent, and no other one begins', async () => {
  writeFileSync(log, connects(4_711));
  const agent = start();
  let hasEnded = false;
  void agent.ended.then(() => {
    hasEnded = true;
  });
  await until(() => connections[0]?.text.includes('"type":"ping"') === true);
  await until(() => existsSync(join(state, 'checkpoint.json')));
  const other = new DatabaseSync(join(state, OUTBOX_FILE));
  assert.equal(other.prepare("UPDATE connections SET changes = '{'").run().changes, 1);
  other.close();
  const stops: Promise<void>[] = [];
  onQuit = () => {
    stops.push(agent.stop(), agent.stop());
    connections[0]?.socket.end();
  };
  appendFileSync(log, connects(4_712));
  await until(
    () => stops.length > 0,
    () => logged.join('\n'),
  );
  await Promise.all(stops);
  await until(() => hasEnded);
  assert.equal(connections.length, 1);
  assert.doesNotMatch(logged.join('\n'), /renamed to/);
  // Nobody has the folder.
  lockFolder(state).close();
  // The next start replaces it.
  start();
  await until(
    () => /The outbox is damaged.*renamed to/.test(logged.join('\n')),
    () => logged.join('\n'),
  );
});

test('an agent is starting until it has looked at its log', async () => {
  writeFileSync(log, connects(4_711));
  start();
  assert.equal(lastHeartbeat(state)?.state, 'starting');
  await until(() => lastHeartbeat(state)?.state === 'caught up');
});

test('an agent that finds no log is starting until it has looked for one, and then misses it', {
  skip: findDefaultLog('') === null ? false : 'this machine has a log of sshd',
}, async () => {
  start({});
  assert.equal(lastHeartbeat(state)?.state, 'starting');
  await until(() => lastHeartbeat(state)?.state === 'log missing');
});
