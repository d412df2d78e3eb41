/** The limits of agents and hosts, crossed by clients over real sockets; the numbers are lowered. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { IdentityAdmission } from '../../../alphaserver/ingest/admission.ts';
import { FleetBounds } from '../../../alphaserver/ingest/fleet-bounds.ts';
import { GroupCommit } from '../../../alphaserver/ingest/group-commit.ts';
import { Listener } from '../../../alphaserver/ingest/listener.ts';
import { Tokens } from '../../../alphaserver/ingest/tokens.ts';
import { until } from '../../until.ts';
import { MemoryStore } from '../memory-store.ts';

let store: MemoryStore;
let ingest: GroupCommit;
let listener: Listener;
let admission: IdentityAdmission;
let port: number;
let logged: string[];
let skewMs: number;
const sockets: Socket[] = [];

beforeEach(async () => {
  logged = [];
  skewMs = 0;
  store = new MemoryStore();
  const say = (line: string): void => void logged.push(line);
  const log = { debug: () => {}, info: say, warn: say, error: say };
  const now = (): number => Date.now() + skewMs;
  ingest = new GroupCommit({ store, log, now });
  admission = new IdentityAdmission({
    tokens: new Tokens('/nonexistent'),
    anonymous: true,
    joined: null,
    needsCertificate: false,
    bindings: [],
    bounds: new FleetBounds(
      { agents: [], hosts: [] },
      { agents: 3, newAgentsAtOnce: 2, hostsPerAgent: 60, newHostsAtOnce: 20 },
    ),
    log,
    now,
  });
  listener = new Listener({
    listen: { scheme: 'tcp', host: '127.0.0.1', port: 0 },
    tls: null,
    admission,
    ingest,
    log,
    now,
  });
  port = await listener.open();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  listener.drain();
  await ingest.close();
  await listener.close();
});

/** Connects and says hello; collects the answers. */
function agent(number: number): { readonly socket: Socket; readonly got: () => string } {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  let got = '';
  socket.on('data', (bytes: Buffer) => {
    got += bytes;
  });
  sockets.push(socket);
  const id = `2f1c9a3e-7b1d-4c56-9f0e-${String(number).padStart(12, '0')}`;
  socket.write(`${JSON.stringify({ type: 'hello', version: 1, agent: id, host: `own${number}` })}\n`);
  return { socket, got: () => got };
}

const event = (seq: number, host: string): string =>
  `${JSON.stringify({ type: 'event', seq, at: '2026-11-23T19:46:01.123Z', outcome: 'failed', method: 'password', user: 'u', ip: '192.0.2.1', port: 1, host })}\n`;

test('an agent that names many hosts is read slowly, then refused as busy', async () => {
  const { socket, got } = agent(1);
  await until(() => got().includes('welcome'));
  for (let seq = 1; seq <= 40; seq++) socket.write(event(seq, `h${seq}`));
  await until(() => /"ack","seq":40/.test(got()));
  // It owes 0.2 s for 20 hosts too many. What it sends next is read later, whatever the kernel has of it.
  for (let seq = 41; seq <= 80; seq++) socket.write(event(seq, `h${seq}`));
  await until(() => got().includes('"busy"'), got);
  assert.match(got(), /this agent has named 60 hosts, which is the limit for one/);
  assert.ok(logged.some((line) => /refused: busy: this agent has named 60 hosts/.test(line)));
  // Stored, as what comes before any refusal is: 59 hosts and its own.
  await until(() => store.events.length === 59);
});

test('new agents wait for their welcome above so many at once, and are refused as busy at the limit', async () => {
  const [first, second, third] = [agent(1), agent(2), agent(3)];
  await until(() => [first, second, third].every(({ got }) => got().includes('welcome')));
  const fourth = agent(4);
  await until(() => fourth.got().includes('"busy"'));
  assert.match(fourth.got(), /this server knows 3 agents, which is its limit; .*alphaserver forget agent ID/);
  const again = agent(2);
  await until(() => again.got().includes('welcome'));
  admission.forget(['2f1c9a3e-7b1d-4c56-9f0e-000000000001'], ['own1']);
  const fifth = agent(5);
  await until(() => fifth.got().includes('welcome'));
});
